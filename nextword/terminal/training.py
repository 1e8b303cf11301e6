"""A training run on the terminal: its progress and its validations while it goes on, then its losses as a chart."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from nextword.storage.locations import shell_word
from nextword.terminal import output, results
from nextword.terminal.chart import MARK, Curve, loss_chart
from nextword.training.events import Event, Finished, Prepared, Reading, Step, Threads, Validation

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

_MIN_CHART_WIDTH = 40  # characters; no chart is drawn where fewer fit
_MAX_CHART_WIDTH = 72  # characters, however many more fit


class TrainingView:
    """Shows a training run on stderr while it goes on: live on a terminal, a line per validation elsewhere.

    Attributes:
        example: How a text may begin that the model goes on with, when training is over.
    """

    def __init__(self) -> None:
        self._live = output.is_terminal(sys.stderr)
        self._progress: Progress | None = None
        self._path = Path()
        self._saved, self._fewer_threads = False, False
        self.example = ""
        self._training, self._validations = Curve(), Curve()

    def __enter__(self) -> TrainingView:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        self._stop_bar()
        if kind is KeyboardInterrupt:
            kept = f"the best model so far is in {self._path}" if self._saved else "nothing was saved yet"
            output.note(f"stopped; {kept}")

    def __call__(self, event: Event) -> None:
        if isinstance(event, Reading):
            self._move_bar(event.progress, f"{event.phase} the text")
        elif isinstance(event, Prepared):
            self._prepared(event)
        elif isinstance(event, Step):
            self._training.add(event.step, event.loss)
            self._move_bar(event.progress, _step_line(event))
        elif isinstance(event, Threads):
            self._threads(event)
        elif isinstance(event, Validation):
            self._validation(event)
        else:
            self._finished(event)

    def _say(self, line: str) -> None:
        if self._progress:
            from rich.text import Text

            self._progress.console.print(Text(line), soft_wrap=True)
        else:
            print(line, file=sys.stderr)

    def _move_bar(self, completed: float, text: str) -> None:
        if self._live and not self._progress:
            self._progress = _progress_bar()
            self._progress.add_task("", total=1.0, step="")
            self._progress.start()
        if self._progress:
            self._progress.update(self._progress.task_ids[0], completed=completed, step=text)

    def _stop_bar(self) -> None:
        if self._progress:
            self._progress.stop()
            self._progress = None

    def _prepared(self, event: Prepared) -> None:
        self._stop_bar()
        self._path = event.path
        for text in event.notes:
            output.note(text)
        self._say(
            f"{output.counted(event.documents, 'document')}: {event.training_tokens:,} words to learn from, "
            f"{event.validation_tokens:,} held out ({event.unknown_rate:.1%} of them unknown); "
            f"{event.vocabulary_size:,} different words"
        )
        self._say(f"{event.parameters:,} parameters, {event.precision} products on {event.device}")
        if event.step:
            self._say(f"Going on after step {event.step:,}, {event.progress:.0%} of the way")
        self._say("")

    def _threads(self, event: Threads) -> None:
        """Say how many compute, unless all do as ever."""
        if self._fewer_threads or event.count < event.most:
            self._say(
                f"From here on with {event.count} of {output.counted(event.most, 'thread')}, the fastest just now"
            )
        self._fewer_threads = event.count < event.most

    def _validation(self, event: Validation) -> None:
        self._validations.add(event.step, math.log(event.perplexity))
        mark = "  best so far, saved" if event.best else ""
        self._saved = self._saved or event.best
        self._say(
            f"{event.progress:5.0%}  step {event.step:,}  {_clock(event.seconds)}  "
            f"validation perplexity {results.perplexity_text(event.perplexity)}{mark}"
        )
        for preview in event.previews:
            self._say(f"       {output.visible(preview.context)} ... {results.predictions_line(preview.predictions)}")

    def _finished(self, event: Finished) -> None:
        self.example = event.example
        if self._progress:
            self._draw(self._progress.console)
        self._stop_bar()
        speed = event.tokens / max(event.seconds, 1e-9)
        self._say(
            f"\nDone in {_clock(event.seconds)}: {event.tokens:,} words read, {speed:,.0f} a second. "
            f"Validation perplexity {results.perplexity_text(event.perplexity)}."
        )
        self._say(f"Saved in {output.visible(str(event.path))}\n")

    def _draw(self, screen: Console) -> None:
        """The curve of losses, where the terminal is wide enough and has the characters."""
        from rich.text import Text

        if screen.width < _MIN_CHART_WIDTH or screen.options.ascii_only:
            return
        screen.print()
        for line in loss_chart(self._training, self._validations, min(screen.width, _MAX_CHART_WIDTH)):
            text = Text(line, style="cyan")
            text.highlight_regex(rf"\b{MARK}\b", "bold yellow")
            screen.print(text)


def _progress_bar() -> Progress:
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    return Progress(
        BarColumn(bar_width=20),
        TaskProgressColumn(),
        TextColumn("{task.fields[step]}", markup=False),
        console=output.screen(stderr=True),
        transient=True,
    )


def _step_line(event: Step) -> str:
    return (
        f"step {event.step:,}  loss {event.loss:.3f}  perplexity {results.perplexity_text(event.perplexity)}  "
        f"lr {event.lr:.3g}  {event.tokens_per_second:,.0f} words/s  {_clock(event.seconds_left)} left"
    )


def _clock(seconds: float) -> str:
    """Seconds as h:mm:ss or m:ss."""
    return re.sub("^0:0?", "", str(timedelta(seconds=round(seconds))))


@contextmanager
def progress(shown: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr, where that is a terminal; yields what is to be called with tokens read and tokens in all."""
    if not (shown and output.is_terminal(sys.stderr)):
        yield lambda done, total: None
        return
    with _progress_bar() as bar:
        task = bar.add_task("", total=1.0, step="")
        yield lambda done, total: bar.update(task, completed=done / total, step=f"{done:,} of {total:,} words")


def say_next(path: Path, example: str = "") -> None:
    """After training: the command to type next, with a text to go on with, which no shell reads as anything else."""
    dashes = "-- " if example.startswith("-") else ""
    checkpoint, text = (output.visible(shell_word(word)) for word in (str(path), output.visible(example)))
    print(f"Now try:  nextword predict -c {checkpoint} {dashes}{text}", file=sys.stderr)


def stopped(message: str, hint: str) -> None:
    """Where training was told to stop and what goes on with it, a line each, on stderr."""
    print(f"\n{output.visible(message[:1].upper() + message[1:])}.\n{output.visible(hint)}", file=sys.stderr)

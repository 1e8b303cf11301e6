"""The screen: how values look on a terminal, and as plain text off one.

Knows value types (`Prediction`, events, plain dicts) and decides nothing. Text that may come from a corpus or a
checkpoint passes through `visible` or `json_line`, so that nothing in it can command a terminal. `rich` is
imported only where there is a terminal to draw on: start-up time is what a user of `predict` waits for.
"""

from __future__ import annotations

import json
import math
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from io import BufferedIOBase
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO, cast

from nextword.inference.lstm import LSTMState
from nextword.inference.outlook import Prediction
from nextword.storage.checkpoint import Checkpoint
from nextword.terminal.chart import MARK, Curve, loss_chart
from nextword.training.events import Event, Finished, Prepared, Reading, Step, Validation

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from nextword.analysis.units import Search
    from nextword.evaluation.evaluate import Score
    from nextword.inference.session import LearnedWord

_BAR_WIDTH = 24
_BLOCK = 1 << 16  # bytes
_CHART_WIDTHS = (40, 72)  # characters: no chart where fewer fit, and no wider one where more do
# Control characters (Cc), bidirectional and other format controls (Cf), line separators, lone surrogates: whatever a
# terminal might obey instead of show.
_COMMANDING = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


def visible(text: str) -> str:
    r"""`text` with every character that a terminal might obey shown escaped, as in `\x1b` or `\u202e`."""
    return _COMMANDING.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def masked(text: str) -> str:
    """`text` with U+FFFD for each of those characters but the line end, so that all others keep their places."""
    return _COMMANDING.sub(lambda match: "\n" if match.group() == "\n" else "\ufffd", text)


def json_line(value: Any) -> str:
    """`value` as one line of JSON: readable letters, and `visible`'s characters as JSON escapes."""
    encoded = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return _COMMANDING.sub(lambda match: f"\\u{ord(match.group()):04x}", encoded)


def is_terminal(stream: TextIO) -> bool:
    """Whether `stream` shows colors and moves its cursor, and the user has not asked for plain text."""
    return stream.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def note(text: str) -> None:
    """A remark for the user, on stderr."""
    print(f"Note: {visible(text)}", file=sys.stderr)


def note_end_read(characters: int, read: int) -> None:
    """A remark if of a very long text only the end is read."""
    if read < characters:
        note(f"of {characters:,} characters only the last {read:,} are read; what came before has faded")


def error(message: str, hint: str) -> None:
    """What went wrong and what mends it, a line each, on stderr."""
    print(f"Error: {visible(message)}", file=sys.stderr)
    if hint:
        print(f"Hint: {visible(hint)}", file=sys.stderr)


def refusal(error: OSError) -> tuple[str, str]:
    """What to say of a call that the system refused, and what mends it; the file without a name is standard output."""
    reason = error.strerror or str(error)
    if error.filename:
        return f"{error.filename} cannot be used: {reason}", "Check its permissions, and the room on its disk."
    return f"standard output cannot be written: {reason}", "Make room, or send it elsewhere: > FILE"


def stopped(message: str, hint: str) -> None:
    """Where training was told to stop and what goes on with it, a line each, on stderr."""
    print(f"\n{visible(message[:1].upper() + message[1:])}.\n{visible(hint)}", file=sys.stderr)


def show_predictions(predictions: Sequence[Prediction]) -> None:
    """A table of words with bars on a terminal; off one a line each: word, tab, probability."""
    if not is_terminal(sys.stdout):
        for prediction in predictions:
            print(f"{visible(prediction.word)}\t{prediction.probability:.6f}")
        return
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    largest = max((prediction.probability for prediction in predictions), default=1.0)
    for rank, prediction in enumerate(predictions, start=1):
        table.add_row(
            Text(f"{rank:>3}", style="dim"),
            Text(visible(prediction.word), style="bold"),
            Text(f"{prediction.probability:.1%}"),
            Text(bar(prediction.probability / largest), style="cyan"),
        )
    screen().print(table)


def bar(share: float, width: int = _BAR_WIDTH) -> str:
    """A bar of `share` (0 to 1) of `width` characters, in eighths of one."""
    eighths = round(share * width * 8)
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()


def predictions_line(predictions: Sequence[Prediction], separator: str = " ") -> str:
    """The words of `predictions` in one line; phrases want another separator than a space."""
    return separator.join(visible(prediction.word) for prediction in predictions)


def show_facts(facts: Sequence[tuple[str, str]]) -> None:
    """Names and values in two columns."""
    shown = [(visible(name), value) for name, value in facts]
    width = max(len(name) for name, _ in shown)
    for name, value in shown:
        print(f"{name:<{width}}  {visible(value)}")


def show_state(state: LSTMState, words_seen: int) -> None:
    """How much each layer holds: the norms of its hidden and cell state."""
    rows = [("words seen", f"{words_seen:,}")]
    for layer, (hidden, cell) in enumerate(zip(state.hidden, state.cell, strict=True), start=1):
        norms = (math.sqrt(float(values @ values)) for values in (hidden, cell))
        rows.append((f"layer {layer}", "hidden state |h| = {:.3f}   cell state |c| = {:.3f}".format(*norms)))
    show_facts(rows)


def show_learned(words: Sequence[LearnedWord], left_out: int) -> None:
    """Words that a session has learned: how often each was read, and which are new to the model."""
    for word in words:
        print(f"{word.times:>6,}  {visible(word.word)}{'  (new)' if word.new else ''}")
    if left_out:
        note(f"and {left_out:,} more")


def print_predictions_json(
    text: str, predictions: Sequence[Prediction], unknown: Sequence[str], checkpoint: Path
) -> None:
    """One prediction as one line of JSON."""
    words = [
        {"word": prediction.word, "probability": prediction.probability, "log2": max(prediction.log2, -1e9)}
        for prediction in predictions
    ]
    record = {"text": text, "predictions": words, "unknown": list(unknown), "checkpoint": str(checkpoint)}
    print(json_line(record))


def print_continuation(text: str, continuation: Iterable[str]) -> None:
    """A text and what it goes on with, each piece as soon as it is there."""
    for piece in chain([text], continuation):
        sys.stdout.write("\n".join(map(visible, piece.split("\n"))))
        sys.stdout.flush()
    print()


def print_continuation_json(
    text: str, continuation: Iterable[str], unknown: Sequence[str], seed: int, checkpoint: Path
) -> None:
    """A text and what it goes on with as one line of JSON; put together they are the whole text."""
    record = {"text": text, "continuation": "".join(continuation), "unknown": list(unknown), "seed": seed}
    print(json_line({**record, "checkpoint": str(checkpoint)}))


def show_checkpoint(checkpoint: Checkpoint, as_json: bool) -> None:
    """What a checkpoint is, as a table or as one JSON document."""
    config, training = checkpoint.config, checkpoint.training
    parameters = sum(values.size for values in checkpoint.tensors.values())
    if as_json:
        record = {
            "checkpoint": str(checkpoint.path),
            "bytes": checkpoint.path.stat().st_size,
            "digest": checkpoint.digest,
            "parameters": parameters,
            "vocabulary_size": len(checkpoint.tokenizer),
            "tokenizer": checkpoint.tokenizer.scheme,
            "cased": checkpoint.tokenizer.cased,
            "config": asdict(config),
            "training": training,
        }
        print(json_line(record))
        return
    cased = "cased" if checkpoint.tokenizer.cased else "lower case, with surface forms"
    facts = [
        ("checkpoint", f"{checkpoint.path} ({checkpoint.path.stat().st_size / 1e6:.1f} MB)"),
        ("digest", checkpoint.digest),
        ("network", f"{config.num_layers} {config.cell.upper()} layers of {config.hidden_size}"),
        ("embedding", f"{config.embedding_dim}"),
        ("output layer", "tied to the embedding" if config.tied else "of its own"),
        ("parameters", f"{parameters:,}"),
        ("vocabulary", f"{len(checkpoint.tokenizer):,} ({checkpoint.tokenizer.scheme}, {cased})"),
    ]
    facts += [(name.replace("_", " "), _plain(value)) for name, value in training.items()]
    show_facts(facts)


def show_evaluation(figures: dict[str, float], as_json: bool) -> None:
    """How well a model predicts a text, as a table or as one JSON document.

    Args:
        figures: The fields of `evaluation.Evaluation`.
        as_json: Whether it is JSON.
    """
    if as_json:
        print(json_line(figures))
        return
    facts = [
        ("tokens", f"{figures['tokens']:,} ({figures['unknown_rate']:.1%} of them unknown)"),
        ("perplexity", f"{figures['perplexity']:,.2f} ({figures['bits_per_word']:.3f} bits a word)"),
        *((f"top {k}", f"{figures[f'top{k}']:.1%}") for k in (1, 3, 5, 10)),
        ("keystrokes saved", f"{figures['keystroke_savings']:.1%}"),
        ("time", f"{figures['seconds']:.1f} s, {figures['tokens_per_second']:,.0f} tokens a second"),
    ]
    show_facts(facts)


def print_scores(scores: Iterable[Score], as_json: bool) -> None:
    """Tokens and their scores, each as soon as it is known: a table with tabs, or one JSON document a line."""
    names = ("line", "position", "word", "surprisal", "rank", "entropy")
    if not as_json:
        print("\t".join(names))
    for line, position, word, surprisal, rank, entropy in scores:
        if as_json:
            print(json_line(dict(zip(names, (line, position, word, surprisal, rank, entropy), strict=True))))
        else:
            print(f"{line}\t{position}\t{visible(word)}\t{surprisal:.6f}\t{rank}\t{entropy:.6f}")


def show_trackers(found: Search, as_json: bool) -> None:
    """The units that follow something plain in a text, as a table or as one JSON document."""
    if as_json:
        trackers = [{**asdict(tracker), "unit": tracker.unit and str(tracker.unit)} for tracker in found.trackers]
        print(json_line({**asdict(found), "trackers": trackers}))
        return
    table: list[tuple[str, ...]] = [("", "unit", "first half", "second half")]
    for tracker in found.trackers:
        figures = (f"{value:+.2f}" for value in (tracker.chosen, tracker.checked))
        table.append(
            (tracker.feature, *((str(tracker.unit), *figures) if tracker.unit else ("-", "too little of it", "")))
        )
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


@contextmanager
def progress(shown: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr, where that is a terminal; yields what is to be called with tokens read and tokens in all."""
    if not (shown and is_terminal(sys.stderr)):
        yield lambda done, total: None
        return
    with _progress_bar() as bar:
        task = bar.add_task("", total=1.0, step="")
        yield lambda done, total: bar.update(task, completed=done / total, step=f"{done:,} of {total:,} words")


def _plain(value: object) -> str:
    """A JSON value as a person would write it."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(inner)}" for name, inner in value.items() if inner is not None)
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else json.dumps(value)


def say_next(path: Path) -> None:
    """After training: the command to type next."""
    print(f"Now try:  nextword predict -c {shlex.quote(visible(str(path)))} 'I would like to'", file=sys.stderr)


def input_lines(stream: BinaryIO) -> Iterator[str]:
    """The lines of `stream` without their ends (LF or CR LF); bytes that are no UTF-8 become U+FFFD."""
    return map(_decoded, stream)


def waiting_lines(stream: BinaryIO) -> Iterator[list[str]]:
    """`input_lines`, as many at a time as can be read without waiting: one, where somebody waits for its answer."""
    unfinished: list[bytes] = []
    while block := cast(BufferedIOBase, stream).read1(_BLOCK):
        *lines, rest = block.split(b"\n")
        if lines:
            lines[0] = b"".join([*unfinished, lines[0]])
            unfinished = []
            yield [_decoded(line) for line in lines]
        if rest:
            unfinished.append(rest)
    if unfinished:
        yield [_decoded(b"".join(unfinished))]


def whole_input() -> str:
    """All of stdin as one text, without its last line end; bytes that are no UTF-8 become U+FFFD."""
    return _decoded(sys.stdin.buffer.read())


def _decoded(line: bytes) -> str:
    return line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "replace")


def screen() -> Console:
    """What draws on the terminal at stdout; nothing in a text is a command to it."""
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False)


class TrainingView:
    """Shows a training run on stderr while it goes on: live on a terminal, a line per validation elsewhere."""

    def __init__(self) -> None:
        self._live = is_terminal(sys.stderr)
        self._progress: Progress | None = None
        self._path = Path()
        self._saved = False
        self._training, self._validations = Curve(), Curve()

    def __enter__(self) -> TrainingView:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        self._stop_bar()
        if kind is KeyboardInterrupt:
            kept = f"the best model so far is in {self._path}" if self._saved else "nothing was saved yet"
            note(f"stopped; {kept}")

    def __call__(self, event: Event) -> None:
        if isinstance(event, Reading):
            self._move_bar(event.progress, f"{event.phase} the text")
        elif isinstance(event, Prepared):
            self._prepared(event)
        elif isinstance(event, Step):
            self._training.add(event.step, event.loss)
            self._move_bar(event.progress, _step_line(event))
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
            note(text)
        self._say(
            f"{event.documents:,} documents: {event.training_tokens:,} words to learn from, "
            f"{event.validation_tokens:,} held out ({event.unknown_rate:.1%} of them unknown); "
            f"{event.vocabulary_size:,} different words"
        )
        self._say(f"{event.parameters:,} parameters, {event.precision} products on {event.device}")
        if event.step:
            self._say(f"Going on after step {event.step:,}, {event.progress:.0%} of the way")
        self._say("")

    def _validation(self, event: Validation) -> None:
        self._validations.add(event.step, math.log(event.perplexity))
        mark = "  best so far, saved" if event.best else ""
        self._saved = self._saved or event.best
        self._say(
            f"{event.progress:5.0%}  step {event.step:,}  {_clock(event.seconds)}  "
            f"validation perplexity {_perplexity(event.perplexity)}{mark}"
        )
        for preview in event.previews:
            self._say(f"       {visible(preview.context)} ... {predictions_line(preview.predictions)}")

    def _finished(self, event: Finished) -> None:
        if self._progress:
            self._draw(self._progress.console)
        self._stop_bar()
        speed = event.tokens / max(event.seconds, 1e-9)
        self._say(
            f"\nDone in {_clock(event.seconds)}: {event.tokens:,} words read, {speed:,.0f} a second. "
            f"Validation perplexity {_perplexity(event.perplexity)}."
        )
        self._say(f"Saved in {visible(str(event.path))}\n")

    def _draw(self, screen: Console) -> None:
        """The curve of losses, where the terminal is wide enough and has the characters."""
        from rich.text import Text

        narrowest, widest = _CHART_WIDTHS
        if screen.width < narrowest or screen.options.ascii_only:
            return
        screen.print()
        for line in loss_chart(self._training, self._validations, min(screen.width, widest)):
            text = Text(line, style="cyan")
            text.highlight_regex(rf"\b{MARK}\b", "bold yellow")
            screen.print(text)


def _progress_bar() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    return Progress(
        BarColumn(bar_width=20),
        TaskProgressColumn(),
        TextColumn("{task.fields[step]}", markup=False),
        console=Console(stderr=True, highlight=False, markup=False, emoji=False),
        transient=True,
    )


def _step_line(event: Step) -> str:
    return (
        f"step {event.step:,}  loss {event.loss:.3f}  perplexity {_perplexity(event.perplexity)}  lr {event.lr:.3g}  "
        f"{event.tokens_per_second:,.0f} words/s  {_clock(event.seconds_left)} left"
    )


def _perplexity(value: float) -> str:
    """Two digits after the point; none of the hundreds before it that a diverged run has."""
    return f"{value:,.2f}" if value < 1e6 else f"{value:.2e}"


def _clock(seconds: float) -> str:
    """Seconds as h:mm:ss or m:ss."""
    text = str(timedelta(seconds=round(seconds)))
    return text.removeprefix("0:")

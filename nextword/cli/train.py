"""`nextword train`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nextword.cli.options import QuietOption, check_folder, config_options, is_first_process
from nextword.config import ModelConfig, TrainConfig

if TYPE_CHECKING:
    from nextword.terminal.training import TrainingView
    from nextword.training.events import Event, EventLog

TextsArgument = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[PATH]...",
        help="Text files, folders and pipes; '-': stdin; none: the text that ships with nextword.",
    ),
]
ValidOption = Annotated[
    Path | None,
    typer.Option(help="Text to validate on, '-': stdin; unset: a part of the corpus is held out.", show_default=False),
]
LogOption = Annotated[
    Path | None, typer.Option(help="File for one JSON line per step and validation.", show_default=False)
]
FromOption = Annotated[
    str,
    typer.Option(
        "--from",
        metavar="auto|none|english|PATH",
        help="Checkpoint to start from, to go on on new text with its network and words; auto: the English model that "
        "ships with nextword, where the text is English enough.",
    ),
]
ResumeOption = Annotated[
    bool, typer.Option("--resume", help="Go on with an unfinished run: of --name, of the corpus, or the last one.")
]


@config_options(ModelConfig, TrainConfig)
def train(
    paths: TextsArgument = None,
    *,
    valid: ValidOption = None,
    log: LogOption = None,
    start_from: FromOption = "auto",
    resume: ResumeOption = False,
    quiet: QuietOption = False,
    **settings: Any,
) -> None:
    """Learn a language model from text and save it as a checkpoint."""
    model_fields = {item.name for item in fields(ModelConfig)}
    model_config = ModelConfig(**{name: value for name, value in settings.items() if name in model_fields})
    train_config = TrainConfig(**{name: value for name, value in settings.items() if name not in model_fields})
    quiet = quiet or not is_first_process()
    from nextword.terminal.training import TrainingView, say_next
    from nextword.training.events import EventLog

    view = None if quiet else TrainingView()
    with _listening(view, EventLog(log) if log and is_first_process() else None) as hear:
        check_folder()
        from nextword.training.train import train as learn

        path = learn(
            paths or None,
            model_config,
            train_config,
            valid=valid,
            start_from=start_from,
            resume=resume,
            on_event=hear,
        )
    if view:
        say_next(path, view.example)


@contextmanager
def _listening(*listeners: TrainingView | EventLog | None) -> Iterator[Callable[[Event], None]]:
    """What tells an event to all `listeners` that are there, each entered while the run lasts."""
    with ExitStack() as stack:
        present = [listener for listener in listeners if listener is not None]
        for listener in present:
            stack.enter_context(listener)

        def hear(event: Event) -> None:
            for listener in present:
                listener(event)

        yield hear

"""What the commands have in common: their options, and how they find the texts that are named."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import Field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nextword.config import FormatConfig, Settings, TrainConfig
from nextword.errors import StorageError
from nextword.terminal import output

if TYPE_CHECKING:
    from nextword.storage.checkpoint import Checkpoint
    from nextword.text.corpus import Passage
    from nextword.text.encoder import Text

CheckpointOption = Annotated[
    Path | None,
    typer.Option(
        "-c",
        "--checkpoint",
        help="Checkpoint to use; unset: $NEXTWORD_CHECKPOINT, else the newest in ./checkpoints or your data folder, "
        "else the English model that ships with nextword.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
QuietOption = Annotated[bool, typer.Option("--quiet", help="Print no notes and no progress.")]
PathsArgument = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[PATH]...", help="Text files, folders and pipes; '-': stdin.", show_default=False),
]
EncodingOption = Annotated[str, typer.Option(help="Character encoding of the text files.")]
DeviceOption = Annotated[str, typer.Option(metavar="auto|cpu|cuda", help="Where to compute.")]
NoAdaptOption = Annotated[bool, typer.Option("--no-adapt", help="Do not learn from what is read.")]
CountOption = Annotated[int, typer.Option("-k", help="How many words to suggest.")]


def config_options(
    *configs: type[Settings],
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command one option for every field of `configs`, with the default and the help text that stand there."""

    def add(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command, eval_str=True)
        own = [parameter for parameter in signature.parameters.values() if parameter.kind != parameter.VAR_KEYWORD]
        options = [_option(item, config.__name__) for config in configs for item in fields(config)]
        command.__signature__ = signature.replace(parameters=[*own, *options])  # type: ignore[attr-defined]
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in [*own, *options]}
        return command

    return add


def _option(item: Field[Any], panel: str) -> inspect.Parameter:
    """The command-line option of one configuration field."""
    choices, unset = item.metadata.get("choices"), item.metadata.get("unset")
    plain: Any = {"int": int, "float": float, "bool": bool, "str": str}[str(item.type).partition(" | ")[0]]
    annotation: Any = Annotated[
        plain if item.default is not None else plain | None,
        typer.Option(
            *([f"-{item.name}"] if len(item.name) == 1 else []),
            help=item.metadata["help"],
            metavar="|".join(choices) if choices else None,
            show_default=unset or item.default is not None,
            rich_help_panel=panel,
        ),
    ]
    return inspect.Parameter(item.name, inspect.Parameter.KEYWORD_ONLY, default=item.default, annotation=annotation)


def check_folder() -> None:
    """Raise `StorageError` where the current folder is gone: torch, loaded there, ends the process in its own words."""
    try:
        os.getcwd()
    except FileNotFoundError as error:
        raise StorageError("the current folder is gone", "Go to another one: cd") from error


def is_first_process() -> bool:
    """Whether this is the one process that shows and writes, when `torchrun` has started several."""
    return "LOCAL_RANK" not in os.environ or os.environ.get("RANK") == "0"


@contextmanager
def texts_to_measure(
    paths: list[Path] | None, checkpoint: Checkpoint, encoding: str, formats: FormatConfig, quiet: bool
) -> Iterator[Sequence[Text]]:
    """The documents in `paths`; without any, those of the default corpus that the checkpoint's training held out."""
    from nextword.text.held_out import held_out_text

    if paths:
        with named_texts(paths, encoding, formats, quiet) as texts:
            yield texts
    else:
        settings = checkpoint.training.get("settings", {})
        fraction = settings.get("valid_fraction", TrainConfig.valid_fraction)
        checked = TrainConfig(valid_fraction=fraction)  # refused where it is no share
        yield held_out_text(checked.valid_fraction, formats)


def formats_to_measure(checkpoint: Checkpoint, settings: dict[str, Any]) -> FormatConfig:
    """How the texts are read that a model is measured on: as those that it has learned from, where nothing is set.

    Args:
        checkpoint: The model.
        settings: The fields of a FormatConfig as they were set; None: unset.

    Raises:
        UsageError: One of them has no such value, or contradicts how the model cuts text.
    """
    trained = checkpoint.training.get("settings", {})
    chosen = {name: trained.get(name) if value is None else value for name, value in settings.items()}
    return FormatConfig(**chosen).for_scheme(checkpoint.tokenizer.scheme)


@contextmanager
def named_texts(paths: list[Path], encoding: str, formats: FormatConfig, quiet: bool) -> Iterator[list[Passage]]:
    """The documents in `paths`, of which '-' is stdin."""
    from nextword.signals import exit_on_sigterm
    from nextword.text.corpus import read_corpus

    with exit_on_sigterm():
        corpus = read_corpus(paths, encoding, formats=formats)
        for text in [] if quiet else corpus.notes:
            output.note(text)
        yield [document.whole for document in corpus.documents]

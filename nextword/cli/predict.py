"""`nextword predict` and `nextword generate`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from nextword.cli.options import CheckpointOption, JsonOption, NoAdaptOption, QuietOption, config_options
from nextword.config import AdaptConfig, GenerateConfig, PredictConfig
from nextword.errors import UsageError
from nextword.terminal import output as console

if TYPE_CHECKING:
    from nextword.inference.predictor import Predictor
    from nextword.inference.session import Session


@config_options(PredictConfig)
def predict(
    text: Annotated[
        Optional[str],  # noqa: UP045
        typer.Argument(
            help="What was written so far; '-', or none with a pipe: each line of stdin.", show_default=False
        ),
    ] = None,
    *,
    session: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="NAME", help="Go on from what this session has read, and keep it.", show_default=False),
    ] = None,
    no_adapt: NoAdaptOption = False,
    checkpoint: CheckpointOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    **settings: Any,
) -> None:
    """Say which words are likely to come next.

    Of a very long line only the end is read, 2,048 words and marks, and a note says so.
    """
    config = PredictConfig(**settings)
    piped = text == "-" or (text is None and not sys.stdin.isatty())
    if text is None and not piped:
        raise UsageError("there is no text to go on from", "Give one: nextword predict 'The weather is'")
    from nextword.inference.batch import Answer, in_session, predict_batch
    from nextword.inference.predictor import Predictor

    predictor = Predictor.load(checkpoint)
    with ExitStack() as stack:
        kept = stack.enter_context(_kept_session(session, predictor, no_adapt)) if session is not None else None
        for lines in console.waiting_lines(sys.stdin.buffer) if piped else [[text or ""]]:
            answers: Iterable[Answer]
            if kept:
                answers = (in_session(kept, line, config) for line in lines)
            else:
                answers = predict_batch(predictor, lines, config)
            for line, predictions, unknown, read in answers:
                if not quiet:
                    console.note_end_read(len(line), read)
                if json:
                    console.print_predictions_json(line, predictions, unknown, predictor.checkpoint.path)
                    continue
                if unknown and not quiet:
                    console.note(f"not in the vocabulary: {', '.join(unknown)}")
                if piped:
                    print(console.predictions_line(predictions, "\t" if config.words > 1 else " "))
                else:
                    console.show_predictions(predictions)
            sys.stdout.flush()


def _kept_session(name: str, predictor: Predictor, no_adapt: bool) -> AbstractContextManager[Session]:
    """The session `name`, read from the disk and written back in the end."""
    from nextword.inference.session_store import SessionStore

    return SessionStore().kept(name, predictor, None if no_adapt else AdaptConfig())


@config_options(GenerateConfig)
def generate(
    text: Annotated[str, typer.Argument(help="What was written so far; '-': stdin.", show_default=False)] = "",
    *,
    checkpoint: CheckpointOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    **settings: Any,
) -> None:
    """Go on with a text, word after word drawn at random from the likely ones.

    Of a very long text only the end is read, 2,048 words and marks, and a note says so.
    """
    config = GenerateConfig(**settings)
    from nextword.inference.batch import end_of
    from nextword.inference.generation import Sampler
    from nextword.inference.predictor import Predictor

    predictor = Predictor.load(checkpoint)
    if text == "-":
        text = console.whole_input()
    end = end_of(text, predictor.tokenizer)
    sampler = Sampler(predictor, end, config)
    if not quiet:
        console.note_end_read(len(text), len(end))
    if sampler.unknown and not quiet and not json:
        console.note(f"not in the vocabulary: {', '.join(sampler.unknown)}")
    if json:
        console.print_continuation_json(text, sampler, sampler.unknown, sampler.seed, predictor.checkpoint.path)
    else:
        console.print_continuation(text, sampler)

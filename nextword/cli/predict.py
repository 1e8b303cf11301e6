"""`nextword predict` and `nextword generate`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from nextword.cli.options import CheckpointOption, JsonOption, NoAdaptOption, QuietOption, config_options
from nextword.config import AdaptConfig, GenerateConfig, PredictConfig
from nextword.errors import UsageError
from nextword.inference.batch import Answer, end_of, in_session, predict_batch
from nextword.inference.generation import Sampler
from nextword.inference.predictor import Predictor
from nextword.terminal import output, results
from nextword.terminal.stdin import text_or_stdin, waiting_lines


@config_options(PredictConfig)
def predict(
    text: Annotated[
        str | None,
        typer.Argument(
            help="What was written so far; '-', or none with a pipe: each line of stdin.", show_default=False
        ),
    ] = None,
    *,
    session: Annotated[
        str | None,
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
    predictor = Predictor.load(checkpoint)
    with _answering(predictor, config, session, no_adapt, quiet) as answers_to:
        for lines in waiting_lines(sys.stdin.buffer) if piped else [[text or ""]]:
            for answer in answers_to(lines):
                if not quiet:
                    output.note_end_read(len(answer.text), answer.read)
                if not (quiet or json):
                    output.note_unknown_words(answer.unknown)
                if json:
                    output.print_json(results.predictions_record(answer, predictor.checkpoint.path))
                elif piped:
                    print(results.predictions_line(answer.predictions, "\t" if config.words > 1 else " "))
                else:
                    results.show_predictions(answer.predictions)
            sys.stdout.flush()


@contextmanager
def _answering(
    predictor: Predictor, config: PredictConfig, session: str | None, no_adapt: bool, quiet: bool
) -> Iterator[Callable[[list[str]], Iterable[Answer]]]:
    """How lines are answered: each on its own, or one after the other in a session, which is kept in the end."""
    if session is None:
        yield lambda lines: predict_batch(predictor, lines, config)
        return
    from nextword.inference.session_store import SessionStore

    with SessionStore().kept(session, predictor, None if no_adapt else AdaptConfig()) as kept:
        if not quiet:
            output.note_session(kept.note)
        yield lambda lines: (in_session(kept, line, config) for line in lines)


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
    predictor = Predictor.load(checkpoint)
    text = text_or_stdin(text)
    end = end_of(text, predictor.tokenizer)
    sampler = Sampler(predictor, end, config)
    if not quiet:
        output.note_end_read(len(text), len(end))
    if not (quiet or json):
        output.note_unknown_words(sampler.unknown)
    if json:
        output.print_json(results.continuation_record(text, sampler, predictor.checkpoint.path))
    else:
        results.show_continuation(text, sampler)

"""`nextword eval`, `score`, `memory` and `info`: what a model is, and how well it does."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nextword.cli.options import (
    CheckpointOption,
    DeviceOption,
    EncodingOption,
    JsonOption,
    PathsArgument,
    QuietOption,
    check_folder,
    config_options,
    named_texts,
    texts_to_measure,
)
from nextword.config import AdaptConfig, MemoryConfig, TrainConfig
from nextword.errors import UsageError
from nextword.terminal import output, results
from nextword.terminal.training import progress

if TYPE_CHECKING:
    from nextword.storage.checkpoint import Checkpoint
    from nextword.text.encoder import Text

_MANY_UNKNOWN = 0.5  # share of unknown words from which on a text says little about the memory


def evaluate(
    paths: PathsArgument = None,
    checkpoint: CheckpointOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    device: DeviceOption = TrainConfig.device,
    encoding: EncodingOption = TrainConfig.encoding,
    adapt: Annotated[
        bool, typer.Option("--adapt", help="Learn from the text while reading it, as a session does.")
    ] = False,
) -> None:
    """Say how well a model predicts a text: perplexity, accuracy, keystrokes saved.

    Without PATH: the part of the text that ships with nextword which training holds out. Several files are read as one
    text; the memory goes on from each to the next.
    """
    from nextword.storage.checkpoint import find_checkpoint, load_checkpoint

    loaded = load_checkpoint(find_checkpoint(checkpoint))
    with texts_to_measure(paths, loaded, encoding, quiet) as texts:
        check_folder()
        from nextword.evaluation.evaluate import evaluate as evaluate_model
        from nextword.evaluation.evaluate import load_model

        with progress(shown=not quiet) as on_progress:
            adaptation = AdaptConfig() if adapt else None
            evaluation = evaluate_model(load_model(loaded, device), loaded.tokenizer, texts, on_progress, adaptation)
    if json:
        output.print_json(asdict(evaluation))
    else:
        results.show_evaluation(evaluation)


def score(
    paths: PathsArgument = None,
    checkpoint: CheckpointOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    device: DeviceOption = TrainConfig.device,
    encoding: EncodingOption = TrainConfig.encoding,
) -> None:
    """Say of every word of a text how surprising it was: surprisal and entropy in bits, and rank.

    Without PATH: stdin. One line for each token that `eval` counts, `<eos>` for the end of a paragraph included.
    Several files are read as one text, the memory going on from each to the next; lines are counted in each.
    """
    if not paths and sys.stdin.isatty():
        raise UsageError("there is no text to score", "Name one: nextword score story.txt")
    from nextword.storage.checkpoint import find_checkpoint, load_checkpoint

    loaded = load_checkpoint(find_checkpoint(checkpoint))
    with named_texts(paths or [Path("-")], encoding, quiet) as texts:
        check_folder()
        from nextword.evaluation.evaluate import load_model
        from nextword.evaluation.evaluate import score as score_tokens

        with progress(shown=not quiet and not sys.stdout.isatty()) as on_progress:
            scores = score_tokens(load_model(loaded, device), loaded.tokenizer, texts, on_progress)
            if json:
                for one in scores:
                    output.print_json(one._asdict())
            else:
                results.show_scores(scores)


@config_options(MemoryConfig)
def memory(
    paths: PathsArgument = None,
    *,
    gradients: Annotated[
        bool, typer.Option("--gradients", help="Measure how far back the gradient of a word's loss reaches.")
    ] = False,
    checkpoint: CheckpointOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    device: DeviceOption = TrainConfig.device,
    encoding: EncodingOption = TrainConfig.encoding,
    **settings: Any,
) -> None:
    """Say what the memory is worth on a text, and how far back it reaches.

    How well the text is predicted with the state carried from start to end, cleared at each sentence, and with only
    the last 1, 2, 5 ... 200 words read; in how many words half of what each layer remembers is gone. Without PATH: the
    part of the text that ships with nextword which training holds out.
    """
    config = MemoryConfig(**settings)
    from nextword.storage.checkpoint import find_checkpoint, load_checkpoint

    loaded = load_checkpoint(find_checkpoint(checkpoint))
    with texts_to_measure(paths, loaded, encoding, quiet) as texts:
        check_folder()
        measure = _measure_gradients if gradients else _measure_worth
        measure(loaded, texts, config.places, device, json, quiet)


def _measure_worth(
    checkpoint: Checkpoint, texts: Sequence[Text], places: int | None, device: str, json: bool, quiet: bool
) -> None:
    """Show what the memory is worth on some texts."""
    from nextword.evaluation.evaluate import encode, load_model
    from nextword.evaluation.memory_length import PLACES, half_lives, memory_worth
    from nextword.inference.lstm import LSTMNetwork
    from nextword.terminal.memory import show_worth, worth_record

    model, tokenizer = load_model(checkpoint, device), checkpoint.tokenizer
    ids = encode(tokenizer, texts)
    with progress(shown=not quiet) as on_progress:
        worth = memory_worth(model, tokenizer, texts, places or PLACES, on_progress)
        lives = half_lives(LSTMNetwork(checkpoint.tensors), ids)
    if json:
        output.print_json(worth_record(worth, lives))
        return
    show_worth(worth, lives)
    if worth.unknown_rate >= _MANY_UNKNOWN:
        output.note("much of this text is unknown to the model, so it says little about the memory")


def _measure_gradients(
    checkpoint: Checkpoint, texts: Sequence[Text], places: int | None, device: str, json: bool, quiet: bool
) -> None:
    """Show how far back the gradient reaches in some texts."""
    from nextword.evaluation.evaluate import encode, load_model
    from nextword.evaluation.gradient_flow import PLACES, gradient_flow
    from nextword.terminal.memory import show_gradients

    model, ids = load_model(checkpoint, device), encode(checkpoint.tokenizer, texts)
    with progress(shown=not quiet) as on_progress:
        flow = gradient_flow(model, ids, places or PLACES, on_progress)
    if json:
        output.print_json(asdict(flow))
    else:
        show_gradients(flow)


def info(
    checkpoint: Annotated[
        Path | None,
        typer.Argument(help="Checkpoint to look at; unset: the one that predict would take.", show_default=False),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Say what a checkpoint is: sizes, vocabulary, corpus, training, perplexity."""
    from nextword.storage.checkpoint import find_checkpoint, load_checkpoint

    loaded = load_checkpoint(find_checkpoint(checkpoint))
    if json:
        output.print_json(results.checkpoint_record(loaded))
    else:
        results.show_checkpoint(loaded)

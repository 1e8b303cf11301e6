"""`nextword eval`, `score`, `memory` and `info`: what a model is, and how well it does."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Optional

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
from nextword.terminal import output as console


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
    from nextword.storage.checkpoint import load_checkpoint
    from nextword.storage.locations import find_checkpoint

    loaded = load_checkpoint(find_checkpoint(checkpoint))
    with texts_to_measure(paths, loaded, encoding, quiet) as texts:
        check_folder()
        from nextword.evaluation.evaluate import evaluate as run
        from nextword.model.language_model import load_model

        with console.progress(shown=not quiet) as on_progress:
            adaptation = AdaptConfig() if adapt else None
            evaluation = run(load_model(loaded, device), loaded.tokenizer, texts, on_progress, adaptation)
    console.show_evaluation(asdict(evaluation), as_json=json)


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
    from nextword.storage.checkpoint import load_checkpoint
    from nextword.storage.locations import find_checkpoint

    loaded = load_checkpoint(find_checkpoint(checkpoint))
    with named_texts(paths or [Path("-")], encoding, quiet) as texts:
        check_folder()
        from nextword.evaluation.evaluate import score as run
        from nextword.model.language_model import load_model

        with console.progress(shown=not quiet and not sys.stdout.isatty()) as on_progress:
            console.print_scores(run(load_model(loaded, device), loaded.tokenizer, texts, on_progress), as_json=json)


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
    from nextword.inference.lstm import LSTMNetwork
    from nextword.storage.checkpoint import load_checkpoint
    from nextword.storage.locations import find_checkpoint
    from nextword.terminal import memory as memory_screen

    loaded = load_checkpoint(find_checkpoint(checkpoint))
    with texts_to_measure(paths, loaded, encoding, quiet) as texts:
        check_folder()
        from nextword.evaluation import gradient_flow, memory_length
        from nextword.evaluation.evaluation_text import encode
        from nextword.model.language_model import load_model

        model, tokenizer = load_model(loaded, device), loaded.tokenizer
        ids = encode(tokenizer, texts)
        with console.progress(shown=not quiet) as on_progress:
            if gradients:
                flow = gradient_flow.gradient_flow(model, ids, config.places or gradient_flow.PLACES, on_progress)
            else:
                most = config.places or memory_length.PLACES
                worth = memory_length.memory_worth(model, tokenizer, texts, most, on_progress)
                lives = memory_length.half_lives(LSTMNetwork(loaded.tensors), ids)
    if gradients:
        memory_screen.show_gradients(flow, as_json=json)
    else:
        memory_screen.show_worth(worth, lives, as_json=json)


def info(
    checkpoint: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Argument(help="Checkpoint to look at; unset: the one that predict would take.", show_default=False),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Say what a checkpoint is: sizes, vocabulary, corpus, training, perplexity."""
    from nextword.storage.checkpoint import load_checkpoint
    from nextword.storage.locations import find_checkpoint

    console.show_checkpoint(load_checkpoint(find_checkpoint(checkpoint)), as_json=json)

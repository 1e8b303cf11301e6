"""`nextword eval`, `score`, `memory` and `info`: what a model is, and how well it does."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path
from typing import Annotated, Any

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
    formats_to_measure,
    named_texts,
    texts_to_measure,
)
from nextword.config import AdaptConfig, FormatConfig, MemoryConfig, ScoreConfig, TrainConfig, TypistConfig
from nextword.errors import UsageError
from nextword.inference.engine import Engine
from nextword.inference.lstm import LSTMNetwork
from nextword.inference.session import Session
from nextword.storage.checkpoint import chosen_checkpoint
from nextword.terminal import output, results

_MANY_UNKNOWN = 0.5  # share of unknown words from which on a text says little about the memory


@config_options(TypistConfig, FormatConfig)
def evaluate(
    paths: PathsArgument = None,
    *,
    checkpoint: CheckpointOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    device: DeviceOption = TrainConfig.device,
    encoding: EncodingOption = TrainConfig.encoding,
    adapt: Annotated[
        bool, typer.Option("--adapt", help="Learn from the text while reading it, as a session does.")
    ] = False,
    after: Annotated[
        list[Path] | None,
        typer.Option(metavar="PATH", help="With --adapt: have read this first, unmeasured.", show_default=False),
    ] = None,
    **settings: Any,
) -> None:
    """Say how well a model predicts a text: perplexity, accuracy, keystrokes saved.

    Without PATH: the part of the text that ships with nextword which training holds out. Several files are read as one
    text; the memory goes on from each to the next. Where its paragraphs end, and what of it is text, is as it was in
    training, unless you say otherwise. With --slips or --phrases, someone types it, too, word by word, which takes
    longer.
    """
    typist = TypistConfig(**{item.name: settings.pop(item.name) for item in fields(TypistConfig)})
    if after and not adapt:
        raise UsageError("--after is for a session that learns from what it reads", "Say --adapt, too")
    loaded = chosen_checkpoint(checkpoint)
    formats = formats_to_measure(loaded, settings)
    with ExitStack() as opened:
        texts = opened.enter_context(texts_to_measure(paths, loaded, encoding, formats, quiet))
        past = opened.enter_context(named_texts(after, encoding, formats, quiet)) if after else []
        check_folder()
        from nextword.evaluation.evaluate import evaluate as evaluate_model
        from nextword.model.language_model import load_model
        from nextword.terminal.training import progress

        with progress(shown=not quiet) as on_progress:
            learning = AdaptConfig() if adapt else None
            model = load_model(loaded, device)
            evaluation = evaluate_model(model, loaded.tokenizer, texts, on_progress, learning, past=past)
        typed = None
        if typist.slips or typist.phrases:
            from nextword.evaluation.typist import type_text

            session = Session(Engine(loaded), learning)
            for text in past:
                session.study(text)
            with progress(shown=not quiet) as on_progress:
                typed = type_text(session, texts, typist, on_progress)
    if json:
        typing = {name: value for name, value in asdict(typed).items() if value is not None} if typed else {}
        output.print_json({**asdict(evaluation), **typing})
    else:
        results.show_evaluation(evaluation, typed)


@config_options(ScoreConfig, FormatConfig)
def score(
    paths: PathsArgument = None,
    *,
    checkpoint: CheckpointOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    device: DeviceOption = TrainConfig.device,
    encoding: EncodingOption = TrainConfig.encoding,
    **settings: Any,
) -> None:
    """Say of every word of a text how surprising it was: surprisal and entropy in bits, and rank.

    Without PATH: stdin. One line for each token that `eval` counts, `<eos>` for the end of a paragraph included.
    Several files are read as one text, the memory going on from each to the next; lines are counted in each. With
    --each every line (or paragraph) is scored as if it were alone. `space_before` says whether white space stands
    before the token.
    """
    if not paths and sys.stdin.isatty():
        raise UsageError("there is no text to score", "Name one: nextword score story.txt")
    each = ScoreConfig(each=settings.pop("each")).each
    if each == "line":
        if settings["paragraphs"] == "blank":
            reason = "--each line takes every line by itself, and --paragraphs blank joins lines"
            raise UsageError(reason, "Leave one of them out, or take --each paragraph.")
        settings["paragraphs"] = "line"
    loaded = chosen_checkpoint(checkpoint)
    formats = formats_to_measure(loaded, settings)
    with named_texts(paths or [Path("-")], encoding, formats, quiet) as texts:
        check_folder()
        from nextword.evaluation.evaluate import score as score_tokens
        from nextword.model.language_model import load_model
        from nextword.terminal.training import progress

        with progress(shown=not quiet and not sys.stdout.isatty()) as on_progress:
            model = load_model(loaded, device)
            scores = score_tokens(model, loaded.tokenizer, texts, on_progress, alone=each is not None)
            if json:
                for one in scores:
                    output.print_json(one._asdict())
            else:
                results.show_scores(scores)


@config_options(MemoryConfig, FormatConfig)
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
    config = MemoryConfig(places=settings.pop("places"))
    loaded = chosen_checkpoint(checkpoint)
    formats = formats_to_measure(loaded, settings)
    with texts_to_measure(paths, loaded, encoding, formats, quiet) as texts:
        check_folder()
        from nextword.evaluation import gradient_flow, memory_length
        from nextword.evaluation.evaluation_text import encode
        from nextword.model.language_model import load_model
        from nextword.terminal.memory import show_gradients, show_worth

        model, ids = load_model(loaded, device), encode(loaded.tokenizer, texts)
        from nextword.terminal.training import progress

        with progress(shown=not quiet) as on_progress:
            if gradients:
                flow = gradient_flow.gradient_flow(model, ids, config.places or gradient_flow.PLACES, on_progress)
                record, show = asdict(flow), partial(show_gradients, flow)
            else:
                places = config.places or memory_length.PLACES
                worth = memory_length.memory_worth(model, loaded.tokenizer, texts, places, on_progress)
                lives = memory_length.half_lives(LSTMNetwork(loaded.tensors), ids)
                record = {**asdict(worth), "half_lives": [asdict(life) for life in lives]}
                show = partial(show_worth, worth, lives)
    if json:
        output.print_json(record)
        return
    show()
    if not (gradients or quiet) and worth.unknown_rate >= _MANY_UNKNOWN:
        output.note("much of this text is unknown to the model, so it says little about the memory")


def info(
    checkpoint: Annotated[
        Path | None,
        typer.Argument(help="Checkpoint to look at; unset: the one that predict would take.", show_default=False),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Say what a checkpoint is: sizes, vocabulary, corpus, training, perplexity."""
    loaded = chosen_checkpoint(checkpoint)
    if json:
        output.print_json(results.checkpoint_record(loaded))
    else:
        results.show_checkpoint(loaded)

"""How what the commands find out looks: as tables on a terminal, as plain text off one, and as records for JSON."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nextword.terminal import output

if TYPE_CHECKING:
    from nextword.analysis.units import Search
    from nextword.evaluation.evaluate import Evaluation, Score
    from nextword.evaluation.typist import TypingSavings
    from nextword.inference.batch import Answer
    from nextword.inference.generation import Sampler
    from nextword.inference.lstm import LSTMState
    from nextword.inference.outlook import Prediction
    from nextword.inference.session import LearnedWord
    from nextword.storage.checkpoint import Checkpoint

_BAR_WIDTH = 24  # characters of the longest bar beside a prediction
_MIN_LOG2 = -1e9  # stands in JSON for the logarithm of 0, which has no number there


def show_predictions(predictions: Sequence[Prediction]) -> None:
    """A table on a terminal, in a narrow one first without bars, then words alone; off one: word, tab, probability."""
    if not output.is_terminal(sys.stdout):
        for prediction in predictions:
            print(f"{output.visible(prediction.word)}\t{prediction.probability:.6f}")
        return
    largest = max((prediction.probability for prediction in predictions), default=0.0) or 1.0
    rows: list[list[output.StyledCell]] = [
        [
            (f"{rank:>3}", "dim"),
            (output.visible(prediction.word), "bold"),
            (f"{prediction.probability:.1%}", ""),
            (prediction.probability / largest, "cyan"),
        ]
        for rank, prediction in enumerate(predictions, start=1)
    ]
    output.print_styled(rows, order=(1, 2, 0, 3), bar_width=_BAR_WIDTH)


def predictions_line(predictions: Sequence[Prediction], separator: str = " ") -> str:
    """The words of `predictions` in one line; phrases want another separator than a space."""
    return separator.join(output.visible(prediction.word) for prediction in predictions)


def predictions_record(answer: Answer, checkpoint: Path) -> dict[str, Any]:
    """What is likely to come next after one text, for JSON."""
    words = [
        {"word": prediction.word, "probability": prediction.probability, "log2": max(prediction.log2, _MIN_LOG2)}
        for prediction in answer.predictions
    ]
    return {"text": answer.text, "predictions": words, "unknown": answer.unknown, "checkpoint": str(checkpoint)}


def show_continuation(text: str, continuation: Iterable[str]) -> None:
    """A text and what it goes on with, each word as soon as it is there."""
    for written in chain([text], continuation):
        sys.stdout.write("\n".join(map(output.visible, written.split("\n"))))
        sys.stdout.flush()
    print()


def continuation_record(text: str, continuation: Sampler, checkpoint: Path) -> dict[str, Any]:
    """A text and what it goes on with, for JSON; put together they are the whole text."""
    return {
        "text": text,
        "continuation": "".join(continuation),
        "unknown": continuation.unknown,
        "seed": continuation.seed,
        "checkpoint": str(checkpoint),
    }


def show_state(state: LSTMState, words_seen: int) -> None:
    """How much each layer holds: the norms of its hidden and cell state."""
    rows = [("words seen", f"{words_seen:,}")]
    for layer, (hidden, cell) in enumerate(zip(state.hidden, state.cell, strict=True), start=1):
        norms = (math.sqrt(float(values @ values)) for values in (hidden, cell))
        rows.append((f"layer {layer}", "hidden state |h| = {:.3f}   cell state |c| = {:.3f}".format(*norms)))
    output.print_table(rows)


def show_learned(words: Sequence[LearnedWord], left_out: int) -> None:
    """Words that a session has learned: how often each was read, and which are new to the model."""
    for word in words:
        print(f"{word.times:>6,}  {output.visible(word.word)}{'  (new)' if word.new else ''}")
    if left_out:
        output.note(f"and {left_out:,} more")


def show_checkpoint(checkpoint: Checkpoint) -> None:
    """What a checkpoint is, as a table."""
    config, tokenizer = checkpoint.config, checkpoint.tokenizer
    cased = "cased" if tokenizer.cased else "lower case, with surface forms"
    facts = [
        ("checkpoint", f"{checkpoint.path} ({checkpoint.path.stat().st_size / 1e6:.1f} MB)"),
        ("digest", checkpoint.digest),
        ("network", f"{output.counted(config.num_layers, config.cell.upper() + ' layer')} of {config.hidden_size}"),
        ("embedding", f"{config.embedding_dim}"),
        ("output layer", "tied to the embedding" if config.tied else "of its own"),
        ("parameters", f"{checkpoint.parameters:,}"),
        ("vocabulary", f"{len(tokenizer):,} ({tokenizer.scheme}, {cased})"),
    ]
    facts += [(name.replace("_", " "), _plain(value)) for name, value in checkpoint.training.items()]
    output.print_table(facts)


def checkpoint_record(checkpoint: Checkpoint) -> dict[str, Any]:
    """What a checkpoint is, for JSON."""
    return {
        "checkpoint": str(checkpoint.path),
        "bytes": checkpoint.path.stat().st_size,
        "digest": checkpoint.digest,
        "parameters": checkpoint.parameters,
        "vocabulary_size": len(checkpoint.tokenizer),
        "tokenizer": checkpoint.tokenizer.scheme,
        "cased": checkpoint.tokenizer.cased,
        "config": asdict(checkpoint.config),
        "training": checkpoint.training,
    }


def _plain(value: object) -> str:
    """A JSON value as a person would write it."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(inner)}" for name, inner in value.items() if inner is not None)
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else json.dumps(value)


def show_evaluation(evaluation: Evaluation, typed: TypingSavings | None = None) -> None:
    """How well a model predicts a text, and what someone saves who types it, as a table."""
    rows = (
        ("... with slips", typed and typed.savings_exact),
        ("... forgiven", typed and typed.savings_forgiving),
        ("... word by word", typed and typed.savings_words),
        ("... with phrases", typed and typed.savings_phrases),
    )
    facts = [
        ("tokens", f"{evaluation.tokens:,} ({evaluation.unknown_rate:.1%} of them unknown)"),
        ("perplexity", f"{perplexity_text(evaluation.perplexity)} ({evaluation.bits_per_word:.3f} bits a word)"),
        ("top 1", f"{evaluation.top1:.1%}"),
        ("top 3", f"{evaluation.top3:.1%}"),
        ("top 5", f"{evaluation.top5:.1%}"),
        ("top 10", f"{evaluation.top10:.1%}"),
        ("keystrokes saved", f"{evaluation.keystroke_savings:.1%}"),
        *((name, f"{saved:.1%}") for name, saved in rows if saved is not None),
        ("time", f"{evaluation.seconds:.1f} s, {evaluation.tokens_per_second:,.0f} tokens a second"),
    ]
    output.print_table(facts)


def perplexity_text(perplexity: float) -> str:
    """With two digits after the point; without the hundreds before it that a diverged network has."""
    return f"{perplexity:,.2f}" if perplexity < 1e6 else f"{perplexity:.2e}"


def show_scores(scores: Iterable[Score]) -> None:
    """Tokens and their scores between tabs, each as soon as it is known, after a line with the names."""
    print("line\tposition\tword\tsurprisal\trank\tentropy\tspace_before")
    for line, position, word, surprisal, rank, entropy, space_before in scores:
        figures = f"{surprisal:.6f}\t{rank}\t{entropy:.6f}\t{space_before:d}"
        print(f"{line}\t{position}\t{output.visible(word)}\t{figures}")


def show_trackers(found: Search) -> None:
    """The units that follow something plain in a text, as a table."""
    rows: list[tuple[str, ...]] = [("", "unit", "first half", "second half")]
    for tracker in found.trackers:
        if tracker.unit:
            rows.append((tracker.feature, str(tracker.unit), f"{tracker.chosen:+.2f}", f"{tracker.checked:+.2f}"))
        else:
            rows.append((tracker.feature, "-", "too little of it", ""))
    output.print_table(rows)


def trackers_record(found: Search) -> dict[str, Any]:
    """The units that follow something plain in a text, for JSON."""
    trackers = [{**asdict(tracker), "unit": tracker.unit and str(tracker.unit)} for tracker in found.trackers]
    return {**asdict(found), "trackers": trackers}

"""Which network, and how it is trained, for a given text and time: what `--size` stands for.

Larger networks end lower, but only if they can read the text often enough; small ones are ahead until then. The more
often a text is read, the more dropout it takes to keep the network from learning it by heart. The numbers here were
chosen by training on the Penn Treebank for 1 to 30 minutes on two cores, and on the corpus that ships with nextword
for three. Knows numbers only: no torch, no text.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from nextword.config import GATES, ModelConfig, TrainConfig

_MIN_SAMPLE, _SAMPLED_SHARE = 1_500, 0.1  # words that the output layer scores in a step, and of a large vocabulary
_SAMPLE_PAYS = 0.6  # of the vocabulary: a larger sample costs as much as all of it

_EFFICIENCY = 0.5  # of the speed of one large matrix product is left for training
_SMALL_TEXT = 250_000  # tokens
_TOPIC_PARAGRAPH = 40  # words: where paragraphs are shorter, there is no topic to count or to keep


@dataclass(frozen=True)
class _Size:
    """A network, and how often it has to read the text to be better than the next smaller one."""

    num_layers: int
    width: int
    passes: float  # for a text of a million tokens


_SIZES = (
    _Size(1, 320, 0.0),
    _Size(1, 384, 3.0),
    _Size(2, 320, 4.0),
    _Size(2, 448, 7.0),
    _Size(2, 512, 10.0),
    _Size(2, 640, 15.0),
)
_RATES = {"lstm": 1.0, "gru": 0.6, "rnn": 0.24}  # of the learning rate; at a higher one a plain net diverges
_NAMED = {"small": _SIZES[1], "medium": _SIZES[3], "large": _SIZES[5]}


@dataclass(frozen=True)
class Budget:
    """What the choice depends on.

    Attributes:
        tokens: Length of the text to learn from.
        vocabulary_size: Different words.
        paragraph: Mean length of a paragraph in tokens.
        speed: Floating-point operations a second of a large matrix product.
    """

    tokens: int
    vocabulary_size: int
    paragraph: float
    speed: float


def choose(
    model: ModelConfig, config: TrainConfig, asked: Collection[str], given: Budget
) -> tuple[ModelConfig, TrainConfig]:
    """Fill in what the user did not ask for.

    Args:
        model: What was asked for, and defaults.
        config: What was asked for, and defaults.
        asked: Names of the fields of both that stay as they are.
        given: The text and the machine.
    """
    if config.epochs is None:
        config = replace(config, epochs=_default_epochs(given.tokens))
    if "lr" not in asked:
        config = replace(config, lr=_RATES[model.cell] * config.lr)
    size = _NAMED.get(config.size) or _largest(model.cell, config, given)
    passes = _passes(size, model.cell, config, given)
    topics = 0.25 if model.cell == "lstm" and given.paragraph >= _TOPIC_PARAGRAPH else 0.0
    strength = min(1.0, max(0.0, (passes - 1.5) / 13))
    values: dict[str, Any] = {
        "embedding_dim": size.width,
        "hidden_size": size.width,
        "num_layers": size.num_layers,
        "topic_share": topics,
        "dropout_words": round(0.1 * strength, 3),
        "dropout_input": round(0.35 * strength, 3),
        "dropout_hidden": round(0.3 * strength, 3),
        "dropout_output": round(0.5 * strength, 3),
    }
    if model.tied and "hidden_size" in asked and "embedding_dim" not in asked:
        values["embedding_dim"] = model.hidden_size
    return replace(model, **{name: value for name, value in values.items() if name not in asked}), config


def sample_size(config: TrainConfig, vocabulary_size: int) -> int:
    """Words that the output layer scores in a step; 0 for all."""
    size = config.sampled_words
    if size is None:
        size = max(_MIN_SAMPLE, int(_SAMPLED_SHARE * vocabulary_size))
    return size if size < _SAMPLE_PAYS * vocabulary_size else 0


def _default_epochs(tokens: int) -> int:
    """How often a text is read when nobody says: ten times if it is small, and less often the longer it is."""
    return max(1, round(10 * min(1.0, math.sqrt(_SMALL_TEXT / tokens))))


def _largest(cell: str, config: TrainConfig, given: Budget) -> _Size:
    """The largest size that reads the text often enough; the shorter the text, the more often that is."""
    more = min(20.0, max(0.7, math.sqrt(1_000_000 / given.tokens)))
    return max((size for size in _SIZES if _passes(size, cell, config, given) >= more * size.passes), key=_SIZES.index)


def _passes(size: _Size, cell: str, config: TrainConfig, given: Budget) -> float:
    """How often the text is read by a network of this size."""
    passes = float(config.epochs or _default_epochs(given.tokens))
    if config.max_steps:
        passes = config.max_steps * config.batch_size * config.bptt / given.tokens
    if config.minutes:
        scored = sample_size(config, given.vocabulary_size) or given.vocabulary_size
        weights = size.num_layers * 2 * len(GATES[cell]) * size.width**2 + size.width * scored
        tokens = 60 * config.minutes * _EFFICIENCY * given.speed / (6 * weights)  # 2 forward and 4 backward
        in_time = tokens / given.tokens
        passes = min(passes, in_time) if config.max_steps else in_time
    return passes

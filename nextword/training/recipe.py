"""Which network, and how it is trained, for a given text and time: what `--size` stands for.

Larger networks end lower, but only if they can read the text often enough; small ones are ahead until then. The more
often a text is read, the more dropout it takes to keep the network from learning it by heart. The numbers here were
chosen by training on the Penn Treebank for 1 to 30 minutes on two cores, and on the corpus that ships with nextword
for three.

A network that has learned before, as the English model, is as large as it is. It learns a person's text in a few
passes, and learns it by heart as soon, so it gets the dropouts of a long training at once. These numbers were chosen
by going on for three to five passes on 35,000 to 46,000 words of real writers; what counted was how well their later
texts were predicted.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

from nextword.config import GATES, ModelConfig, NetworkConfig, RunConfig, TrainConfig

_FINE_TUNING_RATE = 0.7  # share of the learning rate, for a network that has learned before
FINE_TUNING_WORD_GAIN = 3.0  # rate of its words' vectors, in that of all else: most are met a few times
_FINE_TUNING_PASSES = 3  # of a small text
_FINE_TUNING_DROPOUT = 0.6  # share of what a network gets that reads its text fifteen times, for a small text
_KEPT = 0.15  # share of the old weights in what is saved, for a small text
_LR = {"sgd": 25.0, "adam": 0.003}  # learning rate of a new LSTM
_LONG_TEXT = 5_000_000  # tokens: from here on, a text read once or twice is learned better with Adam
_RATES = {"lstm": 1.0, "gru": 0.6, "rnn": 0.24}  # shares of it; at a higher rate a plain net diverges
_MIN_SAMPLE = 1_500  # words that the output layer scores in a step at least
_SAMPLED_SHARE = 0.1  # share of a large vocabulary that it scores
_MAX_SAMPLED_SHARE = 0.6  # a larger sample costs as much as the whole vocabulary
_EFFICIENCY = 0.5  # share of the speed of one large matrix product that training reaches
_SMALL_TEXT = 250_000  # tokens
_PASSES = 10  # of a small text, by a new network
_MIN_TOPIC_PARAGRAPH = 40  # words: shorter paragraphs have no topic to count or to keep
_TOPIC_SHARE = 0.25  # share of an LSTM's units that keep a topic, where paragraphs have one


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


def choose_training(config: TrainConfig, model: ModelConfig, tokens: int, fine_tuning: bool) -> RunConfig:
    """Fill in what is unset: how often the text is read, how fast it is learned.

    Args:
        config: What is wanted.
        model: What is known of the network.
        tokens: Length of the text to learn from.
        fine_tuning: Whether the network has learned before.
    """
    epochs = config.epochs or _default_epochs(tokens, _FINE_TUNING_PASSES if fine_tuning else _PASSES)
    optimizer = config.optimizer or ("adam" if tokens >= _LONG_TEXT and epochs <= 2 and not fine_tuning else "sgd")
    rate = _RATES[model.cell or "lstm"] * _LR[optimizer] * (_FINE_TUNING_RATE if fine_tuning else 1)
    chosen = {
        "paragraphs": config.paragraphs or "auto",
        "keep_speakers": bool(config.keep_speakers),
        "raw": bool(config.raw),
        "epochs": epochs,
        "optimizer": optimizer,
        "lr": rate if config.lr is None else config.lr,
    }
    return RunConfig(**{**asdict(config), **chosen})


def choose_network(model: ModelConfig, config: RunConfig, budget: Budget, fine_tuning: bool = False) -> NetworkConfig:
    """Fill in what is unset of the network.

    Args:
        model: What is wanted.
        config: How it is trained.
        budget: The text and the machine.
        fine_tuning: Whether the network has learned before.
    """
    cell = model.cell or "lstm"
    size = _NAMED.get(config.size) or _largest(cell, config, budget)
    passes = _passes(size, cell, config, budget)
    strength = min(1.0, max(0.0, (passes - 1.5) / 13))
    if fine_tuning:
        strength = _FINE_TUNING_DROPOUT * _smallness(budget.tokens)
    chosen = {
        "cell": cell,
        "embedding_dim": model.hidden_size if model.tied and model.hidden_size else size.width,
        "hidden_size": size.width,
        "num_layers": size.num_layers,
        "topic_share": _TOPIC_SHARE if cell == "lstm" and budget.paragraph >= _MIN_TOPIC_PARAGRAPH else 0.0,
        "dropout_words": round(0.1 * strength, 3),
        "dropout_input": round(0.35 * strength, 3),
        "dropout_hidden": round(0.3 * strength, 3),
        "dropout_output": round(0.5 * strength, 3),
        "dropout_recurrent": 0.0,
    }
    wanted = {name: value for name, value in asdict(model).items() if value is not None}
    return NetworkConfig(**{**chosen, **wanted})


def sample_size(config: TrainConfig, vocabulary_size: int) -> int:
    """Words that the output layer scores in a step; 0 for all."""
    size = config.sampled_words
    if size is None:
        size = max(_MIN_SAMPLE, int(_SAMPLED_SHARE * vocabulary_size))
    return size if size < _MAX_SAMPLED_SHARE * vocabulary_size else 0


def kept_share(tokens: int) -> float:
    """Share of the old weights in what is saved of a network that has gone on on so much text (`anchor`)."""
    return _KEPT * _smallness(tokens)


def _default_epochs(tokens: int, passes: int) -> int:
    """How often a text is read when nobody says: so many times if it is small, and less often the longer it is."""
    return max(1, round(passes * _smallness(tokens)))


def _smallness(tokens: int) -> float:
    """1 for a small text, less the longer it is."""
    return min(1.0, math.sqrt(_SMALL_TEXT / tokens))


def _largest(cell: str, config: RunConfig, budget: Budget) -> _Size:
    """The largest size that reads the text often enough; the shorter the text, the more often that is."""
    more = min(20.0, max(0.7, math.sqrt(1_000_000 / budget.tokens)))
    return max((size for size in _SIZES if _passes(size, cell, config, budget) >= more * size.passes), key=_SIZES.index)


def _passes(size: _Size, cell: str, config: RunConfig, budget: Budget) -> float:
    """How often the text is read by a network of this size."""
    passes = float(config.epochs)
    if config.max_steps:
        passes = config.max_steps * config.batch_size * config.bptt / budget.tokens
    if config.minutes:
        scored = sample_size(config, budget.vocabulary_size) or budget.vocabulary_size
        weights = size.num_layers * 2 * len(GATES[cell]) * size.width**2 + size.width * scored
        tokens = 60 * config.minutes * _EFFICIENCY * budget.speed / (6 * weights)  # 2 forward and 4 backward
        in_time = tokens / budget.tokens
        passes = min(passes, in_time) if config.max_steps else in_time
    return passes

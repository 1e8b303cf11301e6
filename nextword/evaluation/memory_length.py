"""What the memory is worth on a text, and how far back it reaches.

A text is predicted three times: with the state carried from start to end (`evaluate`), with the state cleared at each
sentence, and from the last n words alone. The last is exact and not an approximation: for each word measured, a fresh
session reads the n words before it and nothing else. It takes them for the beginning of a paragraph, so what it gets
wrong is the most that the limit can cost: the network was never trained to live with it. And it reads 396 words for one
measured, so in a long text only a sample of places is; all figures that are compared are of the same places.

Khandelwal, He, Qi and Jurafsky 2018, "Sharp Nearby, Fuzzy Far Away: How Neural Language Models Use Context", section 4.

Letters in shapes: n tokens or places, N tokens of the text.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from nextword.evaluation.evaluate import Metrics
from nextword.evaluation.evaluation_text import keys_without_help, read_text
from nextword.evaluation.reader import LIMITS, Figures, Places, ReadingLimits, TextReader
from nextword.inference.lstm import LSTMNetwork, LSTMState
from nextword.model.language_model import RecurrentLanguageModel
from nextword.model.streams import Progress, counting
from nextword.text.encoder import Text
from nextword.text.sentences import sentence_starts
from nextword.text.tokenizer import END_ID, WordTokenizer

DISTANCES = (1, 2, 5, 10, 20, 50, 100, 200)  # words back
PLACES = 2_000  # tokens compared, unless another number is asked for
TRACE_WINDOW = 500  # words whose gates are held at one time
_SAME = 1.01  # Perplexities that differ by a smaller factor are taken for the same.
_MAX_TRACED = 10_000  # words read to see what the gates do
_KEEPING_GATES = {"lstm": "forget", "gru": "update"}
_MIN_GATE = 1e-38  # about the smallest 32-bit float
_MIN_DECAY = 1e-9  # nats a word


@dataclass(frozen=True)
class Worth:
    """How well some tokens are predicted; the fields are those of `Evaluation`."""

    perplexity: float
    bits_per_word: float
    top1: float
    top3: float
    keystroke_savings: float


@dataclass(frozen=True)
class Compared:
    """The same places predicted with less remembered.

    Attributes:
        remembered: `last`: the last `words` words; `sentence`: what the sentence has said so far; `all`: everything.
        words: How many, for `last`; else None.
        worth: How well the places are predicted.
        bits_more: Bits a word more than with everything remembered: the mean of the differences, place by place.
        standard_error: Of that mean, the differences taken for independent; None where there is one place only.
    """

    remembered: str
    words: int | None
    worth: Worth
    bits_more: float
    standard_error: float | None


@dataclass(frozen=True)
class MemoryWorth:
    """What the memory is worth on a text.

    Attributes:
        tokens: How many the text has, `<eos>` included.
        unknown_rate: Share of them that are outside the vocabulary.
        carried: How well all of them are predicted with the state carried from start to end, as `evaluate` does.
        cleared: The same with the state cleared at each sentence.
        places: How many of the tokens are compared: all, or a sample spread evenly over the text.
        compared: From the shortest memory to the longest, then the sentence's, then everything remembered. A limit
            longer than the text is left out; a place with fewer words before it than a limit has all of them.
        effective_memory: The smallest limit in words from which on the perplexity is at most 1 % above that with
            everything remembered; None if the longest limit measured is not enough, or none was measured.
        seconds: What all this took.
    """

    tokens: int
    unknown_rate: float
    carried: Worth
    cleared: Worth
    places: int
    compared: list[Compared]
    effective_memory: int | None
    seconds: float


@dataclass(frozen=True)
class HalfLife:
    """In how many words half of what a unit holds is gone, for the units of a layer.

    -ln 2 / (mean of ln f over the words read) for each unit, where f is its forget gate, or, for a GRU, its update
    gate: of what stood in it w words ago, exp(w * mean of ln f) is left, the product of all its gates since.
    A unit whose gate stays at 1 is given 700 million words.

    Attributes:
        layer: From 1.
        gate: Which gate f is.
        quantiles: Words; a quarter of the layer's units have less than the first, then the median, three quarters,
            nine tenths, and the longest of all.
    """

    layer: int
    gate: str
    quantiles: tuple[float, ...]


def memory_worth(
    model: RecurrentLanguageModel,
    tokenizer: WordTokenizer,
    texts: Sequence[Text],
    places: int = PLACES,
    on_progress: Progress | None = None,
    limits: ReadingLimits = LIMITS,
) -> MemoryWorth:
    """Predict `texts` with all, with some and with little of the memory.

    The time grows with the places (some 60 a second on one core, with two layers of 320) and, slowly, with the text;
    the working memory by some 100 bytes a token.

    Args:
        model: Any model, on any device; its training or evaluation mode is left as it was.
        tokenizer: Its words.
        texts: The documents, as strings or in passages (iterated over several times).
        places: How many tokens are compared at most.
        on_progress: Called now and then with words read and words to read.
        limits: How much is read at one time.

    Raises:
        CorpusError: There is no token in the texts.
    """
    began = time.perf_counter()
    text = read_text(model, tokenizer, texts)
    count = len(text.ids)
    keys = np.fromiter(keys_without_help(tokenizer, texts), np.int64, count)
    chosen = spread_evenly(0, count, places)
    # Where a limit of so many words takes something away:
    far = {distance: chosen[chosen > distance] for distance in DISTANCES if distance < count - 1}
    total = 2 * count + sum((distance + 1) * len(some) for distance, some in far.items())
    reader = text.reader(limits, counting(total, on_progress))

    chunks = list(reader.stream())
    carried, keys_there = np.concatenate(chunks), keys[chosen]
    starts = _sentences(tokenizer, text.ids)
    cleared = _predicted_anew(reader, carried, starts, np.diff(starts, append=count))
    compared = []
    for distance, some in far.items():
        lengths = np.full(len(some), distance + 1)
        limited = _predicted_anew(reader, carried, some - distance, lengths, last_only=True)
        compared.append(_compare("last", distance, limited[chosen], carried[chosen], keys_there))
    compared.append(_compare("sentence", None, cleared[chosen], carried[chosen], keys_there))
    compared.append(_compare("all", None, carried[chosen], carried[chosen], keys_there))
    return MemoryWorth(
        tokens=count,
        unknown_rate=text.unknown_rate,
        carried=_worth(chunks, keys),
        cleared=_worth([cleared], keys),
        places=len(chosen),
        compared=compared,
        effective_memory=effective_memory(compared),
        seconds=time.perf_counter() - began,
    )


def spread_evenly(begin: int, end: int, count: int) -> Places:
    """At most `count` places from `begin` to before `end`, rising: one of each of as many equal parts, always the same.

    Where in its part each lies is drawn at random, so that no rhythm of the text meets one of the places.
    """
    count = min(count, end - begin)
    edges = begin + np.arange(count + 1) * (end - begin) // count
    drawn = np.random.default_rng(0).random(count)
    places: Places = edges[:-1] + (drawn * np.diff(edges)).astype(np.int64)
    return places


def _sentences(tokenizer: WordTokenizer, ids: NDArray[np.int32]) -> Places:
    """Where the sentences of a text begin."""
    tokens = (tokenizer.words[token] for token in ids)
    starts = np.fromiter(sentence_starts(tokens, tokenizer.abbreviations), bool, len(ids))
    starts[0] = True
    return np.flatnonzero(starts)


def _predicted_anew(
    reader: TextReader, carried: Figures, starts: Places, lengths: Places, last_only: bool = False
) -> Figures:
    """(N, 3) `carried`, but the tokens of some passages (or the last of each) are predicted by a fresh session."""
    figures = carried.copy()
    for places, found in reader.passages(starts, lengths, last_only):
        figures[places] = found
    return figures


def _worth(chunks: list[Figures], keys: NDArray[np.int64]) -> Worth:
    """What `evaluate` makes of figures that come in these chunks, to the last bit."""
    metrics = Metrics()
    for figures in chunks:
        metrics.add(figures, keys[metrics.tokens : metrics.tokens + len(figures)])
    found = metrics.figures()
    return Worth(**{field.name: found[field.name] for field in fields(Worth)})


def _compare(
    remembered: str, words: int | None, figures: Figures, everything: Figures, keys: NDArray[np.int64]
) -> Compared:
    differences = (figures[:, 0] - everything[:, 0]) / math.log(2)
    error = float(differences.std(ddof=1)) / math.sqrt(len(differences)) if len(differences) > 1 else None
    return Compared(remembered, words, _worth([figures], keys), float(differences.mean()), error)


def effective_memory(compared: list[Compared]) -> int | None:
    """See `MemoryWorth`: what Khandelwal et al. call the effective context size, where they give 1 to 2 %."""
    enough = None
    for limited in reversed(compared[:-2]):
        if limited.worth.perplexity > _SAME * compared[-1].worth.perplexity:
            break
        enough = limited.words
    return enough


def half_lives(network: LSTMNetwork, ids: NDArray[np.int32], window: int = TRACE_WINDOW) -> list[HalfLife]:
    """How long the layers of a network remember, from what their gates do while they read a text.

    Args:
        network: Any; a plain recurrent net has no gate that keeps anything, and so no half-life.
        ids: (N,) the text, of which the first 10,000 words are read.
        window: Words read at one time.

    Returns:
        First layer to last.
    """
    gate = _KEEPING_GATES.get(network.kind)
    if gate is None:
        return []
    _, state = network.read([END_ID], network.initial_state())
    ids = ids[:_MAX_TRACED]
    sums = [np.zeros(layer.hidden_size) for layer in network.layers]
    for begin in range(0, len(ids), window):
        traces = network.trace(ids[begin : begin + window].tolist(), state)
        state = LSTMState(tuple(trace.hidden[-1] for trace in traces), tuple(trace.cell[-1] for trace in traces))
        for layer, trace in enumerate(traces):
            sums[layer] += np.log(np.maximum(trace.gates[gate].astype(np.float64), _MIN_GATE)).sum(0)
    lives = [math.log(2) / np.maximum(-logs / len(ids), _MIN_DECAY) for logs in sums]
    return [
        HalfLife(layer, gate, tuple(np.quantile(words, (0.25, 0.5, 0.75, 0.9, 1)).tolist()))
        for layer, words in enumerate(lives, start=1)
    ]

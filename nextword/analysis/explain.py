"""What the network did with a text, word by word: what it expected, and what its gates and its memory did.

`explain` reads a text as `predict` does and keeps all that passes by: the surprisal of every word and the first guesses
before it, every gate of every unit, and how the memory changed. The memory is the cell state; of a cell without one (a
GRU, a plain recurrent net) it is the hidden state. Following one unit through a text is what Karpathy, Johnson and Li
2015 do ("Visualizing and understanding recurrent networks", section 4.2).

Letters in shapes: T words, H a layer's hidden size, V words in the vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from nextword.config import ExplainConfig
from nextword.errors import CorpusError, UsageError
from nextword.inference.engine import Engine
from nextword.inference.lstm import Array, LSTMState, Trace, log_softmax, softmax
from nextword.inference.outlook import Outlook, Prediction
from nextword.text.pipeline import SPACES, without_surrogates
from nextword.text.sentences import SentencePosition
from nextword.text.tokenizer import UNKNOWN_ID, Token, WordTokenizer

_MAX_CHARACTERS = 1 << 17  # characters of a text that are looked at
_BLOCK = 64  # words whose distributions are held at one time
_DIGITS = 6  # digits after the point of a number in a record


class Unit(NamedTuple):
    """One of the memory's numbers; written as `2:17`, the 17th of the second layer."""

    layer: int  # from 1
    number: int  # from 1

    def __str__(self) -> str:
        return f"{self.layer}:{self.number}"


class ExplainedWord(NamedTuple):
    """A word of the text and how the model expected it."""

    word: str  # as it is written; "<eos>" for the end of a paragraph
    known: bool  # whether it is in the vocabulary
    surprisal: float  # bits, as `nextword score` has it
    guesses: list[Prediction]  # what was likeliest in its place, punctuation included


@dataclass(frozen=True)
class LayerReading:
    """What one layer did while T words were read.

    Attributes:
        gates: (T, H) activations by the names in `config.GATES`.
        hidden: (T, H) hidden state after each word.
        memory: (T, H) cell state after each word; the hidden state where there is none.
        change: (T, H) the memory after each word less the memory before it.
    """

    gates: dict[str, Array]
    hidden: Array
    memory: Array
    change: Array

    def mean(self, gate: str) -> Array:
        """(T,) a gate's activation, the mean of all units."""
        means: Array = self.gates[gate].mean(axis=1)
        return means

    @property
    def moved(self) -> Array:
        """(T,) how much the memory changed with each word: the mean of |change| over the units."""
        means: Array = np.abs(self.change).mean(axis=1)
        return means


@dataclass(frozen=True)
class Explanation:
    """All that is known of how a text was read.

    Attributes:
        cell: `lstm`, `gru` or `rnn`.
        vocabulary_size: V; log2 of it is the surprisal of a blind guess.
        words: One for each of T words.
        layers: First to last.
        upcoming: What is likeliest after the last of the words.
        cut: Whether the text goes on after them.
    """

    cell: str
    vocabulary_size: int
    words: list[ExplainedWord]
    layers: list[LayerReading]
    upcoming: list[Prediction]
    cut: bool

    @property
    def unknown(self) -> list[str]:
        """The words outside the vocabulary, in order, each once."""
        return list(dict.fromkeys(word.word for word in self.words if not word.known))

    def moved_most(self, count: int) -> list[Unit]:
        """The units whose memory changed most over all words, by the mean of |change|; the first moved most."""
        return self._largest([np.abs(layer.change).mean(axis=0) for layer in self.layers], count)

    def moved_most_at(self, place: int, count: int) -> list[Unit]:
        """The units whose memory changed most with the word at `place`."""
        return self._largest([np.abs(layer.change[place]) for layer in self.layers], count)

    def _largest(self, moves: Sequence[Array], count: int) -> list[Unit]:
        ends = np.cumsum([len(move) for move in moves])
        largest = np.argsort(-np.concatenate(moves), kind="stable")[:count]
        layers = np.searchsorted(ends, largest, side="right")
        numbers = largest - np.concatenate([[0], ends])[layers]
        return [Unit(int(layer) + 1, int(number) + 1) for layer, number in zip(layers, numbers, strict=True)]

    def unit(self, text: str) -> Unit:
        """The unit that is written as `text`.

        Raises:
            UsageError: It is not written as one, or there is none of that name.
        """
        layer, colon, number = text.strip().partition(":")
        if not (colon and all(part.isascii() and part.isdigit() and len(part) < 10 for part in (layer, number))):
            raise UsageError(f"a unit is written LAYER:UNIT, not {text!r}", "For example: --unit 1:17")
        unit = Unit(int(layer), int(number))
        if not 1 <= unit.layer <= len(self.layers) or not 1 <= unit.number <= self._size(unit.layer):
            there = ", ".join(f"{layer}:1 to {layer}:{self._size(layer)}" for layer in range(1, len(self.layers) + 1))
            raise UsageError(f"there is no unit {unit}; there are {there}", f"Try --unit {self.moved_most(1)[0]}")
        return unit

    def _size(self, layer: int) -> int:
        return int(self.layers[layer - 1].memory.shape[1])

    def record(self, unit: Unit | None = None) -> dict[str, Any]:
        """All of it in plain types for JSON, numbers rounded to six digits after the point.

        For every layer the mean activation of each gate (`mean`) and the mean of |change| (`moved`), a number a word;
        the memory is named `cell`, or `hidden` alone where there is no cell state.

        Args:
            unit: With every value of this unit in the place of those of all, which are a list of units for every word.
        """
        layers = [self._layer_record(layer, reading) for layer, reading in enumerate(self.layers, 1)]
        if unit is None:
            for facts, reading in zip(layers, self.layers, strict=True):
                facts.update(self._values(reading, slice(None)))
        record: dict[str, Any] = {
            "cell": self.cell,
            "cut": self.cut,
            "words": [self._word_record(place) for place in range(len(self.words))],
            "upcoming": _guesses(self.upcoming),
            "moved_most": [str(moved) for moved in self.moved_most(10)],
            "layers": layers,
        }
        if unit is not None:
            values = self._values(self.layers[unit.layer - 1], unit.number - 1)
            record["unit"] = {"layer": unit.layer, "unit": unit.number, **values}
        return record

    def _word_record(self, place: int) -> dict[str, Any]:
        word = self.words[place]
        moved = [
            {"unit": str(unit), "change": _rounded(self.layers[unit.layer - 1].change[place, unit.number - 1])}
            for unit in self.moved_most_at(place, 3)
        ]
        return {
            "word": word.word,
            "known": word.known,
            "surprisal": round(word.surprisal, _DIGITS),
            "guesses": _guesses(word.guesses),
            "moved_most": moved,
        }

    def _layer_record(self, layer: int, reading: LayerReading) -> dict[str, Any]:
        return {
            "layer": layer,
            "units": reading.memory.shape[1],
            "mean": {gate: _rounded(reading.mean(gate)) for gate in reading.gates},
            "moved": _rounded(reading.moved),
        }

    def _values(self, reading: LayerReading, units: slice | int) -> dict[str, Any]:
        values: dict[str, Any] = {"gates": {name: _rounded(gate[:, units]) for name, gate in reading.gates.items()}}
        values["hidden"] = _rounded(reading.hidden[:, units])
        if self.cell == "lstm":
            values["cell"] = _rounded(reading.memory[:, units])
        return values


def _rounded(values: Array) -> Any:
    """A number, or lists of them, that JSON can hold."""
    return np.round(np.asarray(values, np.float64), _DIGITS).tolist()


def _guesses(predictions: Sequence[Prediction]) -> list[dict[str, Any]]:
    return [{"word": guess.word, "probability": round(guess.probability, _DIGITS)} for guess in predictions]


def explain(
    engine: Engine,
    text: str,
    config: ExplainConfig | None = None,
    state: LSTMState | None = None,
    position: SentencePosition | None = None,
) -> Explanation:
    """Read a text and tell what happened.

    White space at its end does not count. Of a long text the first words are read, as many as `config` says, and none
    after its first 131,072 characters.

    Args:
        engine: The model.
        text: One word or more.
        config: How many words and guesses.
        state: What was read before; None: nothing, as in a fresh session.
        position: Where in a sentence that stands.

    Raises:
        CorpusError: There is no word in the text.
    """
    config = config or ExplainConfig()
    state = state or engine.initial_state
    tokens, cut = _first_tokens(engine.tokenizer, text, config.words)
    ids = [token.token_id for token in tokens]
    traces = engine.network.trace(ids, state)
    hidden = np.concatenate([state.hidden[-1][None], traces[-1].hidden])  # (T + 1, H) before each word, and at the end
    surprisals, guesses = _expected(engine, hidden, tokens, config.k, position or SentencePosition())
    words = [
        ExplainedWord(token.word, token.token_id != UNKNOWN_ID, surprisal, guessed)
        for token, surprisal, guessed in zip(tokens, surprisals, guesses[:-1], strict=True)
    ]
    layers = [
        _reading(trace, *((trace.cell, c) if engine.network.kind == "lstm" else (trace.hidden, h)))
        for trace, h, c in zip(traces, state.hidden, state.cell, strict=True)
    ]
    return Explanation(engine.network.kind, len(engine.tokenizer), words, layers, guesses[-1], cut)


def _first_tokens(tokenizer: WordTokenizer, text: str, most: int) -> tuple[list[Token], bool]:
    """The first words of a text, `most` at most, and whether there are more."""
    document = without_surrogates(text[:_MAX_CHARACTERS]).rstrip(SPACES)
    tokens = list(islice(tokenizer.written(document), most + 2))
    if len(tokens) == most + 2:
        return tokens[:most], True
    tokens = tokens[:-1]  # the last one is the end of the paragraph, which the text does not have
    cut = bool(text[_MAX_CHARACTERS:].strip(SPACES))
    if not tokens:
        raise CorpusError("there is no word in the text", "Give it one: nextword explain 'The weather is fine'")
    return tokens[:-1] if cut and len(tokens) > 1 else tokens, cut  # of what is cut, the last may be half a word


def _expected(
    engine: Engine, shown: Array, tokens: Sequence[Token], k: int, position: SentencePosition
) -> tuple[list[float], list[list[Prediction]]]:
    """Surprisal in bits of each of T words, and the `k` likeliest before each and after the last.

    Args:
        engine: The model.
        shown: (T + 1, H) what the last layer shows before each word, and after the last.
        tokens: The T words.
        k: How many guesses.
        position: Where in a sentence the first word stands.
    """
    tokenizer = engine.tokenizer
    surprisals: list[float] = []
    guesses: list[list[Prediction]] = []
    for begin in range(0, len(shown), _BLOCK):
        scores = engine.network.logits(shown[begin : begin + _BLOCK])
        log_probabilities = log_softmax(scores)
        for row, distribution in enumerate(softmax(scores)):
            guesses.append(Outlook(engine, distribution, position).top(k, punctuation=True))
            if len(surprisals) < len(tokens):
                token = tokens[len(surprisals)]
                surprisals.append(-float(log_probabilities[row, token.token_id]) / math.log(2))
                known = token.token_id != UNKNOWN_ID
                word = tokenizer.words[token.token_id] if known else tokenizer.normalize(token.word)
                position = position.after(word, tokenizer.abbreviations)
    return surprisals, guesses


def _reading(trace: Trace, memory: Array, before: Array) -> LayerReading:
    """What a trace says, the memory being (T, H), and (H,) before the first word."""
    return LayerReading(trace.gates, trace.hidden, memory, np.diff(memory, axis=0, prepend=before[None]))

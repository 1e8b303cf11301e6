"""The likeliest phrases of a few words, by beam search: token by token, all beginnings with one matrix product."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nextword.inference.engine import Engine
from nextword.inference.lstm import MAX_HELD_SCORES, Array, LSTMState, at_temperature
from nextword.text.sentences import SentencePosition
from nextword.text.tokenizer import END_ID, UNKNOWN_ID

_MIN_WIDTH = 32  # beginnings followed at a time


class Phrase(NamedTuple):
    """A phrase, or the beginning of one."""

    ids: tuple[int, ...]
    words: int
    position: SentencePosition
    log_probability: float


class BeamSearch:
    """Follows the 32 likeliest beginnings of phrases, or 2k if that is more and memory allows.

    A phrase ends with its last word, with its sentence, or with the paragraph; `<unk>` is in none, and after a mark
    comes a word.

    Args:
        engine: The model.
        words: How many words a phrase may have.
        k: How many phrases are wanted.
        temperature: Of the distributions of all tokens but the first; see `at_temperature`.
    """

    def __init__(self, engine: Engine, words: int, k: int, temperature: float) -> None:
        self._engine, self._words, self._k, self._temperature = engine, words, k, temperature
        self._width = min(max(_MIN_WIDTH, 2 * k), max(_MIN_WIDTH, MAX_HELD_SCORES // len(engine.tokenizer)))
        self._finished: list[Phrase] = []
        self._open: list[Phrase] = []
        self._parents: list[int] = []  # place among those extended last, for each of `_open`

    def run(self, first: Array, state: LSTMState, position: SentencePosition) -> list[Phrase]:
        """The phrases found, the likeliest first; to be called once.

        Args:
            first: (V,) probabilities of the first token, 0 where it may not be.
            state: (H,) what was read.
            position: Where in a sentence that ends.
        """
        self._extend([Phrase((), 0, position, 0.0)], first[None])
        states = state.rows(None)
        while self._open and not self._is_settled():
            states = self._engine.network.step([phrase.ids[-1] for phrase in self._open], states.rows(self._parents))
            self._extend(self._open, self._distributions(states))
        return sorted(self._finished, key=lambda phrase: -phrase.log_probability)[: self._k]

    def _is_settled(self) -> bool:
        """Whether no beginning can still become one of the `k` best: probabilities only fall."""
        if len(self._finished) < self._k:
            return False
        kth = sorted((phrase.log_probability for phrase in self._finished), reverse=True)[self._k - 1]
        return kth >= max(beginning.log_probability for beginning in self._open)

    def _distributions(self, states: LSTMState) -> Array:
        """(B, V) probabilities of what may come after each of `_open`."""
        distributions = at_temperature(self._engine.distribution(states), self._temperature)
        distributions[:, UNKNOWN_ID] = 0
        tokenizer = self._engine.tokenizer
        for row, beginning in enumerate(self._open):
            if not tokenizer.is_word(tokenizer.words[beginning.ids[-1]]):
                distributions[row, self._engine.index.marks] = 0
        return distributions

    def _extend(self, beginnings: list[Phrase], distributions: Array) -> None:
        """Take the likeliest ways to go on with `beginnings`, (B, V) probabilities, as `_open` and `_finished`."""
        with np.errstate(divide="ignore"):
            totals = np.log(distributions) + np.asarray([[b.log_probability] for b in beginnings], np.float32)
        flat = totals.ravel()
        best = np.argpartition(-flat, min(self._width, flat.size) - 1)[: self._width]
        tokenizer = self._engine.tokenizer
        self._open, self._parents = [], []
        for place in sorted(best[flat[best] > -np.inf].tolist(), key=lambda place: (-flat[place], place)):
            parent, token_id = divmod(place, distributions.shape[1])
            before, token = beginnings[parent], tokenizer.words[token_id]
            extended = Phrase(
                (*before.ids, token_id),
                before.words + tokenizer.is_word(token),
                before.position.after(token, tokenizer.abbreviations),
                float(flat[place]),
            )
            if token_id == END_ID or extended.position.closed or extended.words == self._words:
                self._finished.append(extended)
            else:
                self._open.append(extended)
                self._parents.append(parent)

"""How likely the words are that letters may have been typed for: those of the vocabulary, new ones and rare ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.inference.alphabet import Matches
from nextword.inference.engine import Engine
from nextword.inference.lexicon import Lexicon
from nextword.inference.lstm import Array
from nextword.inference.word_index import rare_share
from nextword.text.tokenizer import UNKNOWN_ID

_MAX_CHUNK_SIZE = 64  # values of which `near_largest` takes the maximum


class Ranked(NamedTuple):
    """A word to suggest, or a part of what one weighs."""

    score: float  # its probability times that of the letters typed, where it is meant
    number: int
    form: str  # as people write it
    probability: float


@dataclass(frozen=True)
class Ranking:
    """The best of the words that may come, unordered, and some that are not.

    Attributes:
        engine: The model.
        distribution: (V + U,) probabilities of the vocabulary and of new words.
        new_words: Outside the vocabulary; those of probability 0, or without one, may not come.
        at_start: Whether a sentence starts.
        k: How many words are asked for.
        prefix: The letters typed, as they are.
    """

    engine: Engine
    distribution: Array
    new_words: Lexicon
    at_start: bool
    k: int
    prefix: str = ""

    @property
    def letters(self) -> str:
        """The letters typed, normalized."""
        return self.engine.tokenizer.normalize(self.prefix)

    def as_typed(self, punctuation: bool = False) -> list[Ranked]:
        """Words that begin with the letters typed: of the vocabulary, new ones and, if there are letters, rare ones."""
        index, letters = self.engine.index, self.letters
        ranked = self._known(index.candidates(self.prefix, punctuation))
        if not self.new_words and not letters:
            return ranked
        rare = index.rare_starting_with(letters) if letters else []
        return ranked + self._others(Matches.of(self.new_words.starting_with(letters)), Matches.of(rare))

    def forgiven(self, rare: bool = True, whole: bool = False) -> list[Ranked]:
        """Words that may be meant by the letters typed, and do not begin with them.

        Args:
            rare: Whether rare ones are looked for, too.
            whole: Whether the letters are a whole word.
        """
        index, letters = self.engine.index, self.letters
        found = index.rare_forgiven(letters, whole) if rare else Matches.of([])
        return self._known(*index.forgiven(letters, whole)) + self._others(
            self.new_words.forgiven(letters, whole), found
        )

    def typed(self) -> list[Ranked]:
        """The letters typed as a whole word outside the vocabulary."""
        index, letters = self.engine.index, self.letters
        number = self.new_words.number(letters)
        rare = [place for place in index.rare_starting_with(letters) if index.rare(place).word == letters]
        return self._others(Matches.of([] if number is None else [number]), Matches.of(rare))

    def _known(self, candidates: NDArray[np.intp], likelihoods: Array | None = None) -> list[Ranked]:
        """The likeliest of some words of the vocabulary: `k`, with letters typed one more, or a few more.

        Args:
            candidates: (n,) ids.
            likelihoods: (n,) probability that the letters are typed for each of them; None: 1.
        """
        tokenizer = self.engine.tokenizer
        probabilities = self.distribution[candidates]
        scores = probabilities if likelihoods is None else probabilities * likelihoods
        places = near_largest(scores, self.k + bool(self.prefix))
        if self.prefix[:1].isupper() and not tokenizer.cased and len(places) < len(candidates):
            twins = self.engine.index.capital_twins(self.letters)
            places = np.union1d(places, np.flatnonzero(np.isin(candidates, twins))) if len(twins) else places
        found = (array[places].tolist() for array in (scores, candidates, probabilities))
        return [
            Ranked(score, token_id, tokenizer.surface(token_id, self.at_start), probability)
            for score, token_id, probability in zip(*found, strict=True)
        ]

    def _others(self, new: Matches, rare: Matches) -> list[Ranked]:
        """The likeliest words outside the vocabulary; one that is new and rare is as likely as both together.

        Args:
            new: By their numbers in `new_words`.
            rare: By their places.
        """
        tokenizer, index = self.engine.tokenizer, self.engine.index
        size, count = len(tokenizer), self.k + 1
        numbers, likelihoods = (
            array[size + new.ids < len(self.distribution)] for array in new
        )  # others were met since
        probabilities = self.distribution[size + numbers]
        scores = probabilities * likelihoods
        near = near_largest(scores, limit := count + min(count, len(rare.ids)))
        near = near[np.lexsort((numbers[near], -scores[near]))[:limit]]  # many are as likely: those read once
        found: dict[str, Ranked] = {}
        best = (array[near].tolist() for array in (numbers, scores, probabilities))
        for number, score, probability in zip(*best, strict=True):
            if probability > 0:
                word, form = self.new_words[number]
                found[word] = Ranked(score, size + number, form, probability)
        if len(rare.ids):
            each = float(self.distribution[UNKNOWN_ID]) * rare_share(index.rare_count)
            places = np.lexsort((rare.ids, -rare.likelihoods))[: count + len(found)]
            for place, likelihood in zip(*(array[places].tolist() for array in rare), strict=True):
                word, form = index.rare(place)
                before = found.get(word, Ranked(0, size + len(self.new_words) + place, form, 0))
                score, probability = before.score + each * likelihood, before.probability + each
                found[word] = Ranked(score, before.number, form, probability)
        return [one._replace(form=tokenizer.placed(one.form, self.at_start)) for one in found.values()]


def near_largest(values: Array, k: int) -> NDArray[np.intp]:
    """Places of the `k` largest of `values`, of what equals the least of them, and perhaps of a few more.

    The k-th largest of the maxima of short chunks is no more than the k-th largest of all, and found much sooner.
    """
    size = min(len(values) // (2 * k), _MAX_CHUNK_SIZE)
    if not size:
        return np.arange(len(values), dtype=np.intp)
    maxima = values[: len(values) // size * size].reshape(-1, size).max(axis=1)
    return np.flatnonzero(values >= np.partition(maxima, len(maxima) - k)[len(maxima) - k])

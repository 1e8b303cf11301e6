"""What comes next: the probabilities of all words at one place of a text, and the words or phrases to suggest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nextword.errors import UsageError
from nextword.inference.beam_search import BeamSearch
from nextword.inference.engine import Engine
from nextword.inference.lexicon import Lexicon
from nextword.inference.lstm import Array, LSTMState, at_temperature
from nextword.inference.word_index import rare_share
from nextword.text.casing import capitalized_like
from nextword.text.detokenizer import Detokenizer
from nextword.text.sentences import SentencePosition
from nextword.text.tokenizer import END_ID, UNKNOWN_ID

_MAX_CHUNK_SIZE = 64  # values of which `near_largest` takes the maximum

_Ranked = tuple[float, int, str]  # minus its probability, its number, and the word as people write it: sorts as it is


@dataclass(frozen=True)
class Prediction:
    """A word that may come next.

    Attributes:
        word: As people write it: usual casing, capitalized where a sentence starts.
        probability: From 0 to 1, of the model's full distribution over its vocabulary.
    """

    word: str
    probability: float

    @property
    def log2(self) -> float:
        """Base-two logarithm of the probability: minus the word's surprisal in bits."""
        return math.log2(self.probability) if self.probability > 0 else -math.inf


@dataclass(frozen=True)
class Outlook:
    """What is expected next at one place of a text.

    Attributes:
        engine: The model that expects it.
        distribution: (V + U,) probabilities of the vocabulary and of `new_words`.
        position: Where in a sentence the next word stands.
        new_words: Words outside the vocabulary that may come, too; those of probability 0, or without one, may not.
        state: (H,) after what was read; `phrases` go on from it, `top` does without.
    """

    engine: Engine
    distribution: Array
    position: SentencePosition
    new_words: Lexicon = field(default_factory=Lexicon)
    state: LSTMState | None = None

    def top(
        self,
        k: int = 5,
        punctuation: bool = False,
        prefix: str = "",
        temperature: float = 1.0,
        exact: bool = False,
    ) -> list[Prediction]:
        """The `k` most likely words, the likeliest first; equals in order of their ids.

        The unknown word and `<eos>` are never among them. The words that were too rare for the vocabulary
        (`rare_share`) are suggested where letters of them are typed. A word that is typed in full comes after
        all others that begin so. Words that look the same are one, as likely as both together.

        Args:
            k: How many; fewer come back only where there are fewer.
            punctuation: Whether punctuation marks count as words.
            prefix: The letters typed of the word. Words that begin with them are suggested, and written as they are:
                with a capital or in capitals only. Without regard to case unless the model is cased. Where these are
                too few, those follow that would begin so without some of their apostrophes and accents.
            temperature: Of the distribution; see `at_temperature`.
            exact: Whether those are left out.

        Raises:
            UsageError: `k` is less than 1.
        """
        check_count(k)
        distribution = at_temperature(self.distribution, temperature)
        index, letters = self.engine.index, self.engine.tokenizer.normalize(prefix)
        ranked = self._rank_known(distribution, index.candidates(prefix, punctuation), k, prefix)
        if self.new_words or prefix:
            rare = index.rare_starting_with(letters) if prefix else []
            ranked += self._rank_others(distribution, k, rare, self.new_words.starting_with(letters))
        # Only with a prefix can a word be typed in full; whoever has done that wants to see the others.
        found = sorted(self._merged(ranked, prefix), key=lambda prediction: prediction.word == prefix)
        if prefix and not exact and len(found) < k:
            ranked = self._rank_known(distribution, index.spelled_like(letters), k, prefix)
            rare = index.rare_spelled_like(letters)
            ranked += self._rank_others(distribution, k, rare, self.new_words.spelled_like(letters))
            begin_as_typed = {prediction.word for prediction in found}
            found += [one for one in self._merged(ranked, prefix) if one.word not in begin_as_typed]
        return found[:k]

    def _merged(self, ranked: Sequence[_Ranked], prefix: str) -> list[Prediction]:
        """Words as they are shown, the likeliest first; those shown as one are one, as likely as both together."""
        words: dict[str, tuple[float, int]] = {}
        for negative, number, form in ranked:
            word = self._as_typed(form, prefix)
            before, first = words.get(word, (0.0, number))
            words[word] = before + negative, min(first, number)
        order = sorted((negative, number, word) for word, (negative, number) in words.items())
        return [Prediction(word, -negative) for negative, _, word in order]

    def _rank_known(self, distribution: Array, candidates: NDArray[np.intp], k: int, prefix: str) -> list[_Ranked]:
        """The likeliest of some words of the vocabulary: `k`, with a prefix one more, or a few more."""
        tokenizer, at_start = self.engine.tokenizer, self.position.at_start
        probabilities = distribution[candidates]
        ids = candidates[near_largest(probabilities, k + bool(prefix))]
        if prefix[:1].isupper() and not tokenizer.cased and len(ids) < len(candidates):
            twins = self.engine.index.capital_twins(tokenizer.normalize(prefix))
            ids = np.union1d(ids, np.intersect1d(twins, candidates)) if len(twins) else ids
        return [
            (-probability, token_id, tokenizer.surface(token_id, at_start))
            for token_id, probability in zip(ids.tolist(), distribution[ids].tolist(), strict=True)
        ]

    def _rank_others(self, distribution: Array, k: int, rare: Sequence[int], new: Sequence[int]) -> list[_Ranked]:
        """The likeliest of some words outside the vocabulary.

        A word that is both new and rare is as likely as both together.

        Args:
            distribution: (V + U,) probabilities.
            k: How many words are asked for.
            rare: Places of rare words, the most frequent first.
            new: Numbers of new words.
        """
        tokenizer, index, at_start = self.engine.tokenizer, self.engine.index, self.position.at_start
        size = len(tokenizer)
        places = size + np.sort(np.asarray(new, np.intp))
        places = places[places < len(distribution)]  # others were met since
        probabilities = distribution[places]
        near = near_largest(probabilities, k + 1 + len(rare[: k + 1]))
        found = {
            self.new_words[place - size].word: (-probability, place, self.new_words[place - size].form)
            for place, probability in zip(places[near].tolist(), probabilities[near].tolist(), strict=True)
            if probability > 0
        }
        if rare:
            each = float(distribution[UNKNOWN_ID]) * rare_share(index.rare_count)
            for place in rare[: k + 1 + len(found)]:
                word, form = index.rare(place)
                negative, number, form = found.get(word, (0.0, size + len(self.new_words) + place, form))
                found[word] = negative - each, number, form
        return [(negative, number, tokenizer.placed(form, at_start)) for negative, number, form in found.values()]

    def phrases(
        self, words: int, k: int = 5, punctuation: bool = False, prefix: str = "", temperature: float = 1.0
    ) -> list[Prediction]:
        """The `k` most likely phrases to come next with their joint probabilities, the likeliest first.

        A phrase has `words` words, or fewer where its sentence ends: with a full stop or another mark, which it then
        shows, or with the paragraph; that the sentence ends there is part of its probability. Between words there may
        be a mark, which does not count as a word. No word is outside the vocabulary. The other arguments are those of
        `top`: `punctuation` and `prefix` are for the first word, `temperature` is for all.

        Raises:
            ValueError: The outlook has no state to go on from.
        """
        index = self.engine.index
        found = self._search(index.candidates(prefix, punctuation), words, k, prefix, temperature)
        if prefix and len(found) < k:
            spelled_like = index.spelled_like(self.engine.tokenizer.normalize(prefix))
            if len(spelled_like):
                found += self._search(spelled_like, words, k - len(found), prefix, temperature)
        return found

    def _search(
        self, candidates: NDArray[np.intp], words: int, k: int, prefix: str, temperature: float
    ) -> list[Prediction]:
        """The `k` most likely phrases that begin with one of `candidates`; see `phrases`."""
        if self.state is None:
            raise ValueError("phrases need the state after what was read")
        first = np.zeros(len(self.engine.tokenizer), np.float32)
        first[candidates] = at_temperature(self.distribution, temperature)[candidates]
        search = BeamSearch(self.engine, words, k, temperature)
        totals: dict[str, float] = {}
        for phrase in search.run(first, self.state, self.position):
            written = self._written(phrase.ids, prefix)
            totals[written] = totals.get(written, 0.0) + math.exp(phrase.log_probability)
        return [Prediction(*one) for one in sorted(totals.items(), key=lambda item: -item[1])]

    def _written(self, ids: Sequence[int], prefix: str) -> str:
        """A phrase as people write it, its first word with the capitals that the letters typed have."""
        writer = Detokenizer(self.engine.tokenizer, self.position)
        first, *others = (writer.add(token_id) for token_id in ids if token_id != END_ID)
        return self._as_typed(first, prefix) + "".join(others)

    def _as_typed(self, form: str, prefix: str) -> str:
        """`form` with the capitals of the letters typed, where the model leaves case to the user."""
        return form if self.engine.tokenizer.cased else capitalized_like(prefix, form)


def near_largest(values: Array, k: int) -> NDArray[np.intp]:
    """Places of the `k` largest of `values`, of what equals the least of them, and perhaps of a few more.

    The k-th largest of the maxima of short chunks is no more than the k-th largest of all, and found much sooner.
    """
    size = min(len(values) // (2 * k), _MAX_CHUNK_SIZE)
    if not size:
        return np.arange(len(values), dtype=np.intp)
    maxima = values[: len(values) // size * size].reshape(-1, size).max(axis=1)
    return np.flatnonzero(values >= np.partition(maxima, len(maxima) - k)[len(maxima) - k])


def check_count(k: int) -> None:
    """Raise `UsageError` if `k` words cannot be suggested."""
    if k < 1:
        raise UsageError(f"the number of suggestions is {k}; it must be 1 or more", "Try -k 5")

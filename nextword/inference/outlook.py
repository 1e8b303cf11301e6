"""What comes next: the probabilities of all words at one place of a text, and the words or phrases to suggest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.errors import UsageError
from nextword.inference.beam_search import BeamSearch
from nextword.inference.engine import Engine
from nextword.inference.lstm import Array, LSTMState, at_temperature
from nextword.inference.word_index import ForgivingIndex, NewWord, PrefixIndex, beginnings, rare_share
from nextword.text.casing import capitalized_like
from nextword.text.detokenizer import Detokenizer
from nextword.text.sentences import SentencePosition
from nextword.text.tokenizer import END_ID, UNKNOWN_ID

_MAX_CHUNK_SIZE = 64  # values of which `near_largest` takes the maximum


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


class _Ranked(NamedTuple):
    """A word to suggest, or a part of what one weighs."""

    score: float  # its probability times that of the letters typed, where it is meant
    number: int
    form: str  # as people write it
    probability: float


@dataclass(frozen=True)
class Outlook:
    """What is expected next at one place of a text.

    Attributes:
        engine: The model that expects it.
        distribution: (V + U,) probabilities of the vocabulary and of `new_words`.
        position: Where in a sentence the next word stands.
        new_words: Words outside the vocabulary that may come, too; those of probability 0 may not.
        state: (H,) after what was read; `phrases` go on from it, `top` does without.
    """

    engine: Engine
    distribution: Array
    position: SentencePosition
    new_words: Sequence[NewWord] = ()
    state: LSTMState | None = None

    def top(
        self,
        k: int = 5,
        punctuation: bool = False,
        prefix: str = "",
        temperature: float = 1.0,
        forgive: bool = True,
    ) -> list[Prediction]:
        """The `k` most likely words, the likeliest first; equals in order of their ids.

        The unknown word and `<eos>` are never among them. The words that were too rare for the vocabulary
        (`rare_share`) are suggested where letters of them are typed. A word that is typed in full comes after
        all others. Words that look the same are one, as likely as both together.

        Letters typed are evidence: words that begin with them, and with `forgive` those for which they may have been
        typed with a slip or without an apostrophe or accent, in the order of their probability times that of the
        letters (`slips`). So those that begin with the very letters come first, unless they are far less likely.

        Args:
            k: How many; fewer come back only where there are fewer.
            punctuation: Whether punctuation marks count as words.
            prefix: The letters typed of the word. What is suggested is written as they are: with a capital or in
                capitals only. Without regard to case unless the model is cased.
            temperature: Of the distribution; see `at_temperature`.
            forgive: Whether words are suggested that do not begin with the very letters.

        Raises:
            UsageError: `k` is less than 1.
        """
        check_count(k)
        distribution = at_temperature(self.distribution, temperature)
        index, letters = self.engine.index, self.engine.tokenizer.normalize(prefix)
        ranked = self._rank_known(distribution, index.candidates(prefix, punctuation), k, prefix)
        if self.new_words or prefix:
            starts = beginnings(letters)
            new = [(number, 1.0) for number, new in enumerate(self.new_words) if new.word.startswith(starts)]
            rare = index.rare_starting_with(letters)[: k + 1 + len(new)] if prefix else []
            ranked += self._rank_others(distribution, new, [(place, 1.0) for place in rare])
        if prefix and forgive:
            ranked += self._rank_forgiven(distribution, letters, k, prefix)
        # Only with a prefix can a word be typed in full; whoever has done that wants to see the others.
        return sorted(self._merged(ranked, prefix), key=lambda prediction: prediction.word == prefix)[:k]

    def _merged(self, ranked: Sequence[_Ranked], prefix: str) -> list[Prediction]:
        """Words as they are shown, the likeliest first; those shown as one are one, as likely as both together."""
        words: dict[str, _Ranked] = {}
        for one in ranked:
            word = self._as_typed(one.form, prefix)
            before = words.get(word, _Ranked(0, one.number, word, 0))
            number = min(before.number, one.number)
            words[word] = _Ranked(before.score + one.score, number, word, before.probability + one.probability)
        order = sorted(words.values(), key=lambda one: (-one.score, one.score < one.probability, one.number, one.form))
        return [Prediction(one.form, one.probability) for one in order]

    def correction(self, word: str) -> str | None:
        """What was probably meant by a word that no one writes; None where nothing is, or where it is written.

        A word too rare for the vocabulary counts as written where it is more likely than the other with slips.
        """
        tokenizer, index = self.engine.tokenizer, self.engine.index
        letters = tokenizer.normalize(word)
        if tokenizer.token_id(letters) is not None or not tokenizer.is_learnable(letters):
            return None
        new = [number for number, one in enumerate(self.new_words) if one.word == letters]
        rare = [place for place in index.rare_starting_with(letters) if index.rare[place].word == letters]
        typed = self._rank_others(self.distribution, [(n, 1.0) for n in new], [(place, 1.0) for place in rare])
        ranked = self._rank_forgiven(self.distribution, letters, 1, word, whole=True)
        best = max(ranked, key=lambda one: (one.score, -one.number), default=None)
        if best is None or best.score <= sum(one.score for one in typed):
            return None
        return self._as_typed(best.form, word)

    def _rank_forgiven(
        self, distribution: Array, letters: str, k: int, prefix: str, whole: bool = False
    ) -> list[_Ranked]:
        """The best of the words that may be meant by the letters typed, and do not begin with them."""
        index = self.engine.index
        ids, likelihoods = index.forgiven(letters, whole)
        new_ids, new_likelihoods = self._forgiving.forgiven(letters, whole)
        new = list(zip(new_ids.tolist(), new_likelihoods.tolist(), strict=True))
        places, weights = index.rare_forgiven(letters, whole)
        best = np.lexsort((places, -weights))[: k + 1 + len(new)]
        rare = zip(places[best].tolist(), weights[best].tolist(), strict=True)
        ranked = self._rank_known(distribution, ids, k, prefix, likelihoods)
        return ranked + self._rank_others(distribution, new, list(rare))

    @cached_property
    def _forgiving(self) -> ForgivingIndex:
        """The new words, by their places."""
        words = [new.word for new in self.new_words]
        size = len(self.engine.tokenizer)
        return ForgivingIndex(words, PrefixIndex(words, np.flatnonzero(self.distribution[size:]).tolist()))

    def _rank_known(
        self, distribution: Array, candidates: NDArray[np.intp], k: int, prefix: str, likelihoods: Array | None = None
    ) -> list[_Ranked]:
        """The likeliest of some words of the vocabulary: `k`, with a prefix one more, or a few more.

        Args:
            distribution: (V + U,) probabilities.
            candidates: (n,) ids.
            k: How many words are asked for.
            prefix: The letters typed.
            likelihoods: (n,) probability that these are typed for each of them; None: 1.
        """
        tokenizer, at_start = self.engine.tokenizer, self.position.at_start
        probabilities = distribution[candidates]
        scores = probabilities if likelihoods is None else probabilities * likelihoods
        places = near_largest(scores, k + bool(prefix))
        if prefix[:1].isupper() and not tokenizer.cased and len(places) < len(candidates):
            twins = self.engine.index.capital_twins(tokenizer.normalize(prefix))
            places = np.union1d(places, np.flatnonzero(np.isin(candidates, twins))) if len(twins) else places
        found = (array[places].tolist() for array in (scores, candidates, probabilities))
        return [
            _Ranked(score, token_id, tokenizer.surface(token_id, at_start), probability)
            for score, token_id, probability in zip(*found, strict=True)
        ]

    def _rank_others(
        self, distribution: Array, new: Sequence[tuple[int, float]], rare: Sequence[tuple[int, float]]
    ) -> list[_Ranked]:
        """Words outside the vocabulary; one that is new and rare is as likely as both together.

        Args:
            distribution: (V + U,) probabilities.
            new: Places in `new_words`, each with the probability that the letters typed are typed for it.
            rare: Places of rare words, likewise.
        """
        tokenizer, index, at_start = self.engine.tokenizer, self.engine.index, self.position.at_start
        size = len(tokenizer)
        found: dict[str, _Ranked] = {}
        for place, likelihood in new:
            if (probability := float(distribution[size + place])) > 0:
                word, form = self.new_words[place]
                found[word] = _Ranked(probability * likelihood, size + place, form, probability)
        each = float(distribution[UNKNOWN_ID]) * rare_share(len(index.rare)) if rare else 0.0
        for place, likelihood in rare:
            word, form = index.rare[place]
            before = found.get(word, _Ranked(0, size + len(self.new_words) + place, form, 0))
            found[word] = before._replace(score=before.score + each * likelihood, probability=before.probability + each)
        return [one._replace(form=tokenizer.placed(one.form, at_start)) for one in found.values()]

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

"""What comes next: the probabilities of all words at one place of a text, and the words or phrases to suggest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nextword.errors import UsageError
from nextword.inference.beam_search import BeamSearch
from nextword.inference.engine import Engine
from nextword.inference.lstm import Array, LSTMState, at_temperature
from nextword.inference.word_index import NewWord, beginnings, rare_share
from nextword.text.casing import capitalized
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
        new_words: Words outside the vocabulary that may come, too; those of probability 0 may not.
        state: (H,) after what was read; `phrases` go on from it, `top` does without.
    """

    engine: Engine
    distribution: Array
    position: SentencePosition
    new_words: Sequence[NewWord] = ()
    state: LSTMState | None = None

    def top(
        self, k: int = 5, punctuation: bool = False, prefix: str = "", temperature: float = 1.0
    ) -> list[Prediction]:
        """The `k` most likely words, the likeliest first; equals in order of their ids.

        The unknown word and `<eos>` are never among them. The words that were too rare for the vocabulary
        (`rare_share`) are suggested where letters of them are typed. A word that is typed in full comes after
        all others.

        Args:
            k: How many; fewer come back only where there are fewer.
            punctuation: Whether punctuation marks count as words.
            prefix: The letters typed of the word. Only words that begin with them are suggested, and written as they
                are: with a capital or in capitals only. Without regard to case unless the model is cased.
            temperature: Of the distribution; see `at_temperature`.

        Raises:
            UsageError: `k` is less than 1.
        """
        check_count(k)
        distribution = at_temperature(self.distribution, temperature)
        ranked = self._rank_known(distribution, k, punctuation, prefix)
        if self.new_words or prefix:
            ranked += self._rank_others(distribution, k, prefix)
        found = [Prediction(self._as_typed(form, prefix), -negative) for negative, _, form in sorted(ranked)]
        # Only with a prefix can a word be typed in full; whoever has done that wants to see the others.
        return sorted(found, key=lambda prediction: prediction.word == prefix)[:k]

    def _rank_known(self, distribution: Array, k: int, punctuation: bool, prefix: str) -> list[_Ranked]:
        """The likeliest words of the vocabulary: `k`, one more where one may be typed in full, perhaps a few more."""
        candidates = self.engine.index.candidates(prefix, punctuation)
        probabilities = distribution[candidates]
        kept = near_largest(probabilities, k + bool(prefix))
        surface, at_start = self.engine.tokenizer.surface, self.position.at_start
        return [
            (-probability, token_id, surface(token_id, at_start))
            for token_id, probability in zip(candidates[kept].tolist(), probabilities[kept].tolist(), strict=True)
        ]

    def _rank_others(self, distribution: Array, k: int, prefix: str) -> list[_Ranked]:
        """The words outside the vocabulary: the new ones, and with a prefix the likeliest of the rare ones.

        A word that is both is as likely as both together.
        """
        tokenizer, index = self.engine.tokenizer, self.engine.index
        letters, size = tokenizer.normalize(prefix), len(tokenizer)
        found = {
            new.word: (-float(probability), number, new.form)
            for number, (new, probability) in enumerate(zip(self.new_words, distribution[size:], strict=True), size)
            if probability > 0 and new.word.startswith(beginnings(letters))
        }
        if prefix:
            each = float(distribution[UNKNOWN_ID]) * rare_share(len(index.rare))
            for place in index.rare_starting_with(letters)[: k + 1 + len(found)]:
                rare = index.rare[place]
                negative, number, form = found.get(rare.word, (0.0, size + len(self.new_words) + place, rare.form))
                found[rare.word] = negative - each, number, form
        at_start = self.position.at_start
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
        if self.state is None:
            raise ValueError("phrases need the state after what was read")
        candidates = self.engine.index.candidates(prefix, punctuation)
        first = np.zeros(len(self.engine.tokenizer), np.float32)
        first[candidates] = at_temperature(self.distribution, temperature)[candidates]
        search = BeamSearch(self.engine, words, k, temperature)
        return [
            Prediction(self._written(phrase.ids, prefix), math.exp(phrase.log_probability))
            for phrase in search.run(first, self.state, self.position)
        ]

    def _written(self, ids: Sequence[int], prefix: str) -> str:
        """A phrase as people write it, its first word with the capitals that the letters typed have."""
        writer = Detokenizer(self.engine.tokenizer, self.position)
        first, *others = (writer.add(token_id) for token_id in ids if token_id != END_ID)
        return self._as_typed(first, prefix) + "".join(others)

    def _as_typed(self, form: str, prefix: str) -> str:
        """`form` with the capitals of the letters typed, where the model leaves case to the user."""
        return form if self.engine.tokenizer.cased else capitalized_like(prefix, form)


def capitalized_like(prefix: str, form: str) -> str:
    """`form` with a capital where `prefix` begins with one, in capitals where all of its letters are, if it has two."""
    if not prefix[:1].isupper():
        return form
    return form.upper() if len(prefix) > 1 and prefix.isupper() else capitalized(form)


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

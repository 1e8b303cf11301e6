"""What comes next: probabilities of the next word, and the words to suggest.

`Predictor` joins a checkpoint's words (`tokenizer.py`) and its network (`lstm.py`). It is stateless: every method
takes the LSTM's state and gives it back, and who wants one remembered holds a `Session`. Knows neither torch nor
any screen.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.errors import UsageError
from nextword.inference.lstm import Array, LSTMNetwork, LSTMState, softmax
from nextword.storage.checkpoint import Checkpoint, find_checkpoint, load_checkpoint
from nextword.text.casing import capitalized
from nextword.text.tokenizer import END_ID, UNKNOWN_ID

if TYPE_CHECKING:
    from nextword.config import AdaptConfig
    from nextword.inference.session import Session

RARE_SHARE = 0.5  # of the unknown word's probability, for the words too rare for the vocabulary
_LAST_CHARACTER = "\U0010ffff"
_BLOCK = 64


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


class NewWord(NamedTuple):
    """A word outside the vocabulary that was met in a session."""

    word: str  # normalized
    form: str  # as it was written


def at_temperature(distribution: Array, temperature: float) -> Array:
    """Probabilities p sharpened (temperature below 1) or flattened (above 1): p^(1/temperature), summing to one again.

    Of a model's own distribution that is the softmax of its logits divided by the temperature.

    Args:
        distribution: (..., V); where the temperature is 1 it is returned as it is.
        temperature: Above 0.
    """
    if temperature == 1:
        return distribution
    powers = (distribution / distribution.max(axis=-1, keepdims=True)) ** (1 / temperature)
    heated: Array = powers / powers.sum(axis=-1, keepdims=True)
    return heated


def _near_largest(values: Array, k: int) -> NDArray[np.intp]:
    """Places of the `k` largest of `values`, of what equals the least of them, and perhaps of a few more.

    The k-th largest of the maxima of short blocks is no more than the k-th largest of all, and found much sooner.
    """
    block = len(values) // (2 * k)
    if not block:
        return np.arange(len(values), dtype=np.intp)
    block = min(block, _BLOCK)
    maxima = values[: len(values) // block * block].reshape(-1, block).max(axis=1)
    return np.flatnonzero(values >= np.partition(maxima, len(maxima) - k)[len(maxima) - k])


def check_count(k: int) -> None:
    """Raise `UsageError` if `k` words cannot be suggested."""
    if k < 1:
        raise UsageError(f"the number of suggestions is {k}; it must be 1 or more", "Try -k 5")


class Predictor:
    """Predicts next words with the model in a checkpoint.

    Args:
        checkpoint: A verified checkpoint, as `load_checkpoint` returns it.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self.tokenizer = checkpoint.tokenizer
        self.network = LSTMNetwork(checkpoint.tensors)

    @classmethod
    def load(cls, path: str | Path | None = None) -> Predictor:
        """Load a checkpoint; without a path the one that the command line would take.

        Raises:
            CheckpointError: There is none, or it is damaged.
        """
        return cls(load_checkpoint(find_checkpoint(path)))

    def predict(self, text: str, k: int = 5, punctuation: bool = False) -> list[Prediction]:
        """The `k` most likely words after `text`, the likeliest first.

        Args:
            text: Any text; words outside the vocabulary are read as unknown.
            k: How many; fewer come back only where the vocabulary has fewer.
            punctuation: Whether punctuation marks are in the list, too.

        Raises:
            UsageError: `k` is less than 1.
        """
        session = self.session()
        session.feed(text)
        return session.suggest(k, punctuation)

    def session(self, adapt: AdaptConfig | None = None) -> Session:
        """A fresh `Session`: it carries hidden and cell state from one text to the next.

        Args:
            adapt: How it also learns from what it reads; None: not at all.
        """
        from nextword.inference.session import Session

        return Session(self, adapt)

    @cached_property
    def initial_state(self) -> LSTMState:
        """The state of a fresh session: one `<eos>` read, as if a paragraph had just ended."""
        return self.read([END_ID], self.network.initial_state())

    def read(self, ids: Sequence[int], state: LSTMState) -> LSTMState:
        """The state after reading token `ids` from `state` on, which itself stays as it is."""
        return self.network.read(ids, state)[1] if ids else state

    def distribution(self, state: LSTMState) -> Array:
        """(V,) probability of every token of the vocabulary, by id, to come next; they sum to one.

        (B, V) after the states of texts side by side.
        """
        return softmax(self.network.logits(state.hidden[-1]))

    def top(
        self,
        distribution: Array,
        k: int,
        at_start: bool = False,
        punctuation: bool = False,
        prefix: str = "",
        new_words: Sequence[NewWord] = (),
    ) -> list[Prediction]:
        """The `k` most likely words of a distribution, the likeliest first; equals in order of their ids.

        The unknown word and `<eos>` are never among them. Half of the unknown word's probability is that of the words
        that were too rare for the vocabulary, to equal shares; they are suggested where letters of them are typed. A
        word that is typed in full comes after all others.

        Args:
            distribution: (V + U,) probabilities of the vocabulary and of `new_words`.
            k: How many; fewer come back only where there are fewer.
            at_start: Whether a sentence starts here, and words are capitalized.
            punctuation: Whether punctuation marks count as words.
            prefix: The letters typed of the word. Only words that begin with them are suggested, and written as they
                are: with a capital or in capitals only. Without regard to case unless the model is cased.
            new_words: Words outside the vocabulary that may come, too; those of probability 0 may not.

        Raises:
            UsageError: `k` is less than 1.
        """
        check_count(k)
        candidates = self.candidates(prefix, punctuation)
        probabilities = distribution[candidates]
        kept = _near_largest(probabilities, k + bool(prefix))
        found = [
            (-probability, index, self.tokenizer.surface(index, at_start))
            for index, probability in zip(candidates[kept].tolist(), probabilities[kept].tolist(), strict=True)
        ]
        if new_words or prefix:
            start, size = self.tokenizer.normalize(prefix), len(self.tokenizer)
            rare = self.rare_probability(distribution)
            met = {
                new.word: (-float(probability), index, new.form)
                for index, (new, probability) in enumerate(zip(new_words, distribution[size:], strict=True), size)
                if probability > 0 and new.word.startswith(start)
            }
            for index in self._rare_from(start)[: k + 1 + len(met)] if prefix else []:
                word, form = self._rare[index]
                probability, place, form = met.get(word, (0.0, size + len(new_words) + index, form))
                met[word] = probability - rare, place, form
            found += [(rank, index, self.tokenizer.placed(form, at_start)) for rank, index, form in met.values()]
        shown = [Prediction(self.as_typed(form, prefix), -negative) for negative, _, form in sorted(found)]
        # Only with a prefix can a word be typed in full; whoever has done that wants to see the others.
        return sorted(shown, key=lambda prediction: prediction.word == prefix)[:k]

    def rare_probability(self, distribution: Array) -> float:
        """The probability of each of the words that were too rare for the vocabulary, from (V,) or more of all."""
        return RARE_SHARE * float(distribution[UNKNOWN_ID]) / max(1, len(self.tokenizer.rare))

    @cached_property
    def _rare(self) -> list[NewWord]:
        """The words too rare for the vocabulary, the most frequent first."""
        forms = self.tokenizer.rare  # normalized all at once: a call for each would hold up the first key
        return [NewWord(word, form) for word, form in zip(self._normalized(forms), forms, strict=True)]

    def _normalized(self, forms: list[str]) -> list[str]:
        return self.tokenizer.normalize("\n".join(forms)).split("\n") if forms else []

    def _rare_from(self, start: str) -> list[int]:
        """Places in `_rare` of the words that begin with some letters, in order."""
        words, places = self._rare_alphabet
        return sorted(places[bisect_left(words, start) : bisect_left(words, start + _LAST_CHARACTER)])

    @cached_property
    def _rare_alphabet(self) -> tuple[list[str], list[int]]:
        """The rare words in alphabetical order, and their places in `_rare`."""
        places = sorted(range(len(self._rare)), key=lambda index: self._rare[index].word)
        return [self._rare[index].word for index in places], places

    def as_typed(self, form: str, prefix: str) -> str:
        """`form` with the capitals that the letters typed have, where the model leaves case to the user."""
        if self.tokenizer.cased or not prefix[:1].isupper():
            return form
        return form.upper() if len(prefix) > 1 and prefix.isupper() else capitalized(form)

    def candidates(self, prefix: str, punctuation: bool) -> NDArray[np.intp]:
        """Ids of what may be suggested, `prefix` being the letters typed of it; a mark has none."""
        if not prefix:
            return self._tokens if punctuation else self._words
        words, ids = self._alphabet
        start = self.tokenizer.normalize(prefix)
        return ids[bisect_left(words, start) : bisect_left(words, start + _LAST_CHARACTER)]

    @cached_property
    def _tokens(self) -> NDArray[np.intp]:
        """Ids of everything that may be suggested: all but the two special tokens."""
        return np.arange(END_ID + 1, len(self.tokenizer), dtype=np.intp)

    @cached_property
    def _words(self) -> NDArray[np.intp]:
        """Ids of the words among them, punctuation left out."""
        return np.flatnonzero([self.tokenizer.is_word(token) for token in self.tokenizer.words])

    @cached_property
    def marks(self) -> NDArray[np.intp]:
        """Ids of all that is no word: `<unk>`, `<eos>`, punctuation."""
        return np.setdiff1d(np.arange(len(self.tokenizer), dtype=np.intp), self._words)

    @cached_property
    def _alphabet(self) -> tuple[list[str], NDArray[np.intp]]:
        """The words in alphabetical order, so that those with a common prefix stand side by side; and their ids."""
        words = self.tokenizer.words
        ids = sorted(self._words.tolist(), key=words.__getitem__)
        return [words[index] for index in ids], np.asarray(ids, np.intp)

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

from nextword.checkpoint import Checkpoint, find_checkpoint, load_checkpoint
from nextword.errors import UsageError
from nextword.lstm import Array, LSTMNetwork, LSTMState, softmax
from nextword.tokenizer import END_ID, capitalized

if TYPE_CHECKING:
    from nextword.config import AdaptConfig
    from nextword.session import Session

_LAST_CHARACTER = "\U0010ffff"
_BLOCK = 64


@dataclass(frozen=True)
class Prediction:
    """A word that may come next.

    Attributes:
        word: As people write it: usual casing, capitalised where a sentence starts.
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

    word: str  # normalised
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
        from nextword.session import Session

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

        The unknown word and `<eos>` are never among them.

        Args:
            distribution: (V + U,) probabilities of the vocabulary and of `new_words`.
            k: How many; fewer come back only where there are fewer.
            at_start: Whether a sentence starts here, and words are capitalised.
            punctuation: Whether punctuation marks count as words.
            prefix: The letters typed of the word. Only words that begin with them are suggested, and written as they
                are: with a capital or in capitals only. Without regard to case unless the model is cased.
            new_words: Words outside the vocabulary that may come, too; those of probability 0 may not.

        Raises:
            UsageError: `k` is less than 1.
        """
        check_count(k)
        candidates = self.candidates(prefix, punctuation)
        if new_words:
            start = self.tokenizer.normalize(prefix)
            more = [
                index
                for index, new in enumerate(new_words, len(self.tokenizer))
                if distribution[index] > 0 and new.word.startswith(start)
            ]
            candidates = np.concatenate([candidates, np.asarray(more, np.intp)])
        probabilities = distribution[candidates]
        kept = _near_largest(probabilities, k)
        candidates, probabilities = candidates[kept], probabilities[kept]
        order = np.lexsort((candidates, -probabilities))[:k]
        forms = (self._form(int(candidates[best]), at_start, new_words) for best in order)
        return [
            Prediction(self.as_typed(form, prefix), probability)
            for form, probability in zip(forms, probabilities[order].tolist(), strict=True)
        ]

    def _form(self, token_id: int, at_start: bool, new_words: Sequence[NewWord]) -> str:
        """How a word is written here, the new ones counted on from the vocabulary's last."""
        new = token_id - len(self.tokenizer)
        return (
            self.tokenizer.surface(token_id, at_start)
            if new < 0
            else self.tokenizer.placed(new_words[new].form, at_start)
        )

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

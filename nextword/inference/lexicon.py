"""The words outside the vocabulary that a session has met, and which of them letters may have been typed for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from nextword.inference.alphabet import ForgivingIndex, Matches
from nextword.inference.word_index import NewWord


class Lexicon:
    """New words in the order in which they were met, which gives each its number; it only grows.

    Args:
        words: Those known from the start, each once.
    """

    def __init__(self, words: Iterable[NewWord] = ()) -> None:
        self._words: list[str] = []
        self._forms: list[str] = []
        self._numbers: dict[str, int] = {}
        self._alphabet = ForgivingIndex(self._words)
        for word in words:
            self.add(word)

    def __len__(self) -> int:
        return len(self._words)

    def __getitem__(self, number: int) -> NewWord:
        return NewWord(self._words[number], self._forms[number])

    def __iter__(self) -> Iterator[NewWord]:
        return map(NewWord, self._words, self._forms)

    def add(self, new: NewWord) -> int:
        """The number of a word, which is a new one where it was not met before; its form stays the first."""
        number = self._numbers.setdefault(new.word, len(self._words))
        if number == len(self._words):
            self._words.append(new.word)
            self._forms.append(new.form)
            self._alphabet.add(number)
        return number

    def number(self, word: str) -> int | None:
        """The number of a normalized word; None where it was never met."""
        return self._numbers.get(word)

    def starting_with(self, letters: str) -> NDArray[np.intp]:
        """Numbers of the words that begin with `letters` (normalized)."""
        return self._alphabet.starting_with(letters)

    def forgiven(self, letters: str, whole: bool = False) -> Matches:
        """Numbers of those that may be meant by them, and do not begin so; see `ForgivingIndex.forgiven`."""
        return self._alphabet.forgiven(letters, whole)

"""The words outside the vocabulary that a session has met, and which of them begin with the letters typed."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator

from nextword.inference.word_index import NewWord, beginnings, is_spelled_like, plain

_LAST = "\U0010ffff"


class Lexicon:
    """New words in the order in which they were met, which gives each its number; it only grows.

    Args:
        words: Those known from the start, each once.
    """

    def __init__(self, words: Iterable[NewWord] = ()) -> None:
        self._words: list[NewWord] = []
        self._numbers: dict[str, int] = {}
        self._alphabet: list[tuple[str, int]] = []
        self._plain: list[tuple[str, int]] = []  # of those with apostrophes or accents, without these
        for word in words:
            self.add(word)

    def __len__(self) -> int:
        return len(self._words)

    def __getitem__(self, number: int) -> NewWord:
        return self._words[number]

    def __iter__(self) -> Iterator[NewWord]:
        return iter(self._words)

    def add(self, new: NewWord) -> int:
        """The number of a word, which is a new one where it was not met before; its form stays the first."""
        number = self._numbers.setdefault(new.word, len(self._words))
        if number == len(self._words):
            self._words.append(new)
            insort(self._alphabet, (new.word, number))
            if "'" in new.word or not new.word.isascii():
                insort(self._plain, (plain(new.word), number))
        return number

    def number(self, word: str) -> int | None:
        """The number of a normalized word; None where it was never met."""
        return self._numbers.get(word)

    def starting_with(self, letters: str) -> list[int]:
        """Numbers of the words that begin with `letters` (normalized)."""
        return [number for one in beginnings(letters) for number in _between(self._alphabet, one)]

    def spelled_like(self, letters: str) -> list[int]:
        """Numbers of the words for which `is_spelled_like` holds."""
        found = (number for one in beginnings(plain(letters)) for number in _between(self._plain, one))
        return [number for number in found if is_spelled_like(self._words[number].word, letters)]


def _between(ordered: list[tuple[str, int]], letters: str) -> Iterator[int]:
    begin, end = bisect_left(ordered, (letters,)), bisect_left(ordered, (letters + _LAST,))
    return (number for _, number in ordered[begin:end])

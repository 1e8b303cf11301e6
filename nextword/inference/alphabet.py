"""Words as they are looked for by their letters: all that begin with these, and what they may have been typed for."""

from __future__ import annotations

import re
import unicodedata
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.inference.slips import FEW_WORDS, LEFT_OUT_MARKS, MIN_LETTERS, MIN_LETTERS_FOR_TWO, meant

_LAST = "\U0010ffff"
_LEFT_OUT = re.compile("['\u0300-\u036f]")  # what people do not type: apostrophes, and accents that stand apart
_PLAIN_LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "\u0131": "i", "ς": "\u03c3"}
)


class Matches(NamedTuple):
    """Words that letters may have been typed for."""

    ids: NDArray[np.intp]
    likelihoods: NDArray[np.float32]  # for each, the probability that who means it types the letters

    @classmethod
    def of(cls, ids: Sequence[int] | NDArray[np.intp], likelihood: float = 1.0) -> Matches:
        """Words for all of which it is the same."""
        return cls(np.asarray(ids, np.intp), np.full(len(ids), likelihood, np.float32))


def beginnings(letters: str) -> tuple[str, ...]:
    """What words that begin with the letters typed may begin with, these being normalized.

    A capital sigma at the end was taken for the one that ends a word, and may be the one inside.
    """
    return (letters, letters[:-1] + "\u03c3") if letters.endswith("ς") else (letters,)


def _apart(word: str) -> str:
    """A normalized word with its accents behind their letters."""
    return word if word.isascii() else unicodedata.normalize("NFD", word.translate(_PLAIN_LETTERS))


def plain(word: str) -> str:
    """A normalized word without apostrophes and accents: `that's` as `thats`, `école` as `ecole`."""
    return word.replace("'", "") if word.isascii() else _LEFT_OUT.sub("", _apart(word))


def is_spelled_like(word: str, letters: str) -> bool:
    """Whether a word begins with `letters` if some of its apostrophes and accents are left out, but not as it is.

    Both are normalized. Where `letters` have an accent or an apostrophe, the word must have it, too.
    """
    if word.startswith(beginnings(letters)):
        return False
    wanted, place = _apart(letters), 0
    for char in _apart(word):
        if place == len(wanted):
            break
        if char == wanted[place]:
            place += 1
        elif not _LEFT_OUT.match(char):
            return False
    return place == len(wanted)


class PrefixIndex:
    """Words in alphabetical order, so that those with a common prefix stand side by side.

    Args:
        words: By id, those that are wanted at least.
        ids: Which of them are wanted, in ascending order.
    """

    def __init__(self, words: Sequence[str] | Mapping[int, str], ids: Iterable[int]) -> None:
        ordered = sorted(ids, key=words.__getitem__)
        self._words = [words[index] for index in ordered]
        self._ids = array("q", ordered)

    @property
    def ids(self) -> NDArray[np.intp]:
        """Those of all words, in alphabetical order of these."""
        return np.asarray(self._ids[:], np.intp)

    def add(self, word: str, index: int) -> None:
        """Put one more word in its place."""
        place = bisect_right(self._words, word)
        self._words.insert(place, word)
        self._ids.insert(place, index)

    def starting_with(self, letters: str) -> NDArray[np.intp]:
        """Ids of the words that begin with `letters` (normalized), in alphabetical order."""
        ranges = map(self._range, beginnings(letters))
        return np.concatenate([np.asarray(self._ids[begin:end], np.intp) for begin, end in ranges])

    def _range(self, beginning: str, whole: bool = False) -> tuple[int, int]:
        """Where the words stand that begin so, or that `whole` are so."""
        begin = bisect_left(self._words, beginning)
        return begin, bisect_left(self._words, beginning + ("\0" if whole else _LAST), begin)

    def _following(self, beginning: str) -> list[str]:
        """The letters that follow a beginning in words."""
        words, length, found = self._words, len(beginning), []
        place, end = self._range(beginning)
        if place < end and words[place] == beginning:
            place += 1
        while place < end:
            found.append(words[place][length])
            place = bisect_left(words, beginning + found[-1] + _LAST, place, end)
        return found

    def meant_by(self, letters: str, max_slips: int = 1, whole: bool = False) -> Matches:
        """The words that begin one slip from `letters`, or `whole` are so, and not as they are (`slips`).

        Where hardly any does, those two slips behind the first letter away, too: that one is seldom wrong, and takes
        most of the time.

        Args:
            letters: Normalized.
            max_slips: 1: those are never looked for.
            whole: Whether the letters are a whole word.
        """
        likelihoods = np.zeros(len(self._words), np.float32)
        self._weigh(likelihoods, meant(letters, self._following), whole)
        if max_slips > 1 and len(letters) >= MIN_LETTERS_FOR_TWO and np.count_nonzero(likelihoods) < FEW_WORDS:
            self._weigh(likelihoods, meant(letters, self._following, slips=2, begin=1), whole)
        for begin, end in map(self._range, beginnings(letters)):
            likelihoods[begin:end] = 0
        places = np.flatnonzero(likelihoods)
        return Matches(self.ids[places], likelihoods[places])

    def _weigh(self, likelihoods: NDArray[np.float32], found: Iterable[tuple[str, float]], whole: bool) -> None:
        for beginning, probability in found:
            begin, end = self._range(beginning, whole)
            if begin < end:
                np.maximum(likelihoods[begin:end], probability, out=likelihoods[begin:end])


class PrefixScan:
    """Words in any order, looked through in one text whenever a prefix is asked for: that needs no sorting before.

    Args:
        words: None of them with a line's end inside.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._text = "\n".join(["", *words]).encode("utf-8", "surrogatepass")
        self._begins = np.flatnonzero(np.frombuffer(self._text, np.uint8) == ord("\n"))

    def starting_with(self, letters: str) -> list[int]:
        """Places of the words that begin with `letters` (normalized), in ascending order."""
        found = []
        for one in set(beginnings(letters)):
            wanted = f"\n{one}".encode("utf-8", "surrogatepass")
            place = self._text.find(wanted)
            while place >= 0:
                found.append(place)
                place = self._text.find(wanted, place + len(wanted))
        places: list[int] = np.searchsorted(self._begins, sorted(found)).tolist()
        return places


def _has_marks(word: str) -> bool:
    return "'" in word or not word.isascii()


class SpellingIndex:
    """Words with apostrophes or accents, as they are looked for by somebody who leaves these out.

    Args:
        words: Normalized, by id.
        ids: Which of them are wanted, in ascending order.
    """

    def __init__(self, words: Sequence[str], ids: Iterable[int]) -> None:
        self._words = words
        plain_words = {index: plain(words[index]) for index in ids if _has_marks(words[index])}
        self._index = PrefixIndex(plain_words, plain_words)

    def add(self, index: int) -> None:
        """Have one more of the words be found."""
        if _has_marks(word := self._words[index]):
            self._index.add(plain(word), index)

    def spelled_like(self, letters: str, whole: bool = False) -> list[int]:
        """Ids of the words for which `is_spelled_like` holds, in ascending order; `whole`: those as long."""
        bare = plain(letters)
        found = np.sort(self._index.starting_with(bare)).tolist()
        words = [(index, self._words[index]) for index in found]
        return [
            index for index, word in words if is_spelled_like(word, letters) and not (whole and plain(word) != bare)
        ]


class ForgivingIndex:
    """Words as they are looked for by somebody who slips, or leaves out apostrophes and accents.

    Args:
        words: Normalized, by id.
        ids: Which of them are wanted, in ascending order.
        max_slips: How many are forgiven where hardly a word is one slip away.
    """

    def __init__(self, words: Sequence[str], ids: Iterable[int] = (), max_slips: int = 1) -> None:
        self._words, self._max_slips, wanted = words, max_slips, [*ids]
        self._alphabet = PrefixIndex(words, wanted)
        self._spellings = SpellingIndex(words, wanted)

    def add(self, index: int) -> None:
        """Have one more of the words be found, or one that has joined them."""
        self._alphabet.add(self._words[index], index)
        self._spellings.add(index)

    def starting_with(self, letters: str) -> NDArray[np.intp]:
        """Ids of the words that begin with `letters` (normalized), in alphabetical order."""
        return self._alphabet.starting_with(letters)

    def spelled_like(self, letters: str) -> list[int]:
        """Ids of the words for which `is_spelled_like` holds, in ascending order."""
        return self._spellings.spelled_like(letters)

    def forgiven(self, letters: str, whole: bool = False) -> Matches:
        """The words that may be meant by `letters` (normalized), or by the `whole` word, and do not begin with them."""
        same = Matches.of(self._spellings.spelled_like(letters, whole), LEFT_OUT_MARKS)
        if len(letters) < MIN_LETTERS:
            return same
        slipped = self._alphabet.meant_by(letters, self._max_slips, whole)
        others = ~np.isin(slipped.ids, same.ids)
        ids = np.concatenate([same.ids, slipped.ids[others]])
        return Matches(ids, np.concatenate([same.likelihoods, slipped.likelihoods[others]]))

"""Which words may be suggested: all of the vocabulary, or those that begin with the letters typed, rare ones too."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.text.tokenizer import END_ID, WordTokenizer

_RARE_SHARE = 0.5  # share of `<unk>`'s probability that is the rare words'
_LAST = "\U0010ffff"
_LEFT_OUT = re.compile("['\u0300-\u036f]")  # what people do not type: apostrophes, and accents that stand apart
_PLAIN_LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "\u0131": "i", "ς": "\u03c3"}
)


def rare_share(count: int) -> float:
    """What each of `count` words too rare for the vocabulary has of `<unk>`'s probability: an equal part of half."""
    return _RARE_SHARE / max(1, count)


class NewWord(NamedTuple):
    """A word outside the vocabulary."""

    word: str  # normalized
    form: str  # as it was written


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
        self._ids = np.asarray(ordered, np.intp)

    def starting_with(self, letters: str) -> NDArray[np.intp]:
        """Ids of the words that begin with `letters` (normalized), in alphabetical order."""
        bounds = [(bisect_left(self._words, one), bisect_left(self._words, one + _LAST)) for one in beginnings(letters)]
        return np.concatenate([self._ids[begin:end] for begin, end in bounds])


class PrefixScan:
    """Words in any order, looked through in one text whenever a prefix is asked for: that needs no sorting before.

    Args:
        words: None of them with a line's end inside.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._text = "".join(f"\n{word}" for word in words).encode("utf-8", "surrogatepass")
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


class SpellingIndex:
    """Words with apostrophes or accents, as they are looked for by somebody who leaves these out.

    Args:
        words: Normalized, by id.
        ids: Which of them are wanted, in ascending order.
    """

    def __init__(self, words: Sequence[str], ids: Iterable[int]) -> None:
        self._words = words
        plain_words = {index: plain(words[index]) for index in ids if "'" in words[index] or not words[index].isascii()}
        self._index = PrefixIndex(plain_words, plain_words)

    def spelled_like(self, letters: str) -> list[int]:
        """Ids of the words for which `is_spelled_like` holds, in ascending order."""
        found = np.sort(self._index.starting_with(plain(letters))).tolist()
        return [index for index in found if is_spelled_like(self._words[index], letters)]


class WordIndex:
    """A tokenizer's words as they are looked for; each list is made when it is first wanted."""

    def __init__(self, tokenizer: WordTokenizer) -> None:
        self._tokenizer = tokenizer

    def prepare(self) -> None:
        """Make all lists now."""
        self.rare_starting_with("a")
        self.spelled_like("a")
        self.rare_spelled_like("a")
        self.capital_twins("a")

    def candidates(self, prefix: str, punctuation: bool) -> NDArray[np.intp]:
        """Ids of what may be suggested, `prefix` being the letters typed of it; a mark has none."""
        if prefix:
            return self._alphabet.starting_with(self._tokenizer.normalize(prefix))
        return self._tokens if punctuation else self._words

    @cached_property
    def _tokens(self) -> NDArray[np.intp]:
        """Ids of everything that may be suggested: all but the two special tokens."""
        return np.arange(END_ID + 1, len(self._tokenizer), dtype=np.intp)

    @cached_property
    def _words(self) -> NDArray[np.intp]:
        """Ids of the words among them, punctuation left out."""
        is_word = self._tokenizer.is_word  # which is asked where what is faster to ask does not say it
        words = self._tokenizer.words
        return np.flatnonzero(
            [(word.isalnum() and index > END_ID) or is_word(word) for index, word in enumerate(words)]
        )

    @cached_property
    def _alphabet(self) -> PrefixIndex:
        return PrefixIndex(self._tokenizer.words, self._words.tolist())

    @cached_property
    def marks(self) -> NDArray[np.intp]:
        """Ids of all that is no word: `<unk>`, `<eos>`, punctuation."""
        return np.setdiff1d(np.arange(len(self._tokenizer), dtype=np.intp), self._words)

    @property
    def rare_count(self) -> int:
        """How many words are too rare for the vocabulary."""
        return len(self._tokenizer.rare)

    def rare(self, place: int) -> NewWord:
        """One of them by its place in their order, the most frequent first."""
        return NewWord(self._rare_words[place], self._tokenizer.rare[place])

    @cached_property
    def _rare_words(self) -> list[str]:
        return self._tokenizer.normalize_all(self._tokenizer.rare)

    @cached_property
    def _rare_scan(self) -> PrefixScan:
        return PrefixScan(self._rare_words)

    def rare_starting_with(self, letters: str) -> list[int]:
        """Places of the rare words that begin with `letters` (normalized), the most frequent first."""
        return self._rare_scan.starting_with(letters)

    @cached_property
    def _spellings(self) -> SpellingIndex:
        return SpellingIndex(self._tokenizer.words, self._words.tolist())

    @cached_property
    def _rare_spellings(self) -> SpellingIndex:
        return SpellingIndex(self._rare_words, range(self.rare_count))

    def spelled_like(self, letters: str) -> NDArray[np.intp]:
        """Ids of the words for which `is_spelled_like` holds."""
        return np.asarray(self._spellings.spelled_like(letters), np.intp)

    def rare_spelled_like(self, letters: str) -> list[int]:
        """Places of the rare words for which it holds, the most frequent first."""
        return self._rare_spellings.spelled_like(letters)

    @cached_property
    def _capital_twins(self) -> PrefixIndex:
        words: dict[str, list[int]] = defaultdict(list)
        for index in self._words.tolist():
            if not (word := self._tokenizer.words[index]).isascii():
                words[word.upper()].append(index)
        for capitals, ids in words.items():  # of words in ASCII, no two are the same in capitals
            if capitals.isascii() and (index := self._tokenizer.token_id(capitals.lower())) is not None:
                ids.append(index)
        return PrefixIndex(
            self._tokenizer.words, sorted(index for ids in words.values() if len(ids) > 1 for index in ids)
        )

    def capital_twins(self, letters: str) -> NDArray[np.intp]:
        """Ids of the words that begin with `letters` (normalized) and in capitals are as another is: groß and gross."""
        return self._capital_twins.starting_with(letters)

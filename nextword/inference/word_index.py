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

from nextword.inference.slips import FEW_WORDS, LEFT_OUT_MARKS, MIN_LETTERS, MIN_LETTERS_FOR_TWO, meant
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


class Forgiven(NamedTuple):
    """Words that letters may have been typed for, though they do not begin with them."""

    ids: NDArray[np.intp]
    likelihoods: NDArray[np.float32]  # for each, the probability that who means it types the letters


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

    Attributes:
        ids: The same, in alphabetical order of the words.
    """

    def __init__(self, words: Sequence[str] | Mapping[int, str], ids: Iterable[int]) -> None:
        ordered = sorted(ids, key=words.__getitem__)
        self._words = [words[index] for index in ordered]
        self.ids = np.asarray(ordered, np.intp)

    def starting_with(self, letters: str) -> NDArray[np.intp]:
        """Ids of the words that begin with `letters` (normalized), in alphabetical order."""
        return np.concatenate([self.ids[begin:end] for begin, end in map(self._range, beginnings(letters))])

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

    def meant_by(self, letters: str, max_slips: int = 1, whole: bool = False) -> Forgiven:
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
        return Forgiven(self.ids[places], likelihoods[places])

    def _weigh(self, likelihoods: NDArray[np.float32], found: Iterable[tuple[str, float]], whole: bool) -> None:
        for beginning, probability in found:
            begin, end = self._range(beginning, whole)
            if begin < end:
                np.maximum(likelihoods[begin:end], probability, out=likelihoods[begin:end])


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
        alphabet: The same.
        max_slips: How many are forgiven where hardly a word is one slip away.
    """

    def __init__(self, words: Sequence[str], alphabet: PrefixIndex, max_slips: int = 1) -> None:
        self._alphabet, self._max_slips = alphabet, max_slips
        self._spellings = SpellingIndex(words, alphabet.ids.tolist())

    def spelled_like(self, letters: str) -> list[int]:
        """Ids of the words for which `is_spelled_like` holds, in ascending order."""
        return self._spellings.spelled_like(letters)

    def forgiven(self, letters: str, whole: bool = False) -> Forgiven:
        """The words that may be meant by `letters` (normalized), or by the `whole` word, and do not begin with them."""
        same = np.asarray(self._spellings.spelled_like(letters, whole), np.intp)
        found = Forgiven(same, np.full(len(same), LEFT_OUT_MARKS, np.float32))
        if len(letters) < MIN_LETTERS:
            return found
        slipped = self._alphabet.meant_by(letters, self._max_slips, whole)
        others = ~np.isin(slipped.ids, same)
        ids = np.concatenate([found.ids, slipped.ids[others]])
        return Forgiven(ids, np.concatenate([found.likelihoods, slipped.likelihoods[others]]))


class WordIndex:
    """A tokenizer's words as they are looked for; each list is made when it is first wanted."""

    def __init__(self, tokenizer: WordTokenizer) -> None:
        self._tokenizer = tokenizer

    def prepare(self) -> None:
        """Make all lists now."""
        self.rare_starting_with("a")
        self.forgiven("a")
        self.rare_forgiven("a")
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
        return np.flatnonzero([self._tokenizer.is_word(token) for token in self._tokenizer.words])

    @cached_property
    def _alphabet(self) -> PrefixIndex:
        return PrefixIndex(self._tokenizer.words, self._words.tolist())

    @cached_property
    def marks(self) -> NDArray[np.intp]:
        """Ids of all that is no word: `<unk>`, `<eos>`, punctuation."""
        return np.setdiff1d(np.arange(len(self._tokenizer), dtype=np.intp), self._words)

    @cached_property
    def rare(self) -> list[NewWord]:
        """The words too rare for the vocabulary, the most frequent first."""
        forms = self._tokenizer.rare
        if not forms:
            return []
        words = self._tokenizer.normalize("\n".join(forms)).split("\n")  # a call for each would hold up the first key
        return [NewWord(word, form) for word, form in zip(words, forms, strict=True)]

    @cached_property
    def _rare_words(self) -> list[str]:
        return [rare.word for rare in self.rare]

    @cached_property
    def _rare_alphabet(self) -> PrefixIndex:
        return PrefixIndex(self._rare_words, range(len(self.rare)))

    def rare_starting_with(self, letters: str) -> list[int]:
        """Places in `rare` of the words that begin with `letters` (normalized), the most frequent first."""
        places: list[int] = np.sort(self._rare_alphabet.starting_with(letters)).tolist()
        return places

    @cached_property
    def _forgiving(self) -> ForgivingIndex:
        return ForgivingIndex(self._tokenizer.words, self._alphabet, max_slips=2)

    @cached_property
    def _rare_forgiving(self) -> ForgivingIndex:
        return ForgivingIndex(self._rare_words, self._rare_alphabet)

    def forgiven(self, letters: str, whole: bool = False) -> Forgiven:
        """The words of the vocabulary that may be meant by `letters`; see `ForgivingIndex.forgiven`."""
        return self._forgiving.forgiven(letters, whole)

    def rare_forgiven(self, letters: str, whole: bool = False) -> Forgiven:
        """Those of `rare`, by their places in it."""
        return self._rare_forgiving.forgiven(letters, whole)

    def spelled_like(self, letters: str) -> NDArray[np.intp]:
        """Ids of the words for which `is_spelled_like` holds."""
        return np.asarray(self._forgiving.spelled_like(letters), np.intp)

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

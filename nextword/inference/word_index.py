"""Which words may be suggested: all of the vocabulary, or those that begin with the letters typed, rare ones too."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.text.tokenizer import END_ID, WordTokenizer

_RARE_SHARE = 0.5  # share of `<unk>`'s probability that is the rare words'
_LAST = "\U0010ffff"


def beginnings(letters: str) -> tuple[str, ...]:
    """What words that begin with the letters typed may begin with, these being normalized.

    A capital sigma at the end was taken for the one that ends a word, and may be the one inside.
    """
    return (letters, letters[:-1] + "\u03c3") if letters.endswith("\u03c2") else (letters,)


def rare_share(count: int) -> float:
    """What each of `count` words too rare for the vocabulary has of `<unk>`'s probability: an equal part of half."""
    return _RARE_SHARE / max(1, count)


class NewWord(NamedTuple):
    """A word outside the vocabulary."""

    word: str  # normalized
    form: str  # as it was written


class PrefixIndex:
    """Words in alphabetical order, so that those with a common prefix stand side by side.

    Args:
        words: All words, by id.
        ids: Which of them are wanted, in ascending order.
    """

    def __init__(self, words: Sequence[str], ids: Iterable[int]) -> None:
        ordered = sorted(ids, key=words.__getitem__)
        self._words = [words[index] for index in ordered]
        self._ids = np.asarray(ordered, np.intp)

    def starting_with(self, letters: str) -> NDArray[np.intp]:
        """Ids of the words that begin with `letters` (normalized), in alphabetical order."""
        bounds = [(bisect_left(self._words, one), bisect_left(self._words, one + _LAST)) for one in beginnings(letters)]
        return np.concatenate([self._ids[begin:end] for begin, end in bounds])


class WordIndex:
    """A tokenizer's words as they are looked for; each list is made when it is first wanted."""

    def __init__(self, tokenizer: WordTokenizer) -> None:
        self._tokenizer = tokenizer

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
    def _rare_alphabet(self) -> PrefixIndex:
        return PrefixIndex([rare.word for rare in self.rare], range(len(self.rare)))

    def rare_starting_with(self, letters: str) -> list[int]:
        """Places in `rare` of the words that begin with `letters` (normalized), the most frequent first."""
        places: list[int] = np.sort(self._rare_alphabet.starting_with(letters)).tolist()
        return places

"""Which words may be suggested: all of the vocabulary, or those that begin with the letters typed, rare ones too."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.inference.alphabet import ForgivingIndex, Matches, PrefixIndex, PrefixScan
from nextword.text.tokenizer import END_ID, WordTokenizer

_RARE_SHARE = 0.5  # share of `<unk>`'s probability that is the rare words'


def rare_share(count: int) -> float:
    """What each of `count` words too rare for the vocabulary has of `<unk>`'s probability: an equal part of half."""
    return _RARE_SHARE / max(1, count)


class NewWord(NamedTuple):
    """A word outside the vocabulary."""

    word: str  # normalized
    form: str  # as it was written


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
        words = self._tokenizer.words
        found = np.fromiter(map(str.isalnum, words), bool, len(words))
        found[: END_ID + 1] = False
        for index in np.flatnonzero(~found).tolist():  # `is_word` is slower to ask
            found[index] = self._tokenizer.is_word(words[index])
        return np.flatnonzero(found)

    @cached_property
    def _alphabet(self) -> ForgivingIndex:
        return ForgivingIndex(self._tokenizer.words, self._words.tolist(), max_slips=2)

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
    def _rare_forgiving(self) -> ForgivingIndex:
        return ForgivingIndex(self._rare_words, range(self.rare_count))

    def forgiven(self, letters: str, whole: bool = False) -> Matches:
        """The words of the vocabulary that may be meant by `letters`; see `ForgivingIndex.forgiven`."""
        return self._alphabet.forgiven(letters, whole)

    def rare_forgiven(self, letters: str, whole: bool = False) -> Matches:
        """Those of the rare words, by their places; the first time, all of these are put in order."""
        return self._rare_forgiving.forgiven(letters, whole)

    def spelled_like(self, letters: str) -> NDArray[np.intp]:
        """Ids of the words for which `is_spelled_like` holds."""
        return np.asarray(self._alphabet.spelled_like(letters), np.intp)

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

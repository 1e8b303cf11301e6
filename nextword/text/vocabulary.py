"""Counting words of a text of any size, and choosing the vocabulary from the counts.

`FormCounts` hands out provisional numbers, one for each word in each of its spellings (*forms*), while the text is
read, and turns them into ids once the vocabulary is known: so the text is read once. Memory is bounded: where there
are too many different forms, the rarest are forgotten (lossy counting, Manku and Motwani 2002).
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.text.clusters import is_emoji, is_printable

Form = tuple[str, str]  # a token as the vocabulary has it, and as it is written

UNKNOWN, END = "<unk>", "<eos>"
UNKNOWN_ID, END_ID = 0, 1

MAX_FORMS = 1 << 20  # different forms kept, a few hundred bytes each
MAX_WORD_LENGTH = 1_000  # characters; what is longer is no word
MAX_NEW_WORD_LENGTH = 64  # characters of a word outside the vocabulary that is remembered
MAX_RARE_WORDS = 100_000  # words outside the vocabulary that are suggested; some 1.5 megabytes


def is_word(token: str, emoji: bool = True) -> bool:
    """Whether `token` is a word to suggest: neither a special token nor only punctuation.

    Args:
        token: A normalized word.
        emoji: Whether an emoji is one; where the rules cut emoji into their characters, none is.
    """
    return token not in (UNKNOWN, END) and (any(map(str.isalnum, token)) or (emoji and is_emoji(token)))


def is_learnable(word: str, emoji: bool = True) -> bool:
    """Whether a normalized word outside the vocabulary is one to remember and suggest; `emoji` as in `is_word`."""
    return len(word) <= MAX_NEW_WORD_LENGTH and is_printable(word) and is_word(word, emoji)


def most_frequent(words: Iterable[str], rank: Callable[[str], int | None]) -> int:
    """The place of the most frequent of `words`; -1 where none of them is known.

    Args:
        words: To choose from.
        rank: A word's place in the order of frequency; None where it has none.
    """
    ranks = [(found, place) for place, word in enumerate(words) if (found := rank(word)) is not None]
    return min(ranks)[1] if ranks else -1


class Vocabulary(NamedTuple):
    """What a `WordTokenizer` is made of."""

    words: Sequence[str]  # normalized, by id
    scheme: str  # `words` or `whitespace`
    cased: bool  # whether upper and lower case are different words
    surface_forms: dict[str, str]  # normalized word to the form it is usually written in, where the two differ
    rare: Sequence[str]  # words too rare to have an id, as they are written, the most frequent first
    version: int  # of the rules by which text is cut into words
    abbreviations: Sequence[str] | None = None  # normalized words whose full stop ends no sentence; None: not known


class FormCounts:
    """Words and forms met so far, how often, and a provisional number for each.

    A number that was freed is given to another form. What it stood for before is then not in the vocabulary, so that
    the place in the text from which on it stands for the present one (its *birth*) is all that must be remembered.

    Args:
        vocab_size: Most words the vocabulary may hold.
        limit: How many forms are kept before the rarest are forgotten; twice `vocab_size` at least.

    Attributes:
        tokens: How many were counted.
        missed: How many times at most a word was met and not counted.
    """

    def __init__(self, vocab_size: int, limit: int = MAX_FORMS) -> None:
        self._limit = max(limit, 2 * vocab_size)
        self._numbers = {UNKNOWN: UNKNOWN_ID, END: END_ID}  # word, or word LF form where they differ
        self._births = array("q", [0, 0])
        self._counts: NDArray[np.int64] = np.zeros(2, np.int64)
        self._free: list[int] = []
        self._divided: dict[int, list[list[Form]]] = {}  # once all is counted: number to readings
        self.tokens = 0
        self.missed = 0

    def number(self, word: str, form: str) -> int:
        """The number of `word` written as `form`; a new one where they were never met, or forgotten."""
        if len(word) > MAX_WORD_LENGTH:
            return UNKNOWN_ID
        key = word if word == form else f"{word}\n{form}"
        number = self._numbers.get(key)
        return self._new_number(key) if number is None else number

    def divided(self, readings: Sequence[Sequence[Form]]) -> list[int]:
        """The number of a word that a line's end divides; once all is counted, it stands for one of its readings.

        For the most frequent word that is met elsewhere, too, else for the last reading.

        Args:
            readings: Words that it may be, each as a list of one form, and the tokens that stand there.
        """
        if len(readings) == 1 or any(len(reading[0][0]) > MAX_WORD_LENGTH for reading in readings):
            return [self.number(*form) for form in readings[-1]]
        key = "\n" + "\n".join(chain.from_iterable(chain.from_iterable(readings)))
        number = self._numbers.get(key)
        return [self._new_number(key) if number is None else number]

    def _new_number(self, key: str) -> int:
        if self._free:
            number = self._free.pop()
            self._births[number] = self.tokens
        else:
            number = len(self._births)
            self._births.append(self.tokens)
        self._numbers[key] = number
        return number

    def count(self, numbers: NDArray[np.int32]) -> bool:
        """Count the next chunk of the text, (N,), and forget rare forms where there are too many.

        Returns:
            Whether any were forgotten: their numbers must not be used again.
        """
        counts = np.bincount(numbers, minlength=len(self._births))
        counts[: len(self._counts)] += self._counts
        self._counts = counts
        self.tokens += len(numbers)
        if len(self._numbers) <= self._limit:
            return False
        kept_numbers = np.fromiter(self._numbers.values(), np.int64, len(self._numbers))
        half = len(kept_numbers) // 2
        threshold = int(np.partition(counts[kept_numbers], half)[half])
        kept = counts > threshold
        kept[[UNKNOWN_ID, END_ID]] = True
        keep = kept.tolist()
        self._numbers = {key: number for key, number in self._numbers.items() if keep[number]}
        self._free = np.flatnonzero(~kept)[::-1].tolist()
        counts[~kept] = 0
        self.missed += threshold
        return True

    def vocabulary(self, size: int, min_count: int, most_rare: int = 0) -> tuple[list[str], list[str]]:
        """The vocabulary, and of the words left out the most frequent.

        Both from the most to the least frequent, alphabetical where they tie; the special tokens first.

        Args:
            size: Most words of the vocabulary, the special tokens included.
            min_count: Words counted less often are left out.
            most_rare: How many of those left out are told.
        """
        self._settle()
        totals = self._totals()
        del totals[UNKNOWN], totals[END]
        order = sorted((-count, word) for word, count in totals.items())
        kept = min(size - 2, sum(count >= min_count for count in totals.values()))
        words = [word for _, word in order[: kept + most_rare]]
        return [UNKNOWN, END, *words[:kept]], words[kept:]

    def _totals(self) -> Counter[str]:
        """How often each word was counted, in whatever form."""
        counts = self._counts.tolist()
        totals: Counter[str] = Counter()
        for key, number in self._numbers.items():
            totals[key.partition("\n")[0]] += counts[number]
        return totals

    def _settle(self) -> None:
        """Count every divided word as the reading that it has by the words counted elsewhere."""
        divided = [key for key in self._numbers if key.startswith("\n")]
        if not divided:
            return
        totals = self._totals()
        gained: Counter[int] = Counter()
        for key in divided:
            number = self._numbers.pop(key)
            texts = key[1:].split("\n")
            joined, hyphenated, *parts = zip(texts[::2], texts[1::2], strict=True)
            self._divided[number] = readings = [[joined], [hyphenated], parts]
            chosen = readings[most_frequent((joined[0], hyphenated[0]), lambda word: -totals[word] or None)]
            gained.update(dict.fromkeys((self.number(*form) for form in chosen), int(self._counts[number])))
        self._grow()
        for number, count in gained.items():
            self._counts[number] += count

    def _grow(self) -> None:
        """Have a count for numbers that were given out since the last chunk."""
        self._counts = np.concatenate([self._counts, np.zeros(len(self._births) - len(self._counts), np.int64)])

    @property
    def times(self) -> NDArray[np.int64]:
        """(F,) how often the form of each number was counted."""
        return self._counts

    def has(self, word: str) -> bool:
        """Whether `word` was met as it is, and not in other forms alone."""
        return word in self._numbers

    def forms(self) -> Iterator[tuple[str, str, int]]:
        """Every (word, form, number)."""
        for key, number in self._numbers.items():
            word, _, form = key.partition("\n")
            yield word, form or word, number

    def resolver(self, words: Sequence[str]) -> Resolver:
        """What turns numbers into the ids that `words`, in the order of frequency, have as a vocabulary."""
        ids = {word: index for index, word in enumerate(words)}
        expanded = {}
        for number, readings in self._divided.items():
            chosen = readings[most_frequent((reading[0][0] for reading in readings[:-1]), ids.get)]
            expanded[number] = [self.number(*form) for form in chosen]
        self._grow()
        table: NDArray[np.int32] = np.zeros(len(self._births), np.int32)
        for word, _, number in self.forms():
            table[number] = ids.get(word, UNKNOWN_ID)
        return Resolver(table, np.frombuffer(self._births, np.int64) if self.missed else None, expanded)


class Resolver:
    """Numbers of `FormCounts`, from the first to the last of the text, to ids.

    Args:
        ids: (F,) of every number.
        births: (F,) the place in the text from which on each stands for what it does; None: all do from the first.
        divided: Numbers of divided words to those that they stand for.
    """

    def __init__(self, ids: NDArray[np.int32], births: NDArray[np.int64] | None, divided: dict[int, list[int]]) -> None:
        self._ids, self._births = ids, births
        self._position = 0
        self._is_divided = np.zeros(len(ids), bool)
        self._is_divided[list(divided)] = True
        self._divided = {number: np.asarray(expanded, np.int32) for number, expanded in divided.items()}

    def __call__(self, numbers: NDArray[np.int32]) -> NDArray[np.int32]:
        """The ids of the next chunk, (N,); as many, unless a divided word among them is read as it stands."""
        position, self._position = self._position, self._position + len(numbers)
        return self.ids(self._settled(numbers, position))

    def settled(self, chunks: Iterable[NDArray[np.int32]]) -> Iterator[NDArray[np.int32]]:
        """The whole text with the numbers that divided words stand for, and `<unk>`'s for the forgotten."""
        position = 0
        for numbers in chunks:
            yield self._settled(numbers, position)
            position += len(numbers)

    def _settled(self, numbers: NDArray[np.int32], position: int) -> NDArray[np.int32]:
        if self._births is not None:
            forgotten = self._births[numbers] > position + np.arange(len(numbers))
            numbers = np.where(forgotten, np.int32(UNKNOWN_ID), numbers)
        places = np.flatnonzero(self._is_divided[numbers]) if self._divided else ()
        if not len(places):
            return numbers
        expanded = [self._divided[number] for number in numbers[places].tolist()]
        lengths = np.ones(len(numbers), np.int32)
        lengths[places] = [*map(len, expanded)]
        settled = np.repeat(numbers, lengths)
        settled[self._is_divided[settled]] = np.concatenate(expanded)
        return settled

    def ids(self, settled: NDArray[np.int32]) -> NDArray[np.int32]:
        """(M,) the ids of numbers that are `settled`."""
        ids: NDArray[np.int32] = self._ids[settled]
        return ids

    def __len__(self) -> int:
        """How many numbers were given out."""
        return len(self._ids)

"""All words that a session has read, in order, four bytes each; and what followed wherever the last few stood before.

Nothing is counted ahead for longer contexts: a list of the places of every word finds the earlier places of the word
read last, and looking back from there finds those where the words before it were the same, too. So n-grams of any
length are known from the text itself, as in a suffix array, and taking words back is cutting the end off.
"""

from __future__ import annotations

from array import array

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int32]
Counts = NDArray[np.float32]  # whole numbers, exact below 2**24

_MIN_CAPACITY = 256  # words
_MAX_FOLLOWERS = 4_096  # of a frequent word, the latest places are looked at


class WordLog:
    """The numbers of the words read; grows at its end, and is cut where less than all of it is gone on from.

    Whoever has seen its first n words finds them there as long as nothing was added after fewer of them.

    Args:
        words: (n,) numbers to begin with.
    """

    def __init__(self, words: Ids | None = None) -> None:
        words = np.empty(0, np.int32) if words is None else words
        self._length = len(words)
        self._words = np.empty(max(_MIN_CAPACITY, len(words)), np.int32)
        self._words[: len(words)] = words
        self._counts = np.bincount(words, minlength=1).astype(np.float32)
        self._places: dict[int, array[int]] | None = None  # made when first wanted

    def append(self, end: int, words: Ids) -> int:
        """Have `words` follow the first `end`, in the place of all that did; how many there are now."""
        for number in self._words[end : self._length].tolist():
            self._counts[number] -= 1
            if self._places:
                self._places[number].pop()
        after = end + len(words)
        if after > len(self._words):
            self._words = np.concatenate([self._words[:end], np.empty(2 * after - end, np.int32)])
        self._words[end:after] = words
        self._length = after
        highest = int(words.max(initial=0))
        if highest >= len(self._counts):
            self._counts = np.concatenate([self._counts, np.zeros(2 * highest, np.float32)])
        np.add.at(self._counts, words, 1)
        if self._places is not None:
            for place, number in enumerate(words.tolist(), end):
                self._places.setdefault(number, array("i")).append(place)
        return after

    def first(self, end: int) -> Ids:
        """(end,) the first `end` words; they may change with the next `append` that goes on from fewer."""
        return self._words[:end]

    def counts(self, end: int, size: int) -> Counts:
        """(size,) how often each number up to `size` is among the first `end` words; to be read at once."""
        if end == self._length and size <= len(self._counts):
            return self._counts[:size]
        counts = np.zeros(size, np.float32)
        known = self._counts[:size]
        counts[: len(known)] = known
        later = self._words[end : self._length]
        np.subtract.at(counts, later[later < size], 1)
        return counts

    def followers(self, end: int, orders: int) -> list[Ids]:
        """What came next where the last words, 1 to `orders` of the first `end`, stood before: the latest last.

        The list ends before the first context that was never met.
        """
        found: list[Ids] = []
        places = self._earlier_places(end) if end else np.empty(0, np.int32)
        for order in range(1, orders + 1):
            if order > 1:
                places = places[places >= order - 1]
                places = places[self._words[places - (order - 1)] == self._words[end - order]]
            if not len(places):
                break
            found.append(self._words[places[-_MAX_FOLLOWERS:] + 1])
        return found

    def _earlier_places(self, end: int) -> Ids:
        """Where the last of the first `end` words stands before."""
        if self._places is None:
            order = np.argsort(self._words[: self._length], kind="stable").astype(np.int32)
            numbers, begins = np.unique(self._words[: self._length][order], return_index=True)
            cut = np.split(order, begins[1:])
            self._places = {n: array("i", one.tobytes()) for n, one in zip(numbers.tolist(), cut, strict=True)}
        places = np.frombuffer(self._places[int(self._words[end - 1])][:], np.int32)
        return places[: np.searchsorted(places, end - 1)]

"""What was typed lately comes again: the near memory, which keeps the contexts in which words were read.

For every word that a session reads, `CacheMemory` keeps its context: the last layer's hidden state just before it came.
When the next word is wanted, each remembered word gets a weight: the more its context is like the present one, the
larger (the continuous cache of Grave, Joulin and Usunier 2017, "Improving neural language models with a continuous
cache", equation 2; here by the cosine, which means the same for every model). Words that followed the very word read
last are a second opinion. How much either counts beside the model, `adaptation.py` learns. Words outside the vocabulary
are remembered, too, so that a name typed once can be suggested (Grave, Cisse and Joulin 2017, "Unbounded cache model
for online language modeling with open vocabulary"). Nothing of the network changes, so forgetting is dropping what was
remembered.

Letters in shapes: n places in a text, m words remembered, H size of the last layer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nextword.inference.lstm import Array, softmax

Keys = NDArray[np.int8]  # directions of hidden states: unit vectors times 127
Ids = NDArray[np.int32]

_MIN_CAPACITY = 256  # words
_SCALE = 127.0
_FLATNESS = np.float32(9.0)  # how much more a word weighs whose context was like the present one
_MIN_NORM = 1e-12  # a shorter hidden state has no direction


class CacheMemory:
    """The words read and the keys of their contexts, in order; grows at its end, and can be cut there.

    Where it is full, a new one goes on from its end, and this one stays as it is: whoever still holds it finds what
    was there.

    Args:
        hidden_size: H.
        window: How many are wanted at a time.
        capacity: How many it can hold.
        first: How many were read before the first of them.
    """

    def __init__(self, hidden_size: int, window: int, capacity: int = _MIN_CAPACITY, first: int = 0) -> None:
        self.window = window
        self.capacity = capacity
        self._keys: Keys = np.empty((capacity, hidden_size), np.int8)
        self._words: Ids = np.empty(capacity, np.int32)
        self._first = first

    def append(self, end: int, keys: Keys, words: Ids) -> tuple[CacheMemory, int]:
        """Remember words after the first `end`, in the place of what may have come after those.

        Args:
            end: How many words had been read.
            keys: (m, H) of their contexts, as `quantize_keys` makes them.
            words: (m,) ids.

        Returns:
            The memory that holds them, and how many have been read now.
        """
        memory, begin = self, end - self._first
        if begin + len(words) > self.capacity:
            old_keys, old_words = self.last(end)
            begin = len(old_words)
            memory = CacheMemory(keys.shape[1], self.window, max(_MIN_CAPACITY, 2 * (begin + len(words))), end - begin)
            memory._keys[:begin], memory._words[:begin] = old_keys, old_words
        memory._keys[begin : begin + len(words)] = keys
        memory._words[begin : begin + len(words)] = words
        return memory, end + len(words)

    def last(self, end: int, count: int | None = None) -> tuple[Keys, Ids]:
        """What is remembered of the window that ends after `end` words: (m, H) keys and (m,) ids.

        Args:
            end: How many words had been read.
            count: How many are wanted, if they are in the memory; None: the window.
        """
        stop = end - self._first
        start = max(0, stop - (self.window if count is None else count))
        return self._keys[start:stop], self._words[start:stop]


def quantize_keys(hidden: Array) -> Keys:
    """What is kept of (n, H) hidden states: their directions, in a byte a number."""
    norms = np.linalg.norm(hidden, axis=1, keepdims=True)
    keys: Keys = np.rint(_SCALE * hidden / np.maximum(norms, _MIN_NORM)).astype(np.int8)
    return keys


def cosine_similarity(keys: Keys, hidden: Array) -> Array:
    """How like the present context each of the remembered ones is: the cosine between them, from -1 to 1.

    Args:
        keys: (m, H) of the words remembered.
        hidden: (H,) the last layer's hidden state now, or (n, H).

    Returns:
        (m,) or (n, m).
    """
    norms = np.linalg.norm(hidden, axis=-1, keepdims=True)
    cosines: Array = (hidden / (_SCALE * np.maximum(norms, _MIN_NORM))) @ keys.astype(np.float32).T
    return cosines


def recall(cosines: Array, words: Ids) -> list[tuple[Ids, Array]]:
    """What the words remembered say about the next one, twice: all of them, and those that followed the last word.

    A word remembered weighs exp(flatness x cosine). The word read last gets nothing: what has just been said is seldom
    said twice.

    Args:
        cosines: (m,) for each word remembered, how like the present context its own was.
        words: (m,) those words in order, the one read last at the end.

    Returns:
        Words and their shares, which sum to one; both are empty where there are none.
    """
    others = np.flatnonzero(words != words[-1:])
    followers = 1 + np.flatnonzero(words[:-1] == words[-1:])
    followers = followers[words[followers] != words[-1:]]
    return [(words[places], _shares(cosines[places])) for places in (others, followers)]


def _shares(cosines: Array) -> Array:
    """What words remembered get, in proportion to the exponentials of their (m,) cosines."""
    return softmax(_FLATNESS * cosines) if len(cosines) else np.empty(0, np.float32)

"""What was typed lately comes again: a memory of the words read, mixed with the model's expectations.

For every word that a session reads, `CacheMemory` keeps its context: the last layer's hidden state just before it came.
When the next word is wanted, each remembered word gets a weight: the more its context is like the present one, the
larger (the continuous cache of Grave, Joulin and Usunier 2017, "Improving neural language models with a continuous
cache", equation 2; here by the cosine, which means the same for every model). Words that followed the very word read
last get a share of their own. Words outside the vocabulary are remembered, too, so that a name typed once can be
suggested (Grave, Cisse and Joulin 2017, "Unbounded cache model for online language modeling with open vocabulary").
Nothing of the network changes, so forgetting is dropping what was remembered.

Letters in shapes: n places in a text, m words remembered, H size of the last layer, V words in the vocabulary, U words
outside it that were met.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nextword.config import AdaptConfig
from nextword.inference.lstm import Array, softmax

Keys = NDArray[np.int8]  # directions of hidden states: unit vectors times 127
Ids = NDArray[np.int32]

_MIN_CAPACITY = 256  # words
_SCALE = 127.0
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

    def last(self, end: int) -> tuple[Keys, Ids]:
        """What is remembered of the window that ends after `end` words: (m, H) keys and (m,) ids."""
        stop = end - self._first
        start = max(0, stop - self.window)
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


def interpolate(distribution: Array, cosines: Array, words: Ids, config: AdaptConfig) -> Array:
    """The model's distribution, and in it what is remembered.

    A word remembered weighs exp(flatness x cosine). `weight` of the probability goes to all of them, less while they
    are few; `bigram` of it to those that followed the very word read last, less where these are few. That word itself
    gets nothing: what has just been said is seldom said twice.

    Args:
        distribution: (V + U,) the model's, 0 for the words outside its vocabulary.
        cosines: (m,) for each word remembered, how like the present context its own was.
        words: (m,) those words in order, the one read last at the end.
        config: How much they count.

    Returns:
        (V + U,) probabilities that sum to one.
    """
    others = words != words[-1:]
    if not others.any():
        return distribution
    share = config.weight * len(words) / (len(words) + config.halfway)
    weights = np.zeros(len(words), np.float32)
    weights[others] = _shared(share, config.flatness * cosines[others])
    followers = 1 + np.flatnonzero((words[:-1] == words[-1]) & others[1:])
    if len(followers):
        bigram_share = config.bigram * len(followers) / (len(followers) + 1)
        weights[followers] += _shared(bigram_share, config.flatness * cosines[followers])
        share += bigram_share
    mixture: Array = ((1 - share) * distribution + np.bincount(words, weights, len(distribution))).astype(np.float32)
    return mixture


def _shared(share: float, exponents: Array) -> Array:
    """`share`, given out in proportion to the exponentials of (m,) numbers."""
    return np.float32(share) * softmax(exponents)

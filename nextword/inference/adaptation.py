"""What a session has learned of its writer, beside what the model expects; and how much each of these counts.

Seven experts say how likely each word is to come next:

- the model;
- the model corrected by how often the writer has used each word: its probability times (c + 1) / (e + 1), where c is
  how often it was read, and e how often the model would have expected it in as long a text. That is the mean of a gamma
  distribution of shape and rate 1 after c events where e were expected, one factor for each word; rescaling by unigrams
  is that of Kneser, Peters and Klakow 1997, "Language model adaptation using dynamic marginals";
- the near memory (`cache.py`) twice: what came in contexts like this one, and that of it which followed the last word;
- the writer's own n-grams (`word_log.py`): what followed the last word, the last two, the last three.

Their probabilities are added, each with a weight of its own. The weights are learned with every word read: the share
that an expert had in the probability of the word that came is added to its weight, and what was learned before fades
slowly (an online form of the EM algorithm for mixtures: Jelinek and Mercer 1980; Cappe and Moulines 2009). There is one
set of weights for each length of the longest context that was met before, as compressors of text have it (Cleary and
Witten 1984, "Data compression using adaptive coding and partial string matching").

How far all of that is trusted is learned, too: what is expected in the end is the model's share and the mixture's, each
as large as its predictions so far make it, with a little given back at every word, so that it can change (the fixed
share of Herbster and Warmuth 1998, "Tracking the best expert", section 5). So where learning does not help, the model
is left alone, and finding that out costs little however long the text is.

A word outside the vocabulary that was read c times has c / (n + u) of the probability of `<unk>`, where n such words
were read, u of them different (Witten and Bell 1991, method C); the rest stays with `<unk>`.

Letters in shapes: n places in a text, m words remembered, H size of the last layer, V words in the vocabulary, U words
outside it that were met, E experts, L lengths of a context.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nextword.inference.cache import CacheMemory, Ids, cosine_similarity, quantize_keys, recall
from nextword.inference.lstm import Array
from nextword.inference.word_log import Counts, WordLog
from nextword.text.vocabulary import UNKNOWN_ID

Weights = NDArray[np.float64]  # (L, E)

_ORDERS = 3  # longest context, in words, of the n-grams that are experts
_LONGEST = 5  # longest context that is told apart from shorter ones
_PRIOR = np.asarray(  # (L, E) what the weights are like after a writer's 15,000 words, on average of some writers
    [
        [0.434, 0.474, 0.092, 0.001, 0.001, 0.001, 0.001],
        [0.363, 0.462, 0.094, 0.019, 0.061, 0.001, 0.001],
        [0.319, 0.407, 0.101, 0.037, 0.068, 0.069, 0.001],
        [0.281, 0.400, 0.082, 0.046, 0.059, 0.076, 0.057],
        [0.256, 0.365, 0.081, 0.037, 0.047, 0.091, 0.123],
        [0.233, 0.292, 0.045, 0.043, 0.045, 0.105, 0.236],
    ]
)
_PRIOR_WORDS = 20  # words, read after contexts of one length, that count as much as what is known beforehand
_KEPT = 0.999  # of the weights, with each word; so those of the last thousand words count
_MIN_WEIGHT = 0.01  # words' worth, so that an expert who was wrong for long can come back
_TRUST = 0.8  # of what is learned, before anything is read
_SHARED = 3e-4  # of the trust, given back with each word to both sides alike
_STRIDE = 64  # words from one whose distribution is added to the mean to the next
_MIN_SAMPLES = 4  # distributions from which on their mean says something
_SPARE = 4  # the log grows by a quarter of what is to be remembered before its beginning is dropped


@dataclass(frozen=True)
class Expectations:
    """What the experts expect at one place.

    Attributes:
        distribution: (V,) probabilities of the model.
        factors: (V,) by which it is corrected, before its sum is one again.
        counts: (V + U,) how often each word was read.
        recalled: Words and their shares, for each of the other experts; those that have nothing to say have none.
        length: Of the longest context that was met before.
    """

    distribution: Array
    factors: Array
    counts: Counts
    recalled: list[tuple[Ids, Array]]
    length: int

    def mixture(self, weights: Weights, trust: float) -> Array:
        """(V + U,) probabilities that sum to one, with (L, E) weights that are trusted so far."""
        shares, known = trust * self._shares(weights), len(self.distribution)
        shares[0] += 1 - trust
        shares = shares.astype(np.float32)
        corrected = shares[1] / self._corrected_sum()
        mixed = np.zeros(len(self.counts), np.float32)
        mixed[:known] = self.distribution * (shares[0] + corrected * self.factors)
        mixed[known:] = mixed[UNKNOWN_ID] * self._new_share() * self.counts[known:]
        mixed[UNKNOWN_ID] -= mixed[known:].sum()
        words = np.concatenate([words for words, _ in self.recalled])
        np.add.at(mixed, words, np.concatenate([w * of for w, (_, of) in zip(shares[2:], self.recalled, strict=True)]))
        return mixed

    def learned(self, weights: Weights, trust: float, word: int) -> tuple[Weights, float]:
        """The (L, E) weights and the trust in them after `word` came; what nobody expected teaches nothing."""
        by_model = self._by_model(word)
        by_corrected = by_model * (self.factors[word] if word < len(self.factors) else 1) / self._corrected_sum()
        recalled = [float(shares[words == word].sum()) for words, shares in self.recalled]
        chances = np.asarray([by_model, by_corrected, *recalled], np.float64)
        shares = self._shares(weights)
        likely = float(shares @ chances)
        if not likely > 0:
            return weights, trust
        after, row = weights.copy(), weights[self.length]
        silent = np.where(shares == 0, row / row.sum(), 0)
        row = _KEPT * row + silent + (1 - silent.sum()) * shares * chances / likely
        after[self.length] = np.maximum(row, _MIN_WEIGHT)
        trust = trust * likely / (trust * likely + (1 - trust) * by_model)
        return after, float(_SHARED / 2 + (1 - _SHARED) * trust)

    def _by_model(self, word: int) -> float:
        known = len(self.distribution)
        if word != UNKNOWN_ID and word < known:
            return float(self.distribution[word])
        unknown, share = float(self.distribution[UNKNOWN_ID]), self._new_share()
        return (
            unknown * share * float(self.counts[word]) if word >= known else unknown * (1 - share * self._new_words())
        )

    def _new_words(self) -> float:
        """How many words outside the vocabulary were read."""
        return float(self.counts[len(self.distribution) :].sum())

    def _new_share(self) -> float:
        """What a word outside the vocabulary has of the probability of `<unk>` for each time it was read."""
        different = np.count_nonzero(self.counts[len(self.distribution) :])
        return 1 / (self._new_words() + different) if different else 0.0

    def _corrected_sum(self) -> float:
        return float(self.distribution @ self.factors)

    def _shares(self, weights: Weights) -> NDArray[np.float64]:
        """(E,) weights that sum to one, 0 for the experts that have nothing to say."""
        speaks = np.asarray([True, True, *(len(words) > 0 for words, _ in self.recalled)])
        shares = np.where(speaks, weights[self.length], 0)
        return np.asarray(shares / shares.sum())


class Adaptation(NamedTuple):
    """All that was learned up to a place in a text; never changed in place, so going back is free.

    Attributes:
        near: Contexts of the words read last, up to `end`.
        log: All words, up to `end`; what follows in both belongs to later states.
        limit: How many words are remembered.
        end: How many there are now.
        weights: (L, E), more than zero.
        trust: Share of what the weights say in what is expected in the end; between 0 and 1.
        usual: (V,) the mean of some of the model's distributions.
        samples: How many of them.
        read: How many words the network has read.
        inverse: (V,) what the counts, each with one more, are to be multiplied by (`_with_inverse`).
    """

    near: CacheMemory
    log: WordLog
    limit: int
    end: int = 0
    weights: Weights = _PRIOR_WORDS * _PRIOR
    trust: float = _TRUST
    usual: Array | None = None
    samples: int = 0
    read: int = 0
    inverse: Array | None = None

    @classmethod
    def fresh(cls, hidden_size: int, window: int, limit: int) -> Adaptation:
        """Nothing learned."""
        return cls(CacheMemory(hidden_size, window), WordLog(), limit)

    def words(self) -> Ids:
        """(end,) all words remembered."""
        return self.log.first(self.end)

    def expected(self, hidden: Array, distribution: Array, size: int) -> Array:
        """(V + U,) probabilities of what comes next.

        Args:
            hidden: (H,) the last layer's hidden state now.
            distribution: (V,) what the model expects.
            size: V + U.
        """
        if not self.end:
            return np.concatenate([distribution, np.zeros(size - len(distribution), np.float32)])
        keys, words = self.near.last(self.end)
        return self._expectations(distribution, cosine_similarity(keys, hidden), words, size).mixture(
            self.weights, self.trust
        )

    def after(
        self, contexts: Array, distributions: Array, words: Ids, size: int, expected: Array | None = None
    ) -> Adaptation:
        """What is learned when n words are read.

        Args:
            contexts: (n, H) the last layer's hidden states before them.
            distributions: (n, V) what the model expected.
            words: (n,) what came.
            size: V + U, with the new ones among them.
            expected: (n, V + U) where to put what is expected at each place; None: that is not wanted.
        """
        now = self.trimmed()
        near, _ = now.near.append(now.end, quantize_keys(contexts), words)
        keys, last = near.last(now.end + len(words), near.window + len(words))
        cosines = cosine_similarity(keys, contexts)
        now = now._replace(near=near)
        for row, (distribution, word) in enumerate(zip(distributions, words.tolist(), strict=True)):
            stop = len(keys) - len(words) + row
            window = slice(max(0, stop - near.window), stop)
            expectations = now._expectations(distribution, cosines[row, window], last[window], size)
            if expected is not None:
                expected[row] = expectations.mixture(now.weights, now.trust)
            weights, trust = expectations.learned(now.weights, now.trust, word)
            end = now.log.append(now.end, words[row : row + 1])
            now = now._replace(weights=weights, trust=trust)._sampled(distribution)._replace(end=end)
        return now

    def _sampled(self, distribution: Array) -> Adaptation:
        """One word more is read, where the model expected (V,) `distribution`."""
        read = self.read + 1
        if self.read % _STRIDE:
            return self._replace(read=read)
        samples, before = self.samples + 1, distribution if self.usual is None else self.usual
        usual = before + (distribution - before) / np.float32(samples)
        return self._replace(usual=usual, samples=samples, read=read).with_inverse()

    def with_inverse(self) -> Adaptation:
        """The same with `inverse` made of the rest: 1 / (e + 1), as of when the mean was last changed."""
        if self.usual is None or self.samples < _MIN_SAMPLES:
            return self._replace(inverse=None)
        words = max(0, self.end - (self.read - 1) % _STRIDE)
        return self._replace(inverse=np.reciprocal(np.float32(words) * self.usual + np.float32(1)))

    def _expectations(self, distribution: Array, cosines: Array, words: Ids, size: int) -> Expectations:
        """What the experts expect, the (m,) words of the near memory being as alike as `cosines` say."""
        followers = self.log.followers(self.end, _LONGEST)
        grams = [(found, np.full(len(found), 1 / len(found), np.float32)) for found in followers[:_ORDERS]]
        none = (np.empty(0, np.int32), np.empty(0, np.float32))
        recalled = [*recall(cosines, words), *grams, *[none] * (_ORDERS - len(grams))]
        counts, known = self.log.counts(self.end, size), len(distribution)
        if self.inverse is None:
            factors = np.ones(known, np.float32)
        else:
            factors = (counts[:known] + np.float32(1)) * self.inverse
            factors[UNKNOWN_ID] = 1
        return Expectations(distribution, factors, counts, recalled, len(followers))

    def trimmed(self) -> Adaptation:
        """The same without the beginning, where much more is remembered than wanted."""
        return self.holding(*self._both(self.limit)) if self.end > self.limit + self.limit // _SPARE + 1 else self

    def without(self, number: int) -> Adaptation:
        """The same without a word."""
        keys, near, words = self._both(self.end)
        kept = near != number
        return self.holding(keys[kept], near[kept], words[words != number])

    def with_past(self, words: Ids) -> Adaptation:
        """The same with words after all others that the network has not read; the near memory begins anew."""
        near = CacheMemory(self.near.last(self.end)[0].shape[1], self.near.window, first=self.end + len(words))
        return self._replace(near=near, end=self.log.append(self.end, words)).with_inverse()

    def _both(self, count: int) -> tuple[NDArray[np.int8], Ids, Ids]:
        """The near memory's keys and words, and the last `count` of all words."""
        return *self.near.last(self.end), self.words()[max(0, self.end - count) :]

    def holding(self, keys: NDArray[np.int8], near: Ids, words: Ids) -> Adaptation:
        """The same with other words, (n,) `words`, and (m, H) keys of the last, (m,) `near`, in memories of its own."""
        end = len(words)
        memory, _ = CacheMemory(keys.shape[1], self.near.window, first=end - len(near)).append(
            end - len(near), keys, near
        )
        return self._replace(near=memory, log=WordLog(words), end=end).with_inverse()

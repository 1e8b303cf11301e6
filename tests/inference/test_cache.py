"""The memory of the words read, against a plain list; what it recalls, mixed with what the model expects."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.config import AdaptConfig
from nextword.inference.cache import CacheMemory, Ids, Keys, cosine_similarity, interpolate, quantize_keys
from nextword.inference.lstm import Array

SIZE = 3


def entries(first: int, count: int) -> tuple[Keys, Ids]:
    """`count` words from number `first` on, and a key of its own for each."""
    words = np.arange(first, first + count, dtype=np.int32)
    return (words[:, None] % 100 + np.arange(SIZE)).astype(np.int8), words


@given(
    window=st.integers(0, 300),
    steps=st.lists(st.tuples(st.integers(0, 700), st.integers(0, 9)), max_size=12),  # words read after which snapshot
)
@settings(max_examples=200)
def test_a_memory_is_a_list_that_is_cut_at_its_end(window: int, steps: list[tuple[int, int]]) -> None:
    snapshots: list[tuple[CacheMemory, int, list[int]]] = [(CacheMemory(SIZE, window), 0, [])]
    for number, (count, which) in enumerate(steps):
        memory, end, model = snapshots[which % len(snapshots)]
        keys, words = entries(1_000 * number, count)
        after = memory.append(end, keys, words)
        # What is appended takes the place of what came after `end` in the same memory, and changes nothing else.
        snapshots = [one for one in snapshots if one[0] is not after[0] or one[1] <= end]
        snapshots.append((*after, [*model, *words.tolist()]))
        for known, length, expected in snapshots:
            assert length == len(expected)
            kept_keys, kept_words = known.last(length)
            assert kept_words.tolist() == expected[max(0, length - window) :]
            np.testing.assert_array_equal(kept_keys[:, 0], kept_words % 100)
            assert kept_keys.shape[1] == SIZE


def test_a_memory_holds_no_more_than_it_may_need() -> None:
    memory, end = CacheMemory(SIZE, 100), 0
    for number in range(1_000):
        memory, end = memory.append(end, *entries(number, 50))
        assert memory.capacity <= 2 * (100 + 256)
    assert end == 50_000


def test_what_is_recalled_at_an_earlier_end_is_what_was_there() -> None:
    memory, end = CacheMemory(SIZE, 4).append(0, *entries(0, 10))
    memory.append(end, *entries(100, 5))
    assert memory.last(end)[1].tolist() == [6, 7, 8, 9]
    assert memory.append(8, *entries(200, 1)) == (memory, 9)
    assert memory.last(9)[1].tolist() == [5, 6, 7, 200]


def test_a_window_of_none_remembers_nothing() -> None:
    memory = CacheMemory(SIZE, 0)
    memory, end = memory.append(0, *entries(0, 1_000))
    keys, words = memory.last(end)
    assert (keys.shape, words.shape) == ((0, SIZE), (0,))


def test_keys_tell_how_alike_contexts_are() -> None:
    chance = np.random.default_rng(5)
    before, now = chance.normal(size=(50, 200)), chance.normal(size=(3, 200))
    exact = now @ before.T / np.outer(np.linalg.norm(now, axis=1), np.linalg.norm(before, axis=1))
    keys = quantize_keys(before.astype(np.float32))
    assert keys.dtype == np.int8
    np.testing.assert_allclose(cosine_similarity(keys, now.astype(np.float32)), exact, atol=0.01)
    np.testing.assert_allclose(cosine_similarity(keys, now[0].astype(np.float32)), exact[0], atol=0.01)


def test_a_context_that_shows_nothing_is_like_no_other() -> None:
    nothing = np.zeros((1, SIZE), np.float32)
    assert cosine_similarity(quantize_keys(nothing), np.ones(SIZE, np.float32)).tolist() == [0]
    assert cosine_similarity(quantize_keys(np.ones((1, SIZE), np.float32)), nothing[0]).tolist() == [0]


def mixture_of(distribution: Array, shown: Array, before: Array, words: Ids, config: AdaptConfig) -> Array:
    """What is expected after (H,) `shown`, where (m, H) `before` was shown before the (m,) words remembered."""
    return interpolate(distribution, cosine_similarity(quantize_keys(before), shown), words, config)


configs = st.builds(
    AdaptConfig,
    weight=st.floats(0, 0.49),
    flatness=st.floats(0, 100),
    bigram=st.floats(0, 0.49),
    halfway=st.floats(0, 100),
)


@given(config=configs, seed=st.integers(0, 2**32 - 1), remembered=st.integers(1, 50), new=st.integers(0, 5))
def test_a_mixture_is_a_distribution(config: AdaptConfig, seed: int, remembered: int, new: int) -> None:
    chance = np.random.default_rng(seed)
    known = chance.dirichlet(np.full(20, 0.1)).astype(np.float32)
    distribution = np.concatenate([known, np.zeros(new, np.float32)])
    shown = chance.uniform(-1, 1, SIZE).astype(np.float32)
    keys = chance.uniform(-1, 1, (remembered, SIZE)).astype(np.float32)
    words = chance.integers(0, 20 + new, remembered).astype(np.int32)
    mixture = mixture_of(distribution, shown, keys, words, config)
    assert mixture.shape == distribution.shape
    assert mixture.dtype == np.float32
    assert mixture.min() >= 0
    assert float(mixture.sum()) == pytest.approx(1, abs=1e-5)


def test_nothing_remembered_changes_nothing() -> None:
    distribution = np.asarray([0.5, 0.3, 0.2], np.float32)
    mixture = mixture_of(
        distribution, np.ones(SIZE, np.float32), np.ones((0, SIZE), np.float32), np.empty(0, np.int32), AdaptConfig()
    )
    np.testing.assert_array_equal(mixture, distribution)


def test_what_came_after_the_most_similar_context_gains_most() -> None:
    distribution = np.full(4, 0.25, np.float32)
    keys = np.asarray([[1, 0, 0], [0, 1, 0], [-1, 0, 0]], np.float32)
    words = np.asarray([1, 2, 3], np.int32)
    mixture = mixture_of(distribution, np.asarray([1, 0.1, 0], np.float32), keys, words, AdaptConfig())
    assert mixture[1] > mixture[2] > mixture[3]
    assert mixture[1] > distribution[1]
    assert mixture[0] < distribution[0]


def test_what_followed_the_word_read_last_gains_more() -> None:
    words = np.asarray([1, 3, 2, 4, 1], np.int32)
    mixture = mixture_of(
        np.full(5, 0.2, np.float32), np.ones(SIZE, np.float32), np.ones((5, SIZE)), words, AdaptConfig()
    )
    assert mixture[3] > mixture[4]


def test_the_word_read_last_gains_nothing() -> None:
    words = np.asarray([1, 2, 1, 1], np.int32)
    mixture = mixture_of(
        np.full(3, 1 / 3, np.float32), np.ones(SIZE, np.float32), np.ones((4, SIZE)), words, AdaptConfig()
    )
    assert mixture[2] > 1 / 3 > mixture[1]
    alone = np.ones(3, np.int32)
    same = mixture_of(
        np.full(3, 1 / 3, np.float32), np.ones(SIZE, np.float32), np.ones((3, SIZE)), alone, AdaptConfig()
    )
    assert same.tolist() == np.full(3, 1 / 3, np.float32).tolist()


def test_few_words_count_less_than_many() -> None:
    def gained(times: int) -> float:
        keys, words = np.ones((times, SIZE), np.float32), np.asarray([1] * (times - 1) + [0], np.int32)
        return float(mixture_of(np.asarray([1, 0], np.float32), np.ones(SIZE, np.float32), keys, words, config)[1])

    config = AdaptConfig(weight=0.2, halfway=30, bigram=0.0)
    assert gained(30) == pytest.approx(0.1)
    assert gained(1) < gained(30) < gained(3_000) < 0.2


def test_a_word_read_more_often_gains_more() -> None:
    distribution = np.full(3, 1 / 3, np.float32)
    keys = np.ones((6, SIZE), np.float32)
    words = np.asarray([2, 1, 2, 1, 2, 0], np.int32)
    mixture = mixture_of(
        distribution, np.ones(SIZE, np.float32), keys, words, replace(AdaptConfig(), flatness=0.0, bigram=0.0)
    )
    assert mixture[2] > mixture[1] > mixture[0]

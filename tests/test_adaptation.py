"""The memory of the words read, against a plain list; what it recalls, mixed with what the model expects."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.adaptation import Ids, Keys, Memory, mixed
from nextword.config import AdaptConfig
from nextword.lstm import Array

SIZE = 3


def entries(first: int, count: int) -> tuple[Keys, Ids]:
    """`count` words from number `first` on, and a key of its own for each."""
    words = np.arange(first, first + count, dtype=np.int32)
    return (words[:, None] % 1_000 + np.arange(SIZE) / 4).astype(np.float16), words


@given(
    window=st.integers(0, 300),
    steps=st.lists(st.tuples(st.integers(0, 700), st.integers(0, 9)), max_size=12),  # words read after which moment
)
@settings(max_examples=200)
def test_a_memory_is_a_list_that_is_cut_at_its_end(window: int, steps: list[tuple[int, int]]) -> None:
    moments: list[tuple[Memory, int, list[int]]] = [(Memory(SIZE, window), 0, [])]
    for number, (count, which) in enumerate(steps):
        memory, end, model = moments[which % len(moments)]
        keys, words = entries(1_000 * number, count)
        after = memory.append(end, keys, words)
        # What is appended takes the place of what came after `end` in the same memory, and changes nothing else.
        moments = [one for one in moments if one[0] is not after[0] or one[1] <= end]
        moments.append((*after, [*model, *words.tolist()]))
        for known, length, expected in moments:
            assert length == len(expected)
            kept_keys, kept_words = known.last(length)
            assert kept_words.tolist() == expected[max(0, length - window) :]
            np.testing.assert_array_equal(kept_keys[:, 0], kept_words % 1_000)
            assert kept_keys.shape[1] == SIZE


def test_a_memory_holds_no_more_than_it_may_need() -> None:
    memory, end = Memory(SIZE, 100), 0
    for number in range(1_000):
        memory, end = memory.append(end, *entries(number, 50))
        assert len(memory._words) <= 2 * (100 + 256)
    assert end == 50_000


def test_what_is_recalled_at_an_earlier_end_is_what_was_there() -> None:
    memory, end = Memory(SIZE, 4).append(0, *entries(0, 10))
    memory.append(end, *entries(100, 5))
    assert memory.last(end)[1].tolist() == [6, 7, 8, 9]
    assert memory.append(8, *entries(200, 1)) == (memory, 9)
    assert memory.last(9)[1].tolist() == [5, 6, 7, 200]


def test_a_window_of_none_remembers_nothing() -> None:
    memory = Memory(SIZE, 0)
    memory, end = memory.append(0, *entries(0, 1_000))
    keys, words = memory.last(end)
    assert (keys.shape, words.shape) == ((0, SIZE), (0,))


def test_keys_are_kept_in_half_precision() -> None:
    keys = np.full((1, SIZE), 0.1, np.float32)
    memory, end = Memory(SIZE, 10).append(0, keys, np.zeros(1, np.int32))
    assert memory.last(end)[0].dtype == np.float16
    np.testing.assert_array_equal(memory.last(end)[0], keys.astype(np.float16))


def mixture_of(distribution: Array, shown: Array, keys: Keys, words: Ids, config: AdaptConfig) -> Array:
    """What is expected after (H,) `shown`, where (m, H) `keys` were shown before the (m,) words remembered."""
    return mixed(distribution, keys.astype(np.float32) @ shown, words, config)


configs = st.builds(
    AdaptConfig, weight=st.floats(0, 0.99), flatness=st.floats(0, 100), window=st.just(AdaptConfig.window)
)


@given(config=configs, seed=st.integers(0, 2**32 - 1), remembered=st.integers(1, 50), new=st.integers(0, 5))
def test_a_mixture_is_a_distribution(config: AdaptConfig, seed: int, remembered: int, new: int) -> None:
    chance = np.random.default_rng(seed)
    known = chance.dirichlet(np.full(20, 0.1)).astype(np.float32)
    distribution = np.concatenate([known, np.zeros(new, np.float32)])
    shown = chance.uniform(-1, 1, SIZE).astype(np.float32)
    keys = chance.uniform(-1, 1, (remembered, SIZE)).astype(np.float16)
    words = chance.integers(0, 20 + new, remembered).astype(np.int32)
    mixture = mixture_of(distribution, shown, keys, words, config)
    assert mixture.shape == distribution.shape
    assert mixture.dtype == np.float32
    assert mixture.min() >= 0
    assert float(mixture.sum()) == pytest.approx(1, abs=1e-5)


def test_nothing_remembered_changes_nothing() -> None:
    distribution = np.asarray([0.5, 0.3, 0.2], np.float32)
    mixture = mixture_of(distribution, np.ones(SIZE, np.float32), *entries(0, 0), AdaptConfig())
    np.testing.assert_array_equal(mixture, distribution)


def test_what_came_after_the_most_similar_context_gains_most() -> None:
    distribution = np.full(4, 0.25, np.float32)
    keys = np.asarray([[1, 0, 0], [0, 1, 0], [-1, 0, 0]], np.float16)
    words = np.asarray([1, 2, 3], np.int32)
    mixture = mixture_of(distribution, np.asarray([1, 0.1, 0], np.float32), keys, words, AdaptConfig())
    assert mixture[1] > mixture[2] > mixture[3]
    assert mixture[1] > distribution[1]
    assert mixture[0] < distribution[0]


def test_a_word_read_more_often_gains_more() -> None:
    distribution = np.full(3, 1 / 3, np.float32)
    keys = np.ones((5, SIZE), np.float16)
    words = np.asarray([2, 1, 2, 1, 2], np.int32)
    mixture = mixture_of(distribution, np.ones(SIZE, np.float32), keys, words, replace(AdaptConfig(), flatness=0.0))
    assert mixture[2] > mixture[1] > mixture[0]

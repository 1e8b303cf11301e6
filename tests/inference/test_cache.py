"""The near memory of the words read, against a plain list; what it recalls."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.inference.cache import CacheMemory, Ids, Keys, cosine_similarity, quantize_keys, recall
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


def recalled(before: Array, shown: Array, *words: int) -> list[dict[int, float]]:
    """What is recalled after (H,) `shown`, where (m, H) `before` was shown before the words remembered, by word."""
    numbers = np.asarray(words, np.int32)
    found = recall(cosine_similarity(quantize_keys(np.asarray(before, np.float32)), shown), numbers)
    return [dict(enumerate(np.bincount(those, shares))) if len(those) else {} for those, shares in found]


ALIKE = np.ones(SIZE, np.float32)


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(0, 50), different=st.integers(1, 9))
def test_what_is_recalled_are_distributions_over_other_words_than_the_last(
    seed: int, count: int, different: int
) -> None:
    chance = np.random.default_rng(seed)
    words = chance.integers(0, different, count).tolist()
    near, followers = recalled(chance.uniform(-1, 1, (count, SIZE)), ALIKE, *words)
    bigrams = {after for word, after in itertools.pairwise(words) if word == words[-1] != after}
    assert {word for word, share in near.items() if share} == set(words) - set(words[-1:])
    assert {word for word, share in followers.items() if share} == bigrams
    for found in (near, followers):
        assert not found or sum(found.values()) == pytest.approx(1, abs=1e-5)


def test_what_came_after_the_most_similar_context_gets_most() -> None:
    keys = [[1, 0, 0], [0, 1, 0], [-1, 0, 0], [1, 1, 1]]
    near, _ = recalled(keys, np.asarray([1, 0.1, 0], np.float32), 1, 2, 3, 0)
    assert near[1] > near[2] > near[3]


def test_a_word_read_more_often_gets_more() -> None:
    near, followers = recalled(np.ones((6, SIZE)), ALIKE, 2, 1, 2, 1, 2, 0)
    assert near[2] == pytest.approx(0.6)
    assert followers == {}


def test_of_those_that_followed_the_last_word_each_counts_alike_in_like_contexts() -> None:
    _, followers = recalled(np.ones((7, SIZE)), ALIKE, 1, 3, 1, 4, 1, 1, 1)
    assert followers[3] == followers[4] == pytest.approx(0.5)

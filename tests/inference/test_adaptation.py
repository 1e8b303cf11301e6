"""What was learned beside the model: always a distribution, worth much where a text repeats itself, else nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.inference.adaptation import Adaptation
from nextword.inference.cache import Ids
from nextword.inference.lstm import Array
from nextword.text.vocabulary import UNKNOWN_ID

SIZE, KNOWN, NEW = 6, 40, 4
LIMIT = 1_000_000


def fresh(window: int = 100) -> Adaptation:
    return Adaptation.fresh(SIZE, window, LIMIT)


def model_of(chance: np.random.Generator, count: int) -> Array:
    """(n, V) distributions, each sure of some words."""
    return chance.dirichlet(np.full(KNOWN, 0.3), count).astype(np.float32)


def contexts_of(chance: np.random.Generator, count: int) -> Array:
    return chance.uniform(-1, 1, (count, SIZE)).astype(np.float32)


def bits(expected: Array, words: Ids) -> float:
    return float(-np.log2(expected[np.arange(len(words)), words]).mean())


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(0, 200), window=st.sampled_from([0, 3, 100]))
@settings(max_examples=50)
def test_what_is_expected_is_a_distribution_however_much_was_read(seed: int, count: int, window: int) -> None:
    chance = np.random.default_rng(seed)
    words = chance.integers(0, KNOWN + NEW, count).astype(np.int32)
    memory = fresh(window).after(contexts_of(chance, count), model_of(chance, count), words, KNOWN + NEW)
    distribution = model_of(chance, 1)[0]
    expected = memory.expected(contexts_of(chance, 1)[0], distribution, KNOWN + NEW)
    assert expected.shape == (KNOWN + NEW,)
    assert expected.dtype == np.float32
    assert expected.min() >= 0
    assert float(expected.sum()) == pytest.approx(1, abs=1e-5)
    # A new word has a probability once it was read, and what they have is not more than what `<unk>` would have.
    assert set(KNOWN + np.flatnonzero(expected[KNOWN:])) == set(words[words >= KNOWN].tolist())


def test_with_nothing_read_the_model_is_left_alone() -> None:
    chance = np.random.default_rng(1)
    distribution = model_of(chance, 1)[0]
    expected = fresh().expected(contexts_of(chance, 1)[0], distribution, KNOWN + NEW)
    np.testing.assert_array_equal(expected[:KNOWN], distribution)
    assert not expected[KNOWN:].any()


def test_what_is_learned_does_not_depend_on_how_many_words_are_read_at_once() -> None:
    chance = np.random.default_rng(2)
    contexts, distributions = contexts_of(chance, 300), model_of(chance, 300)
    words = chance.integers(0, KNOWN + NEW, 300).astype(np.int32)
    results = []
    for length in (1, 7, 300):
        memory, expected = fresh(20), np.empty((300, KNOWN + NEW), np.float32)
        for begin in range(0, 300, length):
            part = slice(begin, begin + length)
            memory = memory.after(contexts[part], distributions[part], words[part], KNOWN + NEW, expected[part])
        results.append(expected)
    np.testing.assert_allclose(results[1], results[0], atol=1e-6)
    np.testing.assert_allclose(results[2], results[0], atol=1e-6)


def test_where_a_text_repeats_itself_it_is_foreseen_in_the_end() -> None:
    chance = np.random.default_rng(3)
    words = np.tile(chance.permutation(KNOWN).astype(np.int32), 20)
    expected = np.empty((len(words), KNOWN), np.float32)
    fresh().after(contexts_of(chance, len(words)), model_of(chance, len(words)), words, KNOWN, expected)
    assert bits(expected[-KNOWN:], words[-KNOWN:]) < 0.5
    assert bits(expected[:KNOWN], words[:KNOWN]) > 4


@pytest.mark.parametrize("sharp", [0.05, 0.3, 2.0])
def test_where_the_model_knows_all_there_is_to_know_learning_costs_next_to_nothing(sharp: float) -> None:
    chance, count = np.random.default_rng(4), 4_000
    distributions = chance.dirichlet(np.full(KNOWN, sharp), count).astype(np.float32)
    words = np.asarray([chance.choice(KNOWN, p=row / row.sum()) for row in distributions.astype(float)], np.int32)
    expected = np.empty((count, KNOWN), np.float32)
    fresh().after(contexts_of(chance, count), distributions, words, KNOWN, expected)
    late = slice(count // 2, None)
    cost = bits(expected[late], words[late]) - bits(distributions[late], words[late])
    assert cost < 0.03


def test_a_word_that_the_writer_uses_more_often_than_the_model_expects_becomes_likelier_everywhere() -> None:
    chance, count = np.random.default_rng(5), 1_000
    flat = np.full((count, KNOWN), 1 / KNOWN, np.float32)
    words = chance.choice(KNOWN, count, p=np.asarray([0.4, 0] + [0.6 / (KNOWN - 2)] * (KNOWN - 2)))
    memory = fresh(0).after(contexts_of(chance, count), flat, words.astype(np.int32), KNOWN)
    expected = memory.expected(contexts_of(chance, 1)[0], flat[0], KNOWN)
    assert expected[0] > 5 / KNOWN
    assert expected[1] < 0.5 / KNOWN


def test_new_words_share_what_unknown_ones_have_by_how_often_they_were_read() -> None:
    distribution = np.full(KNOWN, 1 / KNOWN, np.float32)
    words = np.asarray([KNOWN, 5, KNOWN, 6, KNOWN + 1, 7], np.int32)
    chance = np.random.default_rng(6)
    memory = fresh(0).after(contexts_of(chance, 6), np.tile(distribution, (6, 1)), words, KNOWN + 2)
    expected = memory.expected(np.ones(SIZE, np.float32), distribution, KNOWN + 2)
    assert expected[KNOWN] == pytest.approx(2 * expected[KNOWN + 1], rel=1e-5)
    assert expected[UNKNOWN_ID] == pytest.approx(2 * expected[KNOWN + 1], rel=1e-5)  # 3 read, 2 different: 2 in 5


def test_a_word_forgotten_is_expected_as_if_it_had_never_come() -> None:
    chance = np.random.default_rng(7)
    words = np.asarray([3, KNOWN, 4, KNOWN, 3], np.int32)
    memory = fresh().after(contexts_of(chance, 5), model_of(chance, 5), words, KNOWN + 1).without(KNOWN)
    assert memory.words().tolist() == [3, 4, 3]
    expected = memory.expected(np.ones(SIZE, np.float32), model_of(chance, 1)[0], KNOWN + 1)
    assert expected[KNOWN] == 0
    assert not math.isnan(float(expected.sum()))


def test_a_past_counts_though_the_network_has_not_read_it() -> None:
    chance = np.random.default_rng(8)
    past = np.tile(np.asarray([7, 8, 9], np.int32), 50)
    memory = fresh().with_past(past)
    flat = np.full(KNOWN, 1 / KNOWN, np.float32)
    memory = memory.after(contexts_of(chance, 2), np.tile(flat, (2, 1)), np.asarray([7, 8], np.int32), KNOWN)
    assert memory.expected(np.ones(SIZE, np.float32), flat, KNOWN)[9] > 0.2

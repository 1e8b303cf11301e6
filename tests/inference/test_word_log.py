"""All words read, against a plain list: counts, and what followed the last words where they stood before."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.inference.word_log import Ids, WordLog

ORDERS = 4


def ids(words: list[int]) -> Ids:
    return np.asarray(words, np.int32)


def plain_followers(words: list[int]) -> list[list[int]]:
    """What `followers` gives, found place by place."""
    found = []
    for order in range(1, ORDERS + 1):
        last = words[-order:]
        places = [end for end in range(order, len(words)) if words[end - order : end] == last]
        if len(last) < order or not places:
            break
        found.append([words[end] for end in places])
    return found


@given(
    first=st.lists(st.integers(0, 3), max_size=20),
    steps=st.lists(st.tuples(st.integers(0, 40), st.lists(st.integers(0, 5), max_size=9)), max_size=8),
)
@settings(max_examples=200)
def test_a_log_is_a_list_that_is_cut_at_its_end(first: list[int], steps: list[tuple[int, list[int]]]) -> None:
    log, model, ends = WordLog(ids(first)), list(first), {0, len(first)}
    for place, words in steps:
        end = place % (len(model) + 1)
        model = [*model[:end], *words]
        assert log.append(end, ids(words)) == len(model)
        ends = {one for one in ends if one <= end} | {len(model)}
        for known in ends:
            seen = model[:known]
            assert log.first(known).tolist() == seen
            assert log.counts(known, 9).tolist() == [seen.count(number) for number in range(9)]
            assert [found.tolist() for found in log.followers(known, ORDERS)] == plain_followers(seen)


def test_of_a_frequent_word_the_latest_places_count() -> None:
    log = WordLog(ids([0, 1] * 5_000 + [0, 2] * 4_096 + [0]))
    assert set(log.followers(10_000 + 2 * 4_096 + 1, 1)[0].tolist()) == {2}


@pytest.mark.parametrize("size", [0, 1, 5])
def test_counts_are_of_the_numbers_asked_for(size: int) -> None:
    log = WordLog(ids([0, 2, 2, 9]))
    assert log.counts(4, size).tolist() == [1, 0, 2, 0, 0][:size]
    assert log.counts(2, size).tolist() == [1, 0, 1, 0, 0][:size]

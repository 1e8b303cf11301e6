"""Counting words while they are read, in bounded memory, and numbers that become ids afterwards."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.text.vocabulary import END, END_ID, UNKNOWN, UNKNOWN_ID, FormCounts


def counted(chunks: list[list[str]], limit: int) -> tuple[FormCounts, list[np.ndarray]]:
    """Counts of words as they are written, and the numbers that each chunk of them got."""
    counts = FormCounts(vocab_size=2, limit=limit)
    numbers = []
    for chunk in chunks:
        numbers.append(np.asarray([counts.number(word.lower(), word) for word in chunk], np.int32))
        counts.count(numbers[-1])
    return counts, numbers


words_written = st.lists(st.lists(st.sampled_from(list("aAbBcdefghij")), min_size=1), max_size=8)


@given(chunks=words_written)
def test_all_is_counted_where_there_is_room(chunks: list[list[str]]) -> None:
    counts, numbers = counted(chunks, limit=100)
    true = Counter(word.lower() for chunk in chunks for word in chunk)
    ordered = sorted(true, key=lambda word: (-true[word], word))
    assert counts.missed == 0
    often = [word for word in ordered if true[word] >= 2]
    assert counts.vocabulary(100, 1) == ([UNKNOWN, END, *ordered], [])
    assert counts.vocabulary(100, 2) == ([UNKNOWN, END, *often], [])
    assert counts.vocabulary(100, 2, 3) == ([UNKNOWN, END, *often], ordered[len(often) :][:3])
    assert counts.vocabulary(4, 1, 1) == ([UNKNOWN, END, *ordered[:2]], ordered[2:3])
    words, _ = counts.vocabulary(4, 1)
    resolve = counts.resolver(words)
    for chunk, its_numbers in zip(chunks, numbers, strict=True):
        expected = [words.index(word.lower()) if word.lower() in words else UNKNOWN_ID for word in chunk]
        assert resolve(its_numbers).tolist() == expected


@given(chunks=words_written)
def test_where_there_is_not_counts_are_short_by_no_more_than_is_said_and_no_word_is_mistaken(
    chunks: list[list[str]],
) -> None:
    counts, numbers = counted(chunks, limit=4)
    true = Counter(word.lower() for chunk in chunks for word in chunk)
    # Every spelling of a word may be short by as much as is said; here there are two at most.
    for word in true:
        floor = true[word] - 2 * counts.missed
        assert floor <= 0 or word in counts.vocabulary(100, floor)[0]
        assert word not in counts.vocabulary(100, true[word] + 1)[0]
    words, _ = counts.vocabulary(100, 1)
    resolve = counts.resolver(words)
    for chunk, its_numbers in zip(chunks, numbers, strict=True):
        for word, token in zip(chunk, resolve(its_numbers).tolist(), strict=True):
            assert token == UNKNOWN_ID or words[token] == word.lower()


def test_ten_times_as_many_words_as_there_is_room_for_leave_the_frequent_ones() -> None:
    chunks = [[f"w{index}", "often", f"x{index}", "often"] for index in range(500)]
    counts, numbers = counted(chunks, limit=100)
    assert len(list(counts.forms())) <= 102
    assert counts.vocabulary(3, 1)[0] == [UNKNOWN, END, "often"]
    resolve = counts.resolver([UNKNOWN, END, "often"])
    assert all(resolve(chunk).tolist() == [UNKNOWN_ID, 2, UNKNOWN_ID, 2] for chunk in numbers)


def test_special_tokens_are_what_they_are_and_what_is_too_long_is_no_word() -> None:
    counts = FormCounts(10)
    assert counts.number(UNKNOWN, UNKNOWN) == UNKNOWN_ID
    assert counts.number(END, END) == END_ID
    assert counts.number("a" * 100_000, "a" * 100_000) == UNKNOWN_ID
    assert counts.vocabulary(10, 0) == ([UNKNOWN, END], [])


@pytest.mark.parametrize("limit", [2, 100])
def test_forms_are_given_with_their_words(limit: int) -> None:
    counts, _ = counted([["the", "The"]], limit)
    assert {(word, form) for word, form, _ in counts.forms() if word not in (UNKNOWN, END)} in (
        {("the", "the"), ("the", "The")},
        set(),
    )

"""Words are found by their first letters in whatever order they stand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nextword.inference.alphabet import PrefixScan, beginnings

LETTERS = "aé\u0301\u03c3ς'"


@given(st.lists(st.text(LETTERS, min_size=1, max_size=4)), st.text(LETTERS, min_size=1, max_size=3))
def test_a_scan_finds_the_words_that_begin_with_the_letters_and_no_others(words: list[str], letters: str) -> None:
    expected = [place for place, word in enumerate(words) if word.startswith(beginnings(letters))]
    assert PrefixScan(words).starting_with(letters) == expected


def test_of_no_words_none_is_found() -> None:
    assert PrefixScan([]).starting_with("a") == []

"""Where sentences start: arrays of ids get the answers that tokens get one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.sentences import SentencePosition, SentenceStarts, sentence_begins
from nextword.vocabulary import END, UNKNOWN

MARKS = ['"', ".", "!", "?", "...", ",", ":", ";", "'", "(", ")", "[", "--", "-"]
WORDS = [UNKNOWN, END, *MARKS, "mr", "i", "j", "the", "McDonald"]


@given(portions=st.lists(st.lists(st.integers(0, len(WORDS) - 1), min_size=1), min_size=1, max_size=4))
def test_starts_in_arrays_are_the_starts_token_by_token(portions: list[list[int]]) -> None:
    position, expected = SentencePosition(), []
    for token in [token for portion in portions for token in portion]:
        expected.append(position.at_start)
        position = position.after(WORDS[token])
    starts = SentenceStarts(WORDS)
    assert [start for portion in portions for start in starts(np.asarray(portion, np.int32)).tolist()] == expected


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("i was here . you were not", ["i", "you"]),
        ("mr . smith came . he left", ["mr", "he"]),
        ('he said , " come here . " she came', ["he", "she"]),
        ('" where ? " asked he . " there . "', ['"', '"']),
        ("the end <eos> a beginning", ["the", "a"]),
        ("", []),
    ],
)
def test_a_sentence_begins_after_the_one_before_with_the_marks_that_close_it(text: str, begins: list[str]) -> None:
    tokens = text.split()
    assert [tokens[place] for place in sentence_begins(tokens)] == begins

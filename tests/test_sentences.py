"""Where sentences start: arrays of ids get the answers that tokens get one by one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nextword.sentences import SentencePosition, SentenceStarts
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

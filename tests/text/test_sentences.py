"""Where sentences start: arrays of ids get the answers that tokens get one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.text.sentences import SentencePosition, SentenceStarts, sentence_starts
from nextword.text.vocabulary import END, UNKNOWN

MARKS = ['"', ".", "!", "?", "...", ",", ":", ";", "'", "(", ")", "[", "--", "-"]
WORDS = [UNKNOWN, END, *MARKS, "mr", "i", "j", "the", "McDonald"]


@given(chunks=st.lists(st.lists(st.integers(0, len(WORDS) - 1), min_size=1), min_size=1, max_size=4))
def test_starts_in_arrays_are_the_starts_token_by_token(chunks: list[list[int]]) -> None:
    position, expected = SentencePosition(), []
    for token in [token for chunk in chunks for token in chunk]:
        expected.append(position.at_start)
        position = position.after(WORDS[token])
    starts = SentenceStarts(WORDS)
    assert [start for chunk in chunks for start in starts(np.asarray(chunk, np.int32))[0].tolist()] == expected


@pytest.mark.parametrize(
    "sentences",
    [
        ["the cat sat .", "it was late !", "who knows ?"],
        [f"the cat sat . {END}", f"it was {END}", "late"],
        ["really ? ! ...", "yes ."],
        ["mr . mcdonald and j . were late .", "so said i .", "we left"],
        ['" it is late . "', "the cat sat ."],
        ['anna said , " it is late . "', "she left ."],
        ['anna said : " where is it ? " and left .', "she did"],
        ["the end .", '" the beginning , " anna said .', "( so . )", "[ yes"],
    ],
)
def test_a_sentence_begins_after_the_last_has_ended(sentences: list[str]) -> None:
    starts = [place == 0 for sentence in sentences for place, _ in enumerate(sentence.split())]
    assert list(sentence_starts(" ".join(sentences).split())) == starts

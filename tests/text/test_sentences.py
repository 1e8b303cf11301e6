"""Where sentences start: arrays of ids get the answers that tokens get one by one."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.text.sentences import SentencePosition, SentenceStarts, kind_of, sentence_starts
from nextword.text.vocabulary import END, UNKNOWN

MARKS = [
    '"',
    ".",
    "!",
    "?",
    "...",
    "..",
    ",",
    ":",
    ";",
    "'",
    "(",
    ")",
    "[",
    "--",
    "-",
    "\u00bf",
    "\u2022",
    ">",
    "/",
    "\U0001f44d",
]
WORDS = [UNKNOWN, END, *MARKS, "mr", "i", "j", "the", "McDonald", "etc", "hbf", "1", "]", "~"]


@given(chunks=st.lists(st.lists(st.integers(0, len(WORDS) - 1), min_size=1), min_size=1, max_size=4))
def test_starts_in_arrays_are_the_starts_token_by_token(chunks: list[list[int]]) -> None:
    position, expected = SentencePosition(), []
    earlier = previous = ""
    for token in [token for chunk in chunks for token in chunk]:
        expected.append((position.at_start, previous == "." and earlier in {"etc", "hbf"}))
        position = position.after(WORDS[token], {"hbf"})
        earlier, previous = previous, WORDS[token]
    starts = SentenceStarts(np.asarray([kind_of(word, {"hbf"}) for word in WORDS], np.int8))
    found = [zip(*(some.tolist() for some in starts(np.asarray(chunk, np.int32))), strict=True) for chunk in chunks]
    assert list(chain(*found)) == expected


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
        ["\u00bf qu\u00e9 quieres ?", "\u00a1 bien !", "\u2022 one .", "> two"],
        ["we met at 5 p . m . and left .", "eggs , etc . were there .", "wait ..", "{ yes . }", "so"],
    ],
)
def test_a_sentence_begins_after_the_last_has_ended(sentences: list[str]) -> None:
    starts = [place == 0 for sentence in sentences for place, _ in enumerate(sentence.split())]
    assert list(sentence_starts(" ".join(sentences).split())) == starts


@pytest.mark.parametrize(
    "text",
    [
        "Mrs .",
        "dr .",
        "e . g .",
        "i . e .",
        "p . m .",
        "approx .",
        "jan .",
        "fig . 3",
        "fig .",
        "etc .",
        "z . b .",
        "usw .",
        "bijv .",
        "d . w . z .",
        "itd .",
        "bl . a .",
        "t . ex .",
        "рис .",
        "и т . д .",
        "art . 5",
        "pp .",
        "m .",
        "sra .",
        "sig .",
        "u . s .",
        '" e . g . "',
        "no . 5",
        "the end , >",
        "anna @",
        "the end . @",
        "the end . /",
        "the end . $",
        "the end . `",
        "the end 1 )",
        "the end , a )",
        "the end . 1",
        "the end . one )",
        "the end . 1 , )",
        "the end . ~ /",
    ],
)
def test_no_sentence_starts_after_an_abbreviation_or_inside_a_name(text: str) -> None:
    assert not SentencePosition().after_all(text.split()).at_start


@pytest.mark.parametrize(
    "text",
    [
        "wait ...",
        "wait ..",
        "wait .....",
        "he left . ( i knew . )",
        "no .",
        "so do i .",
        "\u0438 \u044f .",
        "\u0432\u043e\u0442 \u0438 \u0432\u0441\u0451 .",
        "\u00bf",
        "\u00a1",
        ">",
        "> >",
        "\u2022",
        "the end . \u2022",
        "the end . \u2023",
        "the end . +",
        "the end . \U0001f44d",
        "the end ! \U0001f468 \u200d \U0001f469",
        "the end . \u2713",
        "the end . {",
        "the end . \u201a",
        "\u597d \u3002",
        'he said : "',
        "1 )",
        "the end . 12 )",
        "a )",
        "i )",
        "( a )",
        "( 1 ) [ 2 ]",
        "[ 1 ]",
        "the end . ~",
    ],
)
def test_a_sentence_starts_after_every_mark_that_ends_one_and_what_stands_before_words(text: str) -> None:
    assert SentencePosition().after_all(text.split()).at_start


def test_a_position_tells_nothing_of_ordinary_words() -> None:
    assert SentencePosition().after_all(["the", "secret"]).previous == UNKNOWN
    assert SentencePosition().after_all(["the", "etc"]).previous == "etc"
    assert SentencePosition().after_all(["the", "("]).previous == "("

"""The text that a user is told to try a new model on."""

from __future__ import annotations

import numpy as np
import pytest

from nextword.text.tokenizer import WordTokenizer
from nextword.training.previews import example


def example_of(text: str, known: str = "", **settings: object) -> str:
    """What is to be tried where `text` is held out, and its words, or those of `known`, are learned."""
    tokenizer = WordTokenizer.train([known or text], min_count=1, **settings)  # type: ignore[arg-type]
    return example(tokenizer, np.array(tokenizer.encode(text).ids, np.int32))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The cat sat on the mat.", "The cat sat on"),
        ("Yes, of course.\n\nDon't ask her again.", "Don't ask her again"),
        ("Жили были старик и", "Жили были старик и"),
        ("यह एक अच्छा दिन है", "यह एक अच्छा दिन"),
        ("საქართველო არის ლამაზი ქვეყანა და", "საქართველო არის ლამაზი ქვეყანა"),
        ("هذا يوم جميل جدا", "هذا يوم جميل جدا"),
        ("# Title\n\n- one\n\nHello", "Hello"),
        ("1815 -- 1816", "1815 -- 1816"),
        ("", ""),
        ("... !!!", ""),
    ],
)
def test_it_is_the_longest_beginning_of_plain_words(text: str, expected: str) -> None:
    assert example_of(text) == expected


def test_of_beginnings_as_long_the_one_with_the_most_frequent_words_is_taken() -> None:
    rare, frequent = "Nobody likes every zeppelin.", "The cat and dog."
    assert example_of(f"{rare}\n\n{frequent}\n\n{rare}", f"{rare} {frequent} {frequent}") == "The cat and dog"


def test_unknown_words_end_it() -> None:
    assert example_of("The zeppelin sat.\n\nXanadu", "The cat sat.") == "The"
    assert example_of("Xanadu", "The cat sat.") == ""


def test_tokens_between_spaces_are_taken_where_no_plain_word_begins_a_paragraph() -> None:
    assert example_of("Hello, you\nhow are you, then", scheme="whitespace") == "how are"
    assert example_of("$(touch pwned) `id`", scheme="whitespace") == "$(touch pwned) `id`"


def test_no_word_as_long_as_a_line_is_taken() -> None:
    assert example_of(f"{'a' * 70} is\n\nShort words.") == "Short words"

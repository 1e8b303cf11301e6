"""Keystroke savings: as a typist with a list of words would find them, letter by letter."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nextword.evaluation.keystrokes import SUGGESTIONS, Keyboard, keys_needed, keys_used
from nextword.text.tokenizer import END, END_ID, UNKNOWN_ID, Token, WordTokenizer

CPU = torch.device("cpu")


def vocabulary(words: list[str]) -> WordTokenizer:
    return WordTokenizer.train([" ".join(words)], "whitespace", min_count=1)


def letters_by_typing(tokenizer: WordTokenizer, scores: list[int], target: int) -> float:
    """Type the word letter by letter and look at the list each time."""
    order = sorted(range(len(scores)), key=lambda index: (-scores[index], index))
    word = tokenizer.words[target]
    for typed in range(len(word)):
        fitting = [
            index
            for index in order
            if tokenizer.is_word(tokenizer.words[index])
            and tokenizer.words[index].startswith(word[:typed])
            and tokenizer.words[index] != word[:typed]
        ]
        if target in fitting[:SUGGESTIONS]:
            return typed
    return math.inf


@pytest.mark.slow
@given(
    words=st.lists(st.text("ab.", min_size=1, max_size=5), min_size=1, max_size=25, unique=True),
    data=st.data(),
)
def test_letters_typed_are_those_of_someone_who_looks_at_the_list_after_every_letter(
    words: list[str], data: st.DataObject
) -> None:
    tokenizer = vocabulary(words)
    size = len(tokenizer)
    places = data.draw(st.integers(1, 6))
    rows = [data.draw(st.lists(st.integers(0, 9), min_size=size, max_size=size)) for _ in range(places)]
    targets = data.draw(st.lists(st.integers(0, size - 1), min_size=places, max_size=places))
    likelier = torch.tensor(
        [
            [(-score, index) < (-scores[target], target) for index, score in enumerate(scores)]
            for scores, target in zip(rows, targets, strict=True)
        ]
    )
    typed = Keyboard(tokenizer, CPU).letters_typed(likelier, torch.tensor(targets))
    assert typed.tolist() == [
        letters_by_typing(tokenizer, scores, target) for scores, target in zip(rows, targets, strict=True)
    ]


def test_a_vocabulary_without_words_suggests_nothing() -> None:
    tokenizer = vocabulary([".", "..."])
    typed = Keyboard(tokenizer, CPU).letters_typed(
        torch.zeros(2, len(tokenizer), dtype=torch.bool), torch.tensor([0, 3])
    )
    assert typed.tolist() == [math.inf, math.inf]


@pytest.mark.parametrize(
    ("token", "typed", "needed", "used"),
    [
        (Token(5, "house", 1, 1, spaced=True), 0, 6, 1),
        (Token(5, "house", 1, 1, spaced=True), 3, 6, 4),
        (Token(5, "house", 1, 1, spaced=True), math.inf, 6, 6),
        (Token(5, "house", 1, 1, spaced=False), 0, 5, 1),
        (Token(5, "house", 1, 1, spaced=False), 4, 5, 5),
        (Token(5, "a", 1, 1, spaced=False), 0, 1, 1),
        (Token(UNKNOWN_ID, "zebra", 1, 1, spaced=True), math.inf, 6, 6),
        (Token(7, ",", 1, 1, spaced=True), math.inf, 2, 2),
        (Token(END_ID, END, 1, 1, spaced=False), math.inf, 1, 1),
    ],
)
def test_a_suggestion_costs_a_key_and_brings_the_space(token: Token, typed: float, needed: int, used: int) -> None:
    assert keys_needed(token) == needed
    assert keys_used(np.array([needed]), np.array([typed])).tolist() == [used]

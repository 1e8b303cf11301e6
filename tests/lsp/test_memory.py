"""The text above the cursor, followed through its edits: the same as read anew, for less work."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest
from support.models import random_predictor

from nextword.config import AdaptConfig
from nextword.inference.lstm import Array, LSTMState
from nextword.inference.predictor import Predictor
from nextword.lsp.document import Document
from nextword.lsp.memory import Cursor, DocumentMemory
from nextword.lsp.positions import Position
from nextword.lsp.prose import scanner_of

WORDS = ["Anna", "lives", "in", "Paris.", "Where", "is", "the", "Zeppelin?", "asked", "Peter", "cat", "sat", "Zoltan"]
EDITS = 10_000
MAX_LINES = 20  # of a document, so that it is read whole and anew thousands of times in a few seconds


@pytest.fixture(scope="module")
def model() -> Predictor:
    return random_predictor("lstm")


@pytest.fixture
def steps(model: Predictor, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many words the network reads, one number for each time."""
    model.initial_state  # noqa: B018 - read once and kept
    read, counted = model.network.read, []

    def counting(ids: Sequence[int], state: LSTMState) -> tuple[Array, LSTMState]:
        counted.append(len(ids))
        return read(ids, state)

    monkeypatch.setattr(model.network, "read", counting)
    return counted


class Edited:
    """A document and what remembers it."""

    def __init__(self, model: Predictor, text: str, max_tokens: int = 2_048, language: str = "plaintext") -> None:
        self.model, self.max_tokens, self.language = model, max_tokens, language
        self.document = Document(text, scanner_of(language))
        self.memory = DocumentMemory(self.document, model.session(AdaptConfig()), max_tokens)

    def edit(self, begin: Position, end: Position, text: str) -> None:
        self.memory.edited(*self.document.edit(begin, end, text))

    def type(self, text: str) -> None:
        """Type at the end."""
        end = self.end
        self.edit(end, end, text)

    @property
    def end(self) -> Position:
        return Position(len(self.document.lines) - 1, len(self.document.lines[-1]))

    def anew(self, place: Position) -> Cursor | None:
        """What is expected by who opens the document now."""
        return Edited(self.model, self.document.text, self.max_tokens, self.language).memory.at(place)


def same(one: Cursor | None, other: Cursor | None) -> bool:
    """Whether the same is expected."""
    if one is None or other is None:
        return one is other
    mine, theirs = one.outlook, other.outlook
    known = len(mine.engine.tokenizer)
    words = dict(zip([new.word for new in theirs.new_words], theirs.distribution[known:], strict=True))
    new = [words.get(new.word, 0.0) - p for new, p in zip(mine.new_words, mine.distribution[known:], strict=True)]
    return (
        one.letters == other.letters
        and np.allclose(mine.distribution[:known], theirs.distribution[:known], atol=1e-5)
        and np.allclose(new, 0, atol=1e-5)
    )


@pytest.mark.parametrize("language", ["plaintext", "markdown"])
def test_after_ten_thousand_edits_anywhere_the_same_is_suggested_as_by_a_server_that_reads_anew(
    model: Predictor, language: str
) -> None:
    numbers = random.Random(language)
    edited = Edited(model, "", language=language)
    undo: list[tuple[Position, Position, str]] = []

    def place() -> Position:
        line = numbers.randrange(len(edited.document.lines))
        return Position(line, numbers.randint(0, len(edited.document.lines[line])))

    for number in range(EDITS // 2):
        begin, end = sorted((place(), place())) if numbers.random() < 0.1 else (edited.end, edited.end)
        if numbers.random() < 0.3:
            begin = end = place()
        text = numbers.choice([numbers.choice(WORDS) + " ", numbers.choice("abc \n"), "\n\n", "```\n", " ".join(WORDS)])
        if len(edited.document.lines) > MAX_LINES:
            begin, end, text = Position(5, 0), Position(MAX_LINES, 0), ""
        if undo and numbers.random() < 0.2:
            begin, end, text = undo.pop()
        before = edited.document.text
        edited.edit(begin, end, text)
        if numbers.random() < 0.1:
            undo.append((Position(0, 0), Position(10**6, 0), before))
        if number % 3 == 0:  # the others are several edits at once
            at = place() if number % 2 else edited.end
            found = edited.memory.at(at)
        if number % 30 == 0:
            assert same(found, edited.anew(at)), (number, edited.document.text, at)


def test_a_key_at_the_end_costs_one_step_at_most(model: Predictor, steps: list[int]) -> None:
    edited = Edited(model, " ".join(WORDS * 40))
    edited.memory.at(edited.end)
    for letter in "  Anna lives. In Paris\n\nWhere is Zoltan? ":
        steps.clear()
        edited.type(letter)
        edited.memory.at(edited.end)
        assert sum(steps) <= 3  # a word, and the mark or the paragraph's end that stands with it


def test_an_edit_further_up_goes_back_to_a_state_that_was_kept(model: Predictor, steps: list[int]) -> None:
    edited = Edited(model, "\n".join(WORDS))
    edited.memory.at(edited.end)
    steps.clear()
    edited.memory.at(Position(len(WORDS) - 3, 0))
    edited.edit(Position(len(WORDS) - 3, 0), Position(len(WORDS) - 3, 0), "cat ")
    edited.memory.at(Position(len(WORDS) - 3, 4))
    assert sum(steps) <= 2 * 16  # no more than the batches in which these words were read


def test_only_the_last_words_of_a_long_document_are_read_and_edits_far_above_cost_nothing(
    model: Predictor, steps: list[int]
) -> None:
    edited = Edited(model, "\n".join(" ".join(WORDS) for _ in range(2_000)), max_tokens=64)
    edited.memory.at(edited.end)
    assert sum(steps) <= 2 * 64
    steps.clear()
    edited.edit(Position(3, 0), Position(5, 2), "one\ntwo\nthree\nfour ")
    edited.memory.at(edited.end)
    assert steps == []
    for _ in range(500):
        edited.type("Anna lives in Paris. ")
        edited.memory.at(edited.end)
    assert sum(steps) <= 500 * 6
    steps.clear()
    edited.memory.at(Position(1_000, 3))  # far above what is kept
    edited.memory.at(Position(999, 3))
    assert sum(steps) <= 2 * 64


def test_a_document_of_one_very_long_line_and_one_of_marks_are_soon_read(model: Predictor, steps: list[int]) -> None:
    for text in (" ".join(WORDS * 20_000), "\\" * 300_000, "\n" * 300_000, "a" * 300_000):
        steps.clear()
        edited = Edited(model, text)
        edited.memory.at(edited.end)
        edited.type(" Anna ")
        assert edited.memory.at(edited.end) is not None
        assert sum(steps) < 10_000


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("", ""),
        ("Anna ", ""),
        ("Anna l", "l"),
        ("Anna.", None),  # a space comes first
        ("(", ""),
        ("Anna asked, \u201c", ""),
        ("so-", "so-"),
    ],
)
def test_where_a_word_may_begin(model: Predictor, text: str, letters: str | None) -> None:
    edited = Edited(model, text)
    cursor = edited.memory.at(edited.end)
    assert (cursor.letters if cursor else None) == letters

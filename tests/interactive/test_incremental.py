"""A session that follows an edited text: the same as a fresh one, for less work."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.config import AdaptConfig
from nextword.inference.outlook import Prediction
from nextword.inference.predictor import Predictor
from nextword.interactive.incremental import MAX_BATCH_LENGTH, IncrementalReader

TEXT = ["The", "cat", "sat", "on", "the", "mat", "and", "Anna", "lives", "in", "Paris"]
CHUNKS = st.lists(st.sampled_from(["The", "cat", "sat", "Anna", ".", ",", "Zoltan", "\n\nThe"]), max_size=40)


def reader_of(predictor: Predictor) -> IncrementalReader:
    return IncrementalReader(predictor.session(AdaptConfig()))


def suggested(predictor: Predictor, chunks: Sequence[str]) -> list[Prediction]:
    """What a session suggests that reads all chunks at once."""
    session = predictor.session(AdaptConfig())
    session.feed(" ".join(chunks))
    return [type(p)(p.word, pytest.approx(p.probability, abs=1e-5)) for p in session.suggest(3)]


@given(edits=st.lists(st.tuples(st.integers(0, 60), CHUNKS), max_size=5))
@settings(max_examples=40)
def test_after_any_edits_anywhere_it_is_where_a_session_is_that_read_the_text_at_once(
    predictor: Predictor, edits: list[tuple[int, list[str]]]
) -> None:
    reader, text = reader_of(predictor), list[str]()
    for place, chunks in edits:
        begin = min(place, len(text))
        text = text[:begin] + chunks
        assert reader.replace(begin, chunks)
        assert reader.chunks == text
        assert reader.suggest(3) == suggested(predictor, text)


def test_what_stands_already_there_is_not_read_again(predictor: Predictor, steps: list[int]) -> None:
    reader, text = (
        reader_of(predictor),
        TEXT,
    )
    for end in range(len(text) + 1):
        reader.replace(0, text[:end])
    assert steps == [1] * len(text)
    reader.replace(4, text[4:])
    reader.replace(0, text[:6])
    assert steps == [1] * len(text)
    reader.replace(0, [*text[:6], "a"])
    assert len(steps) == len(text) + 1


def test_many_chunks_are_read_at_once_and_an_edit_among_them_reads_no_more_than_a_batch_again(
    predictor: Predictor, steps: list[int]
) -> None:
    reader, text = reader_of(predictor), ["cat"] * 100
    reader.replace(0, text)
    assert max(steps) == MAX_BATCH_LENGTH
    assert len(steps) == -(-len(text) // MAX_BATCH_LENGTH)
    steps.clear()
    reader.replace(90, ["dog"])
    assert sum(steps) <= MAX_BATCH_LENGTH


def test_a_limit_bounds_what_is_read_and_the_same_call_reads_on(predictor: Predictor, steps: list[int]) -> None:
    reader, text = reader_of(predictor), ["The", "cat", "sat", "on", "the", "mat"]
    assert [reader.replace(0, text, 4), reader.replace(0, text, 0), reader.replace(0, text, 4)] == [False, False, True]
    assert sum(steps) == len(text)
    assert reader.suggest(3) == suggested(predictor, text)


def test_what_is_dropped_counts_and_what_is_left_can_be_edited(predictor: Predictor) -> None:
    reader, text = (
        reader_of(predictor),
        TEXT * 4,
    )
    reader.replace(0, text)
    dropped = reader.drop(30)
    assert 30 - MAX_BATCH_LENGTH < dropped <= 30
    assert reader.chunks == text[dropped:]
    reader.replace(33 - dropped, ["dog"])
    assert reader.suggest(3) == suggested(predictor, [*text[:33], "dog"])

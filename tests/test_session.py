"""The memory in use: text in pieces, undo, reset."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.lstm import LSTMState
from nextword.predictor import Predictor
from nextword.session import Session
from nextword.tokenizer import END_ID

TEXT = 'Anna lives in Paris. "Where is the cat?" asked Peter. My mother-in-law and I went to'


def same(one: LSTMState, other: LSTMState) -> bool:
    return all(
        np.allclose(left, right, atol=1e-5)
        for left, right in zip((*one.hidden, *one.cell), (*other.hidden, *other.cell), strict=True)
    )


def chances(session: Session) -> dict[str, float]:
    return {prediction.word: prediction.probability for prediction in session.suggest(1000, punctuation=True)}


def test_a_session_suggests_what_predict_suggests(predictor: Predictor) -> None:
    session = predictor.session()
    session.feed(TEXT)
    assert session.suggest(7) == predictor.predict(TEXT, k=7)
    assert session.suggest(7, punctuation=True) == predictor.predict(TEXT, k=7, punctuation=True)


@given(cuts=st.lists(st.integers(0, len(TEXT.split())), max_size=5))
@settings(max_examples=25)
def test_pieces_are_remembered_as_if_read_at_once(predictor: Predictor, cuts: list[int]) -> None:
    words = TEXT.split()
    session = predictor.session()
    edges = [0, *sorted(cuts), len(words)]
    for begin, end in itertools.pairwise(edges):
        session.feed(" ".join(words[begin:end]))
    whole = predictor.session()
    whole.feed(TEXT)
    assert session.words_seen == whole.words_seen
    assert chances(session) == pytest.approx(chances(whole), abs=1e-5)
    assert same(session.state, whole.state)


def test_what_was_said_before_counts(predictor: Predictor) -> None:
    session = predictor.session()
    session.feed("My mother-in-law and I went")
    first = chances(session)
    session.reset()
    session.feed("Anna lives in Paris. My mother-in-law and I went")
    assert chances(session) != pytest.approx(first, abs=1e-7)


def test_feed_names_the_unknown_words(predictor: Predictor) -> None:
    session = predictor.session()
    assert session.feed("Anna met Zoltan in Paris with Zoltan") == ["met", "Zoltan", "with"]
    assert session.feed("The cat") == []


def test_words_seen_counts_tokens_without_the_ends_of_paragraphs(predictor: Predictor) -> None:
    session = predictor.session()
    assert session.words_seen == 0
    session.feed("The cat, zzz.\n\nThe")
    assert session.words_seen == 6
    session.feed("dog")
    assert session.words_seen == 7


def test_an_empty_feed_reads_nothing(predictor: Predictor) -> None:
    session = predictor.session()
    session.feed("The cat")
    before, state = session.suggest(5), session.state
    assert session.feed("") == []
    assert session.feed("  ") == []
    assert session.suggest(5) == before
    assert same(session.state, state)
    assert session.words_seen == 2


def test_undo_takes_feeds_back_one_by_one(predictor: Predictor) -> None:
    session = predictor.session()
    steps = [session.suggest(5)]
    for piece in ("The cat", "sat on", "the"):
        session.feed(piece)
        steps.append(session.suggest(5))
    assert len({tuple(step) for step in steps}) == 4
    for expected in reversed(steps[:-1]):
        assert session.undo() is True
        assert session.suggest(5) == expected
    assert session.words_seen == 0
    assert session.undo() is False
    assert session.suggest(5) == steps[0]


def test_reset_forgets_and_undo_brings_back(predictor: Predictor) -> None:
    session = predictor.session()
    fresh = session.suggest(5)
    session.feed("The cat sat on the")
    fed = session.suggest(5)
    session.reset()
    assert session.suggest(5) == fresh
    assert session.words_seen == 0
    assert session.undo() is True
    assert session.suggest(5) == fed
    assert session.words_seen == 5


def test_sessions_do_not_disturb_each_other(predictor: Predictor) -> None:
    one, other = predictor.session(), predictor.session()
    one.feed("The cat sat on the")
    expected = one.suggest(5)
    other.feed("My mother-in-law and I went")
    assert one.suggest(5) == expected


def test_a_fresh_session_has_read_the_end_of_a_paragraph(predictor: Predictor) -> None:
    fresh = predictor.session()
    assert same(fresh.state, predictor.network.read([END_ID], predictor.network.initial_state())[1])
    assert any(values.any() for values in fresh.state.hidden)
    assert all(prediction.word[0].isupper() for prediction in fresh.suggest(3))

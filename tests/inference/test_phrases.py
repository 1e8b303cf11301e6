"""The words shown after the first: those that are likely enough, and no more."""

from __future__ import annotations

import pytest

from nextword.config import AdaptConfig
from nextword.inference.outlook import Prediction
from nextword.inference.phrases import MAX_PHRASE_WORDS, beginning, one_more, worth_showing
from nextword.inference.predictor import Predictor
from nextword.inference.session import Session


def read(predictor: Predictor, text: str) -> Session:
    session = predictor.session(AdaptConfig())
    session.feed(text)
    return session


def test_a_phrase_is_the_words_suggested_one_after_the_other(predictor: Predictor) -> None:
    session = read(predictor, "Anna lives")
    snapshot, expected = session.snapshot, session.suggest(3, prefix="i")
    phrase = [one.word for one in worth_showing(session, expected, "i")]
    assert 1 < len(phrase) <= MAX_PHRASE_WORDS
    assert session.snapshot is snapshot
    assert session.suggest(3, prefix="i") == expected
    for word in phrase:
        assert session.suggest(1, prefix="i" if word == phrase[0] else "")[0].word == word
        session.feed(word)


def test_the_probability_of_a_phrase_is_that_of_its_words_one_after_the_other(predictor: Predictor) -> None:
    session = read(predictor, "Anna lives")
    first = session.suggest(1)[0]
    phrase = worth_showing(session, [first])
    session.feed(phrase[0].word)
    assert phrase[1].probability == pytest.approx(first.probability * session.suggest(1)[0].probability, rel=1e-3)


def test_no_word_follows_one_that_is_unlikely(predictor: Predictor) -> None:
    session = read(predictor, "Anna lives")
    assert one_more(session, [Prediction("in", 0.9)])
    assert one_more(session, [Prediction("in", 0.05)]) is None
    assert worth_showing(session, []) == []


def test_a_phrase_ends_where_a_mark_is_expected(predictor: Predictor) -> None:
    session = read(predictor, "Anna lives")
    phrase = worth_showing(session, [Prediction("in", 1.0)])
    assert len(phrase) < MAX_PHRASE_WORDS
    for one in phrase:
        session.feed(one.word)
    assert not session.suggest(1, punctuation=True)[0].word.isalpha()


def test_letters_typed_make_the_first_word_more_certain() -> None:
    two = [Prediction("cat", 0.03), Prediction("car", 0.01)]
    assert beginning(two) == [Prediction("cat", 0.03)]
    assert beginning(two, "ca") == [Prediction("cat", pytest.approx(0.75))]

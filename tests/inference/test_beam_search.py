"""Phrases of a few words: what one is, and that the search finds the likeliest."""

from __future__ import annotations

import itertools

import pytest

from nextword.inference.lstm import LSTMState
from nextword.inference.outlook import Outlook, Prediction
from nextword.inference.predictor import Predictor
from nextword.text.casing import capitalized_like
from nextword.text.detokenizer import Detokenizer
from nextword.text.sentences import SentencePosition
from nextword.text.tokenizer import END_ID, UNKNOWN_ID


def every_phrase(
    predictor: Predictor, state: LSTMState, position: SentencePosition, words: int, punctuation: bool, prefix: str
) -> dict[str, float]:
    """All phrases there are and their probabilities, one LSTM step at a time: what a search has to find the best of."""
    tokenizer, found = predictor.tokenizer, {}

    def extend(ids: tuple[int, ...], state: LSTMState, position: SentencePosition, chance: float, left: int) -> None:
        distribution = predictor.distribution(state)
        for token_id, token in enumerate(tokenizer.words):
            is_word = tokenizer.is_word(token)
            if token_id == UNKNOWN_ID or (ids and not is_word and not tokenizer.is_word(tokenizer.words[ids[-1]])):
                continue
            if not ids and (token_id == END_ID or not (is_word or punctuation) or not token.startswith(prefix.lower())):
                continue
            after, joint = position.after(token), chance * float(distribution[token_id])
            if token_id == END_ID or after.closed or (is_word and left == 1):
                writer = Detokenizer(tokenizer, start)
                pieces = [writer.add(token_id) for token_id in (*ids, token_id) if token_id != END_ID]
                found["".join([capitalized_like(prefix, pieces[0]), *pieces[1:]])] = joint
            else:
                extend((*ids, token_id), predictor.read([token_id], state), after, joint, left - is_word)

    start = position
    extend((), state, position, 1.0, words)
    return found


@pytest.mark.parametrize(
    ("text", "words", "punctuation", "prefix"),
    [("", 1, False, ""), ("", 2, False, ""), ("she said,", 2, True, ""), ("she", 2, False, "S"), ("Mr", 1, True, "")],
)
def test_the_search_finds_the_likeliest_of_all_phrases(
    mixed_up: Predictor, text: str, words: int, punctuation: bool, prefix: str
) -> None:
    session = mixed_up.session()
    session.feed(text)
    state, position = session.state, session.snapshot.position
    everything = every_phrase(mixed_up, state, position, words, punctuation, prefix)
    expected = sorted(everything.items(), key=lambda item: -item[1])
    found = session.outlook().phrases(words, 2000, punctuation, prefix)
    assert len(found) == min(2000, len(expected))
    for phrase, (_, probability) in zip(found, expected, strict=False):
        assert everything[phrase.word] == pytest.approx(phrase.probability, rel=1e-4)
        assert phrase.probability == pytest.approx(probability, rel=1e-4)
    assert session.outlook().phrases(words, 3, punctuation, prefix) == found[:3]


def after(predictor: Predictor, text: str) -> Outlook:
    session = predictor.session()
    session.feed(text)
    return session.outlook()


def test_phrases_are_what_comes_next_as_people_write_it(predictor: Predictor) -> None:
    best = after(predictor, "My mother-in-law and I").phrases(words=2, k=3)
    assert best[0].word == "went to"
    assert all(one.probability >= other.probability for one, other in itertools.pairwise(best))
    cities = after(predictor, "I don't know Peter, but I know").phrases(words=5, k=3)
    assert {phrase.word for phrase in cities} == {"Paris.", "London.", "Berlin."}
    inside = after(predictor, "I don't know").phrases(words=3, k=3)
    assert {phrase.word for phrase in inside} == {"Anna, but I", "Peter, but I", "Maria, but I"}


def test_a_phrase_of_one_word_is_the_word_that_predict_suggests(predictor: Predictor) -> None:
    for text in ("", "The cat sat on the", "Anna lives in"):
        expected = predictor.predict(text, k=4)
        found = after(predictor, text).phrases(words=1, k=4)
        assert [phrase.word for phrase in found] == [prediction.word for prediction in expected]
        chances = [prediction.probability for prediction in expected]
        assert [phrase.probability for phrase in found] == pytest.approx(chances, rel=1e-5)


def test_letters_nobody_begins_a_word_with_begin_no_phrase(predictor: Predictor) -> None:
    assert after(predictor, "The").phrases(words=3, prefix="zzz") == []


def test_letters_typed_with_a_capital_begin_phrases_with_one(predictor: Predictor) -> None:
    found: list[Prediction] = after(predictor, "My mother-in-law and I").phrases(words=2, prefix="W")
    assert found[0].word == "Went to"
    assert all(phrase.word.startswith("W") for phrase in found)

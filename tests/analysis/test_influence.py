"""Why a word is suggested: what is taken out, and that reading the rest anew is what the figures come from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from support.models import random_predictor

from nextword.analysis.influence import Influence, Part, why_likeliest, why_suggested
from nextword.config import GATES, AdaptConfig, WhyConfig
from nextword.errors import UsageError
from nextword.inference.predictor import Predictor
from nextword.terminal.influence import summary

TEXT = 'Anna lives in Paris. "Where is the cat?" asked Maria. The horse sat on the'


def explained(predictor: Predictor, text: str, **settings: Any) -> tuple[list[Part], list[Influence]]:
    parts, influences, _ = why_likeliest(predictor, text, WhyConfig(**settings))
    return parts, influences


def log2_after(predictor: Predictor, ids: list[int], word: str) -> float:
    """By reading `ids` one after the other, and nothing else."""
    distribution = predictor.distribution(predictor.read(ids, predictor.initial_state))
    token_id = predictor.tokenizer.token_id(predictor.tokenizer.normalize(word))
    assert token_id is not None
    return math.log2(distribution[token_id])


@pytest.mark.parametrize("cell", sorted(GATES))
def test_every_figure_is_that_of_reading_the_text_without_the_word(cell: str) -> None:
    predictor = random_predictor(cell, TEXT)
    ids = predictor.tokenizer.encode(TEXT).ids
    parts, influences = explained(predictor, TEXT, k=2)
    assert [part.position for part in parts] == list(range(1, len(ids) + 1))
    for influence in influences:
        whole = log2_after(predictor, ids, influence.word)
        assert influence.log2 == pytest.approx(whole, abs=1e-5)
        expected = [
            whole - log2_after(predictor, ids[:place] + ids[place + 1 :], influence.word) for place in range(len(ids))
        ]
        np.testing.assert_allclose(influence.bits, expected, atol=1e-5)


def test_the_suggestions_are_those_of_predict(predictor: Predictor) -> None:
    _, influences = explained(predictor, TEXT, k=4)
    predicted = predictor.predict(TEXT, k=4)
    assert [influence.word for influence in influences] == [prediction.word for prediction in predicted]
    for influence, prediction in zip(influences, predicted, strict=True):
        assert influence.log2 == pytest.approx(prediction.log2, abs=1e-5)


def test_what_the_language_owes_itself_to_is_what_it_depends_on(predictor: Predictor) -> None:
    parts, [influence] = explained(predictor, "Anna lives in Paris. The dog sat on the", k=1)
    assert influence.word in ("mat", "table", "grass")
    assert parts[int(np.argmax(influence.bits))].text in ("sat", "on", "the")


def test_sentences_are_taken_out_whole(predictor: Predictor) -> None:
    parts, [influence] = explained(predictor, TEXT, k=1, by="sentence")
    assert parts == [
        Part("Anna lives in Paris.", 1),
        Part('"Where is the cat?" asked Maria.', 6),
        Part("The horse sat on the", 16),
    ]
    ids = predictor.tokenizer.encode(TEXT).ids
    without_second = log2_after(predictor, ids[:5] + ids[15:], influence.word)
    assert influence.bits[1] == pytest.approx(influence.log2 - without_second, abs=1e-5)


def test_of_a_long_text_only_the_last_words_are_taken_out_and_the_others_stay(predictor: Predictor) -> None:
    all_parts, [whole] = explained(predictor, TEXT, k=1)
    parts, [influence] = explained(predictor, TEXT, k=1, last=3)
    assert parts == all_parts[-3:]
    assert influence.log2 == pytest.approx(whole.log2, abs=1e-5)
    np.testing.assert_allclose(influence.bits, whole.bits[-3:], atol=1e-5)


def test_an_unlikely_word_can_be_asked_about(predictor: Predictor) -> None:
    _, [influence] = explained(predictor, TEXT, word="london")
    assert influence.word == "london"
    assert influence.log2 < explained(predictor, TEXT, k=1)[1][0].log2


@pytest.mark.parametrize(
    ("text", "settings", "named"),
    [
        ("", {}, "no words"),
        (" \n\n ", {}, "no words"),
        ("The cat", {"word": "zeppelin"}, "zeppelin"),
        ("The cat", {"word": "two words"}, "two words"),
    ],
)
def test_what_cannot_be_explained_is_said(
    predictor: Predictor, text: str, settings: dict[str, Any], named: str
) -> None:
    with pytest.raises(UsageError, match=named) as caught:
        explained(predictor, text, **settings)
    assert caught.value.hint


def test_unknown_words_are_taken_out_like_others_and_shown_as_written(predictor: Predictor) -> None:
    parts, _, unknown = why_likeliest(predictor, "Zeppelin Xanadu", WhyConfig())
    assert [part.text for part in parts] == unknown == ["Zeppelin", "Xanadu"]


# -- in a session ------------------------------------------------------------------------------------------------------


def test_a_session_explains_what_was_read_in_pieces_as_if_it_had_been_one(predictor: Predictor) -> None:
    session = predictor.session()
    for piece in ("Anna lives in Paris.", "The dog sat", "on the"):
        session.feed(piece)
    explained_session = why_suggested(session, 2)
    assert explained_session is not None
    parts, influences = explained_session
    assert parts[-1] == Part("what was learned", 0)
    expected_parts, expected = explained(predictor, "Anna lives in Paris. The dog sat on the", k=2)
    assert parts[:-1] == expected_parts
    for one, other in zip(influences, expected, strict=True):
        assert one.word == other.word
        np.testing.assert_allclose(one.bits[:-1], other.bits, atol=1e-4)
        assert one.bits[-1] == pytest.approx(0, abs=1e-5)


def test_after_a_reset_only_what_came_then_is_explained(predictor: Predictor) -> None:
    session = predictor.session()
    session.feed("Anna lives in Paris. The dog sat on the")
    session.reset()
    assert why_suggested(session, 1) is None
    session.feed("I know")
    session.feed("London")
    session.undo()
    parts, _ = why_suggested(session, 1) or ([], [])
    assert [part.text for part in parts[:-1]] == ["I", "know"]


def test_a_paragraphs_end_within_what_was_read_is_taken_out_like_a_word(predictor: Predictor) -> None:
    session = predictor.session()
    session.feed("Anna lives in Paris.")
    session.feed("I know.\n\nThe cat sat on the")
    parts, influences = why_suggested(session, 1) or ([], [])
    expected_parts, [expected] = explained(predictor, "Anna lives in Paris. I know.\n\nThe cat sat on the", k=1)
    assert parts[:-1] == expected_parts
    np.testing.assert_allclose(influences[0].bits[:-1], expected.bits, atol=1e-4)


def test_what_does_not_lead_to_where_the_session_is_explains_nothing(predictor: Predictor) -> None:
    session = predictor.session()
    session.feed("Anna lives in Paris. The cat")
    session.restore(session.snapshot._replace(tail="Peter lives in London. The dog"))
    assert session.recent() is None


def test_after_thousands_of_words_the_last_are_explained(predictor: Predictor) -> None:
    session = predictor.session()
    for _ in range(300):
        session.feed("The cat sat on the mat.")
    parts, influences = why_suggested(session, 1) or ([], [])
    assert 150 < len(parts) <= 201
    assert len(influences[0].bits) == len(parts)


def test_a_word_learned_in_the_session_owes_itself_to_that_alone(predictor: Predictor) -> None:
    session = predictor.session(AdaptConfig())
    for _ in range(30):
        session.feed("I know Zeppelin")
    session.feed("I know")
    parts, influences = why_suggested(session, 1) or ([], [])
    assert influences[0].word == "Zeppelin"
    assert influences[0].bits[-1] == math.inf
    assert summary(parts, influences) == ["Zeppelin: only what was learned"]


# -- as it is shown ----------------------------------------------------------------------------------------------------


def test_the_parts_that_count_most_come_first_and_those_that_count_nothing_not_at_all() -> None:
    parts = [Part("France", 1), Part("a", 2), Part("not", 3), Part("fluent", 4)]
    influence = Influence("French", -1.0, np.array([3.14, 0.04, -1.0, 2.44]))
    assert summary(parts, [influence]) == ["French: France +3.1 bits, fluent +2.4, not -1.0"]


def test_where_nothing_counts_that_is_said() -> None:
    assert "nothing" in summary([Part("a", 1)], [Influence("b", -1.0, np.array([0.01]))])[0]

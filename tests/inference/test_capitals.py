"""Capitals and accents as somebody sees them who types: models of four languages, small but trained."""

from __future__ import annotations

import pytest

from nextword.analysis.explain import explain
from nextword.analysis.influence import why_likeliest
from nextword.config import AdaptConfig, ExplainConfig, GenerateConfig, PredictConfig, WhyConfig
from nextword.inference.batch import in_session, predict_batch
from nextword.inference.generation import Sampler
from nextword.inference.predictor import Predictor
from nextword.text.detokenizer import detokenize

NO_START = ["Mrs. ", "Dr. ", "e.g. ", "i.e. ", "at 5 p.m. ", "approx. ", "Jan. ", "fig. 3 ", "fig. ", "etc. ", "U.S. "]
START = [
    "Wait... ",
    "The cat sat. (I knew.) ",
    "No. ",
    "> ",
    "\u2022 ",
    "The cat sat! \U0001f44d ",
    "So do I. ",
    "[Yes.] ",
]


def asked(predictor: Predictor, text: str, **options: object) -> list[str]:
    """What `nextword predict` lists, which must be what it lists for a text on a pipe."""
    config = PredictConfig(**{"k": 20, **options})
    alone = in_session(predictor.session(), text, config).predictions
    (answer,) = predict_batch(predictor, [text], config)
    assert [one.word for one in answer.predictions] == [one.word for one in alone]
    return [one.word for one in alone]


@pytest.mark.parametrize("text", NO_START + START)
def test_a_capital_is_forced_where_a_sentence_starts_and_nowhere_else(predictor: Predictor, text: str) -> None:
    starts = text in START
    assert any(word[0].islower() for word in asked(predictor, text)) is not starts
    explained = explain(predictor, text, ExplainConfig(k=20)).upcoming
    assert any(one.word[0].islower() for one in explained) is not starts
    assert any(one.word[0].islower() for one in why_likeliest(predictor, text, WhyConfig(k=20))[1]) is not starts
    first = next(iter(Sampler(predictor, text, GenerateConfig(words=3, seed=1))))
    assert not starts or not first.strip()[0].islower()


@pytest.mark.parametrize("apostrophe", ["'", "\u2019"])
@pytest.mark.parametrize("words", [1, 2])
def test_one_capital_letter_and_an_apostrophe_are_no_word_in_capitals(
    french: Predictor, apostrophe: str, words: int
) -> None:
    for letters, begin in (("L", "L'"), ("C", "C'")):
        found = asked(french, f"{letters}{apostrophe}", complete=True, words=words)
        assert found
        assert all(word.startswith(begin) and not word.isupper() for word in found)
    assert "L'école" in asked(french, f"L{apostrophe}", complete=True)


@pytest.mark.parametrize(
    ("language", "text", "found"),
    [
        ("french", "cest", "C'est"),
        ("french", "C'est a l'ecole, je pense quil", "qu'il"),
        ("french", "Le ecole", "école"),
        ("french", "Le ete", "été"),
        ("german", "Die strasse", "Straße"),
        ("german", "Die STRASSE", "STRASSE"),
        ("spanish", "No se quien", "quién"),
        ("predictor", "I dont", "don't"),
    ],
)
def test_half_words_without_their_marks_are_completed(
    language: str, text: str, found: str, request: pytest.FixtureRequest
) -> None:
    model: Predictor = request.getfixturevalue(language)
    words = asked(model, text, complete=True)
    assert found in words or found.lower() in map(str.lower, words)


def test_what_is_written_with_a_small_letter_first_stays_so(german: Predictor) -> None:
    assert "iPhone" in asked(german, "", k=100)
    assert "iPhone" in asked(german, "Die Straße ist lang. i", complete=True)
    assert asked(german, "IP", complete=True) == ["IPHONE"]
    ids = german.tokenizer.encode("iphone ist groß. iphone").ids
    assert detokenize(german.tokenizer, ids) == "iPhone ist groß. iPhone"


def test_a_word_is_listed_once(german: Predictor) -> None:
    assert asked(german, "Das GRO", complete=True) == ["GROSS"]
    both = in_session(german.session(), "Das gro", PredictConfig(complete=True)).predictions
    (one,) = in_session(german.session(), "Das GRO", PredictConfig(complete=True)).predictions
    assert [each.word for each in both] in (["groß", "GROSS"], ["GROSS", "groß"])
    assert one.probability == pytest.approx(sum(each.probability for each in both))


def test_spanish_words_are_written_small_inside_sentences(spanish: Predictor) -> None:
    inside = asked(spanish, "Ayer vimos el ", k=100)
    assert {"qué", "quién", "ayer"} < set(inside)
    assert "García" in inside
    assert {"Qué", "Quién"} < set(asked(spanish, "No sé. ¿", k=100))
    assert "".join(Sampler(spanish, "", GenerateConfig(words=30, seed=2))).count("¿ ") == 0


def test_what_a_text_abbreviates_is_learned(german: Predictor) -> None:
    assert "hbf" in german.tokenizer.abbreviations
    assert "ist" in asked(german, "Das Haus am Hbf. ", k=100)
    assert "Ist" in asked(german, "Das Haus am Haus. ", k=100)


def test_a_session_offers_what_it_has_read_without_its_accents(french: Predictor) -> None:
    session = french.session(AdaptConfig())
    session.feed("Élodie a vu Élodie et d'Artagnan et")
    assert "Élodie" in [one.word for one in session.suggest(9, prefix="elod")]
    assert "d'Artagnan" in [one.word for one in session.suggest(9, prefix="dart")]

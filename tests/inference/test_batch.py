"""Many texts side by side: each is answered as a session of its own would answer it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.config import GenerateConfig, PredictConfig
from nextword.errors import UsageError
from nextword.inference.batch import Answer, end_of, in_session, predict_batch
from nextword.inference.generation import Sampler
from nextword.inference.predictor import Predictor

WORDS = [
    "Anna",
    "the",
    "cat",
    "sat",
    "on",
    "Mr.",
    ".",
    ",",
    '"',
    "?",
    "Zebra",
    "zzz",
    "\n\n",
    "mother-in-law",
    "Lond",
    "T",
]
typed = st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join) | st.text(max_size=20)
CONFIGS = [
    PredictConfig(),
    PredictConfig(k=3, punctuation=True, temperature=0.5),
    PredictConfig(complete=True),
    PredictConfig(k=2, words=2, complete=True, temperature=2.0),
]


def same(one: Answer, other: Answer) -> None:
    """Equal but for rounding: words as likely as each other to 5e-6 may have changed places."""
    assert (one.text, one.unknown) == (other.text, other.unknown)
    chances = [prediction.probability for prediction in other.predictions]
    assert [prediction.probability for prediction in one.predictions] == pytest.approx(chances, abs=5e-6)
    for mine, theirs in zip(one.predictions, other.predictions, strict=True):
        if mine.word != theirs.word:
            near = [p.word for p in other.predictions if abs(p.probability - mine.probability) < 1e-6]
            assert mine.word in near or abs(mine.probability - chances[-1]) < 1e-6


@pytest.mark.parametrize("config", CONFIGS)
@given(texts=st.lists(typed, max_size=12))
@settings(max_examples=25)
def test_many_texts_are_answered_as_each_alone(predictor: Predictor, config: PredictConfig, texts: list[str]) -> None:
    together = list(predict_batch(predictor, texts, config))
    assert len(together) == len(texts)
    for text, answer in zip(texts, together, strict=True):
        same(answer, in_session(predictor.session(), text, config))


def test_more_texts_than_are_read_at_once_stay_in_order(predictor: Predictor) -> None:
    texts = [" ".join(["the cat sat on"] * (number % 5) + ["Anna"] * (number % 3)) for number in range(11)]
    at_once = {"batch_size": 4, "max_scores": 3 * len(predictor.tokenizer)}
    found = list(predict_batch(predictor, texts, PredictConfig(k=2), **at_once))
    assert [answer.text for answer in found] == texts
    for answer in found:
        same(answer, in_session(predictor.session(), answer.text, PredictConfig(k=2)))


def test_the_unfinished_word_is_completed_and_not_read(predictor: Predictor) -> None:
    session = predictor.session()
    answer = in_session(session, "Anna lives in Lo", PredictConfig(complete=True, k=3))
    assert answer.predictions[0].word == "London"
    assert session.words_seen == 3
    assert answer.unknown == []
    (after_a_space,) = predict_batch(predictor, ["Anna lives in "], PredictConfig(complete=True, k=3))
    assert {prediction.word for prediction in after_a_space.predictions} == {"Paris", "London", "Berlin"}
    (unknown,) = predict_batch(predictor, ["Anna lives in Qu"], PredictConfig(complete=True))
    assert (unknown.predictions, unknown.unknown) == ([], [])


def test_the_temperature_changes_the_odds_by_its_power(predictor: Predictor) -> None:
    def odds(temperature: float) -> tuple[list[str], float]:
        (answer,) = predict_batch(predictor, ["The cat"], PredictConfig(temperature=temperature, k=50))
        first, second = answer.predictions[:2]
        return [prediction.word for prediction in answer.predictions[:5]], first.probability / second.probability

    words, plain = odds(1)
    for temperature in (0.5, 2.0):
        assert odds(temperature) == (words, pytest.approx(plain ** (1 / temperature), rel=1e-3))


def test_a_very_long_text_among_short_ones_is_read_to_its_end(predictor: Predictor) -> None:
    long = "The cat sat on the mat. " * 4_000 + "My mother-in-law and I went"
    assert len(long) > 90_000
    texts = ["Anna lives in", long, "The cat sat"]
    found = list(predict_batch(predictor, texts, PredictConfig(k=1)))
    assert found[1].predictions[0].word == "to"
    same(found[1], in_session(predictor.session(), long, PredictConfig(k=1)))
    same(found[2], in_session(predictor.session(), texts[2], PredictConfig(k=1)))


@pytest.mark.slow
def test_of_a_text_without_end_only_the_last_part_is_read_and_that_is_enough(predictor: Predictor) -> None:
    end = "Anna lives in London. My mother-in-law and I went"
    texts = [f"Zebra {'The cat sat on the mat. ' * 8_000}{end}", "x" * 10_000_000, f"{'The,cat' * 40_000} sat"]
    assert len(texts[0]) > 150_000
    known, giant, joined = predict_batch(predictor, texts, PredictConfig(k=4))
    session = predictor.session()
    assert session.feed(texts[0]) == ["Zebra"]
    whole = session.suggest(4)
    for answer in (known, in_session(predictor.session(), texts[0], PredictConfig(k=4))):
        assert [p.word for p in answer.predictions] == [p.word for p in whole]
        assert [p.probability for p in answer.predictions] == pytest.approx([p.probability for p in whole], abs=1e-6)
        assert answer.unknown == []
    assert [known.text, giant.text, joined.text] == texts
    assert len(giant.predictions) == len(joined.predictions) == 4


@pytest.mark.parametrize("mark", ["\\", "[", '"', "a "])
def test_a_megabyte_of_marks_costs_a_few_thousand_steps_at_most(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch, mark: str
) -> None:
    predictor.initial_state  # noqa: B018 - read once and kept
    layer, steps = predictor.network.layers[0], 0
    step = layer.step

    def stepping(*arguments: Any) -> Any:
        nonlocal steps
        steps += 1
        return step(*arguments)

    monkeypatch.setattr(layer, "step", stepping)
    text = mark * (1_000_000 // len(mark))
    (together,) = predict_batch(predictor, [text], PredictConfig(k=2))
    alone = in_session(predictor.session(), text, PredictConfig(k=2))
    assert list(Sampler(predictor, end_of(text, predictor.tokenizer), GenerateConfig(words=1)))
    assert 1_000 < steps <= 3 * 2_048 + 10
    assert together.read == alone.read <= 2 * 2_048
    same(together, alone)


def test_side_by_side_reads_what_reading_gives(predictor: Predictor) -> None:
    network, random = predictor.network, np.random.default_rng(0)
    texts = [random.integers(0, len(predictor.tokenizer), length).tolist() for length in (3, 0, 7, 1, 7, 20)]
    states = network.read_batch(texts, predictor.initial_state)
    for row, text in enumerate(texts):
        expected = predictor.read(text, predictor.initial_state)
        for many, one in zip((*states.hidden, *states.cell), (*expected.hidden, *expected.cell), strict=True):
            np.testing.assert_allclose(many[row], one, atol=1e-6)


@pytest.mark.parametrize("bad", [{"k": 0}, {"words": 0}, {"words": 21}, {"temperature": 0.0}])
def test_settings_that_make_no_sense_are_refused_by_name(bad: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=next(iter(bad))) as caught:
        PredictConfig(**bad)  # type: ignore[arg-type]
    assert "nextword predict --help" in caught.value.hint

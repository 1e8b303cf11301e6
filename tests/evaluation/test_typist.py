"""Someone who types a text, slips and takes phrases: what the keys pressed come to."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.models import random_predictor

from nextword.config import AdaptConfig, TypistConfig
from nextword.evaluation.evaluate import evaluate
from nextword.evaluation.typist import TypingSavings, type_text
from nextword.inference.predictor import Predictor
from nextword.model.language_model import load_model
from nextword.storage.checkpoint import load_checkpoint

TEXT = "Anna lives in Paris by the sea. The cat sat on the mat, and the dog sat on the table.\n\nI know Anna.\n"


def typed(predictor: Predictor, text: str = TEXT, **settings: float) -> TypingSavings:
    return type_text(predictor.session(), [text], TypistConfig(**settings))  # type: ignore[arg-type]


def test_who_never_slips_saves_what_the_evaluation_counts(predictor: Predictor, tiny_checkpoint: Path) -> None:
    model = load_model(load_checkpoint(tiny_checkpoint), "cpu")
    expected = evaluate(model, predictor.tokenizer, [TEXT]).keystroke_savings
    assert typed(predictor, slips=1e-9).savings_exact == pytest.approx(expected)


def test_only_what_was_asked_for_is_measured(predictor: Predictor) -> None:
    assert typed(predictor) == TypingSavings()
    assert typed(predictor, phrases=True).savings_exact is None
    assert typed(predictor, slips=0.1).savings_phrases is None


def test_forgiving_saves_keys_of_who_slips() -> None:
    words = "straight strange strategy straw stream street strength stress stretch strict stroke strong structure"
    unsure = random_predictor("lstm", words)
    savings = [typed(unsure, f"{words}.", slips=0.3, seed=seed) for seed in (1, 2, 1)]
    assert savings[0] == savings[2] != savings[1]
    assert all(one.savings_forgiving > one.savings_exact for one in savings)  # type: ignore[operator]


def test_words_read_before_save_keys_of_who_learns(predictor: Predictor) -> None:
    session, text = predictor.session(AdaptConfig()), "Zoltania lives in Zoltania.\n"
    session.study([text * 3])
    learned = type_text(session, [text], TypistConfig(slips=0.2, phrases=True))
    fresh = typed(predictor, text, slips=0.2, phrases=True)
    assert learned.savings_forgiving > fresh.savings_forgiving  # type: ignore[operator]
    assert learned.savings_phrases > fresh.savings_phrases  # type: ignore[operator]


def test_who_gets_no_help_takes_slips_back_by_hand_and_saves_nothing(predictor: Predictor) -> None:
    savings = typed(predictor, "xyzzy qqqqq.\n", slips=0.5)
    assert savings.savings_exact == savings.savings_forgiving == 0


def test_phrases_save_keys_where_they_are_what_comes(predictor: Predictor) -> None:
    savings = typed(predictor, phrases=True)
    assert savings.savings_phrases > savings.savings_words  # type: ignore[operator]

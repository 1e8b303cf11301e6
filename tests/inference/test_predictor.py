"""What comes next: which words are suggested, in which order, with which probabilities."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from nextword.errors import CheckpointError, UsageError
from nextword.inference.outlook import Prediction
from nextword.inference.predictor import Predictor
from nextword.storage.checkpoint import load_checkpoint
from nextword.text.tokenizer import END, UNKNOWN


def words_of(predictions: list[Prediction]) -> list[str]:
    return [prediction.word for prediction in predictions]


def test_it_has_learned_what_comes_next(predictor: Predictor) -> None:
    assert set(words_of(predictor.predict("Anna lives in", k=3))) == {"Paris", "London", "Berlin"}
    assert words_of(predictor.predict("My mother-in-law and I went", k=1)) == ["to"]
    assert words_of(predictor.predict("Mr.", k=1)) == ["McDonald"]


def test_suggestions_are_capitalized_where_a_sentence_starts(predictor: Predictor) -> None:
    assert all(word[0].isupper() for word in words_of(predictor.predict("", k=8)))
    assert all(word[0].isupper() for word in words_of(predictor.predict("Anna lives in Paris.", k=8)))
    assert words_of(predictor.predict("The cat sat", k=1)) == ["on"]
    at_start, inside = predictor.predict("Anna lives in Paris.", k=100), predictor.predict("The cat sat on", k=100)
    assert "The" in words_of(at_start)
    assert "the" in words_of(inside)


def test_suggestions_fall_in_probability(predictor: Predictor) -> None:
    for text in ("", "The cat", "I don't know Anna, but"):
        chances = [prediction.probability for prediction in predictor.predict(text, k=20)]
        assert chances == sorted(chances, reverse=True)
        assert all(0 < chance < 1 for chance in chances)


def test_fewer_suggestions_are_the_first_of_more(predictor: Predictor) -> None:
    everything = predictor.predict("The cat sat on the", k=1000)
    for k in range(1, len(everything) + 1):
        assert predictor.predict("The cat sat on the", k=k) == everything[:k]


def test_the_unknown_word_the_end_and_punctuation_are_never_suggested(predictor: Predictor) -> None:
    for text in ("", "The cat sat on the mat", "Anna lives in Paris.", "zzz qqq"):
        suggested = [word.lower() for word in words_of(predictor.predict(text, k=1000))]
        assert len(suggested) == len(set(suggested)) > 20
        assert all(any(map(str.isalnum, word)) for word in suggested)
        assert not {UNKNOWN, END} & set(suggested)


def test_punctuation_comes_on_request_and_changes_no_probability(predictor: Predictor) -> None:
    with_marks = predictor.predict("The cat sat on the mat", k=1000, punctuation=True)
    without = predictor.predict("The cat sat on the mat", k=1000)
    assert with_marks[0].word == "."
    assert {".", ",", "?", '"'} <= set(words_of(with_marks))
    assert not {UNKNOWN, END} & set(words_of(with_marks))
    assert [prediction for prediction in with_marks if any(map(str.isalnum, prediction.word))] == without
    assert len(with_marks) == len(predictor.tokenizer) - 2


@pytest.mark.parametrize("k", [0, -1])
def test_less_than_one_suggestion_is_refused(predictor: Predictor, k: int) -> None:
    with pytest.raises(UsageError, match=str(k)):
        predictor.predict("The cat", k=k)


def test_a_text_of_unknown_words_still_has_a_prediction(predictor: Predictor) -> None:
    predictions = predictor.predict("zzyzx \ud800 \u4f60\u597d", k=3)
    assert len(predictions) == 3
    assert all(math.isfinite(prediction.log2) for prediction in predictions)


def test_an_empty_text_is_the_start_of_a_paragraph(predictor: Predictor) -> None:
    assert words_of(predictor.predict("", k=50)) == words_of(predictor.predict("   ", k=50))
    after_paragraph = predictor.predict("Anna lives in Paris.\n\n", k=5)
    assert all(word[0].isupper() for word in words_of(after_paragraph))


def test_predicting_leaves_no_trace(predictor: Predictor) -> None:
    before = predictor.predict("The cat", k=5)
    predictor.predict("My mother-in-law and I went to Paris by train.", k=5)
    assert predictor.predict("The cat", k=5) == before


def test_load_takes_the_checkpoint_that_the_command_line_takes(
    tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match="no checkpoint"):
        Predictor.load()
    monkeypatch.setenv("NEXTWORD_CHECKPOINT", str(tiny_checkpoint))
    expected = load_checkpoint(tiny_checkpoint).digest
    assert Predictor.load().checkpoint.digest == Predictor.load(str(tiny_checkpoint)).checkpoint.digest == expected


def test_a_checkpoint_need_not_come_from_a_file(predictor: Predictor) -> None:
    in_memory = Predictor(replace(predictor.checkpoint, path=Path(), digest=""))
    assert in_memory.predict("The cat", k=3) == predictor.predict("The cat", k=3)

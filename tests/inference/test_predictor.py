"""What comes next: which words are suggested, in which order, with which probabilities."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.errors import CheckpointError, UsageError
from nextword.inference.lstm import Array, at_temperature, softmax
from nextword.inference.outlook import Outlook, Prediction, capitalized_like, near_largest
from nextword.inference.predictor import Predictor
from nextword.inference.word_index import NewWord
from nextword.storage.checkpoint import load_checkpoint
from nextword.text.sentences import SentencePosition
from nextword.text.tokenizer import END, UNKNOWN, WordTokenizer


def outlook(predictor: Predictor, distribution: Array, at_start: bool = False, new: Sequence[NewWord] = ()) -> Outlook:
    return Outlook(predictor, distribution, SentencePosition(at_start), new)


def words_of(predictions: list[Prediction]) -> list[str]:
    return [prediction.word for prediction in predictions]


def test_it_has_learned_what_comes_next(predictor: Predictor) -> None:
    assert set(words_of(predictor.predict("Anna lives in", k=3))) == {"Paris", "London", "Berlin"}
    assert words_of(predictor.predict("My mother-in-law and I went", k=1)) == ["to"]
    assert words_of(predictor.predict("Mr.", k=1)) == ["McDonald"]


def test_suggestions_are_capitalised_where_a_sentence_starts(predictor: Predictor) -> None:
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


def test_the_probabilities_of_all_tokens_sum_to_one(predictor: Predictor) -> None:
    state = predictor.read(predictor.tokenizer.encode("The cat sat").ids, predictor.initial_state)
    distribution = predictor.distribution(state)
    assert distribution.shape == (len(predictor.tokenizer),)
    assert math.isclose(float(distribution.sum()), 1.0, rel_tol=1e-5)
    best = outlook(predictor, distribution).top(1)[0]
    assert math.isclose(best.probability, distribution[predictor.tokenizer.words.index("on")], rel_tol=1e-6)


def test_words_equally_likely_come_in_the_order_of_the_vocabulary(predictor: Predictor) -> None:
    size = len(predictor.tokenizer)
    even = np.full(size, 1 / size, np.float32)
    everything = words_of(outlook(predictor, even).top(size))
    assert everything == [predictor.tokenizer.surface(token) for token in range(2, size)
                          if predictor.tokenizer.is_word(predictor.tokenizer.words[token])]  # fmt: skip
    assert words_of(outlook(predictor, even).top(3)) == everything[:3]


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


def test_log2_is_the_logarithm_even_of_nothing() -> None:
    assert Prediction("word", 0.25).log2 == -2
    assert Prediction("word", 0.0).log2 == -math.inf


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


# -- half a word -----------------------------------------------------------------------------------------------------


@given(
    prefix=st.sampled_from(["", "a", "An", "the", "MOTHER", "Mc", "mother-in", "1", "'", "zz", "\u00c9"])
    | st.text(max_size=3),
    k=st.integers(1, 60),
    punctuation=st.booleans(),
    weights=st.lists(st.integers(0, 3), min_size=8, max_size=8),
)
def test_letters_find_what_a_scan_over_the_vocabulary_finds(
    predictor: Predictor, prefix: str, k: int, punctuation: bool, weights: list[int]
) -> None:
    tokenizer = predictor.tokenizer
    distribution = np.resize(np.asarray(weights, np.float32), len(tokenizer)) / 100
    start = tokenizer.normalize(prefix)
    allowed = [
        token_id
        for token_id, word in enumerate(tokenizer.words)
        if word.startswith(start)
        and (tokenizer.is_word(word) or (punctuation and not prefix and word not in (UNKNOWN, END)))
    ]

    def rank(token_id: int) -> tuple[bool, float, int]:
        whole = capitalized_like(prefix, tokenizer.surface(token_id)) == prefix
        return whole, -float(distribution[token_id]), token_id

    best = sorted(allowed, key=rank)[:k]
    found = outlook(predictor, distribution).top(k, punctuation, prefix)
    assert [prediction.probability for prediction in found] == [float(distribution[token_id]) for token_id in best]
    expected = [tokenizer.surface(token_id) for token_id in best]
    assert [prediction.word.lower() for prediction in found] == [word.lower() for word in expected]
    if not prefix[:1].isupper():
        assert words_of(found) == expected


@given(st.lists(st.integers(0, 6), min_size=1, max_size=3000), st.integers(1, 40))
def test_the_largest_are_found_among_many(values: list[int], k: int) -> None:
    places = near_largest(np.asarray(values, np.float32), k)
    kth = sorted(values, reverse=True)[min(k, len(values)) - 1]
    assert set(places.tolist()) >= {place for place, value in enumerate(values) if value >= kth}


def test_suggestions_have_the_capitals_of_the_letters_typed(predictor: Predictor) -> None:
    even = np.full(len(predictor.tokenizer), 0.01, np.float32)

    def suggested(prefix: str, at_start: bool = False) -> list[str]:
        return words_of(outlook(predictor, even, at_start).top(100, prefix=prefix))

    assert "that" in suggested("th")
    assert "That" in suggested("Th")
    assert "That" in suggested("th", at_start=True)
    assert "THAT" in suggested("TH")
    assert "That" in suggested("T")
    assert "McDonald" in suggested("m")
    assert "MCDONALD" in suggested("MC")
    assert "McDonald" in suggested("Mc")
    assert "Mother-in-law" in suggested("Mother-")


def test_a_temperature_sharpens_or_flattens_and_keeps_the_sum() -> None:
    logits = np.random.default_rng(1).normal(0, 3, (4, 50)).astype(np.float32)
    for temperature in (0.3, 1.0, 2.5):
        expected = softmax(logits / np.float32(temperature))
        np.testing.assert_allclose(at_temperature(softmax(logits), temperature), expected, atol=1e-5)
    coldest = at_temperature(softmax(logits[0]), 0.01)
    assert coldest.sum() == pytest.approx(1)
    assert coldest.argmax() == logits[0].argmax()


def with_rare(predictor: Predictor, words: list[str]) -> Predictor:
    """The same model, which also knows of words too rare for its vocabulary."""
    tokenizer = WordTokenizer.from_json(*map(json.loads, predictor.tokenizer.to_json()))
    tokenizer.rare = words
    return Predictor(replace(predictor.checkpoint, tokenizer=tokenizer))


def test_a_word_typed_in_full_comes_last(predictor: Predictor) -> None:
    predictor = with_rare(predictor, ["theatre", "Theodora"])
    even = np.full(len(predictor.tokenizer), 0.01, np.float32)
    assert words_of(outlook(predictor, even).top(1, prefix="th")) == ["the"]
    assert words_of(outlook(predictor, even).top(9, prefix="the")) == ["theatre", "Theodora", "the"]
    assert words_of(outlook(predictor, even).top(2, prefix="the")) == ["theatre", "Theodora"]
    assert words_of(outlook(predictor, even).top(1, prefix="theatre")) == ["theatre"]


def test_words_too_rare_for_the_vocabulary_are_found_by_their_letters_alone(predictor: Predictor) -> None:
    rare = with_rare(predictor, ["Zanzibar", "Zebra", "lizard", "Zoo"])
    even = np.full(len(rare.tokenizer), 1 / len(rare.tokenizer), np.float32)
    assert words_of(outlook(rare, even).top(9, prefix="z")) == ["Zanzibar", "Zebra", "Zoo"]
    assert words_of(outlook(rare, even).top(2, prefix="Z")) == ["Zanzibar", "Zebra"]
    assert words_of(outlook(rare, even).top(9, prefix="zo")) == ["Zoo"]
    assert outlook(rare, even).top(1, prefix="z")[0].probability == pytest.approx(even[0] / 2 / 4)
    assert words_of(outlook(rare, even).top(10_000)) == words_of(outlook(predictor, even).top(10_000))
    # One that was met in the session too is as likely as both together, and is there once.
    met = np.concatenate([even, np.float32([0.25])])
    first, second, *_ = outlook(rare, met, new=[NewWord("zoo", "Zoo")]).top(9, prefix="z")
    assert (first.word, second.word) == ("Zoo", "Zanzibar")
    assert first.probability == pytest.approx(0.25 + even[0] / 2 / 4)

"""What a text abbreviates is learned from it, and its words that end sentences are not taken for that."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support.text import make_text

from nextword.text.abbreviations import (
    ABBREVIATIONS,
    AMBIGUOUS,
    MAX_ABBREVIATIONS,
    MIN_SCORE,
    TITLES,
    abbreviation_score,
    learn_abbreviations,
)
from nextword.text.tokenizer import WordTokenizer
from nextword.text.vocabulary import FormCounts


def learned(text: str) -> set[str]:
    """What is learned from a text, beside the words known everywhere."""
    return set(WordTokenizer.train([text], min_count=1).abbreviations) - AMBIGUOUS


def test_a_word_with_a_full_stop_inside_sentences_is_an_abbreviation() -> None:
    text = "We live near the Hbf. and walk. The Hbf. is old, and the Hbf. was new. Abk. for words, and Abk. for more. "
    assert learned(text * 3 + "We walk and walk on. It is an old word, a new one and another. " * 20) == {"hbf", "abk"}


def test_words_that_often_end_sentences_are_none() -> None:
    assert learned(make_text(200)) == set()
    assert learned("The cat is on the mat. The dog is fun. It is on the mat. A mat is fun. \n\n" * 30) == set()
    assert learned("A cat on the mat. \n\n" * 30) == set()


def test_what_only_capitals_follow_may_have_ended_a_sentence() -> None:
    assert learned("We met Xyz. Miller and Xyz. Smith at home, and we all went there. " * 5) == set()


@pytest.mark.parametrize("word", sorted(AMBIGUOUS))
def test_a_word_in_one_language_and_an_abbreviation_in_another_is_what_the_text_says(word: str) -> None:
    assert word in WordTokenizer.train(["We saw it, and that was all. We went."], min_count=1).abbreviations
    ends = f"It was a {word}. It was big. We saw the {word}. We went, and it was the {word}. "
    assert word not in WordTokenizer.train([ends], min_count=1).abbreviations
    assert word not in WordTokenizer.train([f"It was {word} and that was all."], min_count=1).abbreviations
    inside = f"We saw {word}. 3 and {word}. 4, and it was late. "
    assert word in WordTokenizer.train([inside], min_count=1).abbreviations


def test_the_shorter_and_the_more_often_with_its_full_stop_the_likelier() -> None:
    assert abbreviation_score("abk", 10, 10, 0.06) > MIN_SCORE > abbreviation_score("abk", 10, 5, 0.06)
    assert abbreviation_score("abk", 10, 10, 0.06) > abbreviation_score("abkz", 10, 10, 0.06)
    assert abbreviation_score("a.k", 10, 10, 0.06) > abbreviation_score("ak", 10, 10, 0.06) > 0
    # Three stops of three, 6 % of all words having one: 2 * 3 * ln(0.99 / 0.06) / e^3.
    assert abbreviation_score("abk", 3, 3, 0.06) == pytest.approx(6 * np.log(0.99 / 0.06) / np.exp(3))
    assert abbreviation_score("abk", 100_000, 1, 0.06) <= 0


def test_how_the_text_is_cut_into_chunks_changes_nothing() -> None:
    counts = FormCounts(100)
    text = "we walk . the hbf . is old , and the hbf . was new , the hbf . and we walk on . the end ."
    numbers = np.asarray([counts.number(word, word) for word in text.split() * 4], np.int32)
    counts.count(numbers)
    whole = learn_abbreviations(lambda: [numbers], counts)
    assert "hbf" in whole
    for size in (1, 2, 3, 7):
        chunks = [numbers[begin : begin + size] for begin in range(0, len(numbers), size)]
        assert learn_abbreviations(lambda chunks=chunks: chunks, counts) == whole


def test_no_more_are_learned_than_a_file_may_hold() -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = [f"q{a}{b}" for a in letters for b in letters] + [f"x{a}{b}" for a in letters for b in letters]
    text = " ".join(f"and {word}. or {word}. if {word}. so" for word in words)
    tokenizer = WordTokenizer.train([text], min_count=1)
    assert len(tokenizer.abbreviations) == MAX_ABBREVIATIONS
    assert WordTokenizer.from_json(*map(json.loads, tokenizer.to_json())).abbreviations == tokenizer.abbreviations


def test_the_three_lists_share_no_word() -> None:
    assert len(TITLES) + len(ABBREVIATIONS) + len(AMBIGUOUS) == len(TITLES | ABBREVIATIONS | AMBIGUOUS)


def test_a_vocabulary_from_before_has_no_list_and_is_written_without_one() -> None:
    tokenizer, vocabulary = WordTokenizer.train(["The fig is big, the vol. is not."], min_count=1).to_json()
    facts = json.loads(vocabulary)
    del facts["abbreviations"]
    old = WordTokenizer.from_json(json.loads(tokenizer), dict(facts))
    assert json.loads(old.to_json()[1]) == facts
    # What it has as words is not taken for abbreviations.
    assert old.abbreviations == AMBIGUOUS - {"fig", "vol"}


def test_a_vocabulary_that_grows_keeps_its_abbreviations() -> None:
    text = "We walk to the Hbf. and back. The Hbf. is old. The Hbf. was new. We walk on and on and on. " * 3
    tokenizer = WordTokenizer.train([text], min_count=1)
    assert "hbf" in tokenizer.extended(["We walk on. And we walk."], 100, 1)[0].abbreviations

"""A line being typed, without a terminal: what is read ahead, what is suggested, what taking a word makes of it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.config import AdaptConfig
from nextword.inference.outlook import Prediction
from nextword.inference.predictor import Predictor
from nextword.inference.session import Session
from nextword.interactive.typing_line import TypingLine


def expected(predictor: Predictor, before: str, text: str, k: int = 3) -> list[Prediction]:
    """What a session suggests that has read all complete words of `text` at once."""
    session = predictor.session(AdaptConfig())
    session.feed(before)
    complete, letters = predictor.tokenizer.split_unfinished(text)
    session.feed(complete)
    return session.suggest(k, prefix=letters)


def same(one: list[Prediction], other: list[Prediction]) -> bool:
    return [p.word for p in one] == [p.word for p in other] and [p.probability for p in one] == pytest.approx(
        [p.probability for p in other], abs=1e-5
    )


def a_line(predictor: Predictor, before: str = "", k: int = 3) -> tuple[Session, TypingLine]:
    session = predictor.session(AdaptConfig())
    session.feed(before)
    return session, TypingLine(session, k)


LINE = 'Anna lives in Zell... "Where is the cat?" asked Zoltan, I don\'t know 3.14 (Anna).\n\nThe  dog sat on the'


def test_at_every_key_the_words_suggested_are_those_after_all_that_is_complete(predictor: Predictor) -> None:
    _, line = a_line(predictor, "The cat sat.")
    for end in range(len(LINE) + 1):
        assert same(line.suggestions(LINE[:end]), expected(predictor, "The cat sat.", LINE[:end])), LINE[:end]


def test_whether_a_text_is_read_is_told_without_reading(predictor: Predictor, steps: list[int]) -> None:
    _, line = a_line(predictor)
    line.read("Anna lives in Paris. The ca", limit=2)
    steps.clear()
    assert [line.is_read(text) for text in ("Anna lives i", "Anna lives in Paris. The ca", "Anna l", "")] == [
        *(True, False, False, False)
    ]
    assert not steps


@given(
    texts=st.lists(
        st.lists(st.sampled_from(["a", "The cat", "Anna", ".", ",", "'", '"', "-", "3", " ", "\n", "zz"])).map("".join),
        max_size=5,
    )
)
@settings(max_examples=40)
def test_after_any_change_of_the_line_the_words_are_those_of_the_line_as_it_is(
    predictor: Predictor, texts: list[str]
) -> None:
    _, line = a_line(predictor, "Anna lives in Paris.")
    for text in texts:
        assert same(line.suggestions(text), expected(predictor, "Anna lives in Paris.", text)), texts


def test_a_key_costs_one_step_where_it_completes_a_word_and_none_elsewhere(
    predictor: Predictor, steps: list[int]
) -> None:
    _, line = a_line(predictor)
    text = "Anna lives in Paris by"
    for end in range(len(text) + 1):
        line.suggestions(text[:end])
    assert steps == [1, 1, 1, 1]
    for end in range(len(text), 14, -1):  # back to before the last word but one: what was read is still known
        line.suggestions(text[:end])
    assert steps == [1, 1, 1, 1]


def test_typing_and_dropping_a_line_leaves_the_conversation_as_it_was(predictor: Predictor) -> None:
    session, line = a_line(predictor, "The cat sat.")
    snapshot, suggested = session.snapshot, session.suggest(5)
    line.suggestions("Zoltan lives in Zell. ")
    line.take("Zoltan lives in Zell. ")
    assert session.snapshot is snapshot
    assert session.suggest(5) == suggested
    assert session.undo()
    assert not session.undo()


def test_a_long_line_is_read_in_chunks_and_suggested_for_in_the_end(predictor: Predictor) -> None:
    text = "The cat sat on the mat. " * 20
    _, line = a_line(predictor)
    rounds = 1
    while not line.read(text, 16):
        rounds += 1
    assert rounds == 8  # 120 words
    assert same(line.suggestions(text), expected(predictor, "", text))


def test_a_chunk_read_is_kept_when_the_line_grows(predictor: Predictor, steps: list[int]) -> None:
    _, line = a_line(predictor)
    text = ""
    for word in ["The", "cat", "sat", "on", "the", "mat", "and", "the", "dog", "sat", "on", "the", "table", "too"]:
        text += f"{word} "
        line.read(text, 1)
    assert line.read(text)
    assert sum(steps) == 14


def best(predictor: Predictor, text: str) -> str:
    return expected(predictor, "", text)[0].word


@pytest.mark.parametrize(
    ("text", "space"),
    [
        ("The", ""),
        ("The ", ""),
        ("", ""),
        ("Anna lives in Paris.", " "),
        ("Anna lives in Paris,", " "),
        ("(", ""),
        ('"', ""),
        ('Anna said "', ""),
        ('"The cat."', " "),
        ("the cat/", ""),
    ],
)
def test_a_word_is_taken_with_the_spaces_it_needs(predictor: Predictor, text: str, space: str) -> None:
    _, line = a_line(predictor)
    complete, letters = predictor.tokenizer.split_unfinished(text)
    word = best(predictor, text)
    assert line.take(text) == f"{complete}{space}{word} "
    assert line.ghost(text) == (space + word[len(letters) :] if word.startswith(letters) else "")


def test_word_by_word_a_whole_sentence_is_taken(predictor: Predictor) -> None:
    _, line = a_line(predictor)
    text = ""
    for rank in (1, 2, 1, 3):
        word = expected(predictor, "", text)[rank - 1].word
        assert line.take(text, rank) == f"{text}{word} "
        text = line.take(text, rank)
    assert len(text.split()) == 4


def test_capitals_are_those_typed(predictor: Predictor) -> None:
    _, line = a_line(predictor)
    assert [line.take(f"the {letters}") for letters in ("ca", "Ca", "CA")] == ["the cat ", "the Cat ", "the CAT "]
    assert line.take("pa") == "Paris "
    assert line.ghost("pa") == "ris"


def test_a_rank_that_is_not_there_takes_nothing(predictor: Predictor) -> None:
    _, line = a_line(predictor, k=2)
    assert line.take("The ", 3) == "The "
    assert line.take("The xyzzy") == "The xyzzy"
    assert line.ghost("The xyzzy") == ""


@pytest.mark.parametrize("mark", [".", ",", "?", ")", "'", "\u2026"])
def test_the_space_after_a_taken_word_steps_aside_for_a_mark(predictor: Predictor, mark: str) -> None:
    _, line = a_line(predictor)
    taken = line.take("The ca")
    assert line.typed(taken, mark) == f"The cat{mark}"
    assert line.typed(f"The cat{mark}", mark) == f"The cat{mark}{mark}"


def test_the_space_after_a_taken_word_is_not_doubled_and_stays_for_letters_and_opening_quotes(
    predictor: Predictor,
) -> None:
    _, line = a_line(predictor)
    taken = line.take("The ca")
    assert line.typed(taken, " ") == "The cat "
    assert line.typed(taken, "s") == "The cat s"
    assert line.typed(taken, '"') == 'The cat "'
    assert line.typed(taken, "(") == "The cat ("
    quoted = line.take('"The ca')
    assert line.typed(quoted, '"') == '"The cat"'


def test_a_space_typed_by_hand_stays(predictor: Predictor) -> None:
    _, line = a_line(predictor)
    line.take("The ca")
    assert line.typed("The dog ", ".") == "The dog ."
    assert line.typed("The dog ", " ") == "The dog  "


def test_a_new_name_is_suggested_from_the_line_before_and_from_the_same_line(predictor: Predictor) -> None:
    session, line = a_line(predictor, "Zoltan lives in Paris.")
    assert "Zoltan" in [p.word for p in line.suggestions("I know Zo")]
    assert "Xanthippe" in [p.word for p in TypingLine(session, 3).suggestions("Xanthippe and Xa")]
    assert line.suggestions("Xanthippe and Yp") == []


def test_a_word_without_its_accents_has_no_ghost_and_is_taken_whole(french: Predictor) -> None:
    _, line = a_line(french, "Je pense", k=9)
    for typed, whole in (("et cest", "et c'est "), ("et a lecole", "et a l'école "), ("et Lecole", "et L'école ")):
        assert line.ghost(typed) == ""
        assert line.take(typed) == whole
    assert line.ghost("et c\u2019es") == "t"
    assert line.ghost("LE PÈ") == "RE"
    assert line.take("et C'") == "et C'est "


def test_words_are_added_to_the_first_one_by_one_and_taken_together(predictor: Predictor) -> None:
    _, line = a_line(predictor, "The cat sat.")
    ghosts = [line.ghost("Anna lives i")]
    while line.grow("Anna lives i"):
        ghosts.append(line.ghost("Anna lives i"))
    assert ghosts[0] == "n"
    assert len(ghosts) > 1
    assert all(longer.startswith(f"{shorter} ") for shorter, longer in pairwise(ghosts))
    assert line.take_all("Anna lives i") == f"Anna lives i{ghosts[-1]} "
    assert line.typed(line.take_all("Anna lives i"), ".") == f"Anna lives i{ghosts[-1]}."
    assert line.take("Anna lives i") == "Anna lives in "


@pytest.mark.parametrize("after", ["", " ", ".", ","])
def test_a_word_that_no_one_writes_is_put_right_where_it_stands(predictor: Predictor, after: str) -> None:
    _, line = a_line(predictor)
    for word, meant in (("lvies", "lives"), ("Lvies", "Lives"), ("LVIES", "LIVES")):
        line.suggestions(f"(Anna {word[:3]}")
        text = f"(Anna {word}{after}"
        assert line.correction(text) == (meant if after else None)
        assert line.correct(text) == (f"(Anna {meant}{after}" if after else text)


@pytest.mark.parametrize("word", ["lives", "Zoltan", "qqqqq", "3.15", "li"])
def test_what_someone_writes_stays_and_so_does_what_is_like_nothing(predictor: Predictor, word: str) -> None:
    _, line = a_line(predictor, "Zoltan has a cat.")
    line.suggestions(f"Anna {word}")
    assert line.correction(f"Anna {word} ") is None
    assert line.correct(f"Anna {word} ") == f"Anna {word} "

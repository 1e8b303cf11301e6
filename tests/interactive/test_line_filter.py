"""What a line is answered, and the state behind it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.config import AdaptConfig
from nextword.inference.predictor import Predictor
from nextword.interactive.incremental import IncrementalReader
from nextword.interactive.line_filter import MAX_KEPT_WORDS, MAX_WORDS, Document, LineFilter, joined

LINE = "Anna lives in Paris. My mother-in-law and I went to London"


def ask(answering: LineFilter, line: str) -> list[str]:
    """The words of the reply to a line."""
    return answering.answer(line.encode()).decode().split()


def fresh(predictor: Predictor, *lines: str, adapt: AdaptConfig | None = None, count: int | None = 10) -> list[str]:
    """The reply to the last of some lines by a filter that has seen no others."""
    answering = LineFilter(predictor, count, adapt)
    return [ask(answering, line) for line in lines][-1]


# -- replies ---------------------------------------------------------------------------------------------------------


def test_after_a_space_the_next_word_else_words_that_begin_as_typed(predictor: Predictor) -> None:
    answering = LineFilter(predictor, 5)
    assert ask(answering, "My mother-in-law and I went ") == [
        prediction.word for prediction in predictor.predict("My mother-in-law and I went", 5)
    ]
    assert "to" in ask(answering, "My mother-in-law and I went t")
    assert ask(answering, "My mother-in-law and I went\t")[0] == "to"


@pytest.mark.parametrize("letters", ["m", "M", "mc", "mC", "McD", "MC", "Par", "PAR", "don\u2019", "mother-in-l"])
def test_replies_begin_with_the_letters_as_they_were_typed(predictor: Predictor, letters: str) -> None:
    replies = ask(LineFilter(predictor, 10_000), f"The {letters}")
    assert replies
    assert all(reply.startswith(letters) and len(reply) > len(letters) for reply in replies)
    assert len(set(replies)) == len(replies)


def test_slips_are_forgiven_only_where_that_is_asked_for(predictor: Predictor) -> None:
    assert ask(LineFilter(predictor, 3), "The cat and the tbale") == []
    assert ask(LineFilter(predictor, 3, forgive=True), "The cat and the tbale")[0] == "table"
    assert ask(LineFilter(predictor, 3, forgive=True), "The cat and the Tabl")[0] == "Table"


@pytest.mark.parametrize(
    ("language", "line", "reply"),
    [
        ("french", "ÉT", "ÉTAIT"),
        ("french", "E\u0301T", "E\u0301TAIT"),
        ("french", "ét", "était"),
        ("french", "LE PÈ", "PÈRE"),
        ("french", "Le pè", "père"),
        ("french", "l\u2019é", "l\u2019école"),
        ("french", "L'", "L'école"),
        ("french", "C\u2019", "C\u2019est"),
        ("german", "Die STRA", "STRASSE"),
        ("german", "Die Stra", "Straße"),
        ("german", "Die stra", "straße"),
        ("german", "Das GRO", "GROSS"),
        ("german", "iP", "iPhone"),
        ("spanish", "¿QUI", "QUIERES"),
        ("spanish", "QU", "QUÉ"),
    ],
)
def test_a_reply_is_a_whole_word_in_the_capitals_typed(
    language: str, line: str, reply: str, request: pytest.FixtureRequest
) -> None:
    replies = ask(LineFilter(request.getfixturevalue(language), 100), line)
    assert reply in replies
    letters = line.rsplit(maxsplit=1)[-1].lstrip("¿")
    assert all(one.startswith(letters) for one in replies)
    if sum(map(str.isalpha, letters)) > 1 and letters.isupper():
        assert all(one.isupper() for one in replies)


@pytest.mark.parametrize("line", ["cest", "ecole", "quil", "le ete"])
def test_editors_get_no_word_that_begins_otherwise(french: Predictor, line: str) -> None:
    assert ask(LineFilter(french, 100), line) == []


@pytest.mark.parametrize("line", ["", "The zzz", "The cat sat.", "The cat -", '"'])
def test_where_no_word_can_follow_the_reply_is_empty(predictor: Predictor, line: str) -> None:
    assert ask(LineFilter(predictor), line) == []


def test_never_a_space_or_a_control_character_in_a_word_and_each_once() -> None:
    words = ["good", "two words", "bell\x07", "line\u2028end", "next\x85line", "tab\t", "\u202ebidi", "good", "fine"]
    assert joined(iter(words)) == b"good fine"


def test_a_reply_fits_into_a_pipe() -> None:
    reply = joined(f"word{number}" for number in range(20_000))
    assert 59_000 < len(reply) < 2**16
    assert reply.split()[-1].decode() == f"word{len(reply.split()) - 1}"


def test_as_many_as_there_are(predictor: Predictor) -> None:
    everything = fresh(predictor, "The ", count=None)
    assert len(everything) > 25
    assert everything == fresh(predictor, "The ", count=10_000)
    assert everything[:3] == fresh(predictor, "The ", count=3)


# -- state -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("adapt", [None, AdaptConfig()])
def test_a_growing_line_costs_a_step_a_word_at_most_and_is_answered_as_at_once(
    predictor: Predictor, steps: list[int], adapt: AdaptConfig | None
) -> None:
    answering = LineFilter(predictor, 10, adapt)
    replies, costs = {}, []
    for end in range(1, len(LINE) + 1):
        steps.clear()
        replies[end] = ask(answering, LINE[:end])
        costs.append(sum(steps))
    assert max(costs) == 1
    assert sum(costs) == len(predictor.tokenizer.cut(LINE)) - 1  # the last word is still being typed
    for end in range(1, len(LINE) + 1):
        assert replies[end] == fresh(predictor, LINE[:end], adapt=adapt)


@pytest.mark.parametrize("adapt", [None, AdaptConfig()])
@pytest.mark.parametrize(
    "lines",
    [
        [LINE + " ", "Anna lives in Paris. My mother-in-law ", LINE + " "],  # shorter, and longer again
        ["The cat sat on the ", "The cat sat ", "The cat sat on the ta"],
        [LINE, "Anna lives in Berlin. My mother-in-law and I went to "],  # a word changed
        ["The cat sat on ", "The dog sat on "],
        ["The ", "Th", "Ann", "Anna "],  # the first word taken back
    ],
)
def test_an_edit_is_answered_as_if_the_line_had_been_typed_so(
    predictor: Predictor, lines: list[str], adapt: AdaptConfig | None
) -> None:
    assert fresh(predictor, *lines, adapt=adapt) == fresh(predictor, lines[-1], adapt=adapt)


@given(lines=st.lists(st.tuples(st.integers(0, len(LINE)), st.sampled_from(["", " ", "x", " the", "."])), min_size=1))
@settings(max_examples=40)
def test_wherever_a_line_was_cut_and_went_on_the_answer_is_a_fresh_ones(
    predictor: Predictor, lines: list[tuple[int, str]]
) -> None:
    typed = [LINE[:40] + " ", *(LINE[:40] + LINE[40:cut] + more for cut, more in lines)]
    adapt = AdaptConfig()
    assert fresh(predictor, *typed, adapt=adapt) == fresh(predictor, typed[-1], adapt=adapt)


def test_going_back_reads_nothing_that_is_still_known(predictor: Predictor, steps: list[int]) -> None:
    answering = LineFilter(predictor)
    for end in range(1, len(LINE) + 1):
        ask(answering, LINE[:end])
    steps.clear()
    ask(answering, LINE[:30])
    ask(answering, LINE[:12])
    assert steps == []


def test_another_line_goes_on_from_the_last_word_of_the_one_before(predictor: Predictor) -> None:
    two = fresh(predictor, "Anna lives in Paris.", "My mother-in-law and I ")
    assert two == fresh(predictor, "Anna lives in Paris. My mother-in-law and I ")
    left = fresh(predictor, "Anna lives in Paris", "", "M", "My ")  # nobody typed a space after the last word
    assert left == fresh(predictor, "Anna lives in Paris My ")
    assert fresh(predictor, "Anna lives in Pari", "My ") == fresh(predictor, "Anna lives in My ")


def test_a_line_further_up_is_found_where_it_was_read(predictor: Predictor, steps: list[int]) -> None:
    answering = LineFilter(predictor)
    for line in ("Anna lives in Paris.", "The cat sat on the mat.", "I don't know Peter."):
        ask(answering, line)
    steps.clear()
    assert ask(answering, "The cat sat on the ") == fresh(predictor, "Anna lives in Paris. The cat sat on the ")
    assert sum(steps[:-1]) <= 16


def test_a_window_that_moves_on_keeps_what_was_before_it(predictor: Predictor, steps: list[int]) -> None:
    lines = ["Anna lives in Paris.", "The cat sat on the mat.", "I know Peter.", "My mother-in-law and I went to"]
    answering = LineFilter(predictor)
    ask(answering, " ".join(lines[:3]))
    steps.clear()
    assert ask(answering, " ".join([*lines[1:], ""])) == fresh(predictor, " ".join([*lines, ""]))
    assert steps[0] == len(predictor.tokenizer.cut(f". {lines[3]}"))  # the full stop might have grown, too


@pytest.mark.slow
def test_a_window_of_characters_costs_no_more_than_a_line(predictor: Predictor, steps: list[int]) -> None:
    text = f"{LINE}. The dog sat on the grass. " * 20
    answering = LineFilter(predictor)
    ask(answering, text[:1000])
    for end in range(1001, len(text)):
        steps.clear()
        ask(answering, text[end - 1000 : end])
        assert sum(steps) <= 1, text[end - 20 : end]


@pytest.mark.slow
def test_what_is_kept_is_bounded_and_what_is_kept_can_be_gone_back_to(predictor: Predictor) -> None:
    session = predictor.session(AdaptConfig())
    document = Document(IncrementalReader(session), predictor.tokenizer)
    for number in range(700):
        words = f"{number} The cat sat on the {number}".split()
        document.turn_to(words, "")
        assert len(document.words) <= MAX_KEPT_WORDS + MAX_WORDS
        assert document.words[-7:] == words
    document.turn_to(words[:5], "")
    whole = predictor.session(AdaptConfig())
    whole.feed(" ".join([f"{number} The cat sat on the {number}" for number in range(699)]))
    whole.feed(" ".join(words[:5]))
    assert session.words_seen == whole.words_seen
    assert session.suggest(1) == [type(p)(p.word, pytest.approx(p.probability, abs=1e-5)) for p in whole.suggest(1)]


def test_a_name_typed_once_is_there_the_next_time_unless_it_is_not_to_be_learned(predictor: Predictor) -> None:
    lines = ["The dog saw Zaphod by train.", "Where is Za"]
    assert fresh(predictor, *lines, adapt=AdaptConfig()) == ["Zaphod"]
    assert fresh(predictor, *lines) == []

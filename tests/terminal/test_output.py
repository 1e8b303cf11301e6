"""Printing: nothing from a text or a checkpoint commands the terminal; notes, errors, tables and JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.screens import COMMANDING, on_terminal

from nextword.inference.batch import Answer
from nextword.inference.outlook import Prediction
from nextword.terminal import output, results


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[2J", r"\x1b[2J"),
        ("a\rb", r"a\x0db"),
        ("a\nb", r"a\x0ab"),
        ("\x9b31m", r"\x9b31m"),
        ("\x00\x7f", r"\x00\x7f"),
        ("\u202eevil", r"\u202eevil"),
        ("\u2066x\u2069", r"\u2066x\u2069"),
        ("\ud800", r"\ud800"),
        ("Grüße, 世界! [bold] \\", "Grüße, 世界! [bold] \\"),
    ],
)
def test_visible_shows_what_a_terminal_might_obey_escaped_and_all_else_as_it_is(raw: str, shown: str) -> None:
    assert output.visible(raw) == shown


PLACES = ["👨\u200d👩\u200d👧", "🏳️\u200d🌈", "क\u094d\u200dया", "می\u200cخواهم", "ന\u0d4d\u200d", "❤️"]


@pytest.mark.parametrize("text", PLACES)
def test_a_joiner_inside_an_emoji_or_a_word_is_shown_as_it_is(text: str) -> None:
    assert output.visible(f"a {text}, {text}") == f"a {text}, {text}"
    assert output.masked(text) == text
    assert output.json_line([text]) == f'["{text}"]'
    assert output.visible(f"{text}\x1b") == text + r"\x1b"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("z\u200dz", r"z\u200dz"),
        ("\u200d", r"\u200d"),
        ("👨\u200d", r"👨\u200d"),
        ("👨\u200dz", r"👨\u200dz"),
        ("می\u200c", r"می\u200c"),
        ("ab\u200cمی", r"ab\u200cمی"),
        ("می\u200c\u200cخ", r"می\u200c\u200cخ"),
        ("می\u202eخ\u200f", r"می\u202eخ\u200f"),
        ("و\u200b\u061c", r"و\u200b\u061c"),
    ],
)
def test_a_joiner_elsewhere_is_shown_escaped(raw: str, shown: str) -> None:
    assert output.visible(raw) == shown


@given(st.text(st.sampled_from("ab\u200c\u200d\u0628\u094d\u064b❤😀\ufe0f\u202e\x1b") | st.characters()))
@example("😀\u200d\u200d😀")
def test_visible_leaves_nothing_to_obey(text: str) -> None:
    shown = output.visible(text)
    assert not set(shown) & set(COMMANDING)
    assert shown.encode("utf-8").decode("utf-8") == shown
    assert output.visible(shown) == shown


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_a_json_line_is_one_line_that_reads_back_as_the_value(value: object) -> None:
    line = output.json_line(value)
    assert json.loads(line) == value
    assert not set(line) & set(COMMANDING)


def test_a_json_line_escapes_every_character_a_terminal_might_obey_and_keeps_letters_readable() -> None:
    text = "".join(COMMANDING) + "é世\\"
    line = output.json_line({text: text})
    assert json.loads(line) == {text: text}
    assert not set(line) & set(COMMANDING)
    assert "é世" in line
    assert line.encode("utf-8")


def test_a_megabyte_of_backslashes_is_no_trouble(capsys: pytest.CaptureFixture[str]) -> None:
    text = "\\" * 1_000_000
    assert output.visible(text) == text
    assert json.loads(output.json_line(text)) == text
    output.note(text)
    output.print_json(results.predictions_record(Answer(text, [Prediction(text, 1.0)], [], len(text)), Path("x")))
    shown = capsys.readouterr()
    assert shown.err == f"Note: {text}\n"
    assert json.loads(shown.out)["text"] == text


def test_not_a_number_never_becomes_json() -> None:
    with pytest.raises(ValueError, match="JSON"):
        output.json_line(float("nan"))


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_who_asks_for_plain_text_gets_it_on_a_terminal(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    screen = on_terminal(monkeypatch)
    assert output.is_terminal(sys.stdout)
    monkeypatch.setenv(name, value)
    assert not output.is_terminal(sys.stdout)
    results.show_predictions([Prediction("the", 0.5)])
    assert screen.getvalue() == "the\t0.500000\n"


def test_an_error_is_a_line_and_its_hint_another_whatever_they_contain(capsys: pytest.CaptureFixture[str]) -> None:
    output.error("no file a\nb\x1b[2J", "Try:\nagain")
    output.error("nothing helps", "")
    shown = capsys.readouterr()
    assert shown.err == "Error: no file a\\x0ab\\x1b[2J\nHint: Try:\\x0aagain\nError: nothing helps\n"
    assert shown.out == ""


def test_unknown_words_are_named_where_there_are_any(capsys: pytest.CaptureFixture[str]) -> None:
    output.note_unknown_words([])
    output.note_unknown_words(["Zeppelin", "\x1b"])
    assert capsys.readouterr() == ("", "Note: not in the vocabulary: Zeppelin, \\x1b\n")


def test_a_table_has_columns_as_wide_as_what_is_visible_in_them(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [("", "first", "second"), ("a\x1b", "1", ""), ("b", "22", "3.5")]
    output.print_table(rows)
    assert capsys.readouterr().out == "       first  second\na\\x1b  1\nb      22     3.5\n"
    output.print_table(rows, align_right=True)
    assert capsys.readouterr().out == "       first  second\na\\x1b      1\nb         22     3.5\n"


def test_numbers_in_a_table_are_bars_on_a_terminal_wide_enough_and_nothing_elsewhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [("name", "", "end"), ("a", 1.0, "x"), ("b", 0.5, "y"), ("c", -3.0, "z"), ("d", 7.0, "")]
    output.print_table(rows)
    assert capsys.readouterr().out == "name  end\na     x\nb     y\nc     z\nd\n"
    screen = on_terminal(monkeypatch)
    for columns, width in ((200, 60), (31, 20), (11, 0)):
        monkeypatch.setenv("COLUMNS", str(columns))
        screen.truncate(screen.seek(0))
        output.print_table(rows)
        lines = screen.getvalue().splitlines()
        assert [line.count("█") for line in lines] == [0, width, width // 2, 0, width]
        assert all(len(line) <= columns for line in lines)
        assert len({line.index(end) for line, end in zip(lines, ("end", "x", "y", "z"), strict=False)}) == 1

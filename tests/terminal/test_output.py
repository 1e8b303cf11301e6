"""The screen: nothing from a text or a checkpoint commands the terminal; plain output off one."""

from __future__ import annotations

import io
import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.inference.lstm import LSTMState
from nextword.inference.outlook import Prediction
from nextword.storage.checkpoint import load_checkpoint
from nextword.terminal import output as console
from nextword.training.events import Event, Finished, Prepared, Preview, Reading, Step, Validation

PREDICTIONS = [Prediction("the", 0.5), Prediction("\x1b[31mred", 0.25), Prediction("[bold]x[/bold]", 0.125)]
COMMANDING = [*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), *"\u200e\u200f\u202a\u202b\u202c\u202d\u202e"]
COMMANDING += [*"\u2066\u2067\u2068\u2069\u061c\u2028\u2029\ufeff\ud800"]


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


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
    assert console.visible(raw) == shown


@given(st.text(st.characters()))
def test_visible_leaves_nothing_to_obey(text: str) -> None:
    shown = console.visible(text)
    assert not set(shown) & set(COMMANDING)
    assert shown.encode("utf-8").decode("utf-8") == shown
    assert console.visible(shown) == shown


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_a_json_line_is_one_line_that_reads_back_as_the_value(value: object) -> None:
    line = console.json_line(value)
    assert json.loads(line) == value
    assert not set(line) & set(COMMANDING)


def test_a_json_line_escapes_every_character_a_terminal_might_obey_and_keeps_letters_readable() -> None:
    text = "".join(COMMANDING) + "é世\\"
    line = console.json_line({text: text})
    assert json.loads(line) == {text: text}
    assert not set(line) & set(COMMANDING)
    assert "é世" in line
    assert line.encode("utf-8")


def test_a_megabyte_of_backslashes_is_no_trouble(capsys: pytest.CaptureFixture[str]) -> None:
    text = "\\" * 1_000_000
    assert console.visible(text) == text
    assert json.loads(console.json_line(text)) == text
    console.note(text)
    console.print_predictions_json(text, [Prediction(text, 1.0)], [], Path("x"))
    shown = capsys.readouterr()
    assert shown.err == f"Note: {text}\n"
    assert json.loads(shown.out)["text"] == text


def test_not_a_number_never_becomes_json() -> None:
    with pytest.raises(ValueError, match="JSON"):
        console.json_line(float("nan"))


def test_a_word_of_probability_zero_still_makes_valid_json(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_predictions_json("a", [Prediction("b", 0.0)], [], Path("x"))
    record = json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert record["predictions"][0]["probability"] == 0.0


def test_off_a_terminal_predictions_are_words_and_numbers_between_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    console.show_predictions(PREDICTIONS)
    assert capsys.readouterr().out == "the\t0.500000\n\\x1b[31mred\t0.250000\n[bold]x[/bold]\t0.125000\n"


EVALUATION = {
    "tokens": 13059,
    "perplexity": 42.957,
    "bits_per_word": 5.4248,
    "top1": 0.26518,
    "top3": 0.42928,
    "top5": 0.50701,
    "top10": 0.60878,
    "keystroke_savings": 0.54267,
    "unknown_rate": 0.00796,
    "seconds": 2.04,
    "tokens_per_second": 6401.5,
}


def test_an_evaluation_is_a_table_for_people_and_the_same_figures_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    console.show_evaluation(EVALUATION, as_json=False)
    assert capsys.readouterr().out == (
        "tokens            13,059 (0.8% of them unknown)\n"
        "perplexity        42.96 (5.425 bits a word)\n"
        "top 1             26.5%\n"
        "top 3             42.9%\n"
        "top 5             50.7%\n"
        "top 10            60.9%\n"
        "keystrokes saved  54.3%\n"
        "time              2.0 s, 6,402 tokens a second\n"
    )
    console.show_evaluation(EVALUATION, as_json=True)
    assert json.loads(capsys.readouterr().out) == EVALUATION


def test_scores_are_lines_with_tabs_that_no_word_breaks(capsys: pytest.CaptureFixture[str]) -> None:
    scores = [(1, 1, "a\tb\x1b[2J", 1.5, 3, 2.25), (1, 2, "<eos>", 0.0000001, 1, 0.0)]
    console.print_scores(scores, as_json=False)
    assert capsys.readouterr().out == (
        "line\tposition\tword\tsurprisal\trank\tentropy\n"
        "1\t1\ta\\x09b\\x1b[2J\t1.500000\t3\t2.250000\n"
        "1\t2\t<eos>\t0.000000\t1\t0.000000\n"
    )
    console.print_scores(scores, as_json=True)
    lines = capsys.readouterr().out.splitlines()
    assert [tuple(json.loads(line).values()) for line in lines] == scores
    assert list(json.loads(lines[0])) == ["line", "position", "word", "surprisal", "rank", "entropy"]
    assert "\x1b" not in lines[0]


@pytest.mark.parametrize("shown", [True, False])
def test_a_bar_shows_on_a_terminal_how_far_reading_has_got(monkeypatch: pytest.MonkeyPatch, shown: bool) -> None:
    screen = on_terminal(monkeypatch, "stderr")
    with console.progress(shown) as on_progress:
        on_progress(512, 1024)
        on_progress(1024, 1024)
    assert ("1,024 of 1,024 words" in screen.getvalue()) is shown
    monkeypatch.setattr(sys, "stderr", elsewhere := io.StringIO())
    with console.progress(shown=True) as on_progress:
        on_progress(512, 1024)
    assert elsewhere.getvalue() == ""


def on_terminal(monkeypatch: pytest.MonkeyPatch, stream: str = "stdout") -> Terminal:
    terminal = Terminal()
    monkeypatch.setattr(sys, stream, terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    return terminal


def test_on_a_terminal_predictions_are_a_table_with_percentages_and_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    console.show_predictions(PREDICTIONS)
    lines = terminal.getvalue().splitlines()
    assert len(lines) == 3
    assert "the" in lines[0]
    assert "50.0%" in lines[0]
    assert [line.count("█") for line in lines] == [24, 12, 6]
    assert "\\x1b[31mred" in lines[1]
    assert "\x1b[31m" not in terminal.getvalue()
    assert "[bold]x[/bold]" in lines[2]


def test_no_predictions_make_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch)
    console.show_predictions([])
    assert terminal.getvalue().strip() == ""


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_who_asks_for_plain_text_gets_it_on_a_terminal(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    terminal = on_terminal(monkeypatch)
    assert console.is_terminal(sys.stdout)
    monkeypatch.setenv(name, value)
    assert not console.is_terminal(sys.stdout)
    console.show_predictions(PREDICTIONS[:1])
    assert terminal.getvalue() == "the\t0.500000\n"


def test_an_error_is_a_line_and_its_hint_another_whatever_they_contain(capsys: pytest.CaptureFixture[str]) -> None:
    console.error("no file a\nb\x1b[2J", "Try:\nagain")
    console.error("nothing helps", "")
    shown = capsys.readouterr()
    assert shown.err == "Error: no file a\\x0ab\\x1b[2J\nHint: Try:\\x0aagain\nError: nothing helps\n"
    assert shown.out == ""


def test_input_lines_lose_their_ends_and_nothing_else() -> None:
    stream = io.BytesIO(b"one \r\n\n two\xff\nlast")
    assert list(console.input_lines(stream)) == ["one ", "", " two\ufffd", "last"]
    assert list(console.input_lines(io.BytesIO(b""))) == []


class Dripping(io.BytesIO):
    """A pipe that has so many bytes ready at a time."""

    def __init__(self, content: bytes, size: int) -> None:
        super().__init__(content)
        self.drop = size

    def read1(self, size: int | None = -1) -> bytes:
        return super().read1(self.drop)


def test_waiting_lines_are_those_of_input_lines_however_they_come() -> None:
    content = b"one \r\n\n two\xff\nf\xc3\xbcnf\r\n" + b"long" * 30_000 + b"\nlast\r"
    expected = list(console.input_lines(io.BytesIO(content)))
    for size in (1, 2, 3, 7, 1000, 10**6):
        batches = list(console.waiting_lines(Dripping(content, size)))
        assert [line for batch in batches for line in batch] == expected, size
        assert all(batches)
    assert list(console.waiting_lines(io.BytesIO(b""))) == []


def test_lines_that_wait_together_come_together_and_a_lone_one_alone() -> None:
    assert list(console.waiting_lines(Dripping(b"a\nb\nc\n", 100))) == [["a", "b", "c"]]
    assert list(console.waiting_lines(Dripping(b"a\nb\nc\n", 2))) == [["a"], ["b"], ["c"]]


def test_the_state_is_shown_as_the_norms_of_each_layer(capsys: pytest.CaptureFixture[str]) -> None:
    hidden = (np.array([3, 4], np.float32), np.array([0, 0.5], np.float32))
    cell = (np.array([6, 8], np.float32), np.array([0, 0.25], np.float32))
    console.show_state(LSTMState(hidden, cell), 1234)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert "1,234" in lines[0]
    assert "5.000" in lines[1]
    assert "10.000" in lines[1]
    assert "0.500" in lines[2]
    assert "0.250" in lines[2]


def test_what_a_checkpoint_says_of_itself_is_shown_escaped(
    tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = load_checkpoint(tiny_checkpoint)
    hostile = replace(checkpoint, training={"corpus": "\x1b]0;owned\x07", "list": ["\u202e"], "steps": 1234567})
    console.show_checkpoint(hostile, as_json=False)
    plain = capsys.readouterr().out
    assert "\\x1b]0;owned\\x07" in plain
    assert "1,234,567" in plain
    assert not set(plain) & (set(COMMANDING) - {"\n"})
    console.show_checkpoint(hostile, as_json=True)
    assert json.loads(capsys.readouterr().out)["training"]["corpus"] == "\x1b]0;owned\x07"


# -- training --------------------------------------------------------------------------------------------------------

RUN = [
    Reading("checking", 5, 10),
    Reading("reading", 10, 10),
    Prepared(Path("m.safetensors"), 2, 3000, 150, 99, 0.015, 12345, "cpu", "fp32", ["Passed over: \x1b[2J."]),
    Step(1, 0.5, 48, 4.0, 1.0, 1000.0, 61.0),
    Validation(1, 0.5, 54.321, True, 3725.0, [Preview("The cat\x1b[2J", PREDICTIONS)]),
    Step(2, 1.0, 96, 3.0, 0.5, 1000.0, 0.0),
    Validation(2, 1.0, 60.0, False, 3726.0, []),
    Finished(Path("m.safetensors"), 54.321, 2, 96, 3726.0),
]


def shown_run() -> None:
    with console.TrainingView() as view:
        for event in RUN:
            view(event)


def test_a_run_off_a_terminal_is_told_on_stderr_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    shown_run()
    shown = capsys.readouterr()
    assert shown.out == ""
    assert not set(shown.err) & (set(COMMANDING) - {"\n"})
    lines = shown.err.splitlines()
    assert lines[0] == "Note: Passed over: \\x1b[2J."
    assert any("3,000 words" in line and "150 held out" in line and "1.5%" in line for line in lines)
    assert any("12,345 parameters" in line for line in lines)
    validations = [line for line in lines if "validation perplexity" in line]
    assert ["54.32" in line and "1:02:05" in line and "saved" in line for line in validations] == [True, False]
    assert any(line.strip() == "The cat\\x1b[2J ... the \\x1b[31mred [bold]x[/bold]" for line in lines)
    assert "m.safetensors" in lines[-1] or "m.safetensors" in lines[-2]


def test_a_run_on_a_terminal_says_the_same_beside_its_progress(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = on_terminal(monkeypatch, "stderr")
    shown_run()
    assert capsys.readouterr().out == ""
    shown = terminal.getvalue()
    assert shown.index("reading the text") < shown.index("3,000 words")
    assert "validation perplexity 54.32" in shown
    assert "The cat\\x1b[2J ... the \\x1b[31mred [bold]x[/bold]" in shown
    assert "m.safetensors" in shown


LONG_RUN = [
    RUN[0],
    *(Step(step, step / 200, 48 * step, 4.0 + 100 / (step + 50), 1.0, 1000.0, 61.0) for step in range(1, 201)),
    Validation(100, 0.5, 80.0, True, 30.0, []),
    Validation(200, 1.0, 60.0, True, 60.0, []),
    RUN[-1],
]


def chart_of(events: list[Event], monkeypatch: pytest.MonkeyPatch, columns: int, encoding: str = "utf-8") -> list[str]:
    """The lines of the chart that a run leaves on a terminal, without colors."""
    terminal = on_terminal(monkeypatch, "stderr")
    monkeypatch.setattr(Terminal, "encoding", encoding)
    monkeypatch.setenv("COLUMNS", str(columns))
    with console.TrainingView() as view:
        for event in events:
            view(event)
    lines = re.sub("\x1b\\[[0-9;?]*[A-Za-z]", "", terminal.getvalue()).replace("\r", "\n").splitlines()
    return [line.rstrip() for line in lines if re.search("[┤│\u2801-\u28ff]", line)]


@pytest.mark.parametrize(("columns", "widest"), [(40, 40), (60, 60), (200, 72)])
def test_at_the_end_of_a_run_a_terminal_shows_its_losses(
    monkeypatch: pytest.MonkeyPatch, columns: int, widest: int
) -> None:
    lines = chart_of(LONG_RUN, monkeypatch, columns)
    assert len(lines) == 12
    assert max(map(len, lines)) == widest
    assert sum(line.count("o") for line in lines) == 2


def test_no_chart_where_it_would_not_fit_or_not_be_readable_or_is_not_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert chart_of(LONG_RUN, monkeypatch, 39) == []
    assert chart_of(LONG_RUN, monkeypatch, 80, "latin-1") == []
    assert chart_of([RUN[0], RUN[-1]], monkeypatch, 80) == []
    monkeypatch.setenv("NO_COLOR", "1")
    assert chart_of(LONG_RUN, monkeypatch, 80) == []


def interrupted_run(events: list[Event]) -> None:
    with console.TrainingView() as view:
        for event in events:
            view(event)
        raise KeyboardInterrupt


def test_the_perplexity_of_a_diverged_run_does_not_fill_the_screen(capsys: pytest.CaptureFixture[str]) -> None:
    with console.TrainingView() as view:
        validated = next(event for event in RUN if isinstance(event, Validation))
        view(replace(validated, perplexity=1e304))
        view(replace(RUN[-1], perplexity=12345.678))  # type: ignore[arg-type]
    validation, *_, done = [line for line in capsys.readouterr().err.splitlines() if "erplexity" in line]
    assert "perplexity 1.00e+304  best" in validation
    assert "perplexity 12,345.68." in done


def test_an_interrupted_view_gives_the_terminal_its_cursor_back(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_terminal(monkeypatch, "stderr")
    with pytest.raises(KeyboardInterrupt):
        interrupted_run(RUN[:4])
    shown = terminal.getvalue()
    assert shown.rfind("\x1b[?25h") > shown.rfind("\x1b[?25l") >= 0


def test_an_interrupted_run_says_what_was_kept(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt):
        interrupted_run(RUN[:4])
    assert "nothing was saved" in capsys.readouterr().err
    with pytest.raises(KeyboardInterrupt):
        interrupted_run(RUN[:6])
    assert "m.safetensors" in capsys.readouterr().err.splitlines()[-1]


def test_the_next_command_can_be_pasted_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    console.say_next(Path("my models/it's.safetensors"))
    import shlex

    shown = capsys.readouterr().err
    words = shlex.split(shown.partition(":")[2])
    assert words[:4] == ["nextword", "predict", "-c", "my models/it's.safetensors"]

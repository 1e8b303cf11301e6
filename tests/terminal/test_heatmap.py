"""The drawing: every number is there with and without color, fits its width, and obeys no word."""

from __future__ import annotations

import io
import re
import sys
from xml.etree import ElementTree

import numpy as np
import pytest
from support.models import random_predictor
from support.screens import HOSTILE, assert_nothing_raw

from nextword.analysis.explain import ExplainedWord, Explanation, LayerReading, Unit, explain
from nextword.config import ExplainConfig
from nextword.inference.outlook import Prediction
from nextword.inference.predictor import Predictor
from nextword.terminal import heatmap
from nextword.terminal.colors import SHARES, SIGNED
from nextword.terminal.heatmap import HeatMap

ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def array(*rows: list[float]) -> np.ndarray:
    return np.array(rows, np.float32)


def reading() -> LayerReading:
    """Two words, two units."""
    gates = {
        "input": array([0.25, 0.75], [0, 0.1]),
        "forget": array([0.9, 0.5], [1, 1]),
        "candidate": array([-1, 1], [0.5, 0.5]),
        "output": array([1, 1], [0.5, 0.42]),
    }
    memory = array([-2, 0.75], [-2, 0.8])
    return LayerReading(gates, array([-0.96, 0.64], [-0.48, 0.28]), memory, array([-2, 0.75], [0, 0.05]))


def by_hand() -> Explanation:
    words = [
        ExplainedWord("Hello", True, 7.25, [Prediction("The", 0.5), Prediction("I", 0.123)]),
        ExplainedWord("antidisestablishmentarian", False, 12.0, [Prediction("world", 0.996)]),
    ]
    return Explanation("lstm", 1024, words, [reading()], [Prediction(".", 0.3), Prediction("\x1b[2J", 0.2)], False)


LAYERS = """\
                   Hello  antidisestablis… ...
bits                7.2   12.0
guess 1            The 50 world 100        . 30
guess 2            I 12                    \\x1b[2J 20
layer 1 forgot 1-f   30      0
        let in i     50      5
        showed o    100     46
        moved       138      3
moved most         1:1    1:2
unit 1:1           -200   -200

bits               the surprisal, how unexpected the word was; a blind guess
                   among 1,024 words has 10.0. All other numbers are hundredths
guess              what was likeliest in the word's place, and its probability
forgot 1-f         1 less the forget gate: how much of the old was dropped
let in i           the input gate: how much of the new was added
showed o           the output gate: how much of the memory was let out
layer              the means of its units
moved              how far the memory of a unit went, up or down: the change of
                   the cell state c
moved most         the unit that went farthest, as layer:unit
unit               the memory c of one unit; these moved most over all words
"""
UNIT = """\
           Hello  antidisestablis… ...
bits        7.2   12.0
guess 1    The 50 world 100        . 30
guess 2    I 12                    \\x1b[2J 20
forgot 1-f   50      0
let in i     75     10
new g       100     50
showed o    100     42
memory c     75     80
shown h      64     28
"""


def test_a_drawing_off_a_terminal_to_the_letter(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    heatmap.show(heatmap.of_layers(by_hand(), 1))
    assert capsys.readouterr().out == LAYERS
    heatmap.show(heatmap.of_unit(by_hand(), Unit(1, 2)))
    shown = capsys.readouterr().out
    assert shown.startswith(UNIT + "\nbits")
    assert "memory c   the cell state c of unit 1:2" in shown


@pytest.mark.parametrize(
    ("cell", "labels", "missing"),
    [
        ("lstm", ["forgot 1-f", "let in i", "showed o", "moved"], "none: with every word"),
        ("gru", ["renewed 1-z", "used r", "moved"], "forgot"),
        ("rnn", ["moved", "no gates"], "forgot"),
    ],
)
def test_every_cell_has_its_gates_and_a_plain_net_says_that_it_has_none(
    cell: str, labels: list[str], missing: str
) -> None:
    explanation = explain(random_predictor(cell), "Anna lives in Paris.")
    for drawing in (heatmap.of_layers(explanation, 3), heatmap.of_unit(explanation, Unit(2, 1))):
        shown = text_of(drawing, 80)
        assert all(label in shown for label in labels if label != "moved")
        assert missing not in shown
        assert ("the cell state c" in shown) is (cell == "lstm")
        assert ("with every word all of its memory is written anew" in " ".join(shown.split())) is (cell == "rnn")


def text_of(drawing: HeatMap, width: int, colored: bool = False) -> str:
    lines = drawing.lines(width, colored)
    return "\n".join("".join(cell.text for cell in line).rstrip() for line in lines)


@pytest.mark.parametrize("width", [40, 80, 200, 10_000])
def test_the_words_go_on_in_blocks_that_fit(predictor: Predictor, width: int) -> None:
    text = "Anna lives in Paris. The Zeppelin sat on the mat, \u4f60\u597d\u4f60\u597d, and I don't know Berlin. " * 3
    explanation = explain(predictor, text)
    drawing = heatmap.of_layers(explanation, 4)
    lines = [line for line in drawing.lines(width, colored=True) if line]
    assert all(sum(heatmap.cell_len(cell.text) for cell in line) <= width for line in lines)
    blocks = len(re.findall(r"^bits +\d", text_of(drawing, width), re.MULTILINE))
    assert (blocks == 1) is (width == 10_000)
    for row in drawing.rows:
        shown = [
            cell.text.strip() for line in lines if "".join(line[0].text).startswith(row.label) for cell in line[1:]
        ]
        if row.label.startswith(("unit", "guess", "layer")):
            wanted = [cell.text.strip() for cell in row.cells]
            values = [value for value in shown if value]
            assert values[: len(list(filter(None, wanted)))] == list(filter(None, wanted))


def test_a_narrow_terminal_gets_a_word_at_a_time(predictor: Predictor) -> None:
    shown = text_of(heatmap.of_layers(explain(predictor, "Anna lives in Paris."), 1), 1)
    assert len(re.findall(r"^bits +\d", shown, re.MULTILINE)) == 5


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("surroundings", "colored"),
    [
        ({"TERM": "xterm-256color"}, True),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, True),
        ({"TERM": "xterm"}, False),
        ({"TERM": "dumb"}, False),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, False),
    ],
)
def test_colors_are_all_that_a_terminal_adds(
    monkeypatch: pytest.MonkeyPatch, surroundings: dict[str, str], colored: bool
) -> None:
    monkeypatch.delenv("COLORTERM", raising=False)
    for name, value in {**surroundings, "COLUMNS": "90"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", screen := Screen())
    drawing = heatmap.of_layers(by_hand(), 2)
    heatmap.show(drawing)
    shown = screen.getvalue()
    assert ("\x1b" in shown) is colored
    assert [line.rstrip() for line in ESCAPES.sub("", shown).splitlines()] == text_of(drawing, 90, colored).splitlines()
    if colored:
        assert "shares" in shown
        assert "\nmemory             -200 -150 -100  -50    0   50  100  150  200" in ESCAPES.sub("", shown)


@pytest.mark.parametrize("no_color", [False, True])
def test_a_page_and_a_picture_have_all_numbers_and_colors_and_nothing_from_elsewhere(
    monkeypatch: pytest.MonkeyPatch, no_color: bool
) -> None:
    if no_color:  # which is about the terminal
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setenv("TERM", "dumb")
    drawing = heatmap.of_layers(by_hand(), 2)
    page, picture = heatmap.html(drawing), heatmap.svg(drawing)
    pictured = "".join(ElementTree.fromstring(picture).itertext()).replace("\xa0", " ")
    written = re.sub(r"<[^>]*>", "", page)
    for shown in (pictured, written):
        assert all(cell.text.strip() in shown for row in [*drawing.rows, *drawing.scales] for cell in row.cells)
    for text in (page, picture):
        assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
        assert all(
            f"#{red:02x}{green:02x}{blue:02x}" in text for red, green, blue in (SHARES.colors[0], SIGNED.colors[-1])
        )


def test_hostile_words_come_out_raw_of_no_drawing(
    predictor: Predictor, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [*HOSTILE, "<script>", "&amp;", "\uffff\ufffe", "</svg>", "]]>", "\ud800"]
    hostile = ExplainConfig(words=500)
    explanation = explain(predictor, " ".join(words), hostile)
    drawing = heatmap.of_layers(explanation, 3)
    heatmap.show(drawing)
    page, picture = heatmap.html(drawing), heatmap.svg(drawing)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(sys, "stdout", screen := Screen())
    heatmap.show(drawing)
    for shown, terminal in (
        (capsys.readouterr().out, False),
        (page, False),
        (picture, False),
        (screen.getvalue(), True),
    ):
        assert "\\x1b" in shown
        assert_nothing_raw(shown, terminal)
    assert "<script>" not in page + picture
    assert ElementTree.fromstring(picture).tag.endswith("svg")

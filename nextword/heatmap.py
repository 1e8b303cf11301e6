"""What `explain` found, drawn: words across, guesses, gates and units down, every value a number on a colour.

The number says all that the colour says, so that the drawing can be read without colour, as it is off a terminal.
Values are in hundredths. A colour is the brighter the more it stands for, and brings the colour of its letters along,
so that it can be read on a dark background and on a light one. What does not fit the width goes on in a block below.
Knows explanations, characters and colours; `rich` draws only where there are colours to show.
"""

from __future__ import annotations

import io
import math
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from rich.cells import cell_len, set_cell_size

from nextword.console import is_terminal, visible
from nextword.explanation import Explanation, Unit
from nextword.lstm import Array
from nextword.predictor import Prediction

if TYPE_CHECKING:
    from rich.console import Console
    from rich.terminal_theme import TerminalTheme

_HTML = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>nextword explain</title>
<style>
{stylesheet}
body {{ color: {foreground}; background-color: {background}; }}
pre {{ font-family: "DejaVu Sans Mono", Menlo, Consolas, monospace; line-height: 1.3; }}
</style>
</head>
<body>
<pre>{code}</pre>
</body>
</html>
"""
_SVG = """\
<svg viewBox="0 0 {terminal_width} {terminal_height}" xmlns="http://www.w3.org/2000/svg">
<title>nextword explain</title>
<style>
.{unique_id}-matrix {{
font-family: "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: {char_height}px; line-height: {line_height}px;
}}
{styles}
</style>
<defs>
{lines}
</defs>
<rect width="100%" height="100%" fill="#ffffff"/>
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</svg>
"""
_WIDEST_WORD = 16  # characters of a word that are shown
_PAGE_WIDTH = 120  # characters in a line of a file
_NO_XML = re.compile("[\ufffe\uffff]")  # characters that no SVG may have, beside those that `visible` escapes
Colour = tuple[int, int, int]
# From 0 to 1: viridis (Smith and van der Walt 2015), which those who see few colours can tell apart, too.
_ONE_WAY: tuple[Colour, ...] = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))
# From -1 to 1: blue over nearly black to red, as "berlin" of Crameri 2018.
_TWO_WAYS: tuple[Colour, ...] = ((158, 176, 255), (45, 96, 137), (24, 24, 28), (128, 47, 20), (255, 172, 172))


class Gate(NamedTuple):
    """How a gate is shown: in plain words beside the textbook's letter."""

    name: str  # in `config.GATES`
    label: str
    meaning: str
    inverted: bool = False  # one less the activation is shown
    signed: bool = False  # from -1 to 1, and so with no mean over a layer that says something


_GATES = {
    "lstm": [
        Gate("forget", "forgot 1-f", "forgot: 1 - the forget gate f, how much of the old was dropped", inverted=True),
        Gate("input", "let in i", "let in: the input gate i, how much of the new was added"),
        Gate("candidate", "new g", "new: the candidate g, what was to be added", signed=True),
        Gate("output", "showed o", "showed: the output gate o, how much of the memory the next layer saw"),
    ],
    "gru": [
        Gate(
            "update", "renewed 1-z", "renewed: 1 - the update gate z, how much new took the place of old", inverted=True
        ),
        Gate("reset", "used r", "used: the reset gate r, how much of the old the new was made from"),
        Gate("candidate", "new n", "new: the candidate n, what was to be added", signed=True),
    ],
    "rnn": [],
}
_NO_GATES = "A plain recurrent net has no gates: with every word all of its memory is written anew."


class Cell(NamedTuple):
    """Characters, and the colour behind them; None: whatever the background has."""

    text: str
    colour: Colour | None = None


class Row(NamedTuple):
    """A label and what stands to the right of it."""

    label: str
    cells: list[Cell]


@dataclass(frozen=True)
class HeatMap:
    """A drawing, before it is given a width.

    Attributes:
        rows: All with as many cells as the first, whose cells are the words.
        keys: What the colours stand for, a row for each scale.
        legend: What the labels stand for, in paragraphs.
    """

    rows: list[Row]
    keys: list[Row]
    legend: list[str]

    def lines(self, width: int, coloured: bool) -> Iterator[list[Cell]]:
        """The drawing in lines, each a list of pieces.

        Args:
            width: Characters in a line; where not even a word fits beside the labels, there are more.
            coloured: Whether colours are shown, and so have to be explained.
        """
        margin = max(cell_len(row.label) for row in [*self.rows, *self.keys]) + 1
        columns = zip(*(row.cells for row in self.rows), strict=True)
        widths = [max(cell_len(cell.text) for cell in column) for column in columns]
        begin = 0
        while begin < len(widths):
            end, used = begin + 1, margin + widths[begin]
            while end < len(widths) and used + 1 + widths[end] <= width:
                used += 1 + widths[end]
                end += 1
            for row in self.rows:
                yield _line(row.label, margin, zip(row.cells[begin:end], widths[begin:end], strict=True))
            yield []
            begin = end
        for key in self.keys if coloured else []:
            yield _line(key.label, margin, [(cell, cell_len(cell.text)) for cell in key.cells])
        for paragraph in self.legend:
            yield from ([Cell(line)] for line in textwrap.wrap(paragraph, max(width, 20)))


def _line(label: str, margin: int, cells: Iterable[tuple[Cell, int]]) -> list[Cell]:
    """A label and cells, each filled up to its width, with a space between them."""
    line = [Cell(set_cell_size(label, margin))]
    for cell, width in cells:
        line += [Cell(set_cell_size(cell.text, width), cell.colour), Cell(" ")]
    return line[:-1]


# -- what is drawn ---------------------------------------------------------------------------------------------------


def of_layers(explanation: Explanation, units: int) -> HeatMap:
    """Words and guesses, the gates of every layer, and the memory of those `units` units that moved most."""
    gates = [gate for gate in _GATES[explanation.cell] if not gate.signed]
    rows = _expectations(explanation)
    for number, layer in enumerate(explanation.layers, 1):
        gauges = [(gate.label, 1 - layer.mean(gate.name) if gate.inverted else layer.mean(gate.name)) for gate in gates]
        for place, (label, values) in enumerate([*gauges, ("moved", layer.moved)]):
            named = f"layer {number} {label}" if place == 0 else f"{'':{len(str(number))}}       {label}"
            rows.append(_row(named, _values(values)))
    most = [explanation.moved_most_at(place, 1)[0] for place in range(len(explanation.words))]
    rows.append(_row("moved most", [Cell(str(unit)) for unit in most]))
    for unit in explanation.moved_most(units):
        rows.append(_row(f"unit {unit}", _values(_shown_memory(explanation, unit), signed=True)))
    memory, shown = _memory(explanation.cell)
    legend = [
        f"Of a layer, means of all its units. {_meanings(gates)}"
        f"moved: how far the memory ({memory}) of a unit went with the word, up or down."
        f"{'' if gates else ' ' + _NO_GATES}",
        f"moved most: which unit did, as layer:unit. unit: the memory, {shown}, of those that did over all words.",
    ]
    return HeatMap(rows, [_ONE_WAY_KEY, *([_TWO_WAYS_KEY] if units else [])], [_expected_legend(explanation), *legend])


def of_unit(explanation: Explanation, unit: Unit) -> HeatMap:
    """Words, coloured by the memory of one unit, and guesses; the unit's gates and memory."""
    layer, column = explanation.layers[unit.layer - 1], unit.number - 1
    gates = _GATES[explanation.cell]
    first, *rows = _expectations(explanation)
    remembered = _values(_shown_memory(explanation, unit), signed=True)
    words = [cell._replace(colour=value.colour) for cell, value in zip(first.cells, remembered, strict=False)]
    rows = [_row("", words), *rows]
    for gate in gates:
        values = layer.gates[gate.name][:, column]
        rows.append(_row(gate.label, _values(1 - values if gate.inverted else values, gate.signed)))
    memory, shown = _memory(explanation.cell)
    rows.append(_row("memory", remembered))
    if explanation.cell == "lstm":
        rows.append(_row("shown h", _values(layer.hidden[:, column], signed=True)))
    legend = [
        f"Of unit {unit} alone. {_meanings(gates)}memory: {shown} of the {memory}, which colours the words, too."
        f"{' shown: the hidden state h = o tanh(c).' if explanation.cell == 'lstm' else ''}"
        f"{'' if gates else ' ' + _NO_GATES}",
    ]
    return HeatMap(rows, [_ONE_WAY_KEY, _TWO_WAYS_KEY], [_expected_legend(explanation), *legend])


def _expectations(explanation: Explanation) -> list[Row]:
    """The rows that say what the model expected, and a last column for what comes next."""
    words = explanation.words
    blind = math.log2(explanation.vocabulary_size)
    bits = [Cell(f"{word.surprisal:4.1f}", _colour(word.surprisal / blind)) for word in words]
    guesses = [*(word.guesses for word in words), explanation.upcoming]
    rows = [Row("", [*(Cell(_shortened(word.word)) for word in words), Cell("...")]), _row("bits", bits)]
    for rank in range(max(map(len, guesses))):
        cells = [_guess(of_word[rank]) if rank < len(of_word) else Cell("") for of_word in guesses]
        rows.append(Row(f"guess {rank + 1}", cells))
    return rows


def _row(label: str, cells: list[Cell]) -> Row:
    """A row with nothing in the column of what comes next."""
    return Row(label, [*cells, Cell("")])


def _values(values: Array, signed: bool = False) -> list[Cell]:
    return [Cell(f"{round(100 * value):4d}", _colour(value, signed)) for value in values.tolist()]


def _guess(guess: Prediction) -> Cell:
    return Cell(f"{_shortened(guess.word)} {round(100 * guess.probability)}", _colour(guess.probability))


def _shortened(word: str) -> str:
    """A word as it can be shown, the end of a long one left out."""
    text = visible(word)
    return text if cell_len(text) <= _WIDEST_WORD else f"{set_cell_size(text, _WIDEST_WORD - 1)}\u2026"


def _shown_memory(explanation: Explanation, unit: Unit) -> Array:
    """(T,) from -1 to 1: tanh of a cell state, as in what the cell shows; a hidden state is in these limits anyway."""
    values = explanation.layers[unit.layer - 1].memory[:, unit.number - 1]
    squashed: Array = np.tanh(values) if explanation.cell == "lstm" else values
    return squashed


def _memory(cell: str) -> tuple[str, str]:
    """What the memory is, and what is shown of it."""
    return ("the cell state c", "tanh(c)") if cell == "lstm" else ("the hidden state h", "h")


def _meanings(gates: Sequence[Gate]) -> str:
    return "".join(f"{gate.meaning}; " for gate in gates)


def _expected_legend(explanation: Explanation) -> str:
    return (
        "Numbers are hundredths, but for the bits. bits: the surprisal, how unexpected the word was; a blind guess "
        f"among {explanation.vocabulary_size:,} words has {math.log2(explanation.vocabulary_size):.1f}. guess: what "
        "was likeliest in the word's place, and its probability."
    )


# -- colours ---------------------------------------------------------------------------------------------------------


def _colour(value: float, signed: bool = False) -> Colour:
    """The colour of a value from 0 to 1, or from -1 to 1; what is beyond has that of the nearer end."""
    anchors = _TWO_WAYS if signed else _ONE_WAY
    place = min(max((value + 1) / 2 if signed else value, 0.0), 1.0) * (len(anchors) - 1)
    index = min(int(place), len(anchors) - 2)
    mixed = (low + (high - low) * (place - index) for low, high in zip(*anchors[index : index + 2], strict=True))
    red, green, blue = map(round, mixed)
    return red, green, blue


def letters_on(colour: Colour) -> Colour:
    """Black or white, whichever stands out more (relative luminance as in WCAG 2)."""
    linear = [(part / 255 / 12.92 if part <= 10 else ((part / 255 + 0.055) / 1.055) ** 2.4) for part in colour]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return (0, 0, 0) if luminance > 0.179 else (255, 255, 255)  # where both contrasts are equal: 4.6


_ONE_WAY_KEY = Row("0 to 100", _values(np.linspace(0, 1, 9, dtype=np.float32)))
_TWO_WAYS_KEY = Row("-100 to 100", _values(np.linspace(-1, 1, 9, dtype=np.float32), signed=True))


# -- where it is drawn -----------------------------------------------------------------------------------------------


def show(drawing: HeatMap) -> None:
    """Print a drawing as wide as the terminal (off one $COLUMNS, or 80), with colours on a terminal that has them."""
    coloured = is_terminal(sys.stdout)
    lines = drawing.lines(shutil.get_terminal_size().columns, coloured)
    if coloured:
        from rich.console import Console

        _print(Console(highlight=False, markup=False, emoji=False, soft_wrap=True), lines)
    else:
        for line in lines:
            print("".join(cell.text for cell in line).rstrip())


def html(drawing: HeatMap) -> str:
    """A page with the drawing, dark on white."""
    page, theme = _page(drawing)
    return page.export_html(theme=theme, code_format=_HTML)


def svg(drawing: HeatMap) -> str:
    """A picture of the drawing that needs no font from elsewhere, dark on white."""
    page, theme = _page(drawing)
    return page.export_svg(theme=theme, code_format=_SVG, unique_id="explain")


def _page(drawing: HeatMap) -> tuple[Console, TerminalTheme]:
    from rich.console import Console
    from rich.terminal_theme import DEFAULT_TERMINAL_THEME

    lines = [
        [cell._replace(text=_NO_XML.sub("\ufffd", cell.text)) for cell in line]
        for line in drawing.lines(_PAGE_WIDTH, coloured=True)
    ]
    width = max(cell_len("".join(cell.text for cell in line)) for line in lines)
    page = Console(
        record=True, width=width, file=io.StringIO(), force_terminal=True, color_system="truecolor", no_color=False
    )
    _print(page, lines)
    return page, DEFAULT_TERMINAL_THEME


def _print(console: Console, lines: Iterable[list[Cell]]) -> None:
    from rich.color import Color
    from rich.style import Style
    from rich.text import Text

    styles: dict[Colour | None, Style | str] = {None: ""}
    for line in lines:
        text = Text(no_wrap=True, overflow="ignore")
        for cell in line:
            if cell.colour and cell.colour not in styles:
                front, behind = letters_on(cell.colour), cell.colour
                styles[cell.colour] = Style(color=Color.from_rgb(*front), bgcolor=Color.from_rgb(*behind))
            text.append(cell.text, styles[cell.colour])
        console.print(text, soft_wrap=True)

"""What `explain` found, drawn: words across, guesses, gates and units down, every value a number on a color.

The number says all that the color says, so that the drawing can be read without color, as it is off a terminal.
Values are in hundredths. A color is the brighter the more it stands for, and brings the color of its letters along,
so that it can be read on a dark background and on a light one. What does not fit the width goes on in a block below.
`rich` draws only where there are colors to show.
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

from nextword.analysis.explain import Explanation, Unit
from nextword.inference.lstm import Array
from nextword.inference.outlook import Prediction
from nextword.terminal import output
from nextword.terminal.colors import RGB, SHARES, SIGNED, Cell, Row, Scale, letters_on

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
_MAX_WORD_WIDTH = 16  # characters; the end of a wider word is left out
_PAGE_WIDTH = 120  # characters in a line of a page or a picture
_NO_XML = re.compile("[\ufffe\uffff]")  # characters that no SVG may have, beside those that `visible` escapes


class Gate(NamedTuple):
    """How a gate is shown: in plain words beside the textbook's letter."""

    name: str  # in `config.GATES`
    label: str
    meaning: str
    inverted: bool = False  # one less the activation is shown
    signed: bool = False  # from -1 to 1, and so with no mean over a layer that says something

    def cells(self, activations: Array) -> list[Cell]:
        """(T,) activations as they are shown."""
        values = 1 - activations if self.inverted else activations
        return (SIGNED if self.signed else SHARES).cells(values.tolist())


_GATES = {
    "lstm": [
        Gate("forget", "forgot 1-f", "1 less the forget gate: how much of the old was dropped", inverted=True),
        Gate("input", "let in i", "the input gate: how much of the new was added"),
        Gate("candidate", "new g", "the candidate: what the new was", signed=True),
        Gate("output", "showed o", "the output gate: how much of the memory was let out"),
    ],
    "gru": [
        Gate("update", "renewed 1-z", "1 less the update gate: how much new took the place of old", inverted=True),
        Gate("reset", "used r", "the reset gate: how much of the old the new was made from"),
        Gate("candidate", "new n", "the candidate: what the new was", signed=True),
    ],
    "rnn": [],
}
_NO_GATES = ("no gates", "a plain recurrent net has none: with every word all of its memory is written anew")
_MEMORY = {"lstm": ("c", "the cell state c"), "gru": ("h", "the hidden state h"), "rnn": ("h", "the hidden state h")}


@dataclass(frozen=True)
class HeatMap:
    """A drawing, before it is given a width.

    Attributes:
        rows: All with as many cells as the first, whose cells are the words.
        scales: What the colors stand for, a row for each scale.
        legend: Labels and what they stand for.
    """

    rows: list[Row]
    scales: list[Row]
    legend: list[tuple[str, str]]

    def lines(self, width: int, colored: bool) -> Iterator[list[Cell]]:
        """The drawing in lines, each a list of pieces.

        Args:
            width: Characters in a line; where not even a word fits beside the labels, there are more.
            colored: Whether colors are shown, and so have to be explained.
        """
        margin = max(cell_len(row.label) for row in [*self.rows, *self.scales]) + 1
        columns = zip(*(row.cells for row in self.rows), strict=True)
        widths = [max(cell_len(cell.text) for cell in column) for column in columns]
        for begin, end in _blocks(widths, width - margin):
            for row in self.rows:
                yield _line(row.label, margin, zip(row.cells[begin:end], widths[begin:end], strict=True))
            yield []
        for scale in self.scales if colored else []:
            widths = [cell_len(cell.text) for cell in scale.cells]
            for begin, end in _blocks(widths, width - margin):
                cells = zip(scale.cells[begin:end], widths[begin:end], strict=True)
                yield _line("" if begin else scale.label, margin, cells)
        for label, meaning in self.legend:
            for place, line in enumerate(textwrap.wrap(meaning, max(width - margin, 20))):
                yield [Cell(set_cell_size("" if place else label, margin)), Cell(line)]


def _blocks(widths: Sequence[int], width: int) -> Iterator[tuple[int, int]]:
    """Begin and end of the columns that fit side by side in `width` characters, a space between them; at least one."""
    begin = 0
    while begin < len(widths):
        end, used = begin + 1, widths[begin]
        while end < len(widths) and used + 1 + widths[end] <= width:
            used += 1 + widths[end]
            end += 1
        yield begin, end
        begin = end


def _line(label: str, margin: int, cells: Iterable[tuple[Cell, int]]) -> list[Cell]:
    """A label and cells, each filled up to its width, with a space between them."""
    line = [Cell(set_cell_size(label, margin))]
    for cell, width in cells:
        line += [Cell(set_cell_size(cell.text, width), cell.color), Cell(" ")]
    return line[:-1]


# -- what is drawn ---------------------------------------------------------------------------------------------------


def of_layers(explanation: Explanation, units: int) -> HeatMap:
    """Words and guesses, the gates of every layer, and the memory of those `units` units that moved most."""
    gates = [gate for gate in _GATES[explanation.cell] if not gate.signed]
    rows = _expectations(explanation)
    for number, layer in enumerate(explanation.layers, 1):
        gauges = [(gate.label, gate.cells(layer.mean(gate.name))) for gate in gates]
        gauges.append(("moved", SHARES.cells(layer.moved.tolist())))
        for place, (label, cells) in enumerate(gauges):
            named = f"layer {number} "
            rows.append(_row((" " * len(named) if place else named) + label, cells))
    most = [explanation.moved_most_at(place, 1)[0] for place in range(len(explanation.words))]
    rows.append(_row("moved most", [Cell(str(unit)) for unit in most]))
    drawn = explanation.moved_most(units)
    scale = _memory_scale([_memory(explanation, unit) for unit in drawn])
    rows += [_row(f"unit {unit}", scale.cells(_memory(explanation, unit).tolist())) for unit in drawn]
    symbol, memory = _MEMORY[explanation.cell]
    legend = [
        ("layer", "the means of its units"),
        ("moved", f"how far the memory of a unit went, up or down: the change of {memory}"),
        ("moved most", "the unit that went farthest, as layer:unit"),
        *([("unit", f"the memory {symbol} of one unit; these moved most over all words")] if units else []),
    ]
    scales = [SHARES.key("shares"), *([scale.key("memory")] if units else [])]
    return HeatMap(rows, scales, [*_expected_legend(explanation), *_gate_legend(gates), *legend])


def of_unit(explanation: Explanation, unit: Unit) -> HeatMap:
    """Words, colored by the memory of one unit, and guesses; the unit's gates and memory."""
    layer, column = explanation.layers[unit.layer - 1], unit.number - 1
    gates = _GATES[explanation.cell]
    values = _memory(explanation, unit)
    scale = _memory_scale([values])
    remembered = scale.cells(values.tolist())
    first, *rows = _expectations(explanation)
    words = [cell._replace(color=value.color) for cell, value in zip(first.cells, remembered, strict=False)]
    rows = [Row("", [*words, first.cells[-1]]), *rows]
    rows += [_row(gate.label, gate.cells(layer.gates[gate.name][:, column])) for gate in gates]
    symbol, memory = _MEMORY[explanation.cell]
    rows.append(_row(f"memory {symbol}", remembered))
    legend = [
        *_gate_legend(gates),
        (f"memory {symbol}", f"{memory} of unit {unit}, whose colors the words have, too"),
    ]
    if explanation.cell == "lstm":
        rows.append(_row("shown h", SIGNED.cells(layer.hidden[:, column].tolist())))
        legend.append(("shown h", "the hidden state o tanh(c): what was let out"))
    scales = [SHARES.key("shares"), *([SIGNED.key("new, shown")] if gates else []), scale.key("memory")]
    return HeatMap(rows, scales, [*_expected_legend(explanation), *legend])


def _expectations(explanation: Explanation) -> list[Row]:
    """The rows that say what the model expected, and a last column for what comes next."""
    words = explanation.words
    blind = Scale(0, _blind_guess(explanation), SHARES.colors)
    bits = [Cell(f"{word.surprisal:4.1f}", blind.color(word.surprisal)) for word in words]
    guesses = [*(word.guesses for word in words), explanation.upcoming]
    rows = [Row("", [*(Cell(_shortened(word.word)) for word in words), Cell("...")]), _row("bits", bits)]
    for rank in range(max(map(len, guesses))):
        cells = [_guess(of_word[rank]) if rank < len(of_word) else Cell("") for of_word in guesses]
        rows.append(Row(f"guess {rank + 1}", cells))
    return rows


def _blind_guess(explanation: Explanation) -> float:
    """Bits of surprisal where all words are equally likely."""
    return math.log2(explanation.vocabulary_size)


def _row(label: str, cells: list[Cell]) -> Row:
    """A row with nothing in the column of what comes next."""
    return Row(label, [*cells, Cell("")])


def _guess(guess: Prediction) -> Cell:
    return Cell(f"{_shortened(guess.word)} {round(100 * guess.probability)}", SHARES.color(guess.probability))


def _shortened(word: str) -> str:
    """A word as it can be shown, the end of a long one left out."""
    text = output.visible(word)
    return text if cell_len(text) <= _MAX_WORD_WIDTH else f"{set_cell_size(text, _MAX_WORD_WIDTH - 1)}\u2026"


def _memory(explanation: Explanation, unit: Unit) -> Array:
    """(T,) what one unit remembered after each word."""
    return explanation.layers[unit.layer - 1].memory[:, unit.number - 1]


def _memory_scale(values: Sequence[Array]) -> Scale:
    """Colors for memories: those of -1 to 1, or of as much as the largest of them has."""
    limit = max([1.0, *(float(np.abs(row).max()) for row in values)])
    return Scale(-limit, limit, SIGNED.colors)


def _expected_legend(explanation: Explanation) -> list[tuple[str, str]]:
    blind = f"a blind guess among {explanation.vocabulary_size:,} words has {_blind_guess(explanation):.1f}"
    return [
        ("bits", f"the surprisal, how unexpected the word was; {blind}. All other numbers are hundredths"),
        ("guess", "what was likeliest in the word's place, and its probability"),
    ]


def _gate_legend(gates: Sequence[Gate]) -> list[tuple[str, str]]:
    return [(gate.label, gate.meaning) for gate in gates] or [_NO_GATES]


# -- where it is drawn -----------------------------------------------------------------------------------------------


def show(drawing: HeatMap) -> None:
    """Print a drawing as wide as the terminal (off one $COLUMNS, or 80), with colors on a terminal that has many."""
    width = shutil.get_terminal_size().columns
    if output.is_terminal(sys.stdout):
        screen = output.screen()
        if screen.color_system in ("256", "truecolor"):  # with 16, most values would look the same
            _print(screen, drawing.lines(width, colored=True))
            return
    for line in drawing.lines(width, colored=False):
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
        for line in drawing.lines(_PAGE_WIDTH, colored=True)
    ]
    width = max(cell_len("".join(cell.text for cell in line)) for line in lines)
    page = Console(record=True, width=width, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    _print(page, lines)
    return page, DEFAULT_TERMINAL_THEME


def _print(screen: Console, lines: Iterable[list[Cell]]) -> None:
    from rich.color import Color
    from rich.style import Style
    from rich.text import Text

    styles: dict[RGB | None, Style | str] = {None: ""}
    for line in lines:
        text = Text(no_wrap=True, overflow="ignore")
        for cell in line:
            if cell.color and cell.color not in styles:
                front, behind = letters_on(cell.color), cell.color
                styles[cell.color] = Style(color=Color.from_rgb(*front), bgcolor=Color.from_rgb(*behind))
            text.append(cell.text, styles[cell.color])
        screen.print(text, soft_wrap=True)

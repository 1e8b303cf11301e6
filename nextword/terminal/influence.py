"""How `why` looks: a line for each suggestion with what it owes most to, or every figure off a terminal.

Knows value types and the screen; decides nothing.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path

from nextword.analysis.influence import Influence, Part
from nextword.terminal import output as console

_MAX_SHOWN, _MAX_IN_LINE = 6, 4  # parts of a suggestion: in a table, and in a line of 80 columns
_MIN_BITS = 0.05  # less would be shown as 0.0, and is not shown
_MAX_LENGTH = 48  # characters of a sentence


def show_influences(parts: Sequence[Part], influences: Sequence[Influence]) -> None:
    """What each suggestion owes most to, on a terminal; off one a line for every part, with tabs, and a header."""
    if not console.is_terminal(sys.stdout):
        print("suggestion\tposition\tpart\tbits")
        for influence in influences:
            for part, bits in zip(parts, influence.bits, strict=True):
                fields = influence.word, str(part.position), " ".join(part.text.split()), f"{bits:+.4f}"
                print("\t".join(map(console.visible, fields)))
        return
    from rich.table import Table
    from rich.text import Text

    separator = "\n" if any(" " in part.text for part in parts) else " "
    table = Table.grid(padding=(0, 2))
    for influence in influences:
        word = Text(console.visible(influence.word), style="bold")
        table.add_row(word, f"{2**influence.log2:.1%}", Text(separator.join(_owed(parts, influence, _MAX_SHOWN))))
    console.screen().print(table)


def summary(parts: Sequence[Part], influences: Sequence[Influence]) -> list[str]:
    """What each suggestion owes most to, a line each: `French: France +3.1 bits, fluent +2.4`."""
    return [f"{console.visible(one.word)}: {' '.join(_owed(parts, one, _MAX_IN_LINE))}" for one in influences]


def _owed(parts: Sequence[Part], influence: Influence, most: int) -> list[str]:
    """The `most` parts that count most, each with its bits, the largest first; visible."""
    by_size = sorted(range(len(parts)), key=lambda place: -abs(influence.bits[place]))
    shown = [place for place in by_size[:most] if abs(influence.bits[place]) >= _MIN_BITS]
    if not shown:
        return [f"nothing before it counts {_MIN_BITS} bits"]
    if math.isinf(influence.bits[shown[0]]):
        return [f"only {parts[shown[0]].text}"]
    pieces = [f"{_shortened(parts[place].text)} {influence.bits[place]:+.1f}" for place in shown]
    pieces[0] += " bits"
    return [console.visible(piece) + "," * (piece is not pieces[-1]) for piece in pieces]


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _MAX_LENGTH else text[:_MAX_LENGTH] + "..."


def print_influences_json(
    text: str,
    by: str,
    parts: Sequence[Part],
    influences: Sequence[Influence],
    unknown: Sequence[str],
    checkpoint: Path,
) -> None:
    """Everything as one line of JSON."""
    record = {
        "text": text,
        "by": by,
        "parts": [part._asdict() for part in parts],
        "suggestions": [
            {
                "word": influence.word,
                "probability": 2**influence.log2,
                "log2": influence.log2,
                "bits": [round(float(bits), 6) for bits in influence.bits],
            }
            for influence in influences
        ],
        "unknown": list(unknown),
        "checkpoint": str(checkpoint),
    }
    print(console.json_line(record))

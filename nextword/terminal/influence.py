"""How `why` looks: a line for each suggestion with what it owes most to, or every figure off a terminal."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any

from nextword.analysis.influence import Influence, Part
from nextword.terminal import output

_MIN_TABLE_WIDTH = 40  # characters; in fewer, parts of the text have no column of their own
_MAX_ROW_PARTS = 6  # parts of the text named beside a suggestion in a table
_MAX_LINE_PARTS = 4  # parts named in a line of 80 columns
_MAX_PART_LENGTH = 48  # characters of a sentence
_MIN_BITS = 0.05  # fewer would be printed as 0.0, and are left out


def show_influences(parts: Sequence[Part], influences: Sequence[Influence]) -> None:
    """What each suggestion owes most to, on a terminal; off one a line for every part, with tabs, and a header."""
    if not output.is_terminal(sys.stdout):
        print("suggestion\tposition\tpart\tbits")
        for influence in influences:
            for part, bits in zip(parts, influence.bits, strict=True):
                fields = influence.word, str(part.position), " ".join(part.text.split()), f"{bits:+.4f}"
                print("\t".join(map(output.visible, fields)))
        return
    separator = "\n" if any(" " in part.text for part in parts) else " "
    rows: list[list[output.StyledCell]] = [
        [
            (output.visible(influence.word), "bold"),
            (f"{2**influence.log2:.1%}", ""),
            (separator.join(_owed(parts, influence, _MAX_ROW_PARTS)), ""),
        ]
        for influence in influences
    ]
    if output.screen().width >= _MIN_TABLE_WIDTH:
        output.print_styled(rows, order=(0, 1, 2))
    else:  # the parts stand under the word
        output.print_styled([[cell] for word, _, owed in rows for cell in (word, owed)], order=(0,))


def summary(parts: Sequence[Part], influences: Sequence[Influence]) -> list[str]:
    """What each suggestion owes most to, a line each: `French: France +3.1 bits, fluent +2.4`."""
    return [f"{output.visible(one.word)}: {' '.join(_owed(parts, one, _MAX_LINE_PARTS))}" for one in influences]


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
    return [output.visible(piece) + "," * (piece is not pieces[-1]) for piece in pieces]


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _MAX_PART_LENGTH else text[:_MAX_PART_LENGTH] + "..."


def influences_record(parts: Sequence[Part], influences: Sequence[Influence]) -> dict[str, Any]:
    """What each suggestion owes to every part, for JSON."""
    suggestions = [
        {
            "word": influence.word,
            "probability": 2**influence.log2,
            "log2": influence.log2,
            "bits": [round(float(bits), 6) for bits in influence.bits],
        }
        for influence in influences
    ]
    return {"parts": [part._asdict() for part in parts], "suggestions": suggestions}

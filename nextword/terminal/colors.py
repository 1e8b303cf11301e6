"""Numbers on colors: scales that can be read on a dark background and on a light one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

RGB = tuple[int, int, int]


class Cell(NamedTuple):
    """Characters, and the color behind them; None: whatever the background has."""

    text: str
    color: RGB | None = None


class Row(NamedTuple):
    """A label and what stands to the right of it."""

    label: str
    cells: list[Cell]


class Scale(NamedTuple):
    """Colors for numbers, evenly spaced from the lowest to the highest; what is beyond has that of the nearer end."""

    low: float
    high: float
    colors: tuple[RGB, ...]

    def color(self, value: float) -> RGB:
        """The color of the step nearest to a number."""
        place = (value - self.low) / (self.high - self.low)
        return self.colors[round(min(max(place, 0.0), 1.0) * (len(self.colors) - 1))]

    def cells(self, values: Iterable[float]) -> list[Cell]:
        """Numbers in hundredths on their colors."""
        return [Cell(f"{round(100 * value):4d}", self.color(value)) for value in values]

    def key(self, label: str) -> Row:
        """What each of the colors stands for."""
        return Row(label, self.cells(np.linspace(self.low, self.high, len(self.colors)).tolist()))


# All colors are among the 256 that most terminals have. From dark purple to yellow, as viridis (Smith and van der Walt
# 2015), which those who see few colors can tell apart, too.
_PURPLES = ((95, 0, 95), (95, 0, 135), (95, 0, 175))
_GREENS = ((0, 95, 175), (0, 135, 175), (0, 175, 175), (0, 215, 135), (95, 255, 95))
SHARES = Scale(0, 1, (*_PURPLES, *_GREENS, (175, 255, 95), (215, 255, 95), (255, 255, 95)))
# From light blue over nearly black to light red, as "berlin" of Crameri 2018.
_BLUES = ((175, 215, 255), (95, 135, 255), (0, 0, 215), (0, 0, 95))
SIGNED = Scale(-1, 1, (*_BLUES, (28, 28, 28), (95, 0, 0), (175, 0, 0), (255, 95, 95), (255, 175, 175)))


def letters_on(color: RGB) -> RGB:
    """Black or white, whichever stands out more (by the relative luminance of WCAG 2)."""
    linear = [(part / 255 / 12.92 if part <= 10 else ((part / 255 + 0.055) / 1.055) ** 2.4) for part in color]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return (0, 0, 0) if luminance > 0.179 else (255, 255, 255)  # where the contrast with both is 4.6

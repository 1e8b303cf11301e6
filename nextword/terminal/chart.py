"""A loss curve as a dozen lines of text.

Drawn here and not by a plotting library because it is a page of code: plotext 6, for one, comes with a compiled kernel,
takes as long to import as a whole `nextword predict`, and has none of version 5's names.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

MARK = "o"  # marks a validation
_MAX_POINTS = 128  # points kept of a curve: two for each character of the widest chart
_LABEL_WIDTH = 9  # characters on the left, the axis not counted
_STEEP_SHARE = 0.03  # share of the training, at its beginning, whose steep fall may leave the chart at the top
# A Braille character is two dots wide and four high; dot (row, column) is this bit of its code (Unicode, 2800-28FF).
_BLANK = 0x2800
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


class Curve:
    """Points (x, y) with rising x, thinned out as they grow in number: never more than 128, each a mean of many.

    Attributes:
        span: The first x and the last.
    """

    def __init__(self) -> None:
        self.span = (0.0, 0.0)
        self._points: list[tuple[float, float]] = []
        self._each = 1  # points added that make up one kept
        self._gathered: list[tuple[float, float]] = []

    def add(self, x: float, y: float) -> None:
        """Go on to (x, y)."""
        self.span = (self.span[0] if self._points or self._gathered else x, x)
        self._gathered.append((x, y))
        if len(self._gathered) == self._each:
            self._points.append(_mean(self._gathered))
            self._gathered = []
        if len(self._points) == _MAX_POINTS:
            self._points = [_mean(self._points[index : index + 2]) for index in range(0, _MAX_POINTS, 2)]
            self._each *= 2

    @property
    def points(self) -> list[tuple[float, float]]:
        """The curve so far, those not yet averaged included."""
        return [*self._points, _mean(self._gathered)] if self._gathered else list(self._points)


def _mean(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)


def loss_chart(training: Curve, validation: Curve, width: int, height: int = 12) -> list[str]:
    """Lines of text that show both curves: perplexity on a logarithmic scale over steps.

    Args:
        training: Step and loss in nats; drawn as a line.
        validation: Likewise; every point is marked.
        width: Characters a line, 40 or more.
        height: Lines of the drawing; two more name the curves and the steps.

    Returns:
        No lines if there are fewer than two points to draw a line through.
    """
    line, marks = training.points, validation.points
    if len(line) < 2:
        return []
    columns = width - _LABEL_WIDTH - 1
    first, last = training.span
    heights = [y for x, y in line if x >= first + _STEEP_SHARE * (last - first)] + [y for _, y in marks]
    low, high = min(heights), max(*heights, min(heights) + 0.02)

    cells = np.full((height, columns), _BLANK)
    xs, ys = zip(*line, strict=True)
    drawn = [float(y) for y in np.interp(np.linspace(first, last, 2 * columns), xs, ys)]
    for dot, (before, y) in enumerate(zip(drawn[:1] + drawn, drawn, strict=False)):
        if y <= high:
            # From the dot before to this one, so that a steep line does not break.
            top, bottom = sorted(_position(value, high, low, 4 * height) for value in (before, y))
            for at in range(top, bottom + 1):
                cells[at // 4, dot // 2] |= _DOTS[at % 4][dot % 2]
    for x, y in marks:
        cells[_position(y, high, low, height), _position(x, first, last, columns)] = ord(MARK)

    lines = [f"Perplexity: line training, {MARK} validation"]
    for index, codes in enumerate(cells):
        labeled = index % 3 == 0 or index == height - 1
        label = _three_digits(high + (low - high) * index / (height - 1)) if labeled else ""
        drawing = "".join(map(chr, codes)).replace(chr(_BLANK), " ").rstrip()
        lines.append(f"{label:>{_LABEL_WIDTH - 1}} {'┤' if labeled else '│'}{drawing}")
    begin, end = f"step {first:,.0f}", f"{last:,.0f}"
    return [*lines, f"{'':{_LABEL_WIDTH}}{begin:<{columns + 1 - len(end)}}{end}"]


def _position(value: float, begin: float, end: float, count: int) -> int:
    """Which of `count` places between `begin` and `end` is nearest to `value`."""
    return round(min(max((value - begin) / (end - begin), 0.0), 1.0) * (count - 1))


def _three_digits(loss: float) -> str:
    """The perplexity of `loss` nats, with three significant digits or all that stand before its point."""
    perplexity = math.exp(min(loss, 220.0))  # more digits would not fit
    return f"{perplexity:,.0f}" if 100 <= perplexity < 1e6 else f"{perplexity:.3g}"

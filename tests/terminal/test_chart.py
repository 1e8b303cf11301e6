"""Loss curves as text."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.terminal.chart import MARK, Curve, loss_chart


def curve(points: list[tuple[float, float]]) -> Curve:
    made = Curve()
    for x, y in points:
        made.add(x, y)
    return made


def falling(steps: int) -> list[tuple[float, float]]:
    return [(step, 4 + 3 * math.exp(-3 * step / steps)) for step in range(1, steps + 1)]


def test_a_curve_keeps_few_points_however_many_it_was_given_and_loses_none_of_their_sum() -> None:
    made = curve([(x, float(x % 7)) for x in range(10_000)])
    assert 32 <= len(made.points) <= 128
    assert made.span == (0, 9999)
    assert [x for x, _ in made.points] == sorted(x for x, _ in made.points)
    assert sum(y for _, y in made.points) / len(made.points) == pytest.approx(3.0, abs=0.1)


def test_a_short_curve_is_kept_as_it_is() -> None:
    points = falling(100)
    assert curve(points).points == points


def test_the_chart_falls_from_the_upper_left_to_the_lower_right_and_marks_validations() -> None:
    title, *drawing, steps = loss_chart(curve(falling(2000)), curve([(1000, 4.2), (2000, 3.8)]), 72)
    assert len(drawing) == 12
    assert "training" in title
    plots = [line[line.index("┤" if "┤" in line else "│") + 1 :] for line in drawing]
    starts = [len(plot) - len(plot.lstrip()) for plot in plots if plot.strip()]
    assert starts[0] < 5
    assert starts == sorted(starts)
    assert sum(plot.count(MARK) for plot in plots) == 2
    assert plots[-1].endswith(MARK)
    assert drawing[-1].split()[0] == f"{math.exp(3.8):.1f}"
    assert steps.split() == ["step", "1", "2,000"]


def test_a_line_has_no_gaps() -> None:
    drawing = loss_chart(curve([(1, 9.0), (2, 8.0), (3, 3.0), (4, 7.0)]), curve([]), 72)[1:-1]
    cells = [line[10:].ljust(62) for line in drawing]
    assert all(any(row[column] != " " for row in cells) for column in range(24, 62))
    assert all(row.strip() for row in cells)


def test_the_steep_beginning_does_not_squeeze_the_rest() -> None:
    points = [(step, 9.0 if step < 20 else 5 - step / 1000) for step in range(1, 1001)]
    top = loss_chart(curve(points), curve([]), 72)[1]
    assert float(top.split()[0]) == pytest.approx(math.exp(5), rel=0.05)


@pytest.mark.parametrize("points", [[], [(1.0, 5.0)]])
def test_nothing_is_drawn_of_nothing(points: list[tuple[float, float]]) -> None:
    assert loss_chart(curve(points), curve(points), 72) == []


@given(
    st.lists(st.floats(0, 1e4), min_size=2, max_size=300),
    st.lists(st.floats(0, 1e4), max_size=5),
    st.integers(40, 100),
    st.integers(2, 20),
)
def test_every_chart_fits_its_width_and_height(
    losses: list[float], validations: list[float], width: int, height: int
) -> None:
    marks = [(len(losses) * (index + 1) / len(validations), loss) for index, loss in enumerate(validations)]
    lines = loss_chart(curve(list(enumerate(losses))), curve(marks), width, height)
    assert len(lines) == height + 2
    assert max(map(len, lines)) <= width
    assert any("\u2800" < character <= "\u28ff" or character == MARK for line in lines[1:] for character in line)

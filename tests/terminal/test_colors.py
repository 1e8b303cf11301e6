"""Colors: readable, ordered, and known to most terminals."""

from __future__ import annotations

import pytest
from rich.color import Color, ColorSystem

from nextword.terminal.colors import RGB, SHARES, SIGNED, Scale, letters_on


def luminance(color: RGB) -> float:
    parts = [part / 255 for part in color]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scale", [SHARES, SIGNED])
def test_letters_can_be_read_on_every_color_and_most_terminals_have_it(scale: Scale) -> None:
    for color in scale.colors:
        dark, light = sorted([luminance(color), luminance(letters_on(color))])
        assert (light + 0.05) / (dark + 0.05) > 4.5
        found = Color.from_rgb(*color).downgrade(ColorSystem.EIGHT_BIT).get_truecolor()
        assert tuple(found) == color


def test_what_is_more_is_brighter_and_what_is_beyond_the_scale_as_bright_as_can_be() -> None:
    rising = [luminance(color) for color in SHARES.colors]
    assert rising == sorted(rising)
    below, middle, above = SIGNED.colors[3::-1], SIGNED.colors[4], SIGNED.colors[5:]
    for half in (below, above):
        assert [luminance(color) for color in half] == sorted(map(luminance, half))
    assert luminance(middle) < 0.02
    assert SHARES.color(7.0) == SHARES.color(1.0) == SHARES.colors[-1]
    assert SHARES.color(-1.0) == SHARES.color(0.04) == SHARES.colors[0]
    assert (SIGNED.color(-3.0), SIGNED.color(0.0)) == (SIGNED.colors[0], middle)

"""Colours: readable, ordered, and known to most terminals."""

from __future__ import annotations

import pytest
from rich.color import Color, ColorSystem

from nextword.terminal.colors import SHARES, SIGNED, Colour, Scale, letters_on


def luminance(colour: Colour) -> float:
    parts = [part / 255 for part in colour]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scale", [SHARES, SIGNED])
def test_letters_can_be_read_on_every_colour_and_most_terminals_have_it(scale: Scale) -> None:
    for colour in scale.colours:
        dark, light = sorted([luminance(colour), luminance(letters_on(colour))])
        assert (light + 0.05) / (dark + 0.05) > 4.5
        found = Color.from_rgb(*colour).downgrade(ColorSystem.EIGHT_BIT).get_truecolor()
        assert tuple(found) == colour


def test_what_is_more_is_brighter_and_what_is_beyond_the_scale_as_bright_as_can_be() -> None:
    rising = [luminance(colour) for colour in SHARES.colours]
    assert rising == sorted(rising)
    below, middle, above = SIGNED.colours[3::-1], SIGNED.colours[4], SIGNED.colours[5:]
    for half in (below, above):
        assert [luminance(colour) for colour in half] == sorted(map(luminance, half))
    assert luminance(middle) < 0.02
    assert SHARES.colour(7.0) == SHARES.colour(1.0) == SHARES.colours[-1]
    assert SHARES.colour(-1.0) == SHARES.colour(0.04) == SHARES.colours[0]
    assert (SIGNED.colour(-3.0), SIGNED.colour(0.0)) == (SIGNED.colours[0], middle)

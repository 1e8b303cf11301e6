"""Words that would command a terminal, and what a screen may show of them: nothing raw."""

from __future__ import annotations

import io
import re
import sys

import pytest

# What a terminal might obey instead of show.
COMMANDING = [*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), *"\u200e\u200f\u202a\u202b\u202c\u202d\u202e"]
COMMANDING += [*"\u2066\u2067\u2068\u2069\u061c\u2028\u2029\ufeff\ud800"]

HOSTILE = [
    *("[bold]", "[/]", "[link=x]", "[red]on", "{x}", "%s", "\\" * 50, "\\e[0m"),
    *("\x1b[31mred", "\x1b[2J", "\x1b]52;c;aGk=\x07", "\x1b]0;title\x1b\\", "\x9b31m", "\x90q\x9c"),
    *("a\x08b", "a\x01b", "\x7f", "\u202eevil", "\u2066iso", "\u200eltr", "\ufeffmark", "z\u200dz"),
]
# What `visible` must have taken out, but for line ends and tabs; what rich and prompt_toolkit send of their own accord.
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
OWN = re.compile(r"\x1b\[\??[0-9;]*[A-Za-z]|[\r\x08]")


def assert_nothing_raw(shown: str, terminal: bool) -> None:
    """Nothing in `shown` commands a terminal; on one, what a terminal library sends of its own accord may."""
    for word in HOSTILE:
        if RAW.search(word) and word != "\x1b[2J":
            assert word not in shown
    rest = OWN.sub("", shown) if terminal else shown
    found = RAW.search(rest)
    assert not found, rest[max(0, found.start() - 40) : found.end() + 40]
    assert "\x1b[2J" not in shown
    assert "Traceback" not in shown


class Screen(io.StringIO):
    """A stream that calls itself a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch, stream: str = "stdout") -> Screen:
    """Put a terminal of 100 columns in the place of a standard stream."""
    screen = Screen()
    monkeypatch.setattr(sys, stream, screen)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    return screen

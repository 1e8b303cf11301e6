"""A document as a client has it open: its lines, the edits that it sends, and what of the lines is prose.

What is prose in a line may depend on every line above it, as with a block of code that begins far up. It is found when
it is asked for, and after an edit only from there to where nothing has changed.
"""

from __future__ import annotations

import re

from nextword.lsp.positions import Position, index_of, units_of, whole
from nextword.lsp.prose import BEGINNING, Scanner

_LINE_END = re.compile(r"\r\n|\r|\n")  # and no other, unlike str.splitlines
_FOLDED = 1 << 14  # characters; of a line twice as long, only an end of this length or up to twice it is looked at


class Document:
    """Lines without their ends, one at least.

    Args:
        text: All of it.
        scan: Finds prose in its language.
        encoding: How the client counts in a line; see `positions.py`.

    Attributes:
        lines: They themselves.
    """

    def __init__(self, text: str, scan: Scanner, encoding: str = "utf-16") -> None:
        self.lines = _LINE_END.split(whole(text))
        self._scan, self._encoding = scan, encoding
        self._prose: list[str | None] = [None] * len(self.lines)
        self._states = [BEGINNING] * len(self.lines)  # of the scanner, before each line
        self._known = 0  # lines above this one have been scanned, and their states are right

    @property
    def text(self) -> str:
        """All of it, with plain line ends."""
        return "\n".join(self.lines)

    def place(self, position: Position) -> Position:
        """A place of the client's as a line and an index in it, somewhere in the document."""
        line, units = position
        if line >= len(self.lines):
            return Position(len(self.lines) - 1, len(self.lines[-1]))
        return Position(max(line, 0), index_of(self.lines[line], units, self._encoding) if line >= 0 else 0)

    def units(self, place: Position) -> Position:
        """A line and an index in it as the client counts."""
        return Position(place.line, units_of(self.lines[place.line][: place.character], self._encoding))

    def edit(self, begin: Position, end: Position, text: str) -> tuple[int, int, int]:
        """Put `text` in the place of what stands between two places of the client's.

        Returns:
            The first line concerned, how many lines there were, and how many there are now.
        """
        first, last = sorted((self.place(begin), self.place(end)))
        head = self.lines[first.line][: first.character]
        tail = self.lines[last.line][last.character :]
        new = _LINE_END.split(whole(head + text + tail))
        stop = last.line + 1
        self.lines[first.line : stop] = new
        self._prose[first.line : stop] = [None] * len(new)
        self._states[first.line : stop] = [self._states[first.line]] * len(new)
        self._known = min(self._known, first.line)
        return first.line, stop - first.line, len(new)

    def prose(self, begin: int, end: int) -> list[str]:
        """What of the lines from `begin` up to, and without, `end` is prose."""
        self._scan_to(end)
        return [prose or "" for prose in self._prose[begin:end]]

    def before(self, place: Position) -> tuple[str, str] | None:
        """What stands in the line before `place`, as it is and what of it is prose; None if no prose may stand there.

        Of a very long line it is the end, which begins at the same place while some ten thousand letters are typed.
        """
        self._scan_to(place.line)
        begin = max(0, place.character // _FOLDED - 1) * _FOLDED
        line = self.lines[place.line][begin : place.character]
        scanned = self._scan(line, self._states[place.line])
        return (line, scanned.prose) if scanned.goes_on else None

    def _scan_to(self, end: int) -> None:
        """Find what is prose in all lines before `end`."""
        while self._known < end:
            line = self._known
            if self._prose[line] is None:
                text = self.lines[line]
                prose, state, _ = self._scan(text if len(text) < 2 * _FOLDED else text[:_FOLDED], self._states[line])
                self._prose[line] = prose if len(text) < 2 * _FOLDED else text
                if line + 1 < len(self.lines) and self._states[line + 1] != state:
                    self._states[line + 1], self._prose[line + 1] = state, None
                self._known += 1
            else:  # as it was, and so are those after it up to the next edit
                try:
                    self._known = self._prose.index(None, line, end)
                except ValueError:
                    self._known = end

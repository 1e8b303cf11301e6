"""Books of Project Gutenberg: the header and the licence that stand around them are no text to learn from."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from nextword.text.passed import Thing

FRAME = Thing("header and licence of Project Gutenberg", "headers and licences of Project Gutenberg")
MAX_FRAME_LENGTH = 1 << 16  # characters of a header or a licence; what is longer is no such thing
MAX_CREDITS_LENGTH = 3_000  # characters between two marks that a header ends with, an older one and a newer one
_MAX_MARK_LENGTH = 500  # characters
_FRONT_LENGTH = MAX_FRAME_LENGTH + _MAX_MARK_LENGTH
_HINTS = "GUTENBERG", "Gutenberg", "SMALL PRINT"  # one of which is in every mark, and which are found fast
_BOOK = r"(?:E-?(?:BOOK|TEXT)|E-?(?:[Bb]ook|[Tt]ext))"
_MARK = re.compile(
    rf"^(?:(?P<start>\*\*\* ?START OF (?:THE|THIS) PROJECT GUTENBERG {_BOOK}[^*]{{0,300}}\*\*\*"
    r"|\*{1,3} ?END ?\*{0,3} ?THE SMALL PRINT[^\n]{0,100}\*)"
    rf"|\*\*\* ?END OF (?:THE|THIS) PROJECT GUTENBERG {_BOOK}[^*]{{0,300}}\*\*\*"
    rf"|End of (?:(?:[Tt]he|[Tt]his) )?Project Gutenberg(?:'s| {_BOOK}))[^\n]{{0,100}}(?:\n|\Z)",
    re.MULTILINE,
)


def without_frame(chunks: Iterable[str], left_out: Callable[[int], None], raw: bool = False) -> Iterator[str]:
    """A text without what stands before the START mark of Project Gutenberg, and behind its END mark.

    The first mark is looked for near the beginning; a text that has none there is passed on as it is. Behind an END a
    START is looked for once more, as several books may stand in one file. Where more text follows an END than a licence
    has, it is none, and all of it is kept.

    Args:
        chunks: The text, LF as line end.
        left_out: Called in the end with how many characters were left out, if any were.
        raw: Whether nothing is left out.
    """
    chunks, front = iter(chunks), ""
    while not raw and len(front) < _FRONT_LENGTH and (chunk := next(chunks, None)) is not None:
        front += chunk
    if not _search(front, 0, _FRONT_LENGTH):
        yield front
        yield from chunks
        return
    reader = _Reader()
    yield from chain.from_iterable(map(reader.read, chain([front], chunks, [None])))
    if reader.left_out:
        left_out(reader.left_out)


def _search(text: str, begin: int, end: int) -> re.Match[str] | None:
    """The first mark between two places of a text."""
    return _MARK.search(text, begin, end) if any(text.find(hint, begin, end) >= 0 for hint in _HINTS) else None


class _Reader:
    """Takes a text in chunks, and holds back what may be a header, a licence, or half a mark.

    Attributes:
        left_out: Characters so far.
    """

    def __init__(self) -> None:
        self.left_out = 0
        self._held = ""
        self._searched = 0  # characters of it in which no mark may begin
        self._may_precede = MAX_FRAME_LENGTH  # characters that may stand before a START mark; 0 inside a book
        self._after_end = False

    def read(self, chunk: str | None) -> Iterator[str]:
        """What is known to be text, now that `chunk` has come, or None for the end."""
        self._held += chunk or ""
        while mark := self._next_mark(at_end=chunk is None):
            if mark["start"] and self._may_precede and mark.start() <= self._may_precede:
                self._drop(mark.end())
                self._may_precede, self._after_end = MAX_CREDITS_LENGTH, False
            elif mark["start"] or self._after_end:
                self._searched = mark.end()
            else:
                yield self._take(mark.start())
                self._searched = mark.end() - mark.start()
                self._may_precede, self._after_end = MAX_FRAME_LENGTH, True
        if chunk is None:
            if self._after_end:
                self._drop(len(self._held))
            yield self._held
        elif len(self._held) > self._may_precede + _MAX_MARK_LENGTH:
            self._may_precede, self._after_end = 0, False
            taken = len(self._held) - _MAX_MARK_LENGTH
            searched = self._searched - taken
            yield self._take(taken)
            self._searched = max(searched, 1)  # the first character is in the middle of a line

    def _next_mark(self, at_end: bool) -> re.Match[str] | None:
        """The next mark, if all of it is there."""
        mark = _search(self._held, self._searched, len(self._held))
        return mark if mark and (at_end or mark.end() < len(self._held)) else None

    def _take(self, length: int) -> str:
        taken, self._held, self._searched = self._held[:length], self._held[length:], 0
        return taken

    def _drop(self, length: int) -> None:
        self.left_out += length
        self._held, self._searched = self._held[length:], 0

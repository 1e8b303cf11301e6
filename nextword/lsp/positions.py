"""Places in a line, as a client counts them: in UTF-16 code units, in bytes of UTF-8, or in characters.

Halves of surrogate pairs are let be where a client sends them alone. A place inside a character is its beginning, and
one beyond the line is its end.
"""

from __future__ import annotations

from typing import NamedTuple

_CODECS = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2)}  # and the bytes of a unit; UTF-32 needs none


class Position(NamedTuple):
    """A place in a document, both counted from 0."""

    line: int
    character: int


def index_of(line: str, units: int, encoding: str) -> int:
    """The index in `line` of the place `units` after its beginning.

    Args:
        line: A line, without its end.
        units: As the client counts.
        encoding: `utf-8`, `utf-16` or `utf-32`.
    """
    if units <= 0:
        return 0
    if encoding not in _CODECS or line.isascii():
        return min(units, len(line))
    codec, size = _CODECS[encoding]
    # A character has a unit at least, so no more of them than units are looked at.
    encoded = line[:units].encode(codec, "surrogatepass")
    stop = units * size
    if len(encoded) <= stop:
        return min(units, len(line))
    if size == 2 and 0xDC <= encoded[stop + 1] < 0xE0 and 0xD8 <= encoded[stop - 1] < 0xDC:
        stop -= size  # between the halves of a pair
    beginning = encoded[:stop]
    while True:
        try:
            return len(beginning.decode(codec, "surrogatepass"))
        except UnicodeDecodeError as error:
            beginning = beginning[: error.start]


def units_of(text: str, encoding: str) -> int:
    """How many units a client counts in a text."""
    if encoding not in _CODECS or text.isascii():
        return len(text)
    codec, size = _CODECS[encoding]
    return len(text.encode(codec, "surrogatepass")) // size


def whole(text: str) -> str:
    """`text` with the halves of surrogate pairs that have come to stand side by side put together."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return text

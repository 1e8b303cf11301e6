"""What comes in on stdin: line by line, as many lines as wait there, or all of it at once."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from io import BufferedIOBase
from typing import BinaryIO, cast

_MAX_READ = 1 << 16  # bytes read at once


def input_lines(stream: BinaryIO) -> Iterator[str]:
    """The lines of `stream` without their ends (LF or CR LF); bytes that are no UTF-8 become U+FFFD."""
    return map(_decoded, stream)


def waiting_lines(stream: BinaryIO) -> Iterator[list[str]]:
    """`input_lines`, as many at a time as can be read without waiting: one, where somebody waits for its answer."""
    unfinished: list[bytes] = []
    while received := cast(BufferedIOBase, stream).read1(_MAX_READ):
        *lines, rest = received.split(b"\n")
        if lines:
            lines[0] = b"".join([*unfinished, lines[0]])
            unfinished = []
            yield [_decoded(line) for line in lines]
        if rest:
            unfinished.append(rest)
    if unfinished:
        yield [_decoded(b"".join(unfinished))]


def text_or_stdin(text: str | None) -> str:
    """`text`; where it is '-' or None all of stdin, without its last line end and with U+FFFD for what is no UTF-8."""
    return _decoded(sys.stdin.buffer.read()) if text is None or text == "-" else text


def _decoded(line: bytes) -> str:
    return line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "replace")

"""What of a file is text: chats, mail, subtitles and Markdown without what surrounds it there.

Stands between decoding and the copy that is read afterwards: text in chunks in, text in chunks out. Mail, subtitles
and Markdown are known by the endings of their names, chats by how they begin. In a chat, subtitles and Markdown every
line stays where it was, though it may be blank now. What is passed over is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Protocol

from nextword.config import FormatConfig
from nextword.text.chats import chat_of
from nextword.text.markup import Markdown, Subtitles
from nextword.text.paragraphs import is_by_line, marked
from nextword.text.passed import Passed

SAMPLE_LENGTH = 1 << 20  # characters of a text that say what it is
MAX_LINE_LENGTH = 1 << 16  # characters of a line that is looked into; the rest of a longer one stays as it is
_SUBTITLES = (".srt", ".vtt")
_MARKDOWN = (".md", ".markdown")


class LineReader(Protocol):
    """Reads the lines of a file, without their ends, one after the other."""

    passed: Passed

    def __call__(self, line: str) -> str:
        """What of the line is text."""


@dataclass(frozen=True)
class Format:
    """What a file was taken for.

    Attributes:
        passed: What was passed over; complete when the text has been read to its end.
        by_line: Whether every line is a paragraph.
        found: Whether that was seen from the lines alone.
    """

    passed: Passed
    by_line: bool = False
    found: bool = False


def formatted(
    path: Path, texts: Iterable[str], config: FormatConfig, mail: Passed | None = None
) -> tuple[Format, Iterator[str]]:
    """What a file is, and what of it is text.

    Args:
        path: Its name.
        texts: What stands in it, in chunks.
        config: What is to be kept, and where paragraphs end.
        mail: What is passed over while `texts` are found in a file of mail; None: it is none.
    """
    sample, texts = _peeked(texts)
    reader = None if config.raw or mail is not None else _reader(path, sample, config)
    passed = mail if mail is not None else reader.passed if reader else Passed("text")
    if reader is not None:
        sample, texts = _peeked(_read_lines(texts, reader))
    by_line = config.paragraphs == "line"
    found = False
    if config.paragraphs in (None, "auto"):
        found = passed.kind in ("text", "mail", "Markdown") and is_by_line(sample)
        by_line = found or passed.kind == "chat"
    return Format(passed, by_line, found), marked(texts) if by_line else iter(texts)


def _reader(path: Path, sample: str, config: FormatConfig) -> LineReader | None:
    """What reads a file that is no plain text."""
    suffix = path.suffix.lower()
    if suffix in _SUBTITLES:
        return Subtitles(suffix == ".vtt", config.paragraphs != "line", sample) if "-->" in sample else None
    if suffix in _MARKDOWN:
        return Markdown(sample)
    return chat_of(sample, bool(config.keep_speakers))


def _peeked(texts: Iterable[str]) -> tuple[str, Iterable[str]]:
    """The first lines of a text, and all of it."""
    texts = iter(texts)
    first: list[str] = []
    length = 0
    for text in texts:
        first.append(text)
        length += len(text)
        if length >= SAMPLE_LENGTH:
            break
    sample = "".join(first)
    if length >= SAMPLE_LENGTH:
        sample = sample[: sample.rfind("\n", 0, SAMPLE_LENGTH) + 1 or SAMPLE_LENGTH]
    return sample, chain(first, texts)


def _read_lines(texts: Iterable[str], read: Callable[[str], str]) -> Iterator[str]:
    """What `read` makes of the lines of a text; of a very long line it sees the beginning."""

    def begun(line: str) -> str:
        return read(line[:MAX_LINE_LENGTH]) + line[MAX_LINE_LENGTH:]

    rest, inside = "", False  # inside a line whose beginning was read
    for text in texts:
        *lines, rest = (rest + text).split("\n")
        parts = []
        for line in lines:
            parts += [line if inside else begun(line), "\n"]
            inside = False
        if inside or len(rest) > MAX_LINE_LENGTH:
            parts.append(rest if inside else begun(rest))
            rest, inside = "", True
        yield "".join(parts)
    if rest:
        yield begun(rest)

"""Where paragraphs end in a plain text: at blank lines, or at every line, as chats and lists of sentences have it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from statistics import median

PARAGRAPH_END = "\u2029"  # Unicode's mark for it: ends one as a blank line does, and leaves the lines as they are

_MAX_LINES = 5_000  # lines that are looked at, the first ones
_MIN_ALONE = 0.85  # share of the lines followed by another one at once, where a line is a paragraph
_MIN_ENDED = 0.7  # share of these that end with a sentence
_MAX_GOING_ON = 0.3  # share of these before a small letter
_MIN_LONG = 200  # characters of a line that nobody breaks by hand
_MAX_FULL = 0.5  # share of long lines that the next one's first word would have made longer than nearly all others
_SENTENCE_ENDS = frozenset(".!?\u2026\u3002\uff01\uff1f\uff0e\u061f\u06d4\u0964\u0965\u1362\u1367\u203c\u2047\u2048")
_CLOSING = "\"'\u2019\u201d\u201c\u00bb\u00ab\u203a\u2039)]}*_~\u300d\u300f\uff09\u200e\u200f"


def ends_sentence(line: str) -> bool:
    """Whether a line, without white space at its end, ends as a sentence: with its mark, and quotes that close."""
    last = line[-1:]
    return last in _SENTENCE_ENDS or (last in _CLOSING and line.rstrip(_CLOSING)[-1:] in _SENTENCE_ENDS)


def is_by_line(sample: str) -> bool:
    """Whether every line of a text is a paragraph, as its beginning shows; where that is not sure, it is not.

    It is where hardly a line is blank and nearly every line ends with a sentence: of the lines that were broken to fit
    a page, one in ten does, and of those of a poem or a program too few. It also is where most lines are too long for
    a page and of any length.
    """
    lines = [line.strip() for line in sample.split("\n", _MAX_LINES)[:_MAX_LINES]]
    pairs = [(line, following) for line, following in pairwise(lines) if line]
    joined = [pair for pair in pairs if pair[1]]
    if len(joined) < 2:
        return False
    ended = sum(ends_sentence(line) for line, _ in joined)
    going_on = sum(following[0].islower() for _, following in joined)
    if ended >= _MIN_ENDED * len(joined) and going_on <= _MAX_GOING_ON * len(joined):
        return len(joined) >= _MIN_ALONE * len(pairs) or _are_long(joined, pairs)
    return _are_long(joined, pairs)


def _are_long(joined: list[tuple[str, str]], pairs: list[tuple[str, str]]) -> bool:
    """Whether most lines are paragraphs that no one has broken into lines."""
    lengths = sorted(len(line) for line, _ in joined)
    if median(lengths) < _MIN_LONG or 2 * len(joined) < len(pairs):
        return False
    margin = lengths[len(lengths) * 9 // 10]
    full = sum(len(line) + 1 + len(following.split(None, 1)[0]) > margin for line, following in joined)
    return full <= _MAX_FULL * len(joined) or len(joined) < 10


def marked(texts: Iterable[str]) -> Iterator[str]:
    """The same text in which every line ends a paragraph."""
    return (text.replace("\n", PARAGRAPH_END + "\n") for text in texts)

"""Where paragraphs end in a plain text: at blank lines, or at every line, as chats and lists of sentences have it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

PARAGRAPH_END = "\u2029"  # Unicode's mark for it: ends one as a blank line does, and leaves the lines as they are

_MAX_LINES = 1_000  # lines that are looked at, the first ones
_MIN_ALONE = 0.85  # share of the lines followed by another one at once, where a line is a paragraph
_MIN_ENDED = 0.7  # share of these that end with a sentence
_MAX_GOING_ON = 0.3  # share of these before a small letter
_PAGE = 100  # characters of a line that somebody may have broken to fit a page; paragraphs are twice as long
_MIN_SPREAD = 3  # times as long as the middle one are the longest lines of a chat
_MIN_UNEVEN = 20  # lines that show this
_MAX_FULL = 0.3  # share of lines that the first word of the next would have made longer than nearly all others
_MAX_INDENTED = 0.1  # share of lines that begin with white space, as those of a program
_SENTENCE_ENDS = frozenset(".!?\u2026\u3002\uff01\uff1f\uff0e\u061f\u06d4\u0964\u0965\u1362\u1367\u203c\u2047\u2048")
_CLOSING = "\"'\u2019\u201d\u201c\u00bb\u00ab\u203a\u2039)]}*_~\u300d\u300f\uff09\u200e\u200f"


def ends_sentence(line: str) -> bool:
    """Whether a line, without white space at its end, ends as a sentence: with its mark, and quotes that close."""
    last = line[-1:]
    return last in _SENTENCE_ENDS or (last in _CLOSING and line.rstrip(_CLOSING)[-1:] in _SENTENCE_ENDS)


def is_by_line(sample: str) -> bool:
    """Whether every line of a text is a paragraph, as its beginning shows; where that is not sure, it is not.

    It is where hardly a line is blank and nearly every line ends with a sentence: of the lines that were broken to fit
    a page one in ten does, and of those of a poem or a program too few. It also is where lines are too long for a page
    and end anywhere, as nobody has broken these.
    """
    lines = sample.rstrip().split("\n", _MAX_LINES)[:_MAX_LINES]
    stripped = [line.strip() for line in lines]
    followed = len(stripped) - stripped.count("") - 1  # lines that are not blank, but the last
    joined = [pair for pair in pairwise(stripped) if pair[0] and pair[1]]
    if len(joined) < 2 or 2 * len(joined) < followed:
        return False
    alone = len(joined) >= _MIN_ALONE * followed
    if alone and sum(ends_sentence(line) for line, _ in joined) >= _MIN_ENDED * len(joined):
        going_on = sum(following[0].islower() for _, following in joined)
        if going_on <= _MAX_GOING_ON * len(joined):
            return True
    lengths = sorted(len(line) for line, _ in joined)
    middle, long = lengths[len(lengths) // 2], lengths[len(lengths) * 49 // 50]
    uneven = alone and len(joined) >= _MIN_UNEVEN and long >= max(_PAGE, _MIN_SPREAD * middle)
    if uneven:
        uneven = sum(line[:1] in (" ", "\t") for line in lines) <= _MAX_INDENTED * len(lines)
    return (uneven or middle >= 2 * _PAGE) and not _fill_page(joined, lengths[len(lengths) * 9 // 10])


def _fill_page(joined: list[tuple[str, str]], margin: int) -> bool:
    """Whether lines end where the next word would have gone beyond the margin."""
    full = sum(len(line) + 1 + len(following.split(None, 1)[0]) > margin for line, following in joined)
    return len(joined) >= _MIN_UNEVEN and full > _MAX_FULL * len(joined)


def marked(texts: Iterable[str]) -> Iterator[str]:
    """The same text in which every line ends a paragraph."""
    return (text.replace("\n", PARAGRAPH_END + "\n") for text in texts)

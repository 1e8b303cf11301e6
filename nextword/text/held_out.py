"""Passages of the text held out for validation: what they are depends on nothing but the text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from nextword.config import FormatConfig
from nextword.errors import CorpusError
from nextword.text.corpus import Document, Passage, default_corpus, read_corpus
from nextword.text.sources import source_name

_HOLD_OUT_BY_DOCUMENT = 20  # with fewer documents than this, paragraphs are held out instead
_PASSAGES_HELD_OUT = 5  # of one long text, spread over it
_GAPS = {2: re.compile(r"\n\s*\n"), 1: re.compile(r"\n"), 0: re.compile(r"\s+")}  # by the line ends there must be
_MIN_LONG_LINE = 10_000  # characters; a longer one may be cut between words


def split_corpus(documents: Sequence[Document], fraction: float) -> tuple[list[Passage], list[Passage]]:
    """Hold out about `fraction` of the text for validation: whole documents where there are many, else paragraphs.

    What is held out is spread evenly over the corpus and depends on nothing but the text. Paragraphs are held out
    several in a row, so that most of them still have the paragraph before them for context.

    Returns:
        (training texts, validation texts)

    Raises:
        CorpusError: The text is a single paragraph.
    """
    full = [document for document in documents if not document.is_blank]
    if len(full) >= _HOLD_OUT_BY_DOCUMENT:
        passages = [document.whole for document in full]
    else:
        passages = [passage for document in full for passage in _passages(document, fraction)]
    if len(passages) < 2:
        raise CorpusError(
            f"{source_name(documents[0].path)} is too short to hold a part out for validation",
            "Give it at least two paragraphs, a blank line between them, or name a text to validate on: --valid FILE",
        )
    period = round(1 / fraction)
    held_out = set(range(period // 2, len(passages), period)) or {len(passages) - 1}
    train = [passage for index, passage in enumerate(passages) if index not in held_out]
    return train, [passages[index] for index in sorted(held_out)]


def held_out_text(fraction: float, formats: FormatConfig | None = None) -> list[Passage]:
    """What training on the text that ships with nextword holds out for validation."""
    return split_corpus(read_corpus([default_corpus()], formats=formats).documents, fraction)[1]


def _passages(document: Document, fraction: float) -> list[Passage]:
    """The text cut after blank lines into passages of about equal length.

    If it has none, or every line is a paragraph, it is cut after any line, and one long line between any words. There
    are so many passages that `_PASSAGES_HELD_OUT` make up `fraction` of the text.
    """
    begin, end = document.body
    length = (end - begin) * fraction / _PASSAGES_HELD_OUT
    ways = (2, 1, 0) if end - begin > _MIN_LONG_LINE else (2, 1)
    for line_ends in ways[1:] if document.format.by_line else ways:
        places, found = [begin], False
        for gap in _gaps(document.whole, line_ends):
            found = True
            if gap - places[-1] >= length:
                places.append(gap)
        if found:
            break
    return document.whole.cut([*places, end])


def _gaps(texts: Iterable[str], line_ends: int) -> Iterator[int]:
    """Where white space with at least so many line ends stands between words: the place behind its last one.

    Args:
        texts: A text in chunks.
        line_ends: 0, 1 or 2.
    """
    position = line_start = 0
    met, space, word_seen = 0, False, False  # line ends and any white space since the last word
    for text in texts:
        words_begin, words_end = len(text) - len(text.lstrip()), len(text.rstrip())
        space = space or words_begin > 0
        if line_end := text.rfind("\n", 0, words_begin) + 1:
            met += text.count("\n", 0, words_begin)
            line_start = position + line_end
        if words_end:
            if word_seen and space and met >= line_ends:
                yield line_start if line_ends else position + words_begin
            for gap in _GAPS[line_ends].finditer(text, words_begin, words_end):
                yield position + gap.end()
            met, space, word_seen = text.count("\n", words_end), words_end < len(text), True
            line_start = position + text.rfind("\n", words_end) + 1
        position += len(text)

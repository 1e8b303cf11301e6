"""Passages of the text held out for validation: what they are depends on nothing but the text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from nextword.config import FormatConfig
from nextword.errors import CorpusError
from nextword.text.corpus import Document, Passage, default_corpus, read_corpus
from nextword.text.sources import source_name

_MIN_PASSAGES = 5  # whole documents held out, else it is paragraphs, of which so many are held out of each text
_MAX_CHARACTERS = 300_000  # held out: some 50,000 words, of six characters with the space; they are not counted yet
_STRETCHES = 300  # held out where that is the limit
_STRETCH = 800  # characters; what is left of the paragraph that they end in comes to it
_GAPS = {2: re.compile(r"\n\s*\n"), 1: re.compile(r"\n"), 0: re.compile(r"\s+")}  # by the line ends there must be
_MIN_LONG_LINE = 10_000  # characters; a longer one may be cut between words


def split_corpus(documents: Sequence[Document], fraction: float) -> tuple[list[Passage], list[Passage]]:
    """Hold out about `fraction` of the text for validation, of a large one some 50,000 words.

    What is held out is spread evenly over the corpus and depends on nothing but the text: whole documents where that
    makes several, else paragraphs of each. Paragraphs are held out several in a row, so that most of them still have
    the paragraph before them for context. More than some 50,000 words would say nothing new about the model and only
    take time: then short stretches are held out, of all documents, or, if those are many hundreds, of every so many
    characters.

    Returns:
        (training texts, validation texts)

    Raises:
        CorpusError: The text is a single paragraph.
    """
    full = [document for document in documents if not document.is_blank]
    if fraction * sum(map(_length, full)) > _MAX_CHARACTERS:
        return _stretches_of_all(full)
    if fraction * len(full) >= _MIN_PASSAGES:
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


def _length(document: Document) -> int:
    begin, end = document.body
    return end - begin


def _passages(document: Document, fraction: float) -> list[Passage]:
    """The text cut after blank lines into passages of about equal length.

    If it has none, or every line is a paragraph, it is cut after any line, and one long line between any words. There
    are so many passages that `_MIN_PASSAGES` make up `fraction` of the text.
    """
    begin, end = document.body
    length = (end - begin) * fraction / _MIN_PASSAGES
    for line_ends in _ways(document):
        places, found = [begin], False
        for gap in _gaps(document.whole, line_ends):
            found = True
            if gap - places[-1] >= length:
                places.append(gap)
        if found:
            break
    return document.whole.cut([*places, end])


def _stretches_of_all(documents: Sequence[Document]) -> tuple[list[Passage], list[Passage]]:
    """The documents without `_STRETCHES` stretches, and those: one of each, if they are so few, more of long ones."""
    train: list[Passage] = []
    held_out: list[Passage] = []
    of_each = int(len(documents) <= _STRETCHES)
    share = (_STRETCHES - of_each * len(documents)) / sum(map(_length, documents))  # by length, of the other ones
    position = 0
    for document in documents:
        before, position = position, position + _length(document)
        count = of_each + round(position * share) - round(before * share)
        passages = document.whole.cut(_stretches(document, count))
        train += filter(len, passages[::2])
        held_out += filter(len, passages[1::2])
    return train, held_out


def _stretches(document: Document, count: int) -> list[int]:
    """Where `count` stretches begin and end, far from each other and between paragraphs, lines or words, as it needs.

    Returns:
        The text's beginning, beginning and end of each stretch, and the text's end.
    """
    begin, end = document.body
    targets = [begin + (end - begin) * (2 * index + 1) // (2 * count) - _STRETCH // 2 for index in range(count)]
    for line_ends in _ways(document):
        places, waiting = [begin], iter(targets)
        target = next(waiting, end)
        for gap in _gaps(document.whole, line_ends):
            if gap >= target:
                places.append(gap)
                inside = len(places) % 2 == 0
                target = gap + _STRETCH if inside else next((place for place in waiting if place >= gap), end)
        if len(places) % 2 == 0:
            places.append(end)
        held_out = [last - first for first, last in zip(places[1::2], places[2::2], strict=True)]
        if len(held_out) == count and max(held_out, default=0) <= 4 * _STRETCH:
            break
    return [*places, end]


def _ways(document: Document) -> tuple[int, ...]:
    """How many line ends there must be where a text is cut, the best way first."""
    ways = (2, 1, 0) if _length(document) > _MIN_LONG_LINE else (2, 1)
    return ways[1:] if document.format.by_line else ways


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

"""Text of any size to numbers, one for each token, in a stream.

The text comes in chunks, cut anywhere. What stands between two spaces (a *pretoken*, as `"Well,`) is cut into tokens
by the `tokenizers` library when it is met first, and looked up ever after: no token reaches across white space, and
of the pretokens of a long text nearly all were met before. That is ten times as fast as giving all of it to the
library, and equal to it by construction. Memory is bounded: the pretokens known are forgotten when they are too many.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, starmap

import numpy as np
from numpy.typing import NDArray

from nextword.text.divided import DIVISION, HYPHENS, Divided, mark_divisions, spellings
from nextword.text.paragraphs import PARAGRAPH_END
from nextword.text.pipeline import MAX_PRETOKEN_LENGTH, SPACES, Pipeline, without_surrogates
from nextword.text.vocabulary import END_ID

Text = str | Iterable[str]  # a whole text, or its chunks in order

MAX_KNOWN = 1 << 19  # pretokens remembered; then all are forgotten
MAX_KNOWN_LENGTH = 1 << 24  # characters of all pretokens remembered
LOOKUP_LENGTH = 1 << 21  # characters whose pretokens are looked up at once
_BATCH_LENGTH = 8192  # characters given to the library at once
_PRETOKEN = re.compile(rf"[^{SPACES}]+")
_PYTHON_SPACES = "\x1c\x1d\x1e\x1f"  # at which `str.split` cuts, and nobody else
_END_ROW = 0


class Encoder:
    """Cuts texts into tokens and gives each a number.

    Args:
        pipeline: Says what a token is, and whether `<eos>` ends every line, or every paragraph that is not blank.
        number: From (token, what the text has in its place) to the token's number.
        read_divided: From the readings of a word that a line's end divides to the numbers of one of them, or to one
            number for all; None: it is read as it stands.
        max_known: Pretokens remembered.
        max_known_length: Characters of them.
        lookup_length: Characters whose pretokens are looked up at once.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        number: Callable[[str, str], int],
        read_divided: Callable[[Divided], Iterable[int]] | None = None,
        *,
        max_known: int = MAX_KNOWN,
        max_known_length: int = MAX_KNOWN_LENGTH,
        lookup_length: int = LOOKUP_LENGTH,
    ) -> None:
        self._pipeline, self._number = pipeline, number
        self._read_divided = read_divided or self._as_it_stands
        self._max_known, self._max_known_length, self._lookup_length = max_known, max_known_length, lookup_length
        self._pending = array("i")  # rows of the pretokens read, not yet turned into numbers
        self._unread = 0  # characters that they stand for
        self.forget()

    def forget(self) -> None:
        """Ask `number` anew for every token from here on. Only between two arrays of `encode`."""
        self._rows = _Rows()
        self._numbers = array("i", [END_ID])  # of the tokens of all pretokens known, one after the other
        self._ends = array("i", [0, 1])  # row r is numbers[ends[r] : ends[r + 1]]

    def encode(self, texts: Iterable[Text]) -> Iterator[NDArray[np.int32]]:
        """Numbers of whole texts in order, `END_ID` for every `<eos>`, a few hundred thousand at a time."""
        for text in texts:
            unfinished = self._pipeline.by_line  # an empty text is an empty line
            for chunk in whole_pretokens([text] if isinstance(text, str) else text, self._pipeline.by_line):
                unfinished = self._read(chunk, unfinished)
                if self._unread >= self._lookup_length:
                    yield self._looked_up()
            if unfinished:
                self._pending.append(_END_ROW)
        if self._pending:
            yield self._looked_up()

    def _read(self, chunk: str, unfinished: bool) -> bool:
        """Append a chunk's rows; takes and returns whether something waits for its `<eos>`."""
        chunk = without_surrogates(chunk)
        if self._pipeline.divided:
            chunk = mark_divisions(chunk)
        self._unread += len(chunk)
        split = _PRETOKEN.findall if any(space in chunk for space in _PYTHON_SPACES) else str.split
        row, pending, by_line = self._rows.__getitem__, self._pending, self._pipeline.by_line
        for index, text in enumerate(self._pipeline.split(chunk)):
            if index:
                if unfinished or by_line:
                    pending.append(_END_ROW)
                unfinished = False
            if text:
                pretokens = split(text)
                pending.extend(map(row, pretokens))
                unfinished = unfinished or by_line or bool(pretokens)
        return unfinished

    def _looked_up(self) -> NDArray[np.int32]:
        """The numbers of the pending rows."""
        self._tokenize_new()
        rows = np.frombuffer(self._pending, np.int32)
        ends = np.frombuffer(self._ends, np.int32)
        begins = ends[rows]
        lengths = ends[1:][rows] - begins
        totals = np.cumsum(lengths, dtype=np.int32)
        places = np.repeat(begins - (totals - lengths), lengths)
        places += np.arange(len(places), dtype=np.int32)
        numbers: NDArray[np.int32] = np.frombuffer(self._numbers, np.int32)[places]
        self._pending, self._unread = array("i"), 0
        if len(self._rows) > self._max_known or self._rows.characters > self._max_known_length:
            self.forget()
        return numbers

    def _tokenize_new(self) -> None:
        batch: list[str] = []
        characters = 0
        for pretoken in map(self._pipeline.composed, self._rows.new):
            batch.append(pretoken)
            characters += len(pretoken)
            if characters >= _BATCH_LENGTH:
                self._tokenize(batch)
                batch, characters = [], 0
        if batch:
            self._tokenize(batch)
        self._rows.new.clear()

    def _tokenize(self, pretokens: list[str]) -> None:
        """Append the numbers of new pretokens, all tokenized together."""
        spelled = ((pretoken,) if DIVISION not in pretoken else spellings(pretoken) for pretoken in pretokens)
        cut = self._pipeline.cut_all([*chain.from_iterable(spelled)])
        for pretoken in pretokens:
            if DIVISION not in pretoken:
                self._numbers.extend(starmap(self._number, next(cut)))
            else:
                divided = Divided.of(next(cut), next(cut), next(cut))
                self._numbers.extend(starmap(self._number, divided.before))
                self._numbers.extend(self._read_divided(divided))
                self._numbers.extend(starmap(self._number, divided.after))
            self._ends.append(len(self._numbers))

    def _as_it_stands(self, divided: Divided) -> Iterable[int]:
        return starmap(self._number, divided.readings[-1])


class _Rows(dict[str, int]):
    """Pretokens to rows of the table of their tokens; a new one gets the next row and waits in `new`."""

    def __init__(self) -> None:
        super().__init__()
        self.new: list[str] = []
        self.characters = 0

    def __missing__(self, pretoken: str) -> int:
        row = self[pretoken] = len(self) + 1
        self.new.append(pretoken)
        self.characters += len(pretoken)
        return row


def whole_pretokens(chunks: Iterable[str], by_line: bool) -> Iterator[str]:
    """The text cut anew, so that no pretoken and no paragraph's end is cut in two, nor a word divided at a line's end.

    Every chunk ends behind a pretoken (or a line); white space that might become a paragraph's end with what follows
    it begins the next one, no more of it than matters.
    """
    kept = ""
    for chunk in chunks:
        text = kept + chunk
        space = end = _last_space(text, len(text))
        if not by_line:
            end = _without_spaces(text, space)
            while end and text[end - 1] in HYPHENS:
                space = _last_space(text, end)
                end = _without_spaces(text, space)
        line_ends = text.count("\n", end, space)
        ended = line_ends > 1 or PARAGRAPH_END in text[end:space]
        kept = ("\n\n" if ended else "\n" if line_ends else " " if space > end else "") + text[space:]
        if len(kept) > MAX_PRETOKEN_LENGTH:
            end, kept = len(text), ""
        if end:
            yield text[:end]
    if kept:
        yield kept


def _last_space(text: str, end: int) -> int:
    """The place behind the last space or line end before `end`."""
    return max(text.rfind(" ", 0, end), text.rfind("\n", 0, end)) + 1


def _without_spaces(text: str, end: int) -> int:
    """Where a text that goes to `end` ends, the white space there left out."""
    while end and text[end - 1] in SPACES:
        end -= 1
    return end

"""Text of any size to numbers, one for each token, in a stream.

The text comes in portions, cut anywhere. What stands between two spaces (a *chunk*, as `"Well,`) is cut into tokens
by the `tokenizers` library when it is met first, and looked up ever after: no token reaches across white space, and
of the chunks of a long text nearly all were met before. That is ten times as fast as giving all of it to the library,
and equal to it by construction. Memory is bounded: the chunks known are forgotten when they are too many. Knows
nothing of vocabularies or files.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from tokenizers import PreTokenizedString, Tokenizer

from nextword.text.vocabulary import END_ID

Text = str | Iterable[str]  # a whole text, or its portions in order

# White space as the tokenizers library sees it: Unicode's, to which Python adds four control characters.
SPACES = "".join(map(chr, [*range(9, 14), 32, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029]))
SPACES += "\u202f\u205f\u3000"
_PYTHON_SPACES = "\x1c\x1d\x1e\x1f"
PARAGRAPH_END = re.compile(rf"\n[^\S\n\x1c-\x1f]*\n[{SPACES}]*")
LINE_END = re.compile(r"\n")
_CHUNK = re.compile(rf"[^{SPACES}]+")
SURROGATE = re.compile("[\ud800-\udfff]")  # half a character, which no UTF-8 can hold

_MAX_CHUNK_LENGTH = 1 << 18  # characters without a space before they are cut all the same
_KNOWN_CHUNKS, _KNOWN_CHARACTERS = 1 << 19, 1 << 24  # are remembered; then all are forgotten
_PORTION = 1 << 21  # characters whose chunks are looked up at once
_BATCH = 8192  # characters given to the library at once
_END_ROW = 0


class Encoder:
    """Cuts texts into tokens and gives each a number.

    Args:
        pipeline: Its normalizer and pre-tokenizer say what a token is.
        by_line: Whether `<eos>` ends every line, or every paragraph that is not blank.
        number: From (token, what the text has in its place) to the token's number.
    """

    def __init__(self, pipeline: Tokenizer, by_line: bool, number: Callable[[str, str], int]) -> None:
        self._pipeline, self._by_line, self._number = pipeline, by_line, number
        self._break = LINE_END if by_line else PARAGRAPH_END
        self._pending = array("i")  # rows of the chunks read, not yet turned into numbers
        self._unread = 0  # characters that they stand for
        self.forget()

    def forget(self) -> None:
        """Ask `number` anew for every token from here on. Only between two portions of `encode`."""
        self._rows = _Rows()
        self._numbers = array("i", [END_ID])  # of the tokens of all chunks known, one chunk after the other
        self._ends = array("i", [0, 1])  # row r is numbers[ends[r] : ends[r + 1]]

    def encode(self, texts: Iterable[Text]) -> Iterator[NDArray[np.int32]]:
        """Numbers of whole texts in order, `END_ID` for every `<eos>`, a few hundred thousand at a time."""
        for text in texts:
            unfinished = self._by_line  # an empty text is an empty line
            for block in _blocks([text] if isinstance(text, str) else text, self._by_line):
                unfinished = self._read(block, unfinished)
                if self._unread >= _PORTION:
                    yield self._looked_up()
            if unfinished:
                self._pending.append(_END_ROW)
        if self._pending:
            yield self._looked_up()

    def _read(self, block: str, unfinished: bool) -> bool:
        """Append a block's rows; takes and returns whether something waits for its `<eos>`."""
        if not block.isascii():
            block = SURROGATE.sub("\ufffd", block)
        self._unread += len(block)
        cut = _CHUNK.findall if any(space in block for space in _PYTHON_SPACES) else str.split
        row, pending, by_line = self._rows.__getitem__, self._pending, self._by_line
        for index, piece in enumerate(self._break.split(block)):
            if index:
                if unfinished or by_line:
                    pending.append(_END_ROW)
                unfinished = False
            if piece:
                chunks = cut(piece)
                pending.extend(map(row, chunks))
                unfinished = unfinished or by_line or bool(chunks)
        return unfinished

    def _looked_up(self) -> NDArray[np.int32]:
        """The numbers of the pending rows."""
        self._tokenize_new_chunks()
        rows = np.frombuffer(self._pending, np.int32)
        ends = np.frombuffer(self._ends, np.int32)
        begins = ends[rows]
        lengths = ends[1:][rows] - begins
        totals = np.cumsum(lengths, dtype=np.int32)
        places = np.repeat(begins - (totals - lengths), lengths)
        places += np.arange(len(places), dtype=np.int32)
        numbers: NDArray[np.int32] = np.frombuffer(self._numbers, np.int32)[places]
        self._pending, self._unread = array("i"), 0
        if len(self._rows) > _KNOWN_CHUNKS or self._rows.characters > _KNOWN_CHARACTERS:
            self.forget()
        return numbers

    def _tokenize_new_chunks(self) -> None:
        batch: list[str] = []
        characters = 0
        for chunk in self._rows.new:
            batch.append(chunk)
            characters += len(chunk)
            if characters >= _BATCH:
                self._tokenize(batch)
                batch, characters = [], 0
        if batch:
            self._tokenize(batch)
        self._rows.new.clear()

    def _tokenize(self, chunks: list[str]) -> None:
        """Append the numbers of new chunks, all tokenized together."""
        text = "\n".join(chunks)
        cut = PreTokenizedString(text)
        if self._pipeline.normalizer:
            cut.normalize(self._pipeline.normalizer.normalize)
        self._pipeline.pre_tokenizer.pre_tokenize(cut)
        tokens = cut.get_splits(offset_referential="original", offset_type="char")
        position = index = 0
        for chunk in chunks:
            position += len(chunk)
            while index < len(tokens) and tokens[index][1][0] < position:
                token, (begin, end), _ = tokens[index]
                self._numbers.append(self._number(token, text[begin:end]))
                index += 1
            self._ends.append(len(self._numbers))
            position += 1


class _Rows(dict[str, int]):
    """Chunks to rows of the table of their tokens; a new one gets the next row and waits in `new`."""

    def __init__(self) -> None:
        super().__init__()
        self.new: list[str] = []
        self.characters = 0

    def __missing__(self, chunk: str) -> int:
        row = self[chunk] = len(self) + 1
        self.new.append(chunk)
        self.characters += len(chunk)
        return row


def _blocks(portions: Iterable[str], by_line: bool) -> Iterator[str]:
    """The text cut anew, so that no chunk and no paragraph's end is cut in two.

    Every block ends behind a chunk (or a line); white space that might become a paragraph's end with what follows it
    begins the next one, no more of it than matters.
    """
    kept = ""
    for portion in portions:
        text = kept + portion
        space = max(text.rfind(" "), text.rfind("\n")) + 1
        end = space if by_line else len(text[:space].rstrip(SPACES))
        line_ends = text.count("\n", end, space)
        kept = ("\n\n" if line_ends > 1 else "\n" if line_ends else " " if space > end else "") + text[space:]
        if len(kept) > _MAX_CHUNK_LENGTH:
            end, kept = len(text), ""
        if end:
            yield text[:end]
    if kept:
        yield kept

"""What a model remembers of a document: the text above the cursor, read once and followed through its edits.

Reading begins at most `MAX_TOKENS` before the cursor. From there on a key costs a step of the network at most, and an
edit goes back to the last state before it. What is far above the cursor is no longer kept, but still counts.
"""

from __future__ import annotations

from typing import NamedTuple

from nextword.inference.outlook import Outlook
from nextword.inference.session import Session, Snapshot
from nextword.interactive.incremental import IncrementalReader, chunks_of
from nextword.lsp.document import Document
from nextword.lsp.positions import Position

MAX_TOKENS = 2_048  # read before the cursor where reading begins
_MAX_CHUNK_LENGTH = 128  # characters of the white space and the word after it that are looked at, its last ones
_OPENING = frozenset("([{\u201c\u2018\u00ab\u201e/\u2014-\"'")  # what a word may follow without a space


class Cursor(NamedTuple):
    """A place in a document where a word may be suggested."""

    session: Session  # has read all above it; only to be looked at
    outlook: Outlook
    letters: str  # typed of the word, as they stand in the line
    text: str  # that was read from where reading began, up to those


class DocumentMemory:
    """Follows one document.

    Args:
        document: What is edited; every edit must be told by `edited`.
        session: Reads it, and belongs to the memory from now on.
        max_tokens: How far before the cursor reading begins.
    """

    def __init__(self, document: Document, session: Session, max_tokens: int = MAX_TOKENS) -> None:
        self._document, self._session, self._max_tokens = document, session, max_tokens
        self._split = session.engine.tokenizer.split_unfinished
        self._beginning: Snapshot = session.snapshot
        self._reader = IncrementalReader(session)
        self._line: int | None = None  # where what is kept begins
        self._skipped = 0  # chunks of that line and those after it that are no longer kept

    @property
    def session(self) -> Session:
        """Where reading has got to."""
        return self._session

    def edited(self, line: int, before: int, after: int) -> None:
        """Take note of an edit, as `Document.edit` returns it."""
        if self._line is None:
            return
        if line + before <= self._line:
            self._line += after - before
        elif line < self._line:
            self._line = None

    def at(self, place: Position) -> Cursor | None:
        """What is expected at a place; None where no word may stand."""
        found = self._document.before(place)
        if found is None:
            return None
        line, prose = found
        _, letters = self._split(line)
        if not prose.endswith(letters):
            return None
        last = line[: len(line) - len(letters)][-1:]
        if last and not letters and not last.isspace() and last not in _OPENING:
            return None
        text = prose[: len(prose) - len(letters)]
        text = self._read(place.line, text)
        return Cursor(self._session, self._reader.outlook(), letters, text)

    def _read(self, line: int, text: str) -> str:
        """Read the text up to `line`, and of that `text`; what of it is kept."""
        if self._line is not None and self._line <= line:
            kept = self._above(self._line, line, text)
            chunks = _chunks(kept)[self._skipped :]
            is_enough = self._line == 0 or len(chunks) >= self._max_tokens // 4
            if is_enough and len(chunks) - len(self._reader.chunks) <= self._max_tokens:
                self._follow(chunks)
                return kept
        kept, chunks = self._begin(line, text)
        self._session.restore(self._beginning)
        self._reader = IncrementalReader(self._session)
        self._follow(chunks)
        return kept

    def _above(self, begin: int, line: int, text: str) -> str:
        return "\n".join([*self._document.prose(begin, line), text])

    def _begin(self, line: int, text: str) -> tuple[str, list[str]]:
        """Find where to begin; the text from that line on, and the chunks to read."""
        begin, words = line, len(text.split())
        while begin and words < self._max_tokens:
            begin -= 1
            words += len(self._document.prose(begin, begin + 1)[0].split())
        kept = self._above(begin, line, text)
        chunks = _chunks(kept)
        read = _chunks(self._session.engine.tokenizer.ending(kept, self._max_tokens))
        self._line, self._skipped = begin, max(0, len(chunks) - len(read))
        return kept, chunks[self._skipped :]

    def _follow(self, chunks: list[str]) -> None:
        self._reader.replace(0, chunks)
        if len(chunks) > 2 * self._max_tokens and self._line is not None:
            self._skipped += self._reader.drop(self._max_tokens)
            self._advance()

    def _advance(self) -> None:
        """Have what is kept begin with the line in which its first chunk is."""
        while self._line is not None and self._line + 1 < len(self._document.lines):
            count = len(_chunks(self._document.prose(self._line, self._line + 1)[0]))
            if count > self._skipped:
                return
            self._line, self._skipped = self._line + 1, self._skipped - count


def _chunks(text: str) -> list[str]:
    """The words of a text, each with the white space before it."""
    return [chunk[-_MAX_CHUNK_LENGTH:] for chunk in chunks_of(text)]

"""Reading text: files and folders to documents, and a part of them held out for validation.

Decides what is refused (and says why, with file and byte offset) and what is passed over with a note. A document is
no string: it knows its file, which is checked from end to end once, and reads it in portions as often as it is asked.
Knows nothing of words or models.
"""

from __future__ import annotations

import codecs
import hashlib
import io
import os
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from nextword.errors import CorpusError

DEFAULT_CORPUS = "everyday"
_BYTE_ORDER_MARKS = {codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16"}
_HOLD_OUT_BY_DOCUMENT = 20  # with fewer documents than this, paragraphs are held out instead
_BLOCKS_HELD_OUT = 5  # stretches of paragraphs held out of one long text, spread over it
_GAPS = {2: re.compile(r"\n\s*\n"), 1: re.compile(r"\n"), 0: re.compile(r"\s+")}  # by the line ends there must be
_MIN_LONG_LINE = 10_000  # characters; a longer one may be cut between words
_PORTION = 1 << 20  # bytes read at once


@dataclass(frozen=True)
class Document:
    """One text file, whose text is read in portions, line ends as LF, without byte order mark.

    Raises:
        CorpusError: While it is read, if the file is no longer the one that was checked.
    """

    path: Path
    encoding: str
    characters: int
    sha256: str  # of the text as UTF-8
    body: tuple[int, int]  # where the text without blank lines at its ends begins and ends; both the same if all blank
    _stamp: tuple[int, int] = field(repr=False)
    _bookmarks: list[_Bookmark] = field(repr=False)

    @property
    def whole(self) -> Passage:
        """All of it, in portions."""
        return Passage(self, 0, self.characters)

    @property
    def text(self) -> str:
        """All of it as one string."""
        return self.whole.text

    def portions(self, begin: int, end: int) -> Iterator[str]:
        """The characters from `begin` to `end`, a million or fewer at a time."""
        bookmark = self._bookmarks[bisect_right(self._bookmarks, begin, key=lambda mark: mark.characters) - 1]
        with _opened(self.path) as file:
            self._check_unchanged(file)
            file.seek(bookmark.bytes)
            position = bookmark.characters
            for text in _Decoder(self.path, self.encoding, bookmark).texts(file):
                if portion := text[max(0, begin - position) : end - position]:
                    yield portion
                position += len(text)
                if position >= end:
                    break
            self._check_unchanged(file)

    def _check_unchanged(self, file: BinaryIO) -> None:
        if _stamp(file) != self._stamp:
            raise CorpusError(f"{self.path} changed while it was read", "Start again, and let it be until it is read.")


@dataclass(frozen=True)
class Passage:
    """A part of a document, as a text in portions."""

    document: Document
    begin: int  # in characters
    end: int

    def __iter__(self) -> Iterator[str]:
        return self.document.portions(self.begin, self.end)

    def __len__(self) -> int:
        return self.end - self.begin

    @property
    def text(self) -> str:
        """All of it as one string."""
        return "".join(self)


@dataclass(frozen=True)
class Corpus:
    """The documents that were found, in order of their paths, and what was passed over."""

    documents: list[Document]
    skipped: list[str]  # "path: reason", for one note to the user

    @property
    def digest(self) -> str:
        """SHA-256 over those of the texts, in order: two corpora with the same digest train the same model."""
        return hashlib.sha256("".join(document.sha256 for document in self.documents).encode()).hexdigest()


def default_corpus() -> Path:
    """Folder of the text that ships with nextword, from the installed package or from a checkout."""
    package = Path(__file__).parents[1]
    for folder in (package / "corpora" / DEFAULT_CORPUS, package.parent / "corpora" / DEFAULT_CORPUS):
        if folder.is_dir():
            return folder
    raise CorpusError("the default corpus is not part of this installation", "Name a text: nextword train book.txt")


def read_corpus(
    paths: Sequence[Path], encoding: str = "utf-8", on_progress: Callable[[int, int], None] | None = None
) -> Corpus:
    """Find and check files, and the text files in folders and their subfolders.

    A file named outright must be readable text. Inside a folder, hidden files, links to files already read and
    files that are not text are passed over and listed in `Corpus.skipped`.

    Args:
        paths: Files and folders.
        encoding: Of all of them.
        on_progress: Called with the bytes checked so far and those there are.

    Raises:
        CorpusError: A path does not exist, cannot be read, is not text in `encoding`, or all of it is blank.
    """
    _check_encoding(encoding)
    documents: list[Document] = []
    skipped: list[str] = []
    files: dict[Path, tuple[Path, bool]] = {}  # by where links lead: as it was named, and whether outright
    for path in paths:
        for file in _files_in(path) if path.is_dir() else [path]:
            real = Path(os.path.realpath(file))  # unlike Path.resolve, not troubled by a link that leads to itself
            if real in files:
                skipped.append(f"{file}: already read")
            else:
                files[real] = file, file == path
    total = sum(map(_size, files))
    done = 0

    def checked(size: int) -> None:
        nonlocal done
        done += size
        if on_progress:
            on_progress(done, max(done, total))

    for file, outright in files.values():
        try:
            documents.append(_check(file, encoding, checked))
        except CorpusError as error:
            if outright:
                raise
            skipped.append(error.message)
    if all(document.body[0] == document.body[1] for document in documents):
        names = ", ".join(map(str, paths))
        raise CorpusError(f"no text in {names}", "A corpus needs a few hundred words at least, as plain text files.")
    return Corpus(documents, skipped)


def _check_encoding(encoding: str) -> None:
    """Refuse what is no character encoding before it makes every file of a folder look unreadable."""
    try:
        if "".encode(encoding).decode(encoding) == "":
            return
    except (LookupError, ValueError):  # ValueError: a NUL in the name, or the codec "undefined"
        pass
    raise CorpusError(f"encoding {encoding!r} is not known", "Name one such as utf-8 or latin-1.")


def _files_in(folder: Path) -> Iterator[Path]:
    """The files below `folder` in a fixed order, hidden ones and linked folders left out."""
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(parent, name) for name in sorted(files) if not name.startswith("."))


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """The text of one file, line ends as LF.

    Raises:
        CorpusError: With the file, and the byte offset where there is one.
    """
    return _check(path, encoding).text


@dataclass(frozen=True)
class _Bookmark:
    """A place in a file where reading can go on."""

    bytes: int = 0
    decoded: int = 0  # characters before it
    characters: int = 0  # the same, when line ends have become LF
    decoder: Any = None  # states of the two decoders; None at the start
    line_ends: Any = None


class _Decoder:
    """Bytes of one file to text with LF as line end, in portions.

    Args:
        path: Of the file, for errors.
        encoding: The file's.
        bookmark: Where to go on; the file must stand there.
    """

    def __init__(self, path: Path, encoding: str, bookmark: _Bookmark) -> None:
        self._path, self._encoding = path, encoding
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._line_ends = io.IncrementalNewlineDecoder(None, translate=True)
        self._bytes = bookmark.bytes
        self._decoded = bookmark.decoded
        self._nul: int | None = None
        self.characters = bookmark.characters
        if bookmark.decoder:
            self._decoder.setstate(bookmark.decoder)
            self._line_ends.setstate(bookmark.line_ends)

    def bookmark(self) -> _Bookmark:
        """Where the next portion begins."""
        states = self._decoder.getstate(), self._line_ends.getstate()
        return _Bookmark(self._bytes, self._decoded, self.characters, *states)

    def texts(self, file: BinaryIO) -> Iterator[str]:
        """The text from where `file` stands to its end.

        Raises:
            CorpusError: It is not text in this encoding.
        """
        block = b"more"
        while block:
            try:
                block = file.read(_PORTION)
            except OSError as error:
                raise _unreadable(self._path, error) from error
            yield self._text(block)
        if self._nul is not None:
            hint = "Name plain text files; a text with two bytes a character needs --encoding utf-16-le."
            raise CorpusError(f"{self._path} is not a text file (NUL at character {self._nul})", hint)

    def _text(self, block: bytes) -> str:
        if not self._bytes and self._encoding == "utf-8":
            for mark, name in _BYTE_ORDER_MARKS.items():
                if block.startswith(mark):
                    reason = f"{self._path} has a {name} byte order mark"
                    raise CorpusError(reason, f"Say so: --encoding {name.lower()}")
        marks = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)  # UTF-32-LE's begins as UTF-16-LE's
        marked = codecs.lookup(self._encoding).name in ("utf-16", "utf-32")
        if not self._bytes and marked and not block.startswith(marks):
            self._decoder.setstate((b"", 0))  # the byte order of this machine, as in `bytes.decode`
        waiting = len(self._decoder.getstate()[0])
        try:
            text = self._decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            hint = "Is it a text file? If it has another encoding, name it: --encoding latin-1"
            reason = f"{self._path} is not {self._encoding} text (byte {self._bytes - waiting + error.start})"
            raise CorpusError(reason, hint) from error
        if self._nul is None and (nul := text.find("\0")) >= 0:
            self._nul = self._decoded + nul
        if not self._decoded:
            self._decoded, text = len(text), text.removeprefix("\ufeff")
        else:
            self._decoded += len(text)
        text = self._line_ends.decode(text, final=not block)
        self._bytes += len(block)
        self.characters += len(text)
        return text


def _opened(path: Path) -> BinaryIO:
    try:
        if not path.is_file():
            what = "is not a regular file" if path.exists() else "does not exist"
            raise CorpusError(f"{path} {what}", "Name text files or folders of them.")
        return path.open("rb")
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> CorpusError:
    return CorpusError(f"{path} cannot be read: {error.strerror}", "Check its permissions.")


def _size(path: Path) -> int:
    """Bytes of a file; 0 where that cannot be told."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _stamp(file: BinaryIO) -> tuple[int, int]:
    """What tells that a file was written to."""
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns


def _check(path: Path, encoding: str, on_progress: Callable[[int], None] = lambda size: None) -> Document:
    """Read a file from its start to its end, refuse what is no text, and remember what its readers must know."""
    digest = hashlib.sha256()
    bookmarks: list[_Bookmark] = []
    begin, end, blank = 0, -1, True  # of the body; the end is -1 where no line end came after the last word
    with _opened(path) as file:
        stamp = _stamp(file)
        decoder = _Decoder(path, encoding, _Bookmark())
        bookmarks.append(_Bookmark())
        position = 0
        for text in decoder.texts(file):
            words_end = len(text.rstrip())
            if blank:
                words_begin = len(text) - len(text.lstrip())
                begin = max(begin, position + text.rfind("\n", 0, words_begin) + 1)
            if words_end:
                blank, end = False, -1
            if end < 0 and (line_end := text.find("\n", words_end)) >= 0:
                end = position + line_end
            digest.update(text.encode("utf-8", "surrogatepass"))
            position += len(text)
            on_progress(file.tell() - bookmarks[-1].bytes)
            bookmarks.append(decoder.bookmark())
    body = (0, 0) if blank else (begin, position if end < 0 else end)
    return Document(path, encoding, position, digest.hexdigest(), body, stamp, bookmarks)


def split_corpus(documents: Sequence[Document], fraction: float) -> tuple[list[Passage], list[Passage]]:
    """Hold out about `fraction` of the text for validation: whole documents where there are many, else paragraphs.

    What is held out is spread evenly over the corpus and depends on nothing but the text. Paragraphs are held out
    in stretches, so that most of them still have the paragraph before them for context.

    Returns:
        (training texts, validation texts)

    Raises:
        CorpusError: The text is a single paragraph.
    """
    full = [document for document in documents if document.body[0] < document.body[1]]
    if len(full) >= _HOLD_OUT_BY_DOCUMENT:
        units = [document.whole for document in full]
    else:
        units = [passage for document in full for passage in _stretches(document, fraction)]
    period = round(1 / fraction)
    held_out = set(range(period // 2, len(units), period)) or {len(units) - 1}
    if len(units) < 2:
        raise CorpusError(
            f"{documents[0].path} is too short to hold a part out for validation",
            "Give it at least two paragraphs, a blank line between them, or name a text to validate on: --valid FILE",
        )
    train = [text for index, text in enumerate(units) if index not in held_out]
    return train, [units[index] for index in sorted(held_out)]


def held_out_text(fraction: float) -> list[Passage]:
    """What training on the text that ships with nextword holds out for validation."""
    return split_corpus(read_corpus([default_corpus()]).documents, fraction)[1]


def watched(texts: Sequence[Passage], on_progress: Callable[[int, int], None]) -> Iterator[Iterator[str]]:
    """The same texts; `on_progress` hears how many of their characters were read and how many there are."""
    total = sum(map(len, texts))
    done = 0
    for text in texts:

        def portions(text: Passage = text) -> Iterator[str]:
            nonlocal done
            for portion in text:
                yield portion
                done += len(portion)
                on_progress(done, total)

        yield portions()


def _stretches(document: Document, fraction: float) -> Iterator[Passage]:
    """The text cut after blank lines into stretches of about equal length.

    If it has none, it is cut after any line, and one long line between any words. There are so many stretches that
    `_BLOCKS_HELD_OUT` make up `fraction` of the text.
    """
    begin, end = document.body
    body = Passage(document, begin, end)
    target = len(body) * fraction / _BLOCKS_HELD_OUT
    for line_ends in (2, 1, 0) if len(body) > _MIN_LONG_LINE else (2, 1):
        cuts = _gaps(body, line_ends)
        if (first := next(cuts, None)) is not None:
            for cut in chain([first], cuts):
                if cut - begin >= target:
                    yield Passage(document, begin, cut)
                    begin = cut
            break
    yield Passage(document, begin, end)


def _gaps(body: Passage, line_ends: int) -> Iterator[int]:
    """Where white space with at least so many line ends stands between words: the place behind its last one."""
    position = line_start = body.begin
    met, space, word_seen = 0, False, False  # line ends and any white space since the last word
    for text in body:
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

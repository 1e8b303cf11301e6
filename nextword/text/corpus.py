"""Reading text: files and folders to documents.

Decides what is refused (and says why, with file and byte offset) and what is passed over with a note. Every file is
read from end to end once, and what of it is text copied as UTF-8 into a temporary file; a document is no string, it is
read from that copy, chunk by chunk, as often as it is asked.
"""

from __future__ import annotations

import codecs
import hashlib
import io
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from nextword.config import FormatConfig
from nextword.errors import CorpusError
from nextword.text.formats import Format, formatted
from nextword.text.passed import passed_notes, some_of
from nextword.text.spool import CHUNK_SIZE, TextFile

if TYPE_CHECKING:
    from nextword.text.mail import Mail

DEFAULT_CORPUS = "everyday"
_BYTE_ORDER_MARKS = {codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16"}


@dataclass(frozen=True)
class Passage:
    """Some of a document, as a text in chunks; its length is in characters."""

    copy: TextFile = field(repr=False)
    begin: int  # in bytes of the copy
    end: int
    characters: int

    def __iter__(self) -> Iterator[str]:
        return self.copy.chunks(self.begin, self.end)

    def __len__(self) -> int:
        return self.characters

    @property
    def text(self) -> str:
        """All of it as one string."""
        return "".join(self)

    def cut(self, places: Sequence[int]) -> list[Passage]:
        """The passages between every two of `places`, in characters from the beginning of this one, ascending."""
        waiting = iter(places)
        place = next(waiting, None)
        offsets: list[int] = []
        offset, position = self.begin, 0  # bytes and characters up to here
        for text in self:
            done = 0
            while place is not None and place <= position + len(text):
                offset += len(_utf8(text[done : place - position]))
                done = place - position
                offsets.append(offset)
                place = next(waiting, None)
            offset += len(_utf8(text[done:]))
            position += len(text)
        return [
            Passage(self.copy, *bounds, last - first)
            for bounds, (first, last) in zip(pairwise(offsets), pairwise(places), strict=True)
        ]


@dataclass(frozen=True)
class Document:
    """One text file: its text has LF as line end and no byte order mark."""

    path: Path
    whole: Passage
    sha256: str  # of the text as UTF-8
    body: tuple[int, int]  # characters before the text without blank lines at its ends, and up to its end; (0, 0): none
    format: Format

    @property
    def text(self) -> str:
        """All of it as one string."""
        return self.whole.text

    @property
    def is_blank(self) -> bool:
        """Whether it holds nothing but white space."""
        return self.body == (0, 0)


@dataclass(frozen=True)
class Corpus:
    """The documents that were found, in order of their paths, and what was passed over."""

    documents: list[Document]
    skipped: list[str]  # "path: reason", for one note to the user

    @property
    def digest(self) -> str:
        """SHA-256 over those of the texts, in order: two corpora with the same digest train the same model."""
        return hashlib.sha256("".join(document.sha256 for document in self.documents).encode()).hexdigest()

    @property
    def notes(self) -> list[str]:
        """What there is to say to the user, a sentence each."""
        notes = [f"Passed over: {'; '.join(self.skipped)}."] if self.skipped else []
        notes += passed_notes((str(document.path), document.format.passed) for document in self.documents)
        if by_line := [str(document.path) for document in self.documents if document.format.found]:
            notes.append(f"Every line is a paragraph in {some_of(by_line)}; --paragraphs blank joins lines.")
        return notes


def default_corpus() -> Path:
    """Folder of the text that ships with nextword, from the installed package or from a checkout."""
    package = Path(__file__).parents[1]
    for folder in (package / "corpora" / DEFAULT_CORPUS, package.parent / "corpora" / DEFAULT_CORPUS):
        if folder.is_dir():
            return folder
    raise CorpusError("the default corpus is not part of this installation", "Name a text: nextword train book.txt")


def read_corpus(
    paths: Sequence[Path],
    encoding: str = "utf-8",
    on_progress: Callable[[int, int], None] | None = None,
    chunk_size: int = CHUNK_SIZE,
    formats: FormatConfig | None = None,
) -> Corpus:
    """Find, check and copy files, and the text files in folders and their subfolders.

    A file named outright must be readable text. Inside a folder, hidden files, links to files already read and
    files that are not text are passed over and listed in `Corpus.skipped`.

    Args:
        paths: Files and folders.
        encoding: Of all of them.
        on_progress: Called with the bytes checked so far and those there are.
        chunk_size: Bytes read at once, now and later.
        formats: What of the files is text, and where its paragraphs end; None: as they look.

    Raises:
        CorpusError: A path does not exist, cannot be read, is not text in `encoding`, or all of it is blank.
        StorageError: The temporary folder is full or not writable.
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

    copy = TextFile(chunk_size)
    for file, outright in files.values():
        try:
            documents.append(_copied(file, encoding, copy, checked, chunk_size, formats or FormatConfig()))
        except CorpusError as error:
            if outright:
                raise
            skipped.append(error.message)
    if all(document.is_blank for document in documents):
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


def _utf8(text: str) -> bytes:
    """`text` as the copy holds it; some encodings have halves of characters."""
    return text.encode("utf-8", "surrogatepass")


def _copied(
    path: Path,
    encoding: str,
    copy: TextFile,
    on_progress: Callable[[int], None],
    chunk_size: int,
    formats: FormatConfig,
) -> Document:
    """Append a file to `copy` and remember what its readers must know; refuse what is no text."""
    digest, start = hashlib.sha256(), copy.size
    position = 0
    begin, end, blank = 0, -1, True  # of the body; the end is -1 where no line end came after the last word
    with _opened(path) as file:
        mail = None if formats.raw else _mail_in(path, file)
        if mail is not None:
            texts = mail.texts(_blocks(path, file, on_progress, chunk_size), encoding)
        else:
            texts = _texts(path, file, encoding, on_progress, chunk_size)
        found, texts = formatted(path, texts, formats, mail.passed if mail else None)
        for text in texts:
            words_end = len(text.rstrip())
            if blank:
                words_begin = len(text) - len(text.lstrip())
                if line_end := text.rfind("\n", 0, words_begin) + 1:
                    begin = position + line_end
            if words_end:
                blank, end = False, -1
            if end < 0 and (last := text.find("\n", words_end)) >= 0:
                end = position + last
            content = _utf8(text)
            digest.update(content)
            copy.append(content)
            position += len(text)
    body = (0, 0) if blank else (begin, position if end < 0 else end)
    return Document(path, Passage(copy, start, copy.size, position), digest.hexdigest(), body, found)


def _mail_in(path: Path, file: BinaryIO) -> Mail | None:
    """What reads a file that is mail."""
    if path.suffix.lower() not in (".eml", ".mbox"):
        return None
    from nextword.text.mail import mail_in

    start = _read(path, file, 1024)
    file.seek(0)
    return mail_in(path, start)


def _blocks(path: Path, file: BinaryIO, on_progress: Callable[[int], None], chunk_size: int) -> Iterator[bytes]:
    """The bytes of a file, some at a time."""
    while block := _read(path, file, chunk_size):
        yield block
        on_progress(len(block))


def _texts(
    path: Path, file: BinaryIO, encoding: str, on_progress: Callable[[int], None], chunk_size: int
) -> Iterator[str]:
    """The text of a file in chunks, LF as line end.

    Raises:
        CorpusError: It is not text in this encoding; the message says at which byte.
    """
    decoder = _decoder(path, file, encoding)
    line_ends = io.IncrementalNewlineDecoder(None, translate=True)
    read = characters = 0
    nul: int | None = None
    block = b"more"
    while block:
        block = _read(path, file, chunk_size)
        waiting = len(decoder.getstate()[0])
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            hint = "Is it a text file? If it has another encoding, name it: --encoding latin-1"
            reason = f"{path} is not {encoding} text (byte {read - waiting + error.start})"
            raise CorpusError(reason, hint) from error
        if nul is None and (found := text.find("\0")) >= 0:
            nul = characters + found
        if nul is None:  # otherwise the rest is only read to find an error that says more
            yield line_ends.decode(text if characters else text.removeprefix("\ufeff"), final=not block)
        read += len(block)
        characters += len(text)
        on_progress(len(block))
    if nul is not None:
        hint = "Name plain text files; a text with two bytes a character needs --encoding utf-16-le."
        raise CorpusError(f"{path} is not a text file (NUL at character {nul})", hint)


def _decoder(path: Path, file: BinaryIO, encoding: str) -> codecs.IncrementalDecoder:
    """A decoder for a file, which is refused where its byte order mark says that it has another encoding."""
    start = _read(path, file, 4)
    file.seek(0)
    for mark, name in _BYTE_ORDER_MARKS.items():
        if encoding == "utf-8" and start.startswith(mark):
            raise CorpusError(f"{path} has a {name} byte order mark", f"Say so: --encoding {name.lower()}")
    decoder = codecs.getincrementaldecoder(encoding)()
    marks = {"utf-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE), "utf-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)}
    if not start.startswith(marks.get(codecs.lookup(encoding).name, b"")):
        decoder.setstate((b"", 0))  # the byte order of this machine, as in `bytes.decode`
    return decoder


def _read(path: Path, file: BinaryIO, size: int) -> bytes:
    try:
        return file.read(size)
    except OSError as error:
        raise _unreadable(path, error) from error


def watched(texts: Sequence[Passage], on_progress: Callable[[int, int], None]) -> Iterator[Iterator[str]]:
    """The same texts; `on_progress` hears how many of their characters were read and how many there are."""
    total = sum(map(len, texts))
    done = 0

    def chunks(text: Passage) -> Iterator[str]:
        nonlocal done
        for chunk in text:
            yield chunk
            done += len(chunk)
            on_progress(done, total)

    return map(chunks, texts)

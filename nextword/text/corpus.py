"""Reading text: files, folders and pipes to documents.

Every source is read from end to end once and copied as UTF-8 into a temporary file; a document is no string, it is read
from that copy, chunk by chunk, as often as it is asked. What is refused says why, with file and byte offset; what is
passed over or left out is noted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from nextword.config import FormatConfig
from nextword.errors import CorpusError
from nextword.text.decoding import NotTextError, check_encoding, decode
from nextword.text.formats import Format, formatted
from nextword.text.gutenberg import FRAME, without_frame
from nextword.text.passed import passed_notes, some_of
from nextword.text.sources import STDIN, Source, find_sources, is_pipe, open_source, read_bytes, size_of, source_name
from nextword.text.spool import CHUNK_SIZE, TextFile

if TYPE_CHECKING:
    from nextword.text.mail import Mail

DEFAULT_CORPUS = "everyday"


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

    path: Path  # `sources.STDIN` for standard input
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
    """The documents that were found, blank ones among them, in order of their paths, and what was passed over."""

    documents: list[Document]
    skipped: list[str]  # "path: reason", for one note to the user
    remarks: dict[str, list[str]] = field(default_factory=dict)  # on how texts were decoded, and which ones

    @property
    def digest(self) -> str:
        """SHA-256 over those of the texts, in order: two corpora with the same digest train the same model."""
        return hashlib.sha256("".join(document.sha256 for document in self.documents).encode()).hexdigest()

    @property
    def notes(self) -> list[str]:
        """What there is to say to the user, a sentence each."""
        notes = [f"Passed over: {'; '.join(self.skipped)}."] if self.skipped else []
        notes += [f"{some_of(names)}: {remark}" for remark, names in self.remarks.items()]
        notes += passed_notes((source_name(document.path), document.format.passed) for document in self.documents)
        if by_line := [source_name(document.path) for document in self.documents if document.format.found]:
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

    What is named outright must be readable text; it may be a pipe. Inside a folder, hidden files, links to files
    already read and files that are not text are passed over and listed in `Corpus.skipped`.

    Args:
        paths: Files, folders and pipes; `sources.STDIN` is standard input.
        encoding: Of all of them.
        on_progress: Called with the bytes checked so far and those there are.
        chunk_size: Bytes read at once, now and later.
        formats: What of the files is text, and where its paragraphs end; None: as they look.

    Raises:
        CorpusError: A path does not exist, cannot be read, is not text in `encoding`, or all of it is blank.
        StorageError: The temporary folder is full or not writable.
    """
    check_encoding(encoding)
    sources, skipped = find_sources(paths)
    corpus = Corpus([], skipped)
    total = sum(map(size_of, sources))
    done = 0

    def checked(size: int) -> None:
        nonlocal done
        done += size
        if on_progress:
            on_progress(done, max(done, total))

    copy, refusal, formats = TextFile(chunk_size), None, formats or FormatConfig()
    for source in sources:
        remarks: list[str] = []
        try:
            document = _copied(source, encoding, copy, checked, chunk_size, formats, remarks.append)
        except CorpusError as error:
            if source.outright:
                raise _explained(error) from error
            if refusal is None or (isinstance(error, NotTextError) and not isinstance(refusal, NotTextError)):
                refusal = error  # with the hint at an encoding, if one has it: that mends it at once
            skipped.append(error.message)
            continue
        corpus.documents.append(document)
        if document.is_blank:
            skipped.append(f"{source.name} {'has no text' if len(document.whole) else 'is empty'}")
        for remark in remarks:
            corpus.remarks.setdefault(remark, []).append(source.name)
    if all(document.is_blank for document in corpus.documents):
        names = ", ".join(map(source_name, paths))
        reason = f"no text {'on' if list(paths) == [STDIN] else 'in'} {names}"
        if skipped and not all(source.outright for source in sources):
            reason += f": {some_of(skipped, '; ')}"
        hint = "A corpus needs a few hundred words at least, as plain text files."
        raise CorpusError(reason, _explained(refusal).hint if refusal else hint)
    return corpus


def _explained(error: CorpusError) -> CorpusError:
    return error.explained() if isinstance(error, NotTextError) else error


def _utf8(text: str) -> bytes:
    """`text` as the copy holds it; some encodings have halves of characters."""
    return text.encode("utf-8", "surrogatepass")


def _copied(
    source: Source,
    encoding: str,
    copy: TextFile,
    on_progress: Callable[[int], None],
    chunk_size: int,
    formats: FormatConfig,
    note: Callable[[str], None],
) -> Document:
    """Append a text to `copy` and remember what its readers must know; refuse what is no text."""
    digest, start = hashlib.sha256(), copy.size
    position = 0
    begin, end, blank = 0, -1, True  # of the body; the end is -1 where no line end came after the last word

    frames: list[int] = []
    with open_source(source) as file:
        mail = None if formats.raw else _mail_in(source, file)
        if mail is not None:
            texts = mail.texts(_blocks(source, file, on_progress, chunk_size), encoding)
        else:
            texts = decode(source, file, encoding, on_progress, note, chunk_size)
            texts = without_frame(texts, frames.append, bool(formats.raw))
        found, texts = formatted(source.path, texts, formats, mail.passed if mail else None)
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
    if frames:
        found.passed[FRAME] += 1
    body = (0, 0) if blank else (begin, position if end < 0 else end)
    return Document(source.path, Passage(copy, start, copy.size, position), digest.hexdigest(), body, found)


def _mail_in(source: Source, file: BinaryIO) -> Mail | None:
    """What reads a file that is mail."""
    if source.path.suffix.lower() not in (".eml", ".mbox") or is_pipe(source.path):
        return None
    from nextword.text.mail import mail_in

    start = read_bytes(source, file, 1024)
    file.seek(0)
    return mail_in(source.path, start)


def _blocks(source: Source, file: BinaryIO, on_progress: Callable[[int], None], chunk_size: int) -> Iterator[bytes]:
    """The bytes of a file, some at a time."""
    while block := read_bytes(source, file, chunk_size):
        yield block
        on_progress(len(block))


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

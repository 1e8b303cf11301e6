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

from nextword.errors import CorpusError
from nextword.text.decoding import NotTextError, check_encoding, decode
from nextword.text.gutenberg import without_frame
from nextword.text.sources import STDIN, Source, find_sources, open_source, size_of, source_name
from nextword.text.spool import CHUNK_SIZE, TextFile

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
    remarks: list[str] = field(default_factory=list)  # sentences on what was read, each for a note

    @property
    def notes(self) -> list[str]:
        """All that the user should know about how it was read."""
        return [*([f"Passed over: {'; '.join(self.skipped)}."] if self.skipped else []), *self.remarks]

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
    paths: Sequence[Path],
    encoding: str = "utf-8",
    on_progress: Callable[[int, int], None] | None = None,
    chunk_size: int = CHUNK_SIZE,
    raw: bool = False,
) -> Corpus:
    """Find, check and copy files, and the text files in folders and their subfolders.

    What is named outright must be readable text; it may be a pipe. Inside a folder, hidden files, links to files
    already read and files that are not text are passed over and listed in `Corpus.skipped`.

    Args:
        paths: Files, folders and pipes; `sources.STDIN` is standard input.
        encoding: Of all of them.
        on_progress: Called with the bytes checked so far and those there are.
        chunk_size: Bytes read at once, now and later.
        raw: Whether nothing is left out of a text, such as the licence of Project Gutenberg.

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

    copy, refusal = TextFile(chunk_size), None
    for source in sources:
        remarks: list[str] = []
        try:
            corpus.documents.append(_copied(source, encoding, copy, checked, chunk_size, raw, remarks.append))
        except CorpusError as error:
            if source.outright:
                raise _explained(error) from error
            refusal = refusal or error
            skipped.append(error.message)
        else:
            corpus.remarks.extend(remarks)
    if all(document.is_blank for document in corpus.documents):
        names = ", ".join(map(source_name, paths))
        reason = f"no text {'on' if list(paths) == [STDIN] else 'in'} {names}"
        if refusal and not corpus.documents:
            raise CorpusError(f"{reason}: {refusal.message}", _explained(refusal).hint)
        raise CorpusError(reason, "A corpus needs a few hundred words at least, as plain text files.")
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
    raw: bool,
    note: Callable[[str], None],
) -> Document:
    """Append a text to `copy` and remember what its readers must know; refuse what is no text."""
    digest, start = hashlib.sha256(), copy.size
    position = 0
    begin, end, blank = 0, -1, True  # of the body; the end is -1 where no line end came after the last word

    def left_out(characters: int) -> None:
        what = f"the header and the licence of Project Gutenberg are left out, {characters:,} characters"
        note(f"{source.name}: {what}; --raw keeps them.")

    with open_source(source) as file:
        for text in without_frame(decode(source, file, encoding, on_progress, note, chunk_size), left_out, raw):
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
    return Document(source.path, Passage(copy, start, copy.size, position), digest.hexdigest(), body)


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

"""Reading text: files and folders to documents, and a part of them held out for validation.

Decides what is refused (and says why, with file and byte offset) and what is passed over with a note. Knows
nothing of words or models.
"""

from __future__ import annotations

import codecs
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nextword.errors import CorpusError

DEFAULT_CORPUS = "everyday"
_BLANK_LINES = re.compile(r"(\n[^\S\n]*\n\s*)")
_BYTE_ORDER_MARKS = {codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16"}
_HOLD_OUT_BY_DOCUMENT = 20  # with fewer documents than this, paragraphs are held out instead
_BLOCKS_HELD_OUT = 5  # stretches of paragraphs held out of one long text, spread over it


@dataclass(frozen=True)
class Document:
    """One file's text, line ends as LF, without byte order mark."""

    path: Path
    text: str


@dataclass(frozen=True)
class Corpus:
    """The documents that were read, in order of their paths, and what was passed over."""

    documents: list[Document]
    skipped: list[str]  # "path: reason", for one note to the user

    @property
    def digest(self) -> str:
        """SHA-256 over the texts, in order: two corpora with the same digest train the same model."""
        digest = hashlib.sha256()
        for document in self.documents:
            encoded = document.text.encode("utf-8", "surrogatepass")
            digest.update(b"%d\n" % len(encoded))
            digest.update(encoded)
        return digest.hexdigest()


def default_corpus() -> Path:
    """Folder of the text that ships with nextword, from the installed package or from a checkout."""
    package = Path(__file__).parent
    for folder in (package / "corpora" / DEFAULT_CORPUS, package.parent / "corpora" / DEFAULT_CORPUS):
        if folder.is_dir():
            return folder
    raise CorpusError("the default corpus is not part of this installation", "Name a text: nextword train book.txt")


def read_corpus(paths: Sequence[Path], encoding: str = "utf-8") -> Corpus:
    """Read files, and the text files in folders and their subfolders.

    A file named outright must be readable text. Inside a folder, hidden files, links to files already read and
    files that are not text are passed over and listed in `Corpus.skipped`.

    Raises:
        CorpusError: A path does not exist, cannot be read, is not text in `encoding`, or all of it is blank.
    """
    _check_encoding(encoding)
    documents: list[Document] = []
    skipped: list[str] = []
    seen: set[Path] = set()
    for path in paths:
        for file in _files_in(path) if path.is_dir() else [path]:
            real = file.resolve()
            if real in seen:
                skipped.append(f"{file}: already read")
                continue
            seen.add(real)
            try:
                documents.append(Document(file, read_text(file, encoding)))
            except CorpusError as error:
                if file == path:
                    raise
                skipped.append(error.message)
    if not any(document.text and not document.text.isspace() for document in documents):
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
    try:
        if not path.is_file():
            what = "is not a regular file" if path.exists() else "does not exist"
            raise CorpusError(f"{path} {what}", "Name text files or folders of them.")
        raw = path.read_bytes()
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror}", "Check its permissions.") from error
    for mark, name in _BYTE_ORDER_MARKS.items():
        if raw.startswith(mark) and encoding == "utf-8":
            raise CorpusError(f"{path} has a {name} byte order mark", f"Say so: --encoding {name.lower()}")
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        hint = "Is it a text file? If it has another encoding, name it: --encoding latin-1"
        raise CorpusError(f"{path} is not {encoding} text (byte {error.start})", hint) from error
    if (nul := text.find("\0")) >= 0:
        raise CorpusError(f"{path} is not a text file (NUL at character {nul})", "Name plain text files.")
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def split_corpus(documents: Sequence[Document], fraction: float) -> tuple[list[str], list[str]]:
    """Hold out about `fraction` of the text for validation: whole documents where there are many, else paragraphs.

    What is held out is spread evenly over the corpus and depends on nothing but the text. Paragraphs are held out
    in stretches, so that most of them still have the paragraph before them for context.

    Returns:
        (training texts, validation texts)

    Raises:
        CorpusError: The text is a single paragraph.
    """
    texts = [document.text for document in documents if document.text.strip()]
    if len(texts) >= _HOLD_OUT_BY_DOCUMENT:
        units = texts
    else:
        units = [piece for text in texts for piece in _stretches(text, fraction)]
    period = round(1 / fraction)
    held_out = set(range(period // 2, len(units), period)) or {len(units) - 1}
    if len(units) < 2:
        raise CorpusError(
            f"{documents[0].path} is too short to hold a part out for validation",
            "Give it at least two paragraphs, a blank line between them, or name a text to validate on: --valid FILE",
        )
    train = [text for index, text in enumerate(units) if index not in held_out]
    return train, [units[index] for index in sorted(held_out)]


def held_out_text(fraction: float) -> list[str]:
    """What training on the text that ships with nextword holds out for validation."""
    return split_corpus(read_corpus([default_corpus()]).documents, fraction)[1]


def _stretches(text: str, fraction: float) -> Iterator[str]:
    """`text` cut after blank lines (if it has none: after any line) into stretches of about equal length.

    There are so many of them that `_BLOCKS_HELD_OUT` make up `fraction` of the text.
    """
    text = re.sub(r"\A\s*\n|\n\s*\Z", "", text)
    pieces = _BLANK_LINES.split(text)  # paragraph, blank lines, paragraph, blank lines, ..., paragraph
    if len(pieces) == 1:
        paragraphs = text.splitlines(keepends=True)
    else:
        paragraphs = [left + right for left, right in zip(pieces[::2], [*pieces[1::2], ""], strict=True)]
    target = len(text) * fraction / _BLOCKS_HELD_OUT
    gathered: list[str] = []
    length = 0
    for paragraph in paragraphs:
        gathered.append(paragraph)
        length += len(paragraph)
        if length >= target:
            yield "".join(gathered)
            gathered, length = [], 0
    if "".join(gathered).strip():
        yield "".join(gathered)

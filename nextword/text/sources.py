"""Where text comes from: files, the files in folders, and pipes, standard input among them."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

from nextword.errors import CorpusError

STDIN = Path("-")


class Source(NamedTuple):
    """One text to be read."""

    path: Path
    outright: bool  # whether it was named itself, rather than a folder that it is in

    @property
    def name(self) -> str:
        """What messages call it."""
        return source_name(self.path)


def source_name(path: Path) -> str:
    """What messages call a text that was named so."""
    return "standard input" if path == STDIN else str(path)


def is_pipe(path: Path) -> bool:
    """Whether a text can be read once only: standard input, a named pipe, a process substitution of the shell."""
    if path == STDIN:
        return True
    try:
        return stat.S_ISFIFO(path.stat().st_mode)
    except OSError:
        return False


def find_sources(paths: Sequence[Path]) -> tuple[list[Source], list[str]]:
    """The texts that `paths` name, and what is left out of them: "path: reason"."""
    found: dict[Path, Source] = {}  # by where links lead
    skipped = []
    for path in paths:
        for file in _files_in(path) if path != STDIN and path.is_dir() else [path]:
            # Unlike Path.resolve, realpath is not troubled by a link that leads to itself.
            real = STDIN if file == STDIN else Path(os.path.realpath(file))
            if real in found:
                skipped.append(f"{source_name(file)}: already read")
            else:
                found[real] = Source(file, file == path)
    return list(found.values()), skipped


def _files_in(folder: Path) -> Iterator[Path]:
    """The files below `folder` in a fixed order, hidden ones and linked folders left out."""
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(parent, name) for name in sorted(files) if not name.startswith("."))


@contextlib.contextmanager
def open_source(source: Source) -> Iterator[BinaryIO]:
    """The bytes of a text; of what is neither a file nor a pipe that was named outright, some never end.

    Raises:
        CorpusError: It is not there, or cannot be opened.
    """
    path = source.path
    if path == STDIN:
        yield sys.stdin.buffer
        return
    try:
        if not (path.is_file() or (source.outright and is_pipe(path))):
            what = "is not a regular file" if path.exists() else "does not exist"
            raise CorpusError(f"{path} {what}", "Name text files or folders of them.")
        file = path.open("rb")
    except OSError as error:
        raise _unreadable(source, error) from error
    with file:
        yield file


def read_bytes(source: Source, file: BinaryIO, size: int) -> bytes:
    """The next bytes of an open source, `size` of them unless it ends before. Raises `CorpusError` if it cannot."""
    try:
        return file.read(size)
    except OSError as error:
        raise _unreadable(source, error) from error


def size_of(source: Source) -> int:
    """Bytes of a file; 0 where that cannot be told."""
    try:
        return source.path.stat().st_size
    except OSError:
        return 0


def _unreadable(source: Source, error: OSError) -> CorpusError:
    return CorpusError(f"{source.name} cannot be read: {error.strerror}", "Check its permissions.")

"""Temporary files without a name: the operating system frees them with their last user, however the process ends."""

from __future__ import annotations

import errno
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from nextword.errors import StorageError

CHUNK_SIZE = 1 << 20  # bytes of a text read at once


@contextmanager
def disk_errors(what: str) -> Iterator[None]:
    """Say which folder is full or not writable when `what` cannot be written there: a `StorageError`."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOMEM:  # of mapping the file; whoever catches that says so
            raise
        place = ""
        with suppress(OSError):  # where there is no such folder, the error says so
            place = f" to {tempfile.gettempdir()}"
        reason = f"{what} cannot be written{place}: {error.strerror}"
        raise StorageError(reason, "Make room there, or name another folder: export TMPDIR=FOLDER") from error


@contextmanager
def spool() -> Iterator[IO[bytes]]:
    """A temporary file for ids.

    Raises:
        StorageError: The temporary folder is full or not writable.
    """
    with disk_errors("the ids of the text"), tempfile.TemporaryFile(prefix="nextword-") as file:
        yield file


class TextFile:
    """Text as UTF-8 in a temporary file that lives as long as this object: written once, read as often as asked.

    Args:
        chunk_size: Bytes read at once, about.

    Attributes:
        size: Bytes written.

    Raises:
        StorageError: The temporary folder is full or not writable; also while text is appended.
    """

    def __init__(self, chunk_size: int = CHUNK_SIZE) -> None:
        self._chunk_size, self.size = chunk_size, 0
        with disk_errors("a copy of the text"):
            # Without a buffer nothing is left to be written when it is closed, which could fail once more.
            self._file = tempfile.TemporaryFile(prefix="nextword-", buffering=0)  # noqa: SIM115
        weakref.finalize(self, self._file.close)

    def append(self, content: bytes) -> None:
        """Write UTF-8, of whole characters, behind all that was written."""
        rest = memoryview(content)
        with disk_errors("a copy of the text"):
            self._file.seek(self.size)
            while rest:
                rest = rest[self._file.write(rest) :]
        self.size += len(content)

    def chunks(self, begin: int, end: int) -> Iterator[str]:
        """The text from byte `begin` to `end`, which both stand between characters."""
        while begin < end:
            self._file.seek(begin)
            block = self._file.read(min(self._chunk_size + 3, end - begin))
            length = min(self._chunk_size, len(block))
            while length < len(block) and block[length] & 0xC0 == 0x80:  # inside a character, of four bytes at most
                length += 1
            yield block[:length].decode("utf-8", "surrogatepass")
            begin += length

"""Ids on their way into the model: a memory-mapped file of them, streams side by side, windows.

Knows numpy arrays of ids and nothing of words, models or torch.
"""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import IO

import numpy as np
from numpy.typing import NDArray

from nextword.errors import StorageError

_PORTION = 1 << 20  # ids handled at once


@contextmanager
def spool() -> Iterator[IO[bytes]]:
    """A temporary file without a name: the operating system frees it, however the process ends.

    Raises:
        StorageError: The temporary folder is full or not writable.
    """
    try:
        with tempfile.TemporaryFile(prefix="nextword-") as file:
            yield file
    except OSError as error:
        if error.errno == errno.ENOMEM:  # of mapping the file; whoever catches that says so
            raise
        place = ""
        with suppress(OSError):  # where there is no such folder, the error says so
            place = f" to {tempfile.gettempdir()}"
        reason = f"the ids of the text cannot be written{place}: {error.strerror}"
        raise StorageError(reason, "Make room there, or name another folder: export TMPDIR=FOLDER") from error


def write_ids(file: IO[bytes], portions: Iterable[NDArray[np.int32]]) -> int:
    """Append all `portions` to `file` and return how many ids the file holds."""
    for portion in portions:
        file.write(portion.astype(np.int32, copy=False).data)
    file.flush()
    return file.tell() // np.dtype(np.int32).itemsize


def read_ids(file: IO[bytes]) -> Iterator[NDArray[np.int32]]:
    """The ids in `file` from its start, a million at a time; unlike a memory map, none of it stays in memory."""
    file.seek(0)
    while len(portion := np.fromfile(file, np.int32, _PORTION)):
        yield portion


def count_ids(ids: NDArray[np.int32], vocabulary_size: int) -> NDArray[np.int64]:
    """(vocabulary_size,) how often each id occurs in `ids`, (N,), of which little is in memory at once."""
    counts = np.zeros(vocabulary_size, np.int64)
    for begin in range(0, len(ids), _PORTION):
        counts += np.bincount(ids[begin : begin + _PORTION], minlength=vocabulary_size)
    return counts


class TokenFile:
    """Token ids in an unnamed temporary file, read through a memory map, so that a corpus need not fit in memory.

    The operating system frees the file with the last view of `ids`, however the process ends.

    Attributes:
        ids: (N,) int32, read-only.
    """

    def __init__(self, portions: Iterable[NDArray[np.int32]]) -> None:
        """Write all `portions` one after the other.

        Raises:
            StorageError: The temporary folder is full or not writable.
        """
        self.ids: NDArray[np.int32] = np.empty(0, np.int32)
        with spool() as file:
            if size := write_ids(file, portions):
                self.ids = np.memmap(file, dtype=np.int32, mode="r", shape=(size,))  # lives on without the file

    def __len__(self) -> int:
        return len(self.ids)

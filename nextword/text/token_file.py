"""Token ids in temporary files: written and read in chunks, and a memory-mapped file of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO

import numpy as np
from numpy.typing import NDArray

from nextword.text.spool import spool

CHUNK_LENGTH = 1 << 20  # ids handled at once


def write_ids(file: IO[bytes], chunks: Iterable[NDArray[np.int32]]) -> int:
    """Append all `chunks` to `file` and return how many ids the file holds."""
    for chunk in chunks:
        file.write(chunk.astype(np.int32, copy=False).data)
    file.flush()
    return file.tell() // np.dtype(np.int32).itemsize


def read_ids(file: IO[bytes], chunk_length: int = CHUNK_LENGTH) -> Iterator[NDArray[np.int32]]:
    """The ids in `file` from its start, some at a time; unlike a memory map, none of it stays in memory."""
    file.seek(0)
    while len(chunk := np.fromfile(file, np.int32, chunk_length)):
        yield chunk


def count_ids(ids: NDArray[np.int32], vocabulary_size: int, chunk_length: int = CHUNK_LENGTH) -> NDArray[np.int64]:
    """(vocabulary_size,) how often each id occurs in `ids`, (N,), of which little is in memory at once."""
    counts = np.zeros(vocabulary_size, np.int64)
    for begin in range(0, len(ids), chunk_length):
        counts += np.bincount(ids[begin : begin + chunk_length], minlength=vocabulary_size)
    return counts


class TokenFile:
    """Token ids in an unnamed temporary file, read through a memory map, so that a corpus need not fit in memory.

    The operating system frees the file with the last view of `ids`, however the process ends.

    Attributes:
        ids: (N,) int32, read-only.
    """

    def __init__(self, chunks: Iterable[NDArray[np.int32]]) -> None:
        """Write all `chunks` one after the other.

        Raises:
            StorageError: The temporary folder is full or not writable.
        """
        self.ids: NDArray[np.int32] = np.empty(0, np.int32)
        with spool() as file:
            if size := write_ids(file, chunks):
                self.ids = np.memmap(file, dtype=np.int32, mode="r", shape=(size,))  # lives on without the file

    def __len__(self) -> int:
        return len(self.ids)

"""A text's ids as the network learns from them: streams side by side, a window of a few steps at a time.

Letters in shapes: N ids, T steps, B streams.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


def batchify(ids: NDArray[np.int32], batch_size: int) -> NDArray[np.int32]:
    """Cut one long text into `batch_size` streams and set them side by side.

        a b c d e f g h i j k l m   with 3 streams   ->   a e i
                                                          b f j
                                                          c g k
                                                          d h l      (m is left over)

    Reading a row at a time reads all streams at once, and each stream goes on, row after row, where it was: that
    is what lets the LSTM's state be carried from window to window.

    Args:
        ids: (N,) token ids.
        batch_size: Number of streams B.

    Returns:
        (N // B, B) a view with streams as columns.
    """
    length = len(ids) // batch_size
    return ids[: length * batch_size].reshape(batch_size, length).T


class Window(NamedTuple):
    """A few steps of every stream: from each input the model is to predict the target at the same place."""

    inputs: NDArray[np.int64]  # (T, B)
    targets: NDArray[np.int64]  # (T, B): the inputs, one step on


def windows(streams: NDArray[np.int32], bptt: int) -> Iterator[Window]:
    """Consecutive windows of `bptt` steps (the last may be shorter) over `streams`, (N, B).

    Truncated back-propagation through time (Williams and Peng 1990): the gradient stays inside a window, the
    state goes on into the next.
    """
    for begin in range(0, len(streams) - 1, bptt):
        rows = streams[begin : begin + bptt + 1].astype(np.int64)
        yield Window(rows[:-1], rows[1:])


def window_count(token_count: int, batch_size: int, bptt: int) -> int:
    """How many windows `windows` makes of `token_count` ids in `batch_size` streams."""
    return max(0, -(-(token_count // batch_size - 1) // bptt))

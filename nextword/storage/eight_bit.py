"""Matrices of 8-bit numbers with a scale for each row: a quarter of the memory of 32-bit ones.

A product with a vector waits for memory more than it computes; widened block by block in the processor's cache, such a
matrix is multiplied in half the time that the 32-bit one takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

_LARGEST = 127  # a row's largest number, as a multiple of its scale
_BLOCK = 1 << 18  # numbers widened at once (a megabyte)


@dataclass(frozen=True)
class EightBitMatrix:
    """A matrix (R, C) of which row r is `scales[r] * numbers[r]`.

    Attributes:
        numbers: (R, C) from -127 to 127.
        scales: (R,)
    """

    numbers: NDArray[np.int8]
    scales: Array

    @classmethod
    def of(cls, values: Array) -> EightBitMatrix:
        """The nearest to `values`, (R, C). Of one that was widened before, exactly the same."""
        largest = np.abs(values).max(axis=1, initial=0)
        # 16 bits of fraction and the 7 of a number fit a 32-bit float: what is widened is not rounded.
        bits = (largest / np.float32(_LARGEST)).astype(np.float32).view(np.uint32) + np.uint32(0x80)
        scales = (bits & np.uint32(0xFFFFFF00)).view(np.float32)
        numbers = np.divide(values, scales[:, None], out=np.zeros_like(values), where=scales[:, None] > 0)
        return cls(np.rint(numbers).clip(-_LARGEST, _LARGEST).astype(np.int8), scales)

    def __getitem__(self, rows: NDArray[np.intp]) -> Array:
        """(N, C) the rows of these numbers, as 32-bit numbers."""
        widened: Array = self.numbers[rows] * self.scales[rows][:, None]
        return widened

    def __len__(self) -> int:
        return len(self.numbers)

    def widened(self) -> Array:
        """(R, C) all of it as 32-bit numbers."""
        widened: Array = np.multiply(self.numbers, self.scales[:, None], dtype=np.float32)
        return widened

    def product(self, vectors: Array) -> Array:
        """`vectors`, (C,) or (B, C), times the transposed matrix: (R,) or (B, R)."""
        rows, columns = self.numbers.shape
        height = max(1, _BLOCK // columns)
        block = np.empty((min(height, rows), columns), np.float32)
        product: Array = np.empty((*vectors.shape[:-1], rows), np.float32)
        for begin in range(0, rows, height):
            numbers = self.numbers[begin : begin + height]
            widened = block[: len(numbers)]
            np.copyto(widened, numbers)
            product[..., begin : begin + height] = vectors @ widened.T
        product *= self.scales
        return product


class Weights(Mapping[str, Array]):
    """A network's parameters by name, all as 32-bit numbers.

    Args:
        stored: What they are in memory. Those in 8 bits are widened whenever they are asked for, and not kept.
    """

    def __init__(self, stored: Mapping[str, Array | EightBitMatrix]) -> None:
        self.stored = stored

    def __getitem__(self, name: str) -> Array:
        values = self.stored[name]
        return values.widened() if isinstance(values, EightBitMatrix) else values

    def __iter__(self) -> Iterator[str]:
        return iter(self.stored)

    def __len__(self) -> int:
        return len(self.stored)

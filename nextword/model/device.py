"""The machine: where to compute, in which number format, and how memory is kept."""

from __future__ import annotations

import contextlib
import ctypes
import math
import sys
import time
from collections.abc import Iterator

import torch

from nextword.errors import UsageError

_SHAPE = 512, 512, 2048  # rows, inner length, columns of the product that is timed
_CPU = torch.device("cpu")


def keep_freed_memory() -> None:
    """Ask the C library to keep freed memory for the next window, where it is glibc.

    Every window needs the same few megabytes anew; given back to the system each time, their page faults take a tenth
    of the training time.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            tune = ctypes.CDLL("libc.so.6").mallopt
            trim_threshold, mmap_threshold = -1, -3  # malloc.h
            tune(mmap_threshold, 32 * 2**20)
            tune(trim_threshold, 2**31 - 1)


@contextlib.contextmanager
def threads_restored() -> Iterator[None]:
    """Whatever number of threads is set meanwhile, in the end it is what it was."""
    threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def find_device(name: str) -> torch.device:
    """The device of that name: `cpu`, `cuda`, or `auto` for a GPU where there is one.

    Raises:
        UsageError: There is no such device.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise UsageError(f"the device is {name!r}; it must be auto, cpu or cuda", "Let it be chosen: --device auto")
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise UsageError("there is no CUDA device on this machine", "Use the processor: --device cpu")
    return torch.device("cuda" if name != "cpu" and available else "cpu")


def product_format(name: str, device: torch.device) -> torch.dtype:
    """Number format of the matrix products; `auto` takes bf16 where the hardware multiplies it much faster."""
    if name != "auto":
        return torch.bfloat16 if name == "bf16" else torch.float32
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    # Hardware with bf16 instructions is 3 to 8 times as fast with them, hardware without several times slower: a
    # look at the clock tells the two apart on the busiest machine.
    return (
        torch.bfloat16
        if _seconds_of_product(torch.float32) > 1.5 * _seconds_of_product(torch.bfloat16)
        else torch.float32
    )


def product_speed(dtype: torch.dtype, device: torch.device) -> float:
    """Floating-point operations a second of a matrix product of typical size."""
    return 2 * math.prod(_SHAPE) / max(_seconds_of_product(dtype, device), 1e-9)


def _seconds_of_product(dtype: torch.dtype, device: torch.device = _CPU) -> float:
    """The shortest of a few times that a matrix product of typical size takes."""
    rows, inner, columns = _SHAPE
    left = torch.ones(rows, inner, dtype=dtype, device=device)
    right = torch.ones(inner, columns, dtype=dtype, device=device)
    times = []
    for _ in range(6):
        began = time.perf_counter()
        product = torch.mm(left, right)
        product[0, 0].item()  # on a GPU, waits until it is there
        times.append(time.perf_counter() - began)
    return min(times)


def format_name(dtype: torch.dtype) -> str:
    """What `--precision` calls a number format."""
    return "bf16" if dtype == torch.bfloat16 else "fp32"

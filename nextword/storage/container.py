"""The container of all of nextword's files: named arrays and strings, with a digest over every byte.

A file is in the safetensors format: eight bytes of header length, a JSON header, the tensors. The strings stand in the
header's `__metadata__`; one of them is the `format`, which says what kind of file it is, another the `digest`, the
SHA-256 of the whole file with these 64 characters set to '0'. Pickle is never read or written.

Reading is made for files that somebody else made: a file that is refused has taken its own size in memory, and at most
200 MB for what stands in its header, which `MAX_HEADER` and `strict_json` bound.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, NoReturn

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from nextword.errors import CheckpointError, NextwordError, OutOfMemoryError, UsageError
from nextword.storage.atomic import write_atomically
from nextword.storage.locations import SUFFIX
from nextword.storage.strict import strict_json

MAX_HEADER = 1 << 23  # bytes; a word takes some 20, and as much again where its form is kept
_MAX_AXES = 8  # axes of a tensor
_MAX_REASON_LENGTH = 300  # characters of an error message that may come from the file
_NO_DIGEST = "0" * 64
_DAMAGE = (AttributeError, KeyError, OverflowError, RecursionError, TypeError, ValueError, NextwordError)
_STORED: dict[str, Any] = {
    "F16": np.float16,
    "F32": np.float32,
    "F64": np.float64,
    "I32": np.int32,
    "I64": np.int64,
    "I8": np.int8,
    "U8": np.uint8,
}


class FileKind(NamedTuple):
    """What a kind of file in this format is called, and what is said and done about it."""

    name: str
    missing: str  # what mends that there is no such file, or none that can be read
    damaged: str  # what mends a file that cannot be used
    unwritable: str  # what mends a folder that cannot be written
    too_long: str  # what mends that a file would hold too many words
    mode: int = 0o666  # permissions of a new file, before the umask
    largest: float = math.inf  # bytes that are read


def write_container(path: Path, tensors: dict[str, NDArray[Any]], metadata: dict[str, str], kind: FileKind) -> str:
    """Write named arrays and strings to `path`, with a digest over all of it, and return the digest.

    Raises:
        StorageError: The folder cannot be written or the disk is full; what was at `path` is untouched.
        UsageError: The strings are too long to be read again; likewise.
    """
    content = _serialize(tensors, {**metadata, "digest": _NO_DIGEST})
    if int.from_bytes(content[:8], "little") > MAX_HEADER:
        raise UsageError(f"{path} would hold too many words to be read again", kind.too_long)
    digest = hashlib.sha256(content).hexdigest()
    content = content.replace(_digest_entry(_NO_DIGEST), _digest_entry(digest), 1)
    write_atomically(path, content, kind.unwritable, kind.mode)
    return digest


def read_container(
    path: Path, file_format: str, kind: FileKind, other: str = ""
) -> tuple[dict[str, str], dict[str, NDArray[Any]]]:
    """The strings and the arrays of a file that `write_container` wrote, after its digest was verified.

    Args:
        path: The file.
        file_format: What its `format` string must be.
        kind: What messages call it, and how large it may be.
        other: Another one that its `format` may be.

    Raises:
        CheckpointError: The file is missing, not of this kind, damaged, or of a format this version cannot read.
    """
    with _open_regular_file(path, kind) as file:
        size = os.fstat(file.fileno()).st_size
        encoded = _read_header(file, size, path, kind)
        with refusing_damage(path, kind, "is not a"):
            header = strict_json(encoded)
            metadata = dict(header.pop("__metadata__"))
            if not all(isinstance(value, str) for value in metadata.values()):
                raise ValueError("metadata is not text")
        if (found := metadata.get("format", "")) not in (file_format, other or file_format):
            raise CheckpointError(
                f"{path} has the format {found[:_MAX_REASON_LENGTH]!r}; this version reads {max(file_format, other)!r}",
                "Upgrade nextword: pip install --upgrade nextword",
            )
        size -= 8 + len(encoded)
        with refusing_damage(path, kind):
            layout = _layout(header, size)
        body = _read_exactly(file, size, path, kind)
        if file.read(1):
            _refuse(path, "changed while it was read", kind)
    _verify_digest(path, (encoded, body), metadata.get("digest", ""), kind)
    with refusing_damage(path, kind):
        return metadata, {
            name: np.frombuffer(body, dtype, math.prod(shape), begin).reshape(shape)
            for name, (dtype, shape, begin) in layout.items()
        }


@contextlib.contextmanager
def refusing_damage(path: Path, kind: FileKind, verdict: str = "is not a whole") -> Iterator[None]:
    """Whatever goes wrong when the parts of the file `path` are put together becomes a `CheckpointError`."""
    try:
        yield
    except CheckpointError as error:  # which says itself what mends it
        raise CheckpointError(f"{path} {error.message}", error.hint) from error
    except _DAMAGE as error:
        reason = str(error)
        shown = reason if len(reason) <= _MAX_REASON_LENGTH else reason[:_MAX_REASON_LENGTH] + "..."
        _refuse(path, f"{verdict} {kind.name} ({shown})", kind, error)
    except MemoryError as error:
        raise OutOfMemoryError(f"reading {path} takes more memory than there is") from error


def _digest_entry(digest: str) -> bytes:
    """How the digest stands in the header. Inside the other strings every quote is escaped, so it is found once."""
    return f'"digest":"{digest}"'.encode()


def _serialize(tensors: dict[str, NDArray[Any]], metadata: dict[str, str]) -> bytes:
    """The safetensors bytes. The library writes metadata in random order; equal input must give equal files."""
    plain = safetensors.numpy.save(tensors)
    length = int.from_bytes(plain[:8], "little")
    header = {"__metadata__": metadata, **json.loads(plain[8 : 8 + length])}
    encoded = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 8)
    return len(encoded).to_bytes(8, "little") + encoded + plain[8 + length :]


def _refuse(path: Path, reason: str, kind: FileKind, cause: BaseException | None = None) -> NoReturn:
    raise CheckpointError(f"{path} {reason}", kind.damaged) from cause


def _open_regular_file(path: Path, kind: FileKind) -> BinaryIO:
    """The file, opened once, so that what was looked at is what is read; without waiting for the writer of a pipe."""
    flags = os.O_RDONLY
    for name in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY"):
        flags |= getattr(os, name, 0)
    try:
        descriptor = os.open(path, flags)
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        whole_name = f"{path}{SUFFIX}"
        hint = f"Did you mean {whole_name}?" if os.path.isfile(whole_name) else kind.missing
        raise CheckpointError(f"{path} does not exist", hint) from error
    except OSError as error:
        if path.exists() and not path.is_file():
            raise CheckpointError(f"{path} is not a regular file", kind.missing) from error
        raise CheckpointError(f"{path} cannot be read: {error.strerror}", "Check its permissions.") from error
    facts = os.fstat(descriptor)
    if stat.S_ISREG(facts.st_mode) and facts.st_size <= kind.largest:
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISREG(facts.st_mode):
        _refuse(path, f"is too large for a {kind.name}", kind)
    raise CheckpointError(f"{path} is not a regular file", kind.missing)


def _read_exactly(file: BinaryIO, size: int, path: Path, kind: FileKind) -> bytearray:
    """The next `size` bytes, in one allocation of just that size."""
    try:
        content = bytearray(size)
        count = file.readinto(content)  # type: ignore[attr-defined]
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}", "Check the disk.") from error
    except MemoryError as error:
        raise OutOfMemoryError(f"{path} needs {size:,} bytes of memory, more than there are") from error
    if count != size:
        _refuse(path, "changed while it was read", kind)
    return content


def _read_header(file: BinaryIO, size: int, path: Path, kind: FileKind) -> bytearray:
    """The JSON header's bytes, where it is no longer than the file, or than a header can be."""
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > min(size - 8, MAX_HEADER):
        _refuse(path, f"is not a {kind.name}, or not all of one", kind)
    return _read_exactly(file, length, path, kind)


def _verify_digest(path: Path, parts: tuple[bytearray, bytearray], digest: str, kind: FileKind) -> None:
    header, body = parts
    entry = _digest_entry(digest) if re.fullmatch("[0-9a-f]{64}", digest) else b""
    if not entry or header.count(entry) != 1:
        _refuse(path, "has no digest", kind)
    begin = header.index(entry)
    blanked = hashlib.sha256(len(header).to_bytes(8, "little"))
    for part in (header[:begin], _digest_entry(_NO_DIGEST), header[begin + len(entry) :], body):
        blanked.update(part)
    if blanked.hexdigest() != digest:
        _refuse(path, "is damaged: its digest does not match its content", kind)


def _layout(header: dict[str, Any], size: int) -> dict[str, tuple[Any, tuple[int, ...], int]]:
    """Type, shape and first byte of every tensor, if together they fill `size` bytes without hole and overlap.

    Raises:
        AttributeError, KeyError, TypeError, ValueError: They do not; the message names the tensor.
    """
    layout, places = {}, []
    for name, entry in header.items():
        if entry.keys() != {"dtype", "shape", "data_offsets"} or entry["dtype"] not in _STORED:
            raise ValueError(f"{name} is of type {entry.get('dtype')}")
        dtype, shape, (begin, end) = np.dtype(_STORED[entry["dtype"]]), entry["shape"], entry["data_offsets"]
        right = len(shape) <= _MAX_AXES and all(type(n) is int and 0 <= n <= size for n in (*shape, begin, end))
        if not right or end - begin != math.prod(shape) * dtype.itemsize or begin % dtype.itemsize:
            raise ValueError(f"{name} cannot have this shape at this place")
        layout[name] = dtype, tuple(shape), begin
        places.append((begin, end))
    place = 0
    for begin, end in sorted(places):
        if begin != place:
            raise ValueError(f"the tensors overlap, or leave a hole, at byte {min(begin, place)}")
        place = end
    if place != size:
        raise ValueError(f"the tensors have {place:,} bytes, the file has {size:,} for them")
    return layout

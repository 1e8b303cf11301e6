"""The checkpoint: one self-contained file, written whole or not at all, verified before anything in it is used.

The file is in the safetensors format: eight bytes of header length, a JSON header, the tensors. The header's
`__metadata__` holds, as strings:

    format      "nextword/1"
    config      the ModelConfig, as JSON
    tokenizer   the `tokenizers` JSON
    vocabulary  what nextword adds to it (scheme, casing, surface forms), as JSON
    training    how it was trained: corpus digest, tokens, steps, perplexity, versions, seed, as JSON
    digest      SHA-256 of the whole file with these 64 characters set to '0'

`write_container` and `read_container` are this format without the meaning; `resume.py` and `session_store.py` keep
their files in it, too.
Pickle is never read or written. Knows the format; knows neither torch nor what a prediction is.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import secrets
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from nextword.config import ModelConfig
from nextword.errors import CheckpointError, NextwordError, StorageError
from nextword.tokenizer import WordTokenizer

FORMAT = "nextword/1"
SUFFIX = ".safetensors"
_NO_DIGEST = "0" * 64
_LARGEST_HEADER = 100_000_000  # the safetensors library's own limit
_STORED: dict[str, Any] = {
    "F16": np.float16,
    "F32": np.float32,
    "F64": np.float64,
    "I32": np.int32,
    "I64": np.int64,
    "I8": np.int8,
    "U8": np.uint8,
}


class Kind(NamedTuple):
    """What a kind of file in this format is called, and what is said and done about it."""

    name: str
    missing: str  # what mends that there is no such file, or none that can be read
    damaged: str  # what mends a file that cannot be used
    unwritable: str  # what mends a folder that cannot be written
    mode: int = 0o666  # permissions of a new file, before the umask
    largest: float = math.inf  # bytes that are read


CHECKPOINT = Kind(
    "checkpoint",
    missing="Name a checkpoint file, or make one: nextword train",
    damaged="Take another copy of it, or train it again: nextword train",
    unwritable="Choose another folder with --out, or make room.",
)


@dataclass(frozen=True)
class Checkpoint:
    """Everything needed to predict, and the story of how it came to be.

    Attributes:
        config: What the network is.
        tokenizer: Its words.
        tensors: Parameter name to values; 32-bit in memory, half precision on disk where every value fits.
        training: How it was trained; JSON values.
        path: The file it was read from or written to.
        digest: The file's own SHA-256 (see the module's docstring); empty if it was never on disk.
    """

    config: ModelConfig
    tokenizer: WordTokenizer
    tensors: dict[str, NDArray[np.float32]]
    training: dict[str, Any]
    path: Path = Path()
    digest: str = ""


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> str:
    """Write `checkpoint` to `path`, replacing what was there in one step, and return the file's digest.

    Raises:
        StorageError: The folder cannot be written or the disk is full; what was at `path` is untouched.
    """
    tokenizer, vocabulary = checkpoint.tokenizer.to_json()
    metadata = {
        "format": FORMAT,
        "config": json.dumps(asdict(checkpoint.config)),
        "tokenizer": tokenizer,
        "vocabulary": vocabulary,
        "training": json.dumps(checkpoint.training, ensure_ascii=False),
    }
    return write_container(path, {name: _halved(values) for name, values in checkpoint.tensors.items()}, metadata)


def write_container(
    path: Path, tensors: dict[str, NDArray[Any]], metadata: dict[str, str], kind: Kind = CHECKPOINT
) -> str:
    """Write named arrays and strings to `path`, with a digest over all of it, and return the digest.

    Raises:
        StorageError: The folder cannot be written or the disk is full; what was at `path` is untouched.
    """
    content = _serialise(tensors, {**metadata, "digest": _NO_DIGEST})
    digest = hashlib.sha256(content).hexdigest()
    content = content.replace(_digest_entry(_NO_DIGEST), _digest_entry(digest), 1)
    write_atomically(path, content, kind)
    return digest


def _halved(values: NDArray[np.float32]) -> NDArray[Any]:
    """`values` in half precision, unless one of them is too large for it."""
    return values.astype(np.float16) if np.abs(values).max(initial=0) < np.finfo(np.float16).max else values


def _digest_entry(digest: str) -> bytes:
    """How the digest stands in the header. Inside the other strings every quote is escaped, so it is found once."""
    return f'"digest":"{digest}"'.encode()


def _serialise(tensors: dict[str, NDArray[Any]], metadata: dict[str, str]) -> bytes:
    """The safetensors bytes. The library writes metadata in random order; equal input must give equal files."""
    plain = safetensors.numpy.save(tensors)
    length = int.from_bytes(plain[:8], "little")
    header = {"__metadata__": metadata, **json.loads(plain[8 : 8 + length])}
    encoded = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 8)
    return len(encoded).to_bytes(8, "little") + encoded + plain[8 + length :]


def write_atomically(path: Path, content: bytes, kind: Kind = CHECKPOINT) -> None:
    """Write a file so that a reader, or a power cut, sees the old content or the new and never a mix.

    Raises:
        StorageError: The operating system refused; nothing was changed and no temporary file is left.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        with contextlib.ExitStack() as undo:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
            descriptor = os.open(temporary, flags, kind.mode)
            undo.callback(temporary.unlink, missing_ok=True)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
            undo.pop_all()
        _sync_folder(path.parent)
    except OSError as error:
        reason = f"{path} cannot be written ({len(content):,} bytes): {error.strerror}"
        raise StorageError(reason, kind.unwritable) from error


def _sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut, where the system lets a folder be opened."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def user_data_folder() -> Path:
    """The folder where programs keep a user's data on this system, with nextword's name.

    Raises:
        StorageError: The system knows no home of this user.
    """
    try:
        if os.name == "nt":
            return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "nextword"
        if sys.platform == "darwin":
            return Path.home() / "Library" / "Application Support" / "nextword"
        return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "nextword"
    except RuntimeError as error:
        raise StorageError("this user has no home folder to keep data in", "Name one: export HOME=FOLDER") from error


def find_checkpoint(path: str | Path | None = None) -> Path:
    """The checkpoint to use: `path`, else $NEXTWORD_CHECKPOINT, else the newest in ./checkpoints or the user's data.

    Raises:
        CheckpointError: None was named and none is there.
    """
    named = path or os.environ.get("NEXTWORD_CHECKPOINT")
    if named:
        return Path(named)
    found = newest_checkpoint(Path("checkpoints"))
    if not found:
        with contextlib.suppress(StorageError):  # without a home there is no such folder
            found = newest_checkpoint(user_data_folder())
    if not found:
        raise CheckpointError("there is no checkpoint in ./checkpoints", "Make one: nextword train")
    return found


def newest_checkpoint(folder: Path) -> Path | None:
    """The checkpoint in `folder` that was written last; None if there is none."""
    found = [file for file in folder.glob("*" + SUFFIX) if not file.name.endswith(".resume" + SUFFIX)]
    return max(found, key=lambda file: (file.stat().st_mtime, file.name), default=None)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read and verify a checkpoint: digest, format, config, vocabulary, every tensor's shape, finite values.

    Raises:
        CheckpointError: The file is missing, not a checkpoint, damaged, or of a format this version cannot read.
    """
    metadata, stored = read_container(path, FORMAT)
    with refusing_damage(path):
        config = ModelConfig(**json.loads(metadata["config"]))
        tokenizer = WordTokenizer.from_json(metadata["tokenizer"], metadata["vocabulary"])
        training = json.loads(metadata["training"])
        tensors = check_parameters(stored, config.parameter_shapes(len(tokenizer)))
    return Checkpoint(config, tokenizer, tensors, training, path, metadata["digest"])


def read_container(
    path: Path, file_format: str, kind: Kind = CHECKPOINT
) -> tuple[dict[str, str], dict[str, NDArray[Any]]]:
    """The strings and the arrays of a file that `write_container` wrote, after its digest was verified.

    Args:
        path: The file.
        file_format: What its `format` string must be.
        kind: What messages call it, and how large it may be.

    Raises:
        CheckpointError: The file is missing, not of this kind, damaged, or of a format this version cannot read.
    """
    content = _read_regular_file(path, kind)
    metadata = _read_metadata(path, content, kind)
    if metadata.get("format") != file_format:
        raise CheckpointError(
            f"{path} has the format {metadata.get('format')!r}; this version reads {file_format!r}",
            "Upgrade nextword: pip install --upgrade nextword",
        )
    _verify_digest(path, content, metadata.get("digest", ""), kind)
    with refusing_damage(path, kind):
        return metadata, _read_tensors(content)


@contextlib.contextmanager
def refusing_damage(path: Path, kind: Kind = CHECKPOINT) -> Iterator[None]:
    """Whatever goes wrong when the parts of the file `path` are put together becomes a `CheckpointError`."""
    try:
        yield
    except (KeyError, TypeError, ValueError, RecursionError, NextwordError, safetensors.SafetensorError) as error:
        _refuse(path, f"is not a whole {kind.name} ({error})", kind, error)


def _refuse(path: Path, reason: str, kind: Kind, cause: BaseException | None = None) -> NoReturn:
    raise CheckpointError(f"{path} {reason}", kind.damaged) from cause


def strict_json(text: str | bytes) -> Any:
    """The value of a JSON text in which no name stands twice and every number is one, finite and not too long.

    Raises:
        ValueError: It is none.
        RecursionError: It is nested too deep.
    """
    return json.loads(text, object_pairs_hook=_distinct, parse_constant=_finite, parse_float=_finite)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a name stands twice")
    return values


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is no finite number")
    return value


def _read_regular_file(path: Path, kind: Kind) -> bytes:
    try:
        if not path.is_file():
            reason = "is not a regular file" if path.exists() else "does not exist"
            raise CheckpointError(f"{path} {reason}", kind.missing)
        if path.stat().st_size > kind.largest:
            _refuse(path, f"is too large for a {kind.name}", kind)
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}", "Check its permissions.") from error


def _read_metadata(path: Path, content: bytes, kind: Kind) -> dict[str, str]:
    """The header's `__metadata__`, which must map strings to strings."""
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > min(len(content) - 8, _LARGEST_HEADER):
        _refuse(path, f"is not a {kind.name}, or not all of one", kind)
    try:
        metadata = strict_json(content[8 : 8 + length])["__metadata__"]
        if not all(isinstance(value, str) for value in metadata.values()):
            raise ValueError("metadata is not text")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        _refuse(path, f"is not a {kind.name}", kind, error)
    return dict(metadata)


def _verify_digest(path: Path, content: bytes, digest: str, kind: Kind) -> None:
    entry = _digest_entry(digest)
    if len(digest) != len(_NO_DIGEST) or content.count(entry) != 1:
        _refuse(path, "has no digest", kind)
    at = content.index(entry)
    blanked = hashlib.sha256(content[:at])
    blanked.update(_digest_entry(_NO_DIGEST))
    blanked.update(memoryview(content)[at + len(entry) :])
    if blanked.hexdigest() != digest:
        _refuse(path, "is damaged: its digest does not match its content", kind)


def _read_tensors(content: bytes) -> dict[str, NDArray[Any]]:
    """Every array of the file as it was stored."""
    stored: dict[str, Any] = dict(safetensors.deserialize(content))  # type: ignore[no-untyped-call]
    tensors = {}
    for name, entry in stored.items():
        if entry["dtype"] not in _STORED:
            raise ValueError(f"{name} is of type {entry['dtype']}")
        tensors[name] = np.frombuffer(entry["data"], _STORED[entry["dtype"]]).reshape(entry["shape"])
    return tensors


def check_parameters(
    stored: dict[str, NDArray[Any]], shapes: dict[str, tuple[int, ...]]
) -> dict[str, NDArray[np.float32]]:
    """The network's parameters in 32 bits, if they are just those that `shapes` names, and finite.

    Raises:
        ValueError: They are not; the message names the parameter.
    """
    if stored.keys() != shapes.keys():
        raise ValueError(f"tensors missing or too many: {', '.join(sorted(stored.keys() ^ shapes.keys()))}")
    for name, shape in shapes.items():
        if stored[name].shape != shape or stored[name].dtype not in (np.float16, np.float32):
            raise ValueError(f"{name} is {stored[name].dtype} {list(stored[name].shape)}, not {list(shape)}")
        if not np.isfinite(stored[name]).all():
            raise ValueError(f"{name} has values that are not finite")
    return {name: stored[name].astype(np.float32, copy=False) for name in shapes}

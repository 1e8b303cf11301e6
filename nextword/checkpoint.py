"""The checkpoint: one self-contained file, written whole or not at all, verified before anything in it is used.

The file is in the safetensors format: eight bytes of header length, a JSON header, the tensors. The header's
`__metadata__` holds, as strings:

    format      "nextword/1"
    config      the ModelConfig, as JSON
    tokenizer   the `tokenizers` JSON
    vocabulary  what nextword adds to it (scheme, casing, surface forms), as JSON
    training    how it was trained: corpus digest, tokens, steps, perplexity, versions, seed, as JSON
    digest      SHA-256 of the whole file with these 64 characters set to '0'

Pickle is never read or written. Knows the format; knows neither torch nor what a prediction is.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

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
_STORED = {"F16": np.dtype(np.float16), "F32": np.dtype(np.float32)}


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
        "digest": _NO_DIGEST,
    }
    content = _serialise({name: _halved(values) for name, values in checkpoint.tensors.items()}, metadata)
    digest = hashlib.sha256(content).hexdigest()
    content = content.replace(_digest_entry(_NO_DIGEST), _digest_entry(digest), 1)
    write_atomically(path, content)
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


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or a power cut, sees the old content or the new and never a mix.

    Raises:
        StorageError: The operating system refused; nothing was changed and no temporary file is left.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        with contextlib.ExitStack() as undo:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
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
        raise StorageError(reason, "Choose another folder with --out, or make room.") from error


def _sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut, where the system lets a folder be opened."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def user_data_folder() -> Path:
    """The folder where programs keep a user's data on this system, with nextword's name."""
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "nextword"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "nextword"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "nextword"


def find_checkpoint(path: str | Path | None = None) -> Path:
    """The checkpoint to use: `path`, else $NEXTWORD_CHECKPOINT, else the newest in ./checkpoints or the user's data.

    Raises:
        CheckpointError: None was named and none is there.
    """
    named = path or os.environ.get("NEXTWORD_CHECKPOINT")
    if named:
        return Path(named)
    for folder in (Path("checkpoints"), user_data_folder()):
        found = [file for file in folder.glob("*" + SUFFIX) if not file.name.endswith(".resume" + SUFFIX)]
        if found:
            return max(found, key=lambda file: (file.stat().st_mtime, file.name))
    raise CheckpointError("there is no checkpoint in ./checkpoints", "Make one: nextword train")


def load_checkpoint(path: Path) -> Checkpoint:
    """Read and verify a checkpoint: digest, format, config, vocabulary, every tensor's shape, finite values.

    Raises:
        CheckpointError: The file is missing, not a checkpoint, damaged, or of a format this version cannot read.
    """
    content = _read_regular_file(path)
    metadata = _read_metadata(path, content)
    if metadata.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} has the format {metadata.get('format')!r}; this version reads {FORMAT!r}",
            "Upgrade nextword: pip install --upgrade nextword",
        )
    _verify_digest(path, content, metadata.get("digest", ""))
    try:
        config = ModelConfig(**json.loads(metadata["config"]))
        tokenizer = WordTokenizer.from_json(metadata["tokenizer"], metadata["vocabulary"])
        training = json.loads(metadata["training"])
        tensors = _read_tensors(content, config.parameter_shapes(len(tokenizer)))
    except (KeyError, TypeError, ValueError, RecursionError, NextwordError, safetensors.SafetensorError) as error:
        _refuse(path, f"is not a whole checkpoint ({error})", error)
    return Checkpoint(config, tokenizer, tensors, training, path, metadata["digest"])


def _refuse(path: Path, reason: str, cause: BaseException | None = None) -> NoReturn:
    raise CheckpointError(f"{path} {reason}", "Take another copy of it, or train it again: nextword train") from cause


def _read_regular_file(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise CheckpointError(
                f"{path} {'is not a regular file' if path.exists() else 'does not exist'}",
                "Name a checkpoint file, or make one: nextword train",
            )
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}", "Check its permissions.") from error


def _read_metadata(path: Path, content: bytes) -> dict[str, str]:
    """The header's `__metadata__`, which must map strings to strings."""
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > min(len(content) - 8, _LARGEST_HEADER):
        _refuse(path, "is not a checkpoint, or not all of one")
    try:
        metadata = json.loads(content[8 : 8 + length])["__metadata__"]
        if not all(isinstance(value, str) for value in metadata.values()):
            raise ValueError("metadata is not text")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        _refuse(path, "is not a checkpoint", error)
    return dict(metadata)


def _verify_digest(path: Path, content: bytes, digest: str) -> None:
    entry = _digest_entry(digest)
    if len(digest) != len(_NO_DIGEST) or content.count(entry) != 1:
        _refuse(path, "has no digest")
    at = content.index(entry)
    blanked = hashlib.sha256(content[:at])
    blanked.update(_digest_entry(_NO_DIGEST))
    blanked.update(memoryview(content)[at + len(entry) :])
    if blanked.hexdigest() != digest:
        _refuse(path, "is damaged: its digest does not match its content")


def _read_tensors(content: bytes, shapes: dict[str, tuple[int, ...]]) -> dict[str, NDArray[np.float32]]:
    """Every tensor in 32 bits, after its name, shape and type were compared with what the config asks for."""
    stored: dict[str, Any] = dict(safetensors.deserialize(content))  # type: ignore[no-untyped-call]
    if stored.keys() != shapes.keys():
        raise ValueError(f"tensors missing or too many: {', '.join(sorted(stored.keys() ^ shapes.keys()))}")
    tensors = {}
    for name, shape in shapes.items():
        entry = stored[name]
        if tuple(entry["shape"]) != shape or entry["dtype"] not in _STORED:
            raise ValueError(f"{name} is {entry['dtype']} {entry['shape']}, not {list(shape)}")
        stored_as: Any = _STORED[entry["dtype"]]
        raw = np.frombuffer(entry["data"], stored_as)
        values = raw.reshape(shape).astype(np.float32, copy=False)
        if not np.isfinite(values).all():
            raise ValueError(f"{name} has values that are not finite")
        tensors[name] = values
    return tensors

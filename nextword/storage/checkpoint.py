"""The checkpoint: one self-contained file, written whole or not at all, verified before anything in it is used.

The file is in the safetensors format: eight bytes of header length, a JSON header, the tensors. The header's
`__metadata__` holds, as strings:

    format      "nextword/1"
    config      the NetworkConfig, as JSON
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
import re
import stat
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, NoReturn

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from nextword.config import NetworkConfig
from nextword.errors import CheckpointError, NextwordError, OutOfMemoryError, StorageError, UsageError
from nextword.storage.atomic import write_atomically
from nextword.storage.strict import json_object, strict_json
from nextword.text.tokenizer import MAX_RARE_WORDS, WordTokenizer

FORMAT = "nextword/1"
SUFFIX = ".safetensors"
_NO_DIGEST = "0" * 64
_MAX_HEADER = 100_000_000  # the safetensors library's own limit
_SPARE_HEADER = 6_000_000  # bytes that a header may have in any case; beyond them, an eighth of the file
_STORY = 100_000  # bytes of a header that are not words
_MAX_PARTS = 20_000  # of the header, those in strings not counted; a tensor has eight
_FEWER_WORDS = "Take fewer: --vocab-size N"
_MAX_AXES = 8
_MAX_WEIGHT = 1e15  # the sum of 65,536 products of two such weights is still a 32-bit number
_MAX_REASON_LENGTH = 300  # characters of an error message that may come from the file
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

    config: NetworkConfig
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
    content = _serialize(tensors, {**metadata, "digest": _NO_DIGEST})
    if int.from_bytes(content[:8], "little") > _longest_header(len(content)):
        raise UsageError(f"{path} would hold too many words for a file of its length", _FEWER_WORDS)
    digest = hashlib.sha256(content).hexdigest()
    content = content.replace(_digest_entry(_NO_DIGEST), _digest_entry(digest), 1)
    write_atomically(path, content, kind.unwritable, kind.mode)
    return digest


def check_words(tokenizer: WordTokenizer, config: NetworkConfig) -> None:
    """Raise `UsageError` if a checkpoint with such words and such a network could not be read again."""
    words = len(tokenizer)
    config.check_vocabulary(words)
    header = sum(len(json.dumps(text, ensure_ascii=False).encode()) for text in tokenizer.to_json())
    if header > _longest_header(header + 2 * config.parameter_count(words)) - _STORY:
        reason = f"the {words:,} words are too long to keep them beside vectors of length {config.embedding_dim}"
        raise UsageError(reason, _FEWER_WORDS)


def _halved(values: NDArray[np.float32]) -> NDArray[Any]:
    """`values` in half precision, unless one of them is too large for it."""
    return values.astype(np.float16) if np.abs(values).max(initial=0) < np.finfo(np.float16).max else values


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
        config = NetworkConfig.from_json(json_object(metadata["config"]))
        training = json_object(metadata["training"])
        if not isinstance(training.get("settings", {}), dict):
            raise ValueError("settings is no JSON object")
        words = check_network(stored, config)
        tokenizer = read_tokenizer(metadata, words)
        tensors = {name: values.astype(np.float32, copy=False) for name, values in stored.items()}
    return Checkpoint(config, tokenizer, tensors, training, path, metadata["digest"])


def read_tokenizer(metadata: dict[str, str], words: int) -> WordTokenizer:
    """The tokenizer of a checkpoint or a resume file with so many `words`, from its metadata.

    Raises:
        KeyError, ValueError, RecursionError: It is not there, or not what a tokenizer writes.
    """
    max_parts = words + MAX_RARE_WORDS + 1_000
    tokenizer, vocabulary = (json_object(metadata[name], max_parts) for name in ("tokenizer", "vocabulary"))
    return WordTokenizer.from_json(tokenizer, vocabulary, words)


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
    with _open_regular_file(path, kind) as file:
        size = os.fstat(file.fileno()).st_size
        encoded = _read_header(file, size, path, kind)
        with refusing_damage(path, kind, "is not a"):
            header = strict_json(encoded, _MAX_PARTS)
            metadata = dict(header.pop("__metadata__"))
            if not all(isinstance(value, str) for value in metadata.values()):
                raise ValueError("metadata is not text")
        if (found := metadata.get("format", "")) != file_format:
            raise CheckpointError(
                f"{path} has the format {found[:_MAX_REASON_LENGTH]!r}; this version reads {file_format!r}",
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
def refusing_damage(path: Path, kind: Kind = CHECKPOINT, verdict: str = "is not a whole") -> Iterator[None]:
    """Whatever goes wrong when the parts of the file `path` are put together becomes a `CheckpointError`."""
    try:
        yield
    except _DAMAGE as error:
        reason = str(error)
        shown = reason if len(reason) <= _MAX_REASON_LENGTH else reason[:_MAX_REASON_LENGTH] + "..."
        _refuse(path, f"{verdict} {kind.name} ({shown})", kind, error)
    except MemoryError as error:
        raise OutOfMemoryError(f"reading {path} takes more memory than there is") from error


def _refuse(path: Path, reason: str, kind: Kind, cause: BaseException | None = None) -> NoReturn:
    raise CheckpointError(f"{path} {reason}", kind.damaged) from cause


def _open_regular_file(path: Path, kind: Kind) -> BinaryIO:
    """The file, opened once, so that what was looked at is what is read; without waiting for the writer of a pipe."""
    flags = os.O_RDONLY
    for name in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY"):
        flags |= getattr(os, name, 0)
    try:
        descriptor = os.open(path, flags)
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise CheckpointError(f"{path} does not exist", kind.missing) from error
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


def _read_exactly(file: BinaryIO, size: int, path: Path, kind: Kind) -> bytearray:
    """The next `size` bytes, in the one piece of memory that they need."""
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


def _read_header(file: BinaryIO, size: int, path: Path, kind: Kind) -> bytearray:
    """The JSON header's bytes, where it is no longer than the file, or than a header can be."""
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > min(size - 8, _longest_header(size)):
        _refuse(path, f"is not a {kind.name}, or not all of one", kind)
    return _read_exactly(file, length, path, kind)


def _longest_header(size: int) -> int:
    """How many bytes the header of a file of `size` bytes may have: reading it takes several times as many."""
    return min(_SPARE_HEADER + size // 8, _MAX_HEADER)


def _verify_digest(path: Path, parts: tuple[bytearray, bytearray], digest: str, kind: Kind) -> None:
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


def check_network(stored: dict[str, NDArray[Any]], config: NetworkConfig) -> int:
    """How many words the network `stored` has, if it is one that `config` describes, and finite.

    Raises:
        ValueError, TypeError: It is not; the message names the parameter.
        UsageError: They are too many.
    """
    words = len(stored.get("embedding.weight", ()))
    check_parameters(stored, config.parameter_shapes(words))
    config.check_vocabulary(words)
    return words


def check_parameters(stored: dict[str, NDArray[Any]], shapes: dict[str, tuple[int, ...]]) -> None:
    """Raise `ValueError` unless the parameters are just those that `shapes` names, and finite.

    The message names the parameter. No memory is needed.
    """
    if stored.keys() != shapes.keys():
        raise ValueError(f"tensors missing or too many: {', '.join(sorted(stored.keys() ^ shapes.keys()))}")
    for name, shape in shapes.items():
        if stored[name].shape != shape or stored[name].dtype not in (np.float16, np.float32):
            raise ValueError(f"{name} is {stored[name].dtype} {list(stored[name].shape)}, not {list(shape)}")
        if not _is_finite(stored[name]):
            raise ValueError(f"{name} has values that are not finite, or too large to reckon with")


def _is_finite(values: NDArray[Any]) -> bool:
    """Whether all of the 16- or 32-bit numbers are finite, and small enough to reckon with."""
    if values.dtype == np.float16:  # comparing halves is slow, comparing their bits is not
        bits = values.view(np.uint16)  # sign, five bits of exponent, ten of fraction; all five set: not finite
        return bool(bits.max(initial=0) < 0xFC00 and bits.view(np.int16).max(initial=0) < 0x7C00)
    low, high = float(values.min(initial=0)), float(values.max(initial=0))
    return -_MAX_WEIGHT <= low <= high <= _MAX_WEIGHT  # false also where one is not a number

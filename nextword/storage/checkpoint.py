"""The checkpoint: one self-contained file, written whole or not at all, verified before anything in it is used.

It is in the container of `container.py`: the network's parameters as tensors, and beside them, as strings in the
header's `__metadata__`:

    format      "nextword/1", or "nextword/2" where there are matrices in 8 bits
    config      the NetworkConfig, as JSON
    tokenizer   the `tokenizers` JSON
    vocabulary  what nextword adds to it (scheme, surface forms, rare words, abbreviations), as JSON
    training    how it was trained: corpus digest, tokens, steps, perplexity, versions, seed, as JSON
    digest      SHA-256 of the whole file with these 64 characters set to '0'

The numbers have 16 bits. In a large network those of a matrix have 8, and beside it stands a scale for each of its rows
under the same name with ".scale" at its end (`eight_bit.py`).
"""

from __future__ import annotations

import contextlib
import gc
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextword.config import NetworkConfig
from nextword.errors import UsageError
from nextword.storage.container import MAX_HEADER, FileKind, read_container, refusing_damage, write_container
from nextword.storage.eight_bit import EightBitMatrix, Weights
from nextword.storage.locations import english_checkpoint, find_checkpoint
from nextword.storage.strict import json_object, json_text
from nextword.text.tokenizer import WordTokenizer

FORMAT = "nextword/1"
EIGHT_BIT_FORMAT = "nextword/2"
CHECKPOINT = FileKind(
    "checkpoint",
    missing="Name a checkpoint file, or make one: nextword train",
    damaged="Take another copy of it, or train it again: nextword train",
    unwritable="Choose another folder with --out, or make room.",
    too_long="Take fewer: --vocab-size N",
)
_SHIPPED = CHECKPOINT._replace(damaged="Install nextword again, or make a model of your own: nextword train")
_RESERVED_HEADER = 100_000  # bytes of a header kept free for all that is not words
_MIN_LARGE = 1 << 23  # weights from which on a network is large; below, 8 bits would save less than 8 MB
_SCALE = ".scale"
_MAX_WEIGHT = 1e15  # the sum of 65,536 products of two such weights is still a 32-bit number


@dataclass(frozen=True)
class Checkpoint:
    """Everything needed to predict, and the story of how it came to be.

    Attributes:
        config: What the network is.
        tokenizer: Its words.
        tensors: Parameter name to values; 32-bit where they are used, fewer on disk (see the module's docstring).
        training: How it was trained, as JSON values.
        path: The file it was read from or written to.
        digest: The file's own SHA-256 (see the module's docstring); empty if it was never on disk.
    """

    config: NetworkConfig
    tokenizer: WordTokenizer
    tensors: Mapping[str, NDArray[np.float32]]
    training: dict[str, Any]
    path: Path = Path()
    digest: str = ""

    @property
    def parameters(self) -> int:
        """How many weights the network has."""
        return sum(map(math.prod, self.config.parameter_shapes(len(self.tokenizer)).values()))

    @property
    def in_eight_bits(self) -> bool:
        """Whether it was read from a file with matrices in 8 bits."""
        return isinstance(self.tensors, Weights)


def save_checkpoint(path: Path, checkpoint: Checkpoint, eight_bit: bool | None = None) -> str:
    """Write `checkpoint` to `path`, replacing what was there in one step, and return the file's digest.

    Args:
        path: The file.
        checkpoint: What it is to hold. One that was loaded makes the same file again.
        eight_bit: Whether its matrices are stored in 8 bits; None: those of a large network are, and of one that is.

    Raises:
        StorageError: The folder cannot be written or the disk is full; what was at `path` is untouched.
        UsageError: It could not be read again, see `check_words`; likewise.
    """
    tokenizer, vocabulary = checkpoint.tokenizer.to_json()
    if eight_bit is None:
        eight_bit = checkpoint.in_eight_bits or checkpoint.parameters >= _MIN_LARGE
    metadata = {
        "format": EIGHT_BIT_FORMAT if eight_bit else FORMAT,
        "config": json.dumps(asdict(checkpoint.config)),
        "tokenizer": tokenizer,
        "vocabulary": vocabulary,
        "training": json_text(checkpoint.training),
    }
    tensors: dict[str, NDArray[Any]] = {}
    for name, values in checkpoint.tensors.items():
        if eight_bit and values.ndim == 2 and np.isfinite(values).all():
            matrix = EightBitMatrix.of(values)
            tensors |= {name: matrix.numbers, name + _SCALE: matrix.scales}
        else:
            tensors[name] = _halved(values)
    return write_container(path, tensors, metadata, CHECKPOINT)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read and verify a checkpoint: digest, format, config, vocabulary, every tensor's shape, finite values.

    Raises:
        CheckpointError: The file is missing, not a checkpoint, damaged, or of a format this version cannot read.
    """
    kind = _SHIPPED if path == english_checkpoint() else CHECKPOINT
    metadata, stored = read_container(path, FORMAT, kind, EIGHT_BIT_FORMAT)
    with refusing_damage(path, kind), _collector_resting():
        config = NetworkConfig.from_json(json_object(metadata["config"]))
        training = json_object(metadata["training"])
        if not isinstance(training.get("settings", {}), dict):
            raise ValueError("settings is no JSON object")
        in_eight_bits = metadata["format"] == EIGHT_BIT_FORMAT
        words = (_check_eight_bit if in_eight_bits else check_network)(stored, config)
        tokenizer = read_tokenizer(metadata, words)
        tensors = _eight_bit(stored) if in_eight_bits else _widened(stored)
    return Checkpoint(config, tokenizer, tensors, training, path, metadata["digest"])


@contextlib.contextmanager
def _collector_resting() -> Iterator[None]:
    """Let no garbage be looked for while words by the hundred thousand are made, which all stay."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def chosen_checkpoint(path: str | Path | None = None) -> Checkpoint:
    """The checkpoint that `find_checkpoint` gives, loaded; raises what that and `load_checkpoint` do."""
    return load_checkpoint(find_checkpoint(path))


def read_tokenizer(metadata: dict[str, str], words: int) -> WordTokenizer:
    """The tokenizer of a checkpoint or a resume file with so many `words`, from its metadata.

    Raises:
        KeyError, ValueError, RecursionError: It is not there, or not what a tokenizer writes.
    """
    return WordTokenizer.from_json(json_object(metadata["tokenizer"]), json_object(metadata["vocabulary"]), words)


def check_words(tokenizer: WordTokenizer) -> None:
    """Raise `UsageError` if a checkpoint with such words could not be read again: its header would be too long."""
    length = sum(len(json.dumps(text, ensure_ascii=False).encode()) for text in tokenizer.to_json())
    if length > MAX_HEADER - _RESERVED_HEADER:
        reason = f"the {len(tokenizer):,} words are too long to keep them in a checkpoint: {length:,} bytes"
        raise UsageError(reason, CHECKPOINT.too_long)


def check_network(stored: dict[str, NDArray[Any]], config: NetworkConfig) -> int:
    """How many words the network `stored` has, if it is one that `config` describes, and finite.

    Raises:
        ValueError, TypeError: It is not; the message names the parameter.
    """
    words = len(stored.get("embedding.weight", ()))
    check_parameters(stored, config.parameter_shapes(words))
    return words


def _check_eight_bit(stored: dict[str, NDArray[Any]], config: NetworkConfig) -> int:
    """`check_network` where matrices may have 8 bits."""
    shapes = config.parameter_shapes(len(stored.get("embedding.weight", ())))
    others = dict(stored)
    for name, shape in list(shapes.items()):
        if len(shape) == 2 and name + _SCALE in stored:
            numbers, scales = others.pop(name), stored[name + _SCALE]
            if numbers.shape != shape or numbers.dtype != np.int8:
                raise ValueError(f"{name} is {numbers.dtype} {list(numbers.shape)}, not int8 {list(shape)}")
            if not np.abs(scales).max(initial=0) <= _MAX_WEIGHT / 128:
                raise ValueError(f"{name}{_SCALE} has values that are not finite, or too large to compute with")
            del shapes[name]
            shapes[name + _SCALE] = shape[:1]
    check_parameters(others, shapes)
    return len(stored["embedding.weight"])


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
            raise ValueError(f"{name} has values that are not finite, or too large to compute with")


def _widened(stored: dict[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
    return {name: values.astype(np.float32, copy=False) for name, values in stored.items()}


def _eight_bit(stored: dict[str, NDArray[Any]]) -> Weights:
    """The parameters in 8 bits as they are, the others widened."""
    scales = {name.removesuffix(_SCALE): stored.pop(name) for name in list(stored) if name.endswith(_SCALE)}
    matrices = {name: EightBitMatrix(stored.pop(name), scales[name].astype(np.float32)) for name in scales}
    return Weights({**_widened(stored), **matrices})


def _halved(values: NDArray[np.float32]) -> NDArray[Any]:
    """`values` in half precision, unless one of them is too large for it."""
    return values.astype(np.float16) if np.abs(values).max(initial=0) < np.finfo(np.float16).max else values


def _is_finite(values: NDArray[Any]) -> bool:
    """Whether all of the 16- or 32-bit numbers are finite, and small enough to compute with."""
    if values.dtype == np.float16:  # comparing halves is slow, comparing their bits is not
        bits = values.view(np.uint16)  # sign, five bits of exponent, ten of fraction; all five set: not finite
        return bool(bits.max(initial=0) < 0xFC00 and bits.view(np.int16).max(initial=0) < 0x7C00)
    low, high = float(values.min(initial=0)), float(values.max(initial=0))
    return -_MAX_WEIGHT <= low <= high <= _MAX_WEIGHT  # false also where one is not a number

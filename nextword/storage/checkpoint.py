"""The checkpoint: one self-contained file, written whole or not at all, verified before anything in it is used.

It is in the container of `container.py`: the network's parameters as tensors, and beside them, as strings in the
header's `__metadata__`:

    format      "nextword/1"
    config      the NetworkConfig, as JSON
    tokenizer   the `tokenizers` JSON
    vocabulary  what nextword adds to it (scheme, surface forms, rare words, abbreviations), as JSON
    training    how it was trained: corpus digest, tokens, steps, perplexity, versions, seed, as JSON
    digest      SHA-256 of the whole file with these 64 characters set to '0'
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextword.config import NetworkConfig
from nextword.errors import UsageError
from nextword.storage.container import MAX_HEADER, FileKind, read_container, refusing_damage, write_container
from nextword.storage.locations import english_checkpoint, find_checkpoint
from nextword.storage.strict import json_object, json_text
from nextword.text.tokenizer import WordTokenizer

FORMAT = "nextword/1"
CHECKPOINT = FileKind(
    "checkpoint",
    missing="Name a checkpoint file, or make one: nextword train",
    damaged="Take another copy of it, or train it again: nextword train",
    unwritable="Choose another folder with --out, or make room.",
    too_long="Take fewer: --vocab-size N",
)
_SHIPPED = CHECKPOINT._replace(damaged="Install nextword again, or make a model of your own: nextword train")
_RESERVED_HEADER = 100_000  # bytes of a header kept free for all that is not words
_MAX_WEIGHT = 1e15  # the sum of 65,536 products of two such weights is still a 32-bit number


@dataclass(frozen=True)
class Checkpoint:
    """Everything needed to predict, and the story of how it came to be.

    Attributes:
        config: What the network is.
        tokenizer: Its words.
        tensors: Parameter name to values; 32-bit in memory, half precision on disk where every value fits.
        training: How it was trained, as JSON values.
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
        UsageError: It could not be read again, see `check_words`; likewise.
    """
    tokenizer, vocabulary = checkpoint.tokenizer.to_json()
    metadata = {
        "format": FORMAT,
        "config": json.dumps(asdict(checkpoint.config)),
        "tokenizer": tokenizer,
        "vocabulary": vocabulary,
        "training": json_text(checkpoint.training),
    }
    tensors = {name: _halved(values) for name, values in checkpoint.tensors.items()}
    return write_container(path, tensors, metadata, CHECKPOINT)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read and verify a checkpoint: digest, format, config, vocabulary, every tensor's shape, finite values.

    Raises:
        CheckpointError: The file is missing, not a checkpoint, damaged, or of a format this version cannot read.
    """
    kind = _SHIPPED if path == english_checkpoint() else CHECKPOINT
    metadata, stored = read_container(path, FORMAT, kind)
    with refusing_damage(path, kind):
        config = NetworkConfig.from_json(json_object(metadata["config"]))
        training = json_object(metadata["training"])
        if not isinstance(training.get("settings", {}), dict):
            raise ValueError("settings is no JSON object")
        words = check_network(stored, config)
        tokenizer = read_tokenizer(metadata, words)
        tensors = {name: values.astype(np.float32, copy=False) for name, values in stored.items()}
    return Checkpoint(config, tokenizer, tensors, training, path, metadata["digest"])


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

"""Mutations of good files: small changes of values, texts, bytes and structure, drawn by whoever calls."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

from support.containers import put_together

DEEP = "[" * 20_000 + "]" * 20_000
VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 2, 1.5, -0.0, 1e308, float("nan"), float("inf")),
    *(2**31, 2**53, 2**63, 2**64, 10**12, 10**400, -(2**63)),
    *("", "x", "\0", "\x1b[2J", "\u202e", "\ud800", "\U0001f600", "x" * 5_000, "(a+)+$", "../x", "F32", "BF16"),
    *([], {}, [0, 0], [1] * 100, {"type": "BPE"}, [[[[[]]]]]),
]
NAMES = [
    "type",
    "vocab",
    "model",
    "more",
    "shape",
    "dtype",
    "data_offsets",
    "digest",
    "format",
    "",
    "\u202e",
    "t" * 300,
]
TEXTS = [DEEP, "9" * 5_000, "NaN", "1e999", '{"a":1,"a":1}', "{", "", "\x00", "[]", "null", '"', '{"a":' * 5_000]


def mutated(header: dict[str, Any], body: bytes, chance: random.Random) -> bytes:
    """A changed file with the digest that it must have.

    Args:
        header: As `take_apart` gave it; left as it is.
        body: The tensors' bytes.
        chance: Draws what is changed, and how.
    """
    header = copy.deepcopy(header)
    metadata = header["__metadata__"]
    for _ in range(chance.choice([1, 1, 1, 2, 4])):
        way = chance.randrange(8)
        names = [name for name in metadata if name not in ("digest", "format")]
        if way == 0:
            _change(header, chance)
        elif way == 1:
            body = _spoiled(body, chance)
        elif way == 2 and names:
            metadata[chance.choice(names)] = chance.choice(TEXTS)
        elif way == 3 and names:
            name = chance.choice(names)
            spoiled = _spoiled(str(metadata[name]).encode("utf-8", "surrogatepass"), chance)
            metadata[name] = spoiled.decode("utf-8", "replace")
        elif names:
            name = chance.choice(names)
            try:
                value = json.loads(metadata[name])
            except (TypeError, ValueError, RecursionError):
                continue
            if isinstance(value, (dict, list)) and value:
                _change(value, chance)
                metadata[name] = json.dumps(value)
        if not isinstance(metadata, dict) or header.get("__metadata__") is not metadata:
            break
    encoded = json.dumps(header, separators=(",", ":")).encode()
    if chance.random() < 0.1:
        encoded = _spoiled(encoded, chance)
    content = put_together(encoded, body)
    return _spoiled(content, chance) if chance.random() < 0.05 else content


def _change(value: Any, chance: random.Random) -> None:
    """Change one place somewhere inside a JSON array or object."""
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = chance.choice(keys)
        if isinstance(value[key], (dict, list)) and value[key] and chance.random() < 0.8:
            value = value[key]
            continue
        way = chance.randrange(5)
        if way == 0:
            del value[key]
        elif way == 1 and isinstance(value, dict):
            value[chance.choice(NAMES)] = value.pop(key)
        elif way == 2 and isinstance(value, dict):
            value[chance.choice(NAMES)] = copy.deepcopy(chance.choice(VALUES))
        elif way == 3 and type(value[key]) in (int, float) and abs(value[key]) < 2**64:
            value[key] += chance.choice([-1, 1, 2, 0.5, 2**32])
        else:
            value[key] = copy.deepcopy(chance.choice([*VALUES, value[chance.choice(keys)]]))
        return


def _spoiled(content: bytes, chance: random.Random) -> bytes:
    """Some bytes changed, cut out, doubled or put in."""
    begin = chance.randrange(len(content) + 1)
    end = min(len(content), begin + chance.choice([0, 1, 2, 8, 100]))
    new = chance.choice(
        [b"", bytes([chance.randrange(256)]), content[begin:end] * 2, b"\xff" * (end - begin), b"\\", b'"']
    )
    return content[:begin] + new + content[end:]

"""JSON as it must be where it may come from somebody else. Knows nothing of the rest of the package."""

from __future__ import annotations

import json
import math
from typing import Any

_MOST_PARTS = 100_000  # arrays and objects: each takes many times the memory that it does as text


def strict_json(text: str | bytes | bytearray) -> Any:
    """The value of a JSON text in which no name stands twice and every number is one, finite and not too long.

    Memory is bounded by a small multiple of the text's length.

    Raises:
        ValueError: It is none.
        RecursionError: It is nested too deep.
    """
    text = text if isinstance(text, str) else text.decode()
    if text.count("[") + text.count("{") > _MOST_PARTS:  # some of them may stand in strings
        plain = text.replace("\\\\", "").replace('\\"', "").split('"')[::2]
        if sum(part.count("[") + part.count("{") for part in plain) > _MOST_PARTS:
            raise ValueError("it has too many parts")
    return json.loads(text, object_pairs_hook=_distinct, parse_constant=_finite, parse_float=_finite)


def json_object(text: str | bytes) -> dict[str, Any]:
    """What `strict_json` gives, where that is an object. Raises `ValueError` for anything else, too."""
    value = strict_json(text)
    if not isinstance(value, dict):
        raise ValueError("what should be a JSON object is none")
    return value


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

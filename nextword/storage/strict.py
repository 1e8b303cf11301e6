"""JSON as it must be where it may come from somebody else, and as it is written."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

MAX_PARTS = 1 << 19  # arrays, objects, and commas between values; each takes up to 300 bytes of memory


_SURROGATE = re.compile("[\ud800-\udfff]")  # half a character, which UTF-8 cannot hold


def json_text(value: Any) -> str:
    """`value` as JSON in readable letters, which can be written as UTF-8 also where names of files are no UTF-8."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return _SURROGATE.sub(lambda half: f"\\u{ord(half.group()):04x}", text)


def strict_json(text: str | bytes | bytearray, max_parts: int = MAX_PARTS, chunk_size: int = 1 << 20) -> Any:
    """The value of a JSON text in which no name stands twice and every number is one, finite and not too long.

    Args:
        text: The text; bytes are UTF-8.
        max_parts: How many arrays, objects, and commas between values it may have. A value takes many times the memory
            that it does as text; so this bounds what reading takes.
        chunk_size: How many characters are looked at together when they are counted.

    Raises:
        ValueError: It is none, or has more parts.
        RecursionError: It is nested too deep.
    """
    many = _marks(text if isinstance(text, str) else text.decode("latin-1"))  # of bytes as they are: that is faster
    text = text if isinstance(text, str) else text.decode()
    if many > max_parts and sum(map(_marks, _outside_strings(text, chunk_size))) > max_parts:
        raise ValueError("it has too many parts")
    return json.loads(text, object_pairs_hook=_distinct, parse_constant=_finite, parse_float=_finite)


def json_object(text: str | bytes) -> dict[str, Any]:
    """What `strict_json` gives, where that is an object. Raises `ValueError` for anything else, too."""
    value = strict_json(text)
    if not isinstance(value, dict):
        raise ValueError("what should be a JSON object is none")
    return value


def _marks(text: str) -> int:
    return text.count("[") + text.count("{") + text.count(",")


def _outside_strings(text: str, chunk_size: int) -> Iterator[str]:
    """What a JSON text has outside its strings, chunk by chunk so that it takes little memory."""
    begin, inside = 0, 0
    while begin < len(text):
        chunk = text[begin : begin + chunk_size]
        if (len(chunk) - len(chunk.rstrip("\\"))) % 2:  # the last backslash belongs to what follows it
            chunk = text[begin : begin + chunk_size + 1]
        begin += len(chunk)
        pieces = chunk.replace("\\\\", "").replace('\\"', "").split('"')
        yield "".join(pieces[inside::2])
        inside = (inside + len(pieces) - 1) % 2


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

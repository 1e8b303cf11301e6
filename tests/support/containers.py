"""Files made to harm: a good one taken apart, changed, and put together again with a correct digest."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

NO_DIGEST = "0" * 64


def take_apart(content: bytes) -> tuple[dict[str, Any], bytes]:
    """The header, its digest blanked, and the tensors' bytes of a file that nextword wrote."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"]["digest"] = NO_DIGEST
    return header, content[8 + length :]


def put_together(header: dict[str, Any] | bytes, body: bytes) -> bytes:
    """A file with this header (as JSON or as bytes) and these tensors, and the digest that it must have."""
    encoded = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    content = len(encoded).to_bytes(8, "little") + encoded + body
    digest = hashlib.sha256(content).hexdigest()
    return content.replace(f'"digest":"{NO_DIGEST}"'.encode(), f'"digest":"{digest}"'.encode(), 1)


def write(path: Path, header: dict[str, Any] | bytes, body: bytes) -> Path:
    path.write_bytes(put_together(header, body))
    return path

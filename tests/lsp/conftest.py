"""A server in a process of its own, and a client of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.language_client import LanguageClient


@pytest.fixture
def client(tiny_checkpoint: Path, tmp_path: Path) -> Iterator[LanguageClient]:
    with LanguageClient("-c", tiny_checkpoint, cwd=tmp_path) as client:
        yield client

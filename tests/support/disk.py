"""A disk on which things go wrong, call by call."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nextword.storage.atomic import Disk

CALLS = ["open", "write", "fsync", "close", "replace", "open", "fsync", "close"]  # the last three: the folder
REPLACED = CALLS.index("replace") + 1
OLD, NEW = b"old" * 1000, b"new" * 1000


class FaultyDisk(Disk):
    """A disk on which something happens before or after call number `at`; it remembers the calls and their targets."""

    def __init__(self, at: int = 0, fault: Callable[[], Any] = lambda: None, *, after: bool = False) -> None:
        self.at, self.fault, self.after = at, fault, after
        self.calls: list[tuple[str, Any]] = []

    def _call(self, name: str, *arguments: Any) -> Any:
        self.calls.append((name, arguments[0]))
        hit = len(self.calls) == self.at
        if hit and not self.after:
            self.fault()
        result = getattr(super(), name)(*arguments)
        if hit and self.after:
            self.fault()
        return result

    def open(self, path: Path, flags: int, mode: int = 0o777) -> int:
        return int(self._call("open", path, flags, mode))

    def write(self, descriptor: int, content: bytes | memoryview) -> int:
        return int(self._call("write", descriptor, content))

    def fsync(self, descriptor: int) -> None:
        self._call("fsync", descriptor)

    def close(self, descriptor: int) -> None:
        self._call("close", descriptor)

    def replace(self, source: Path, target: Path) -> None:
        self._call("replace", source, target)


def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def raising(number: int) -> Callable[[], None]:
    def fault() -> None:
        raise OSError(number, os.strerror(number))

    return fault

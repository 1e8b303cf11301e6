"""A terminal of its own for a program under test."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import termios
from pathlib import Path


class Terminal:
    """`nextword repl` on a terminal of its own."""

    def __init__(self, arguments: list[str], environment: dict[str, str], folder: Path) -> None:
        self.master, slave = pty.openpty()
        self.before = termios.tcgetattr(self.master)
        self.shown = b""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "nextword", "repl", *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={"TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1", **environment},
            cwd=folder,
            start_new_session=True,
        )
        self._slave = slave

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._slave)
        os.close(self.master)

    def type(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def wait_for(self, expected: str) -> str:
        """Everything shown up to `expected`, which is then taken off."""
        wanted = expected.encode()
        while wanted not in self.shown:
            readable, _, _ = select.select([self.master], [], [], 60)
            assert readable, f"no {expected!r} in {self.shown!r}"
            self.shown += os.read(self.master, 4096)
        before, _, self.shown = self.shown.partition(wanted)
        return before.decode()

    def leave(self) -> str:
        """Wait for the end, with the terminal as it was; all that was still shown."""
        while self.process.poll() is None or select.select([self.master], [], [], 0)[0]:
            if select.select([self.master], [], [], 0.1)[0]:
                self.shown += os.read(self.master, 4096)
        assert termios.tcgetattr(self.master) == self.before
        assert b"Traceback" not in self.shown
        return self.shown.decode()

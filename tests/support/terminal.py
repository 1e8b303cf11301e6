"""A terminal of its own for a program under test."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import shlex
import subprocess
import sys
import termios
from pathlib import Path


class Terminal:
    """`nextword repl` on a terminal of its own, which runs it in place of a shell, or in one that can suspend it."""

    def __init__(self, arguments: list[str], environment: dict[str, str], folder: Path, in_shell: bool = False) -> None:
        self.master, slave = pty.openpty()
        self.before = self.modes
        self.shown = b""
        command = [sys.executable, "-m", "nextword", "repl", *arguments]
        self.process = subprocess.Popen(
            ["sh", "-i"] if in_shell else command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={"TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1", **environment, "PS1": "(shell) "},
            cwd=folder,
            start_new_session=True,
            preexec_fn=_control_terminal if in_shell else None,  # noqa: PLW1509
        )
        self._slave = slave
        if in_shell:
            self.type(f"{shlex.join(command)}\r")

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._slave)
        os.close(self.master)

    @property
    def modes(self) -> list[object]:
        """What the terminal makes of the keys."""
        return termios.tcgetattr(self.master)

    @property
    def job(self) -> int:
        """The process group that has the terminal."""
        return os.tcgetpgrp(self.master)

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
        assert self.modes == self.before
        assert b"Traceback" not in self.shown
        return self.shown.decode()


def _control_terminal() -> None:
    """Make the terminal on stdin that of the session, whose jobs it starts and stops."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)

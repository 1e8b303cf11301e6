"""The terminal that the prompt is on: lent to the shell while the program is suspended, and drawn on without colors."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass
from typing import Any

from prompt_toolkit.input import Input
from prompt_toolkit.output import Output
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.styles import Attrs

if sys.platform != "win32":
    import termios


@dataclass(frozen=True)
class ShellTerminal:
    """The terminal as the shell has set it.

    Attributes:
        descriptor: The file that it is.
        modes: What `termios.tcgetattr` says of it.
    """

    descriptor: int
    modes: list[Any]

    @classmethod
    def of(cls, keyboard: Input) -> ShellTerminal | None:
        """The terminal that keys come from, before the prompt sets it; None if no shell could go on there."""
        if sys.platform == "win32" or not os.isatty(keyboard.fileno()):
            return None
        if signal.getsignal(signal.SIGTSTP) == signal.SIG_IGN:
            return None
        return cls(keyboard.fileno(), termios.tcgetattr(keyboard.fileno()))

    def lend(self, process: int) -> None:
        """Stop until the shell says to go on, with the terminal as it was for the shell meanwhile.

        Where nobody could say so, as in a terminal that runs this program in place of a shell, the system does not stop
        it.

        Args:
            process: This one; or 0: all of its group, as the terminal itself would stop them.
        """
        if sys.platform != "win32":
            termios.tcsetattr(self.descriptor, termios.TCSANOW, self.modes)
            handler = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            os.kill(process, signal.SIGTSTP)
            signal.signal(signal.SIGTSTP, handler)


def uncolored() -> Output | None:
    """A screen without colors if NO_COLOR asks for it (https://no-color.org); None: as the terminal can."""
    if not os.environ.get("NO_COLOR") or sys.platform == "win32":
        return None
    return _Uncolored.from_pty(sys.stdout, term=os.environ.get("TERM"))


class _Uncolored(Vt100_Output):
    """Moves the cursor and erases, and nothing else."""

    def set_attributes(self, attrs: Attrs, color_depth: Any) -> None:
        """Change nothing: neither colors nor bold or dim letters."""

    def reset_attributes(self) -> None:
        """Change nothing, as nothing was changed."""

"""Being told to stop: SIGINT (Ctrl-C) and SIGTERM while a network learns, or a session is read on.

Knows signals and nothing of what is interrupted.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class DeferredSignals:
    """While entered, the first signal is only remembered, for the next moment that suits; a second one stops at once.

    Signals that were ignored before (`nohup`, a shell's background job) stay ignored. Outside the main thread, where
    Python delivers no signals, nothing changes.

    Attributes:
        received: Number of the signal that came, 0 as long as none did.
    """

    def __init__(self) -> None:
        self.received = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> DeferredSignals:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) != signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.received:
            raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)
        self.received = number


@contextmanager
def exit_on_sigterm() -> Iterator[None]:
    """While entered, SIGTERM ends the work by `SystemExit`, as Ctrl-C does by `KeyboardInterrupt`, and not at once.

    A signal that was ignored before stays ignored. Outside the main thread nothing changes.
    """

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) == signal.SIG_IGN:
        yield
        return
    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)

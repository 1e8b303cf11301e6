"""Being told to stop: SIGINT (Ctrl-C) and SIGTERM while a network learns, or a session is read on.

Signals that were ignored before (`nohup`, a shell's background job) stay ignored. Outside the main thread, where Python
delivers no signals, nothing changes.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

Handler = Callable[[int, FrameType | None], None]


@contextmanager
def _handling(handler: Handler, *numbers: int) -> Iterator[None]:
    """While entered, `handler` receives the signals that are not ignored."""
    main = threading.current_thread() is threading.main_thread()
    received = [number for number in numbers if main and signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in received}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


class DeferredSignals:
    """While entered, the first signal is only remembered, for the next moment that suits; a second one stops at once.

    Attributes:
        received: Number of the signal that came, 0 as long as none did.
    """

    def __init__(self) -> None:
        self.received = 0
        self._handling = ExitStack()

    def __enter__(self) -> DeferredSignals:
        self._handling.enter_context(_handling(self._receive, signal.SIGINT, signal.SIGTERM))
        return self

    def __exit__(self, *exception: object) -> None:
        self._handling.close()

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.received:
            raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)
        self.received = number


@contextmanager
def exit_on_sigterm(ask: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """While entered, SIGTERM ends the work by `SystemExit`, as Ctrl-C does by `KeyboardInterrupt`, and not at once.

    Args:
        ask: Asks the work to end by itself, where an exception might come at a bad moment, and says whether it will;
            `SystemExit` is raised afterwards then. A second signal does not ask.
    """
    asked = False

    def leave(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked or not ask():
            raise SystemExit(128 + number)
        asked = True

    with _handling(leave, signal.SIGTERM):
        yield
    if asked:
        raise SystemExit(128 + signal.SIGTERM)

"""The run's own time: how long it has gone on, how fast it is, and how long it may still take."""

from __future__ import annotations

import time
from collections import deque

_SPEED_STEPS = 20  # steps that the speed is averaged over


class Clock:
    """Counts the seconds of a run, without those in which it was stopped.

    Args:
        began: When the run began, or went on, on the clock `time.perf_counter`.
        minutes: The time the run may take, if that limits it.
        seconds: What the run had taken when it was stopped.
    """

    def __init__(self, began: float, minutes: float | None, seconds: float = 0.0) -> None:
        self._began, self._minutes = began - seconds, minutes
        self._laps: deque[tuple[float, int]] = deque(maxlen=_SPEED_STEPS + 1)  # (seconds, tokens) after each step

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return time.perf_counter() - self._began

    def restart(self, tokens: int) -> None:
        """Begin to measure the speed anew, with so many tokens read: what was done last was no step."""
        self._laps.clear()
        self._laps.append((self.seconds, tokens))

    def lap(self, tokens: int) -> float:
        """Take note that a step was made and so many tokens are read; returns the step's seconds."""
        self._laps.append((self.seconds, tokens))
        return self._laps[-1][0] - self._laps[-2][0]

    @property
    def tokens_per_second(self) -> float:
        """The mean of the last steps."""
        (first, before), (last, after) = self._laps[0], self._laps[-1]
        return (after - before) / max(last - first, 1e-9)

    def seconds_left(self, progress: float) -> float:
        """Until the end of the schedule, of which the share `progress` is done."""
        if self._minutes is not None:
            return max(0.0, 60 * self._minutes - self.seconds) if progress < 1 else 0.0
        return self.seconds * (1 - progress) / max(progress, 1e-9)

"""How far a run is: the share of its schedule that is done, when it ends, when it is time to validate.

Numbers only: the caller reads the clock. Knows nothing of networks, texts or files.
"""

from __future__ import annotations

from collections import deque
from typing import Any

_RECENT = 200  # steps whose mean duration is the speed
_FRACTION = 50  # of the steps left pass between two estimates
_TOLERANCE = 0.01  # of the time: a plan that will end this near to it stays as it is
_MIN_SHARE = 0.1  # of the schedule between two validations, where epochs are longer
_MIN_TOKENS = 1_000_000  # between two validations inside an epoch
_MIN_RATIO = 10  # as many tokens learned from as are predicted: a twentieth of the time at most
_TIME_SHARE = 0.05  # of the time so far may have gone into validations, when time is what limits the run
_UNKNOWN = 2**53  # steps, before the first estimate


class Schedule:
    """Which share of the training is done, as a function of the steps made.

    With a number of steps the share is simply step / steps. With minutes, the number of steps follows from the speed
    of the first ones, and is estimated again, now and then, when the machine becomes faster or slower. What changes
    then is how fast the share grows from where it is: by an equal part of what is missing for every step that is
    left. So it never falls or jumps, and is 1 after the last step. Between two changes it depends on no clock.

    Args:
        steps: The most steps; None where only the time counts.
        minutes: The time the run may take; None where only the steps count.

    Attributes:
        step: Steps made.
        progress: Share of the schedule done, 0 to 1.
        total: The step it ends with, as far as is known.
    """

    def __init__(self, steps: int | None, minutes: float | None) -> None:
        self.limit = steps or _UNKNOWN
        self.allowed = None if minutes is None else 60 * minutes
        self.step, self.progress = 0, 0.0
        self.total = self.limit if minutes is None else _UNKNOWN
        self._plan_at = 1
        self._durations: deque[float] = deque(maxlen=_RECENT)
        self._measured = 0

    def measured(self, seconds: float) -> None:
        """Take note of how long a step took."""
        if self._measured == 1:
            self._durations.clear()  # the first step is slower than any other
        self._measured += 1
        self._durations.append(seconds)

    def plan(self, elapsed: float, reserve: float) -> None:
        """Fit the number of steps to the time, if there is one and it is time to estimate again.

        Args:
            elapsed: Seconds since the run began.
            reserve: Seconds that what is not a step will still need.
        """
        if self.allowed is None or self.step < self._plan_at or not self._durations:
            return
        pace = sum(self._durations) / len(self._durations)
        left = max(0, round((self.allowed - elapsed - reserve) / max(pace, 1e-9)))
        if abs(self.step + left - self.total) * pace > _TOLERANCE * self.allowed:
            self.total = min(self.step + left, self.limit)
        self._plan_at = self.step + max(1, min(self.step, (self.total - self.step) // _FRACTION))

    def advance(self) -> None:
        """Count a step."""
        left = self.total - self.step
        self.step += 1
        self.progress = 1.0 if left <= 1 else self.progress + (1 - self.progress) / left

    def state(self) -> dict[str, Any]:
        """What `restore` needs, as JSON values."""
        return {"step": self.step, "progress": self.progress, "total": self.total, "plan_at": self._plan_at}

    def restore(self, state: dict[str, Any], same_length: bool) -> None:
        """Go on from `state`; to a new end, if the run is now to have another length."""
        self.step, self.progress = state["step"], state["progress"]
        if same_length:
            self.total, self._plan_at = state["total"], state["plan_at"]
        else:
            self.total = self.limit if self.allowed is None else max(state["total"], self.step + 1)


class Validations:
    """When the held-out text is predicted: after every epoch, in long epochs also in between, and at the end.

    Args:
        tokens: How many tokens are held out.
        timed: Whether time limits the run; validations then take a twentieth of it at most, by the clock. Otherwise
            they depend on steps and tokens alone, so that the same run twice is the same run.

    Attributes:
        step: The last step after which there was one.
        cost: Seconds that one takes, as measured last.
    """

    def __init__(self, tokens: int, timed: bool) -> None:
        self.held_out, self.timed = tokens, timed
        self.step, self.progress, self.tokens = 0, 0.0, 0
        self.cost, self.spent = 0.0, 0.0

    def due(self, schedule: Schedule, tokens: int, epoch_ended: bool, elapsed: float) -> bool:
        """Whether to validate now, after `tokens` tokens and `elapsed` seconds."""
        if schedule.step == self.step or schedule.progress >= 1:
            return schedule.step > self.step
        long_ago = schedule.progress - self.progress >= _MIN_SHARE
        if self.timed:
            return (epoch_ended or long_ago) and self.spent + self.cost <= _TIME_SHARE * elapsed
        enough = tokens - self.tokens >= max(_MIN_TOKENS, _MIN_RATIO * self.held_out)
        return epoch_ended or (long_ago and enough)

    def done(self, schedule: Schedule, tokens: int, seconds: float) -> None:
        """Take note of a validation that took `seconds`."""
        self.step, self.progress, self.tokens = schedule.step, schedule.progress, tokens
        self.cost, self.spent = seconds, self.spent + seconds

    def reserve(self, schedule: Schedule, seconds_left: float, epochs_left: float) -> float:
        """Seconds that the validations still to come will take."""
        count = int(max(epochs_left, (1 - schedule.progress) / _MIN_SHARE))
        return self.cost + min(count * self.cost, _TIME_SHARE * max(0.0, seconds_left))

    def state(self) -> dict[str, Any]:
        """What `restore` needs, as JSON values."""
        names = ("step", "progress", "tokens", "cost", "spent")
        return {name: getattr(self, name) for name in names}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        vars(self).update(state)

"""How far a run is: the share of its schedule that is done, when it ends, when it is time to validate.

Numbers only: the caller reads the clock.
"""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any

from nextword.config import Settings

_RECENT_STEPS = 200  # their mean duration is the speed
_STEADY_STEPS = 10  # of which the speed is trusted
_STEADY_SHARE = 0.02  # share of the time in which it is, where steps take long
_ESTIMATES = 50  # the next one comes after a fiftieth of the steps that are left
_TOLERANCE = 0.01  # share of the time: a plan that will end this near to it stays as it is
_MAX_SHARE = 0.1  # share of the schedule without a validation, where epochs are longer
_FEW_HELD_OUT = 20_000  # tokens, which are predicted after every epoch: that takes seconds
_MAX_TIME_SHARE = 0.03  # share of the time that validations may take, where time is what limits the run
_WARM_UP = 0.02  # share of the schedule while the learning rate rises
_MIN_WARM_UP = 100  # steps that it takes, however few they are of the schedule
_MAX_WARM_UP = 0.05  # share of a short schedule that these may be
_CONSTANT_UNTIL = 0.4  # share of the schedule from which on the learning rate falls
_UNKNOWN = 2**53  # steps of a run before the first estimate
_MAX_COUNT = 2**62


@dataclass(frozen=True)
class Tuning:
    """From what size on something pays: these values suit runs of minutes and of days."""

    validation_tokens: int = 1_000_000  # fewest tokens learned from between two validations inside an epoch
    # Fewest of them for each token held out: 3 % of the time, as one costs up to twice as much as one learned from
    # where the vocabulary is large, because all of it is scored.
    validation_ratio: float = 70
    save_seconds: float = 300  # between two resume files, while the run goes on
    save_ratio: float = 200  # fewest seconds between them for each second that writing one takes


def bounded(most: float = _MAX_COUNT) -> Any:
    """A field of what an unfinished run keeps: a number from 0 to `most`."""
    return field(metadata={"low": 0, "high": most})


@dataclass(frozen=True)
class ScheduleState(Settings):
    """Where a `Schedule` was, as JSON values."""

    step: int = bounded()
    progress: float = bounded(1)
    total: int = bounded()
    plan_at: int = bounded()


@dataclass(frozen=True)
class ValidationsState(Settings):
    """Where `Validations` were, as JSON values."""

    step: int = bounded()
    progress: float = bounded(1)
    tokens: int = bounded()
    cost: float = bounded()
    spent: float = bounded()


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
        self.total = self.limit
        self._plan_at = 1
        self._durations: deque[float] = deque(maxlen=_RECENT_STEPS)
        self._started = False

    @property
    def rate_share(self) -> float:
        """Share of the highest learning rate: a short warm-up, a plateau, then falling linearly to zero."""
        return min(1.0, 0.1 + self._warmth, (1 - self.progress) / (1 - _CONSTANT_UNTIL))

    @property
    def warming_up(self) -> bool:
        """Whether the learning rate still rises."""
        return 0.1 + self._warmth < 1

    @property
    def _warmth(self) -> float:
        """How far the rise of the learning rate is; first estimates of a run's length are too bad to go by them."""
        return max(min(self.step / _MIN_WARM_UP, self.progress / _WARM_UP), self.progress / _MAX_WARM_UP)

    def measured(self, seconds: float) -> None:
        """Take note of how long a step took."""
        if self._started:  # the first step is slower than any other
            self._durations.append(seconds)
        self._started = True

    def speed_changed(self) -> None:
        """Forget how long steps took: from now on they take longer, or not as long."""
        self._durations.clear()
        self._plan_at = self.step

    def fit_to_time(self, elapsed: float, reserve: float) -> None:
        """Fit the number of steps to the time, if there is one and it is time to estimate again.

        Args:
            elapsed: Seconds since the run began.
            reserve: Seconds that what is not a step will still need.
        """
        if self.allowed is None or self.step < self._plan_at:
            return
        seconds_left, measured = max(0.0, self.allowed - elapsed - reserve), sum(self._durations)
        steady = len(self._durations) >= _STEADY_STEPS or measured >= _STEADY_SHARE * self.allowed
        if seconds_left and not steady:
            return
        pace = max(measured / len(self._durations), 1e-9) if steady else self.allowed
        left = round(seconds_left / pace)
        if abs(self.step + left - self.total) * pace > _TOLERANCE * self.allowed:
            self.total = min(self.step + left, self.limit)
        self._plan_at = self.step + max(1, min(self.step, (self.total - self.step) // _ESTIMATES))

    def advance(self) -> None:
        """Count a step."""
        left = self.total - self.step
        self.step += 1
        self.progress = 1.0 if left <= 1 else self.progress + (1 - self.progress) / left

    def state(self) -> ScheduleState:
        """What `restore` needs."""
        return ScheduleState(self.step, self.progress, self.total, self._plan_at)

    def restore(self, state: ScheduleState, same_length: bool) -> None:
        """Go on from `state`; to a new end, if the run is now to have another length."""
        self.step, self.progress = state.step, state.progress
        if same_length:
            self.total, self._plan_at = state.total, state.plan_at
        else:
            self.total = self.limit if self.allowed is None else min(self.limit, max(state.total, self.step + 1))


class Validations:
    """When the held-out text is predicted: after every epoch, in long epochs also in between, and at the end.

    Not while the learning rate still rises; and where it is no short text, so seldom that it takes 3 % of the time.

    Args:
        held_out: How many tokens are held out.
        timed: Whether time limits the run; validations then take 3 % of it at most, by the clock. Otherwise they
            depend on steps and tokens alone, so that the same run twice is the same run.
        tuning: How far apart they are inside an epoch.

    Attributes:
        step, progress, tokens: Where the run was at the last one.
        cost: Seconds that one takes, as measured last.
        spent: Seconds that all of them took.
    """

    def __init__(self, held_out: int, timed: bool, tuning: Tuning = Tuning()) -> None:
        self.held_out, self.timed, self._tuning = held_out, timed, tuning
        self.step, self.progress, self.tokens = 0, 0.0, 0
        self.cost, self.spent = 0.0, 0.0

    def cost_unknown(self, schedule: Schedule) -> bool:
        """Whether a sample should tell now how long one takes."""
        return self.timed and schedule.step > 0 and schedule.progress < 1 and not self.cost

    def due(self, schedule: Schedule, tokens: int, epoch_ended: bool, elapsed: float) -> bool:
        """Whether to validate now, after `tokens` tokens and `elapsed` seconds."""
        if schedule.step == self.step:
            return False
        if schedule.progress >= 1:
            return True
        if schedule.warming_up:
            return False
        long_ago = schedule.progress - self.progress >= _MAX_SHARE
        if self.timed:
            with_the_last = self.spent + 2 * self.cost
            return (epoch_ended or long_ago) and with_the_last <= _MAX_TIME_SHARE * elapsed
        since, ratio = tokens - self.tokens, self._tuning.validation_ratio * self.held_out
        if epoch_ended:
            return self.held_out <= _FEW_HELD_OUT or since >= ratio
        return long_ago and since >= max(self._tuning.validation_tokens, ratio)

    def done(self, schedule: Schedule, tokens: int, seconds: float) -> None:
        """Take note of a validation that took `seconds`."""
        self.step, self.progress, self.tokens = schedule.step, schedule.progress, tokens
        self.cost, self.spent = seconds, self.spent + seconds

    def reserve(self, schedule: Schedule, seconds_left: float, epochs_left: float) -> float:
        """Seconds that the validations still to come will take."""
        count = int(max(epochs_left, (1 - schedule.progress) / _MAX_SHARE))
        return self.cost + min(count * self.cost, _MAX_TIME_SHARE * max(0.0, seconds_left))

    def state(self) -> ValidationsState:
        """What `restore` needs."""
        return ValidationsState(self.step, self.progress, self.tokens, self.cost, self.spent)

    def restore(self, state: ValidationsState) -> None:
        """Go on from `state`."""
        vars(self).update(asdict(state))


class Saves:
    """When the resume file is written while the run goes on, so that a process that is killed loses little.

    Args:
        seconds: When the run begins, or goes on, on the run's own clock.
        tuning: How far apart saves are.
    """

    def __init__(self, seconds: float, tuning: Tuning) -> None:
        self._at, self._cost, self._tuning = seconds, 0.0, tuning

    def due(self, seconds: float) -> bool:
        """Whether to save now."""
        return seconds - self._at > max(self._tuning.save_seconds, self._tuning.save_ratio * self._cost)

    def done(self, seconds: float, cost: float) -> None:
        """Take note of a save that took `cost` seconds."""
        self._at, self._cost = seconds, cost

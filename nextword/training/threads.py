"""How many threads compute: as many as are fastest beside what else the machine does.

All of them share each small piece of work and wait for the last one. Where another program has one of the processors,
that last one comes late, and fewer threads can be faster. Only trying tells, so a few steps of the run are made with
each number. Numbers only: the caller reads the clock and sets what is chosen.
"""

from __future__ import annotations

_TRIAL_SECONDS = 1.0  # that each number of threads is tried for, at least
_TRIAL_STEPS = 3  # likewise
_MAX_TRIAL_SHARE = 0.05  # share of the time left that a trial may take
_SLOWER = 1.5  # times as long for a token: no use to try still fewer threads, or time to try all of them again
_GAIN = 0.95  # times as long at most, to give up a number for another one
_WATCHED_SECONDS = 5.0  # over which the speed is taken between trials
_AGAIN_SECONDS = 30.0  # until more threads than compute now are tried again


class ThreadChoice:
    """Tries numbers of threads at the start, when the speed falls, and now and then while fewer than all compute.

    Args:
        most: How many threads there may be; with 1, nothing is ever tried.

    Attributes:
        count: How many are to compute the next step.
    """

    def __init__(self, most: int) -> None:
        self.most = self.count = self._chosen = most
        self._numbers = sorted(
            {most, most - 1, most - 2, *(most >> bits for bits in range(most.bit_length()))} - {-1, 0}
        )
        self._waiting: list[int] = []  # numbers still to be tried in a trial that goes on
        self._found: dict[int, float] = {}  # seconds a token, of those tried
        self._best = 0.0  # seconds a token, with the chosen number; 0: nothing was tried yet
        self._since_trial = 0.0
        self._unmeasured, self._steps, self._seconds, self._tokens = 2, 0, 0.0, 0

    def measured(self, seconds: float, tokens: int, seconds_left: float) -> bool:
        """Take note of a step; whether a number is now chosen for the first time, or another than before.

        Args:
            seconds: What it took.
            tokens: How many it learned from.
            seconds_left: Until the end of the run.
        """
        self._since_trial += seconds
        if self._unmeasured:
            self._unmeasured -= 1
            return False
        self._steps, self._seconds, self._tokens = self._steps + 1, self._seconds + seconds, self._tokens + tokens
        if self._found or self._waiting:
            return self._try()
        if self._is_time() and len(self._numbers) * max(_TRIAL_SECONDS, 4 * seconds) < _MAX_TRIAL_SHARE * seconds_left:
            self._waiting = self._numbers.copy()
            self._next()
        return False

    def _start(self, unmeasured: int) -> None:
        """Measure the speed anew; the first steps with another number of threads are slower than those that follow."""
        self._unmeasured = unmeasured
        self._steps, self._seconds, self._tokens = 0, 0.0, 0

    def _is_time(self) -> bool:
        """Whether to begin a trial."""
        if not self._best:
            return self.most > 1
        if self._steps < _TRIAL_STEPS or self._seconds < _WATCHED_SECONDS:
            return False
        pace = self._seconds / self._tokens
        self._start(unmeasured=0)
        self._best = min(self._best, pace)
        return pace > _SLOWER * self._best or (self.count < self.most and self._since_trial > _AGAIN_SECONDS)

    def _next(self) -> None:
        self.count = self._waiting.pop()
        self._start(unmeasured=1)

    def _try(self) -> bool:
        """Go on with a trial after a step of it; whether it ended with another choice."""
        pace = self._seconds / self._tokens
        slow = bool(self._found) and pace > _SLOWER * min(self._found.values())
        if self._steps < _TRIAL_STEPS or (self._seconds < _TRIAL_SECONDS and not slow):
            return False
        self._found[self.count] = pace
        if self._waiting and not slow:
            self._next()
            return False
        best, before, first = min(self._found, key=self._found.__getitem__), self._chosen, not self._best
        if self._found[best] < _GAIN * self._found.get(before, pace):
            self._chosen = best
        self.count, self._best = self._chosen, self._found.get(self._chosen, pace)
        self._waiting, self._found, self._since_trial = [], {}, 0.0
        self._start(unmeasured=1)
        return first or self._chosen != before

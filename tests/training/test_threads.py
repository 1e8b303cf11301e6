"""How many threads compute: on machines that the tests make up, whose other programs come and go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from nextword.training.threads import ThreadChoice

TOKENS = 700  # of a step


def computed(
    choice: ThreadChoice, minutes: float, pace: Callable[[int, float], float]
) -> tuple[list[tuple[float, int]], Counter[int], int]:
    """Make steps for so long, each of which takes `pace(threads, seconds so far)` seconds.

    Returns:
        When a choice was told and what it was; the steps by number of threads; how many in the last minute by the
        number chosen last.
    """
    now, told, steps = 0.0, [], Counter[int]()
    late = 0
    while now < 60 * minutes:
        seconds = pace(choice.count, now)
        steps[choice.count] += 1
        late += now > 60 * (minutes - 1) and bool(told) and choice.count == told[-1][1]
        now += seconds
        if choice.measured(seconds, TOKENS, 60 * minutes - now):
            told.append((now, choice.count))
    return told, steps, late


def idle(threads: int, now: float) -> float:
    """A machine of eight processors and nobody else."""
    return 0.4 / threads + 0.02


def beside_one(threads: int, now: float) -> float:
    """The last one has to wait for another program, and all others for it."""
    return 0.4 / threads + 0.02 if threads < 8 else 0.3


@pytest.mark.parametrize("most", [1, 2, 3, 8])
def test_where_nobody_else_computes_all_threads_do(most: int) -> None:
    told, steps, _ = computed(ThreadChoice(most), 10, idle)
    assert [count for _, count in told] == [most] * (most > 1)
    assert steps[most] > 0.98 * steps.total()


def test_beside_another_program_as_many_compute_as_are_fastest() -> None:
    told, steps, _ = computed(ThreadChoice(8), 10, beside_one)
    assert [count for _, count in told] == [7]
    assert steps[7] > 0.9 * steps.total()


@pytest.mark.parametrize("most", [2, 8])
def test_when_the_speed_falls_and_when_others_are_gone_the_number_is_chosen_anew(most: int) -> None:
    def pace(threads: int, now: float) -> float:
        return idle(threads, now) * (3 if threads == most and 100 < now < 300 else 1)

    told, _, _ = computed(ThreadChoice(most), 10, pace)
    (_, first), (fewer_at, fewer), (again_at, again) = told
    assert (first, fewer, again) == (most, most - 1, most)
    assert 100 < fewer_at < 100 + 20
    assert 300 < again_at < 300 + 60


def test_a_slower_machine_is_no_reason_for_fewer_threads() -> None:
    told, steps, _ = computed(ThreadChoice(2), 10, lambda threads, now: idle(threads, now) * (1 + (now > 300)))
    assert [count for _, count in told] == [2]
    assert steps[2] > 0.97 * steps.total()


def test_numbers_that_are_about_as_fast_do_not_take_turns() -> None:
    told, _, _ = computed(ThreadChoice(2), 20, lambda threads, now: 0.1 if threads == 2 else 0.098)
    assert len(told) == 1


@pytest.mark.parametrize(("minutes", "seconds"), [(0.2, 0.05), (2, 4.0)])
def test_nothing_is_tried_where_it_would_take_much_of_the_time(minutes: float, seconds: float) -> None:
    told, steps, _ = computed(ThreadChoice(2), minutes, lambda threads, now: seconds)
    assert not told
    assert set(steps) == {2}

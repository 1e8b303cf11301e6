"""When a run ends, how its share grows, when it validates: on clocks that the tests make up."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable
from dataclasses import asdict, replace

import pytest

from nextword.training.schedule import Saves, Schedule, ScheduleState, Tuning, Validations, ValidationsState


def run(
    schedule: Schedule, step_seconds: Callable[[float], float], elapsed: float = 0.0, reserve: float = 0.0
) -> tuple[float, list[float]]:
    """Make steps until the schedule ends; the time then, and the share after every step."""
    shares = []
    while schedule.progress < 1:
        schedule.fit_to_time(elapsed, reserve)
        seconds = step_seconds(elapsed)
        elapsed += seconds
        schedule.measured(seconds)
        schedule.advance()
        shares.append(schedule.progress)
    return elapsed + reserve, shares


def check_growth(shares: list[float]) -> None:
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert len(set(shares)) == len(shares)


def test_with_a_number_of_steps_the_share_is_the_share_of_the_steps() -> None:
    for total in (1, 2, 7, 1000):
        schedule = Schedule(total, None)
        _, shares = run(schedule, lambda now: 1.0)
        assert shares == pytest.approx([(index + 1) / total for index in range(total)])
        assert shares[-1] == 1
        assert schedule.step == total


@pytest.mark.parametrize("seconds", [0.003, 0.05, 0.4])
@pytest.mark.parametrize("minutes", [0.5, 2, 20])
def test_at_a_steady_speed_the_time_is_kept_and_the_share_grows_evenly(seconds: float, minutes: float) -> None:
    ended, shares = run(Schedule(None, minutes), lambda now: seconds)
    assert ended == pytest.approx(60 * minutes, rel=0.03)
    check_growth(shares)
    for part in (0.25, 0.5, 0.75):
        assert shares[int(part * len(shares))] == pytest.approx(part, abs=0.03)


PACES: dict[str, Callable[[float], float]] = {
    "slower in the middle": lambda now: 0.1 if now < 150 else 0.2,
    "faster in the middle": lambda now: 0.2 if now < 150 else 0.1,
    "slower near the end": lambda now: 0.1 if now < 285 else 0.2,
    "faster near the end": lambda now: 0.2 if now < 285 else 0.1,
    "a slow first step": lambda now: 5.0 if not now else 0.1,
    "changing every ten seconds": lambda now: 0.1 if now % 20 < 10 else 0.2,
}


@pytest.mark.parametrize("name", PACES)
def test_on_a_machine_whose_speed_changes_the_time_is_kept_all_the_same(name: str) -> None:
    ended, shares = run(Schedule(None, 5), PACES[name], elapsed=20.0, reserve=6.0)
    assert ended == pytest.approx(300, rel=0.05)
    check_growth(shares)
    jumps = [after - before for before, after in itertools.pairwise(shares[9:])]
    assert max(jumps[:-100]) < 6 / len(shares)


def test_on_a_noisy_machine_the_time_is_kept() -> None:
    chance = random.Random(1)
    ended, shares = run(Schedule(None, 5), lambda now: 0.1 * chance.lognormvariate(0, 0.7))
    assert ended == pytest.approx(300, rel=0.05)
    check_growth(shares)


def test_the_plan_is_left_alone_while_the_speed_stays_what_it_was() -> None:
    chance, totals = random.Random(1), []
    schedule = Schedule(None, 10)

    def step(now: float) -> float:
        totals.append(schedule.total)
        return 0.1 * chance.uniform(0.99, 1.01)

    run(schedule, step)
    assert len(set(totals[10:])) <= 2


def test_time_that_is_over_ends_the_run_with_the_next_step() -> None:
    schedule = Schedule(None, 1)
    ended, shares = run(schedule, lambda now: 1000.0)
    assert (ended, len(shares)) == (2000.0, 2)
    assert shares[-1] == 1


def test_a_restored_schedule_goes_on_as_the_one_that_was_saved() -> None:
    for whole, again in ((Schedule(50, None), Schedule(50, None)), (Schedule(None, 1), Schedule(None, 1))):
        for index in range(20):
            whole.fit_to_time(float(index), 0.0)
            whole.measured(1.0)
            whole.advance()
        again.restore(ScheduleState(**json.loads(json.dumps(asdict(whole.state())))), same_length=True)
        for index in range(20, 23):
            for schedule in (whole, again):
                schedule.fit_to_time(float(index), 0.0)
                schedule.measured(1.0)
                schedule.advance()
            assert (again.step, again.progress, again.total) == (whole.step, whole.progress, whole.total)


def test_where_steps_and_time_limit_a_run_there_are_no_more_steps_than_that() -> None:
    for steps in (1, 2, 5):
        schedule = Schedule(steps, 10)
        run(schedule, lambda now: 0.1)
        assert schedule.step == steps
        longer = Schedule(steps + 1, 10)
        longer.restore(replace(schedule.state(), progress=0.5, total=9), same_length=False)
        run(longer, lambda now: 0.1)
        assert longer.step == steps + 1


def test_a_run_given_more_time_glides_to_its_new_end() -> None:
    schedule = Schedule(None, 1)
    shares = []
    for index in range(40):
        schedule.fit_to_time(float(index), 0.0)
        schedule.measured(1.0)
        schedule.advance()
        shares.append(schedule.progress)
    longer = Schedule(None, 3)
    longer.restore(schedule.state(), same_length=False)
    ended, more = run(longer, lambda now: 1.0, elapsed=40.0)
    assert ended == pytest.approx(180, rel=0.05)
    check_growth(shares + more)


# -- the learning rate -----------------------------------------------------------------------------------------------


def rates(schedule: Schedule, step_seconds: Callable[[float], float]) -> list[float]:
    """The share of the rate that each step of a run has."""
    elapsed, found = 0.0, []
    while schedule.progress < 1:
        schedule.fit_to_time(elapsed, 0.0)
        found.append(schedule.rate_share)
        seconds = step_seconds(elapsed)
        elapsed += seconds
        schedule.measured(seconds)
        schedule.advance()
    return found


@pytest.mark.parametrize(("steps", "warm_up"), [(100_000, 1800), (20_000, 360), (4000, 90), (200, 9), (10, 1), (1, 0)])
def test_the_rate_rises_for_a_fiftieth_of_the_run_but_for_a_number_of_steps_or_a_twentieth(
    steps: int, warm_up: int
) -> None:
    found = rates(Schedule(steps, None), lambda now: 1.0)
    full = next((index for index, rate in enumerate(found) if rate == 1.0), 0)
    assert abs(full - warm_up) <= 1
    assert found[:full] == sorted(found[:full])
    assert found[full:] == sorted(found[full:], reverse=True)
    assert found[0] == 0.1
    assert found[-1] == pytest.approx(1 / 0.6 / steps) or steps == 1


@pytest.mark.parametrize("slow", [[5.0], [5.0, 4.0, 3.0, 2.0, 1.0], [2.0] * 9])
def test_slow_first_steps_do_not_end_the_warm_up(slow: list[float]) -> None:
    waiting = iter(slow)
    found = rates(Schedule(None, 25), lambda now: next(waiting, 0.1))
    assert 10_000 < len(found) < 16_000
    assert max(found[:20]) <= 0.3
    assert found.index(1.0) >= 90
    assert max(after - before for before, after in itertools.pairwise(found[:1000])) < 0.1


def test_a_speed_that_changed_is_known_anew_after_some_steps() -> None:
    schedule = Schedule(None, 10)
    pace = 1.0
    for index in range(100):
        if index == 50:
            schedule.speed_changed()
            pace = 0.5
        schedule.fit_to_time(0.0, 0.0)
        schedule.measured(pace)
        schedule.advance()
        if index == 52:
            assert schedule.total < 700  # nothing is known yet
    assert schedule.total > 1200


# -- validations -----------------------------------------------------------------------------------------------------


def validated_after(
    plan: Validations, steps: int, epoch: int, tokens_a_step: int, cost: float = 0.0, pace: float = 1.0
) -> list[int]:
    """The steps of a run of `steps` after which it validates."""
    schedule, elapsed, found = Schedule(steps, None), 0.0, []
    for step in range(1, steps + 1):
        schedule.advance()
        elapsed += pace
        if plan.due(schedule, step * tokens_a_step, step % epoch == 0, elapsed):
            plan.done(schedule, step * tokens_a_step, cost)
            elapsed += cost
            found.append(step)
            assert not plan.due(schedule, step * tokens_a_step, True, elapsed)
    return found


def test_every_epoch_is_validated_and_the_end() -> None:
    assert validated_after(Validations(100, timed=False), 25, 10, 700) == [10, 20, 25]


def test_long_epochs_are_validated_in_between_where_that_costs_little() -> None:
    assert validated_after(Validations(10_000, timed=False), 1000, 1000, 15_000) == list(range(100, 1001, 100))
    assert validated_after(Validations(100_000, timed=False), 1000, 1000, 15_000) == [467, 934, 1000]
    assert validated_after(Validations(10, timed=False), 1000, 1000, 100) == [1000]  # a short run is over before long


def test_much_text_is_not_validated_after_every_epoch() -> None:
    assert validated_after(Validations(20_000, timed=False), 1000, 200, 1500) == [200, 400, 600, 800, 1000]
    assert validated_after(Validations(20_001, timed=False), 5000, 200, 1500) == [934, 1868, 2802, 3736, 4670, 5000]


def test_no_text_is_validated_while_the_learning_rate_still_rises() -> None:
    for timed in (True, False):
        found = validated_after(Validations(100, timed), 10_000, 10, 700)
        assert found[0] in (180, 190)
        assert found[-1] == 10_000
    assert validated_after(Validations(100, timed=False), 3, 1, 700) == [1, 2, 3]  # of so few steps, none is for that


@pytest.mark.parametrize(("epoch", "cost"), [(1000, 4.0), (5, 4.0), (50, 0.01), (300, 30.0), (1000, 60.0)])
def test_in_a_timed_run_validations_take_three_hundredths_of_the_time_at_most(epoch: int, cost: float) -> None:
    plan = Validations(10_000, timed=True)
    plan.cost = cost  # as a sample has told
    found = validated_after(plan, 1000, epoch, 700, cost)
    assert found[-1] == 1000
    assert plan.spent <= max(cost, 0.03 * (1000 + plan.spent))  # one there must be
    assert (len(found) == 1) == (2 * cost > 30)
    if cost < 1:
        assert max(after - before for before, after in itertools.pairwise([0, *found])) <= 110


def test_a_sample_is_to_tell_what_a_validation_takes_once_and_only_where_time_counts() -> None:
    schedule, plan = Schedule(10, 1), Validations(100, timed=True)
    assert not plan.cost_unknown(schedule)
    schedule.advance()
    assert plan.cost_unknown(schedule)
    assert not Validations(100, timed=False).cost_unknown(schedule)
    plan.cost = 0.5
    assert not plan.cost_unknown(schedule)


def test_what_is_set_aside_for_validations_is_what_they_take() -> None:
    plan, schedule = Validations(100, timed=True), Schedule(1000, None)
    plan.cost = 2.0
    assert plan.reserve(schedule, seconds_left=1000, epochs_left=0) == pytest.approx(2 + 10 * 2)
    assert plan.reserve(schedule, seconds_left=1000, epochs_left=20) == pytest.approx(2 + 30)
    assert plan.reserve(schedule, seconds_left=100, epochs_left=20) == pytest.approx(2 + 3)


def test_restored_validations_go_on_where_they_were() -> None:
    plan, schedule = Validations(100, timed=False), Schedule(10, None)
    schedule.advance()
    plan.done(schedule, 700, 0.5)
    again = Validations(100, timed=False)
    again.restore(ValidationsState(**json.loads(json.dumps(asdict(plan.state())))))
    assert again.state() == plan.state()
    assert (again.step, again.cost, again.spent) == (1, 0.5, 0.5)


# -- saves -----------------------------------------------------------------------------------------------------------


def test_the_resume_file_is_written_every_few_minutes_and_less_often_where_that_takes_long() -> None:
    saves = Saves(1000.0, Tuning(save_seconds=300, save_ratio=200))
    assert not saves.due(1299)
    assert saves.due(1301)
    saves.done(1305, cost=4.0)
    assert not saves.due(1305 + 799)
    assert saves.due(1305 + 801)

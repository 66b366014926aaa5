"""Slices: a tick looks at as many days as it has the time for, and each day has its turn."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datagw.gateways.local import Local
from datagw.ledger import DayRow
from datagw.publishing import survey
from datagw.publishing.plans import DayPlan
from datagw.publishing.slices import AT_LEAST, LAST, LONGEST, Agenda, Slices, agenda
from datagw_tests.publishing.station import NOW, Station

TODAY = NOW.date()


@dataclass
class Slow:
    """A clock that moves by what a look costs, each time that a day is taken."""

    seconds: float
    now: float = 0.0

    def __call__(self) -> float:
        return self.now

    def look(self, days: Any) -> list[date]:
        """The days that an iteration gives, each looked at."""
        looked: list[date] = []
        for day in days:
            self.now += self.seconds
            looked.append(day)
        return looked


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def row(day: date, state: str = "published", copy: str = "archive") -> DayRow:
    return DayRow("readings", day, copy, state, 1, 1, None, NOW, "run")  # type: ignore[arg-type]


def tick(station: Station, wanted: Agenda, clock: Slow, **job: Any) -> list[date]:
    """What one tick looks at, on its way through an agenda."""
    slices = Slices(station.job(**job), station.world(), wanted, clock)
    looked = clock.look(slices)
    slices.keep()
    return looked


def olds(count: int) -> list[date]:
    return sorted(ago(100 + n) for n in range(count))


# ---- the agenda


def test_the_last_seven_days_that_are_over_come_first(near: Station) -> None:
    days = [ago(n) for n in range(1, 12)]
    found = agenda(near.job(), days, [], [], NOW)
    assert found.last == sorted(ago(n) for n in range(1, LAST + 2))  # one more where the last midnight is not over
    assert found.new == sorted(ago(n) for n in range(LAST + 2, 12))


def test_failed_unfinished_and_marked_days_are_open(near: Station) -> None:
    days = [ago(20), ago(30), ago(40), ago(50)]
    rows = [row(ago(20), "failed"), row(ago(30), "unfinished"), row(ago(40)), row(ago(50))]
    found = agenda(near.job(), days, rows, [ago(40)], NOW)
    assert found.open == [ago(40), ago(30), ago(20)]
    assert found.old == [ago(50)]


def test_a_day_that_one_copy_has_no_row_of_is_new(tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    station = Station(tmp_path, Local(root=str(tmp_path / "archive")), copies=2)
    found = agenda(
        station.job(), [ago(20), ago(30)], [row(ago(20)), row(ago(30)), row(ago(30), copy="archive1")], [], NOW
    )
    assert (found.new, found.old) == ([ago(20)], [ago(30)])


# ---- the slices


def test_a_quick_place_is_looked_at_as_a_whole(near: Station) -> None:
    wanted = Agenda(last=[ago(1)], open=[ago(20)], new=[ago(30)], old=olds(400))
    assert sorted(tick(near, wanted, Slow(0.0001))) == wanted.days
    assert near.ledger.position("readings", "slices") is None  # nothing to remember, nothing written


def test_once_all_old_days_had_their_turn_they_rest_for_a_minute(near: Station) -> None:
    wanted, clock = Agenda(last=[ago(1)], old=olds(400)), Slow(1 / 128)
    assert len(tick(near, wanted, clock)) == 401
    assert tick(near, wanted, clock) == [ago(1), *wanted.old[:30]]
    assert tick(near, wanted, clock) == [ago(1), *wanted.old[30:60]]
    near.now += timedelta(seconds=61)
    assert len(tick(near, wanted, clock)) == 401


def test_days_that_are_looked_at_in_no_time_do_not_rest(near: Station) -> None:
    wanted, clock = Agenda(old=olds(100)), Slow(1 / 1024)
    assert [len(tick(near, wanted, clock)) for _ in range(3)] == [100] * 3


def test_a_slow_place_gets_thirty_days_a_tick_and_five_seconds_more_days_where_they_are_quick(near: Station) -> None:
    wanted = Agenda(last=[ago(1)], old=olds(400))
    assert len(tick(near, wanted, Slow(0.5))) == 1 + AT_LEAST
    assert len(tick(near, wanted, Slow(0.125))) == 1 + 40


def test_the_next_tick_goes_on_where_the_last_one_ended_and_begins_again_at_the_end(near: Station) -> None:
    wanted = Agenda(old=olds(70))
    clock = Slow(1)
    first, second, third = (tick(near, wanted, clock) for _ in range(3))
    assert first == olds(70)[:30]
    assert second == olds(70)[30:60]
    assert third == [*olds(70)[60:], *olds(70)[:20]]


def test_the_last_days_and_the_open_ones_are_looked_at_by_every_tick(near: Station) -> None:
    wanted = Agenda(last=[ago(n) for n in range(7, 0, -1)], open=[ago(50), ago(20)], old=olds(300))
    clock = Slow(0.5)
    for _ in range(5):
        assert {*wanted.last, *wanted.open} <= {*tick(near, wanted, clock)}


def test_new_days_come_oldest_first(near: Station) -> None:
    assert tick(near, Agenda(new=olds(90)), Slow(1)) == olds(90)[:30]


def test_a_tick_ends_in_time_however_slow_the_place_and_the_rest_has_its_turn_later(near: Station) -> None:
    wanted = Agenda(last=[ago(1)], open=olds(50), new=[ago(60 + n) for n in range(35, 0, -1)], old=[ago(20)])
    clock = Slow(3)
    looked = tick(near, wanted, clock)
    assert clock.now <= LONGEST + 3 * 3
    for _ in range(40):
        looked += tick(near, wanted, clock)
    assert {*looked} == {*wanted.days}


def test_last_days_that_take_all_the_time_do_not_keep_the_others_from_their_turn(near: Station) -> None:
    wanted = Agenda(last=[ago(n) for n in range(7, 0, -1)], open=[ago(50), ago(40)], new=olds(2), old=[ago(20)])
    clock = Slow(6)
    looked = {day for _ in range(2) for day in tick(near, wanted, clock)}
    assert looked == {*wanted.days}


def test_a_cron_line_takes_all_the_time_there_is(near: Station) -> None:
    wanted = Agenda(new=olds(60), old=[ago(60 + n) for n in range(20, 0, -1)])
    assert tick(near, wanted, Slow(0.5), when="15 2 * * *") == [*wanted.new, *wanted.old]
    assert len(tick(near, wanted, Slow(2), when="15 2 * * *")) == LONGEST / 2


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(count=st.integers(1, 400), cost=st.floats(0, 0.6), news=st.integers(0, 200))
def test_every_day_is_looked_at_within_as_many_ticks_as_thirty_days_each_take(
    near: Station, count: int, cost: float, news: int
) -> None:
    near.ledger.set_position("readings", "slices", {})
    wanted = Agenda(new=[ago(30 + n) for n in range(news, 0, -1)], old=sorted(ago(900 + n) for n in range(count)))
    clock, looked = Slow(cost), set[date]()
    for _ in range(math.ceil(max(count, news) / AT_LEAST)):
        looked |= {*tick(near, wanted, clock)}
    assert looked == {*wanted.days}


# ---- the survey


def test_a_patient_survey_says_how_many_days_it_did_not_look_at(near: Station) -> None:
    for day in olds(80):
        near.write(f"{day:%Y%m%d}/a")
    clock = Slow(1)
    found = survey(near.job(), near.world(), patient=True, clock=_each_look_takes(clock))
    assert (len(found.plans), found.total) == (AT_LEAST, 80)
    assert found.found == olds(80)
    assert [plan.day for plan in found.plans] == olds(80)[:30]


def test_a_person_s_survey_looks_at_all(near: Station) -> None:
    for day in olds(80):
        near.write(f"{day:%Y%m%d}/a")
    found = survey(near.job(), near.world(), clock=_each_look_takes(Slow(1)))
    assert len(found.plans) == found.total == 80


def test_a_late_file_in_an_old_day_is_found_once_the_day_has_its_turn(near: Station) -> None:
    days = olds(45)
    for day in days:
        near.write(f"{day:%Y%m%d}/a")
    assert {result.state for result in near.run(*days)} == {"published"}
    near.write(f"{days[-1]:%Y%m%d}/late")
    seen: list[DayPlan] = []
    for _ in range(math.ceil(45 / AT_LEAST)):
        seen += [
            plan
            for plan in survey(near.job(), near.world(), patient=True, clock=_each_look_takes(Slow(1))).plans
            if plan.due
        ]
    assert {plan.day for plan in seen} == {days[-1]}


def test_a_day_that_cannot_be_looked_at_does_not_stand_in_the_way_of_those_after_it(near: Station) -> None:
    wanted, clock = Agenda(old=olds(80)), Slow(1)
    slices = Slices(near.job(), near.world(), wanted, clock)
    for day in slices:
        if day == wanted.old[10]:
            break  # as an error would
    slices.keep()
    assert tick(near, wanted, clock)[0] == wanted.old[11]


def _each_look_takes(clock: Slow) -> Any:
    """A clock that moves whenever somebody looks at it."""

    def now() -> float:
        clock.now += clock.seconds
        return clock.now

    return now

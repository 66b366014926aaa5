"""The calendar: each state of a day, and which missing ones are expected."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagw.ledger import DayRow
from datagw.publishing.calendar import (
    STATES,
    CalendarDay,
    calendar,
    counted,
    described,
    is_expected,
    missing_days,
    span,
    stretches,
)
from datagw.publishing.days import calendar_of, found_days, waiting_days
from datagw_tests.publishing.station import NOW, Station

FIRST = date(2026, 2, 1)  # a Sunday
YESTERDAY = NOW.date() - timedelta(days=1)


def row(day: date, state: str, copy: str = "archive", files: int = 2) -> DayRow:
    return DayRow("readings", day, copy, state, files, 10 * files, None, NOW, "run")  # type: ignore[arg-type]


def states(station: Station, rows: list[DayRow], found: list[date] | None, **asked: Any) -> dict[int, str]:
    """The states of the days of February, by number."""
    now = asked.pop("now", NOW)
    asked = {"first": FIRST, **asked}
    job = station.job(**asked.pop("job", {}))
    return {one.day.day: one.state for one in calendar(job, rows, found, now, **asked) if one.day.month == 2}


def feb(day: int) -> date:
    return date(2026, 2, day)


@pytest.mark.parametrize("state", ["published", "empty", "failed", "unfinished"])
def test_what_the_ledger_has_of_a_day_is_its_state_whether_or_not_it_is_still_there(near: Station, state: str) -> None:
    for found in ([], [feb(5)], None):
        assert states(near, [row(feb(5), state)], found)[5] == state


def test_no_folder_and_never_published_is_missing(near: Station) -> None:
    assert states(near, [row(feb(4), "published"), row(feb(5), "missing")], [feb(4)])[5] == "missing"


def test_there_and_over_is_due_and_an_hour_after_its_grace_late(near: Station) -> None:
    over = near.job().over_at(feb(5))
    assert states(near, [], [feb(5)], now=over - timedelta(seconds=1))[5] == "not over yet"
    assert states(near, [], [feb(5)], now=over)[5] == "due"
    assert states(near, [], [feb(5)], now=over + timedelta(minutes=59))[5] == "due"
    assert states(near, [], [feb(5)], now=over + timedelta(hours=1))[5] == "late"


def test_a_day_that_is_not_over_is_not_missing(near: Station) -> None:
    over = near.job(grace=timedelta(hours=30)).over_at(feb(5))
    before = over - timedelta(seconds=1)
    assert states(near, [], [], now=before, job={"grace": timedelta(hours=30)})[5] == "not over yet"
    assert states(near, [], [], now=over, job={"grace": timedelta(hours=30)})[5] == "missing"


def test_days_before_the_start_are_nobodys(near: Station) -> None:
    found = states(near, [row(feb(3), "published")], [feb(2)], first=feb(10), since=feb(1))
    assert [found[day] for day in (1, 2, 3, 10)] == ["before start", "before start", "published", "missing"]


def test_a_source_that_cannot_be_listed_makes_no_day_missing(near: Station) -> None:
    found = states(near, [row(feb(4), "published")], None)
    assert found[4] == "published"
    assert found[5] == "unknown"


def test_a_marker_of_somebody_else_makes_a_day_wait(near: Station) -> None:
    assert states(near, [], [feb(5)], waiting=[feb(5)])[5] == "waiting"


def test_a_day_is_as_bad_as_its_worst_copy(near: Station) -> None:
    near.copies = 2
    rows = [row(feb(5), "published"), row(feb(5), "failed", "archive1", files=1)]
    (day,) = calendar(near.job(), rows, [], NOW, first=FIRST, since=feb(5), until=feb(5))
    assert day.state == "failed"
    assert (day.at("archive").state, day.at("archive").files, day.at("archive1").bytes) == ("published", 2, 10)


def test_a_calendar_goes_from_the_first_day_to_today_in_the_zone_of_the_job(near: Station) -> None:
    late = datetime.fromisoformat("2026-02-28T23:30:00Z")
    for zone, last in (("UTC", feb(28)), ("Europe/Paris", date(2026, 3, 1))):
        days = calendar(near.job(timezone=zone), [], [], late, first=FIRST)
        assert (days[0].day, days[-1].day) == (FIRST, last)


def test_where_no_day_is_known_there_is_no_calendar(near: Station) -> None:
    assert calendar(near.job(), [], [], NOW, first=None) == []
    assert calendar(near.job(), [], None, NOW, first=None) == []


def test_without_a_start_it_begins_with_the_oldest_day_that_anybody_knows(near: Station) -> None:
    assert calendar(near.job(), [row(feb(7), "published")], [feb(9)], NOW, first=None)[0].day == feb(7)


@given(st.lists(st.sampled_from(["published", "empty", "failed", "unfinished", "missing"]), max_size=30), st.data())
def test_every_day_has_one_state_and_unknown_is_only_said_of_a_source_that_cannot_be_listed(
    rows: list[str], data: st.DataObject
) -> None:
    from datagw.gateways.paths.patterns import Pattern
    from datagw.gateways.paths.templates import Template
    from datagw.jobs import Copy, Job, Source

    source = Source(gateway="local", pattern=Pattern.parse("%Y%m%d/"))
    job = Job(name="readings", source=source, to=(Copy(name="archive", gateway="a", template=Template.parse("%j/")),))
    kept = [row(FIRST + timedelta(days=n), state) for n, state in enumerate(rows)]
    found = data.draw(st.none() | st.sets(st.dates(FIRST, NOW.date())))
    days = calendar(job, kept, found, NOW, first=FIRST)
    assert [one.day for one in days] == span(FIRST, NOW.date())
    assert sum(counted(one.state for one in days).values()) == len(days) - sum(
        one.state == "not over yet" for one in days
    )
    assert {one.state for one in days} <= {*STATES}
    assert found is None or "unknown" not in {one.state for one in days}
    assert found is not None or not {"missing", "late", "due"} & {one.state for one in days}


# ---- what is expected


def test_every_day_expects_each_and_weekdays_neither_saturday_nor_sunday(near: Station) -> None:
    week = span(feb(2), feb(8))  # Monday to Sunday
    assert [is_expected(near.job(expect="every day"), day) for day in week] == [True] * 7
    assert [is_expected(near.job(expect="weekdays"), day) for day in week] == [True] * 5 + [False] * 2
    assert [is_expected(near.job(), day) for day in week] == [False] * 7


def test_missing_days_are_those_of_one_copy_that_are_expected_and_over(near: Station) -> None:
    near.copies = 2
    job = near.job(expect="weekdays")
    rows = [row(day, "published") for day in span(FIRST, YESTERDAY) if day not in (feb(7), feb(10))]
    rows += [row(day, "published", "archive1") for day in span(FIRST, YESTERDAY)]
    days = calendar(job, rows, [], NOW, first=FIRST)
    assert missing_days(job, days, "archive") == [feb(10)]
    assert missing_days(job, days, "archive1") == []


def test_days_are_told_in_stretches() -> None:
    days = [feb(1), feb(3), feb(4), feb(5), feb(9)]
    assert stretches(days) == [(feb(1), feb(1)), (feb(3), feb(5)), (feb(9), feb(9))]
    assert described(days) == "2026-02-01, 2026-02-03 to 2026-02-05 (3 days), 2026-02-09"
    assert described(days, most=1) == "2026-02-01, and 4 more"
    assert described([]) == ""


# ---- with a real ledger and a real disk


def test_a_week_of_a_station_as_its_calendar_has_it(near: Station) -> None:
    for number in (1, 2, 4, 5):
        near.write(f"202602{number:02}/a")
    (near.data / "20260203").mkdir()
    near.write("20260205/.do-not-touch", b"")
    (near.folder / "archive/days/20260202/a").mkdir(parents=True)  # stands in the way
    near.run(feb(1), feb(2), feb(3))
    world, gateway = near.world(), near.gateways["station"].using(name="station")
    found = found_days(near.job(), gateway)
    waiting = waiting_days(near.job(), world, gateway, [feb(4), feb(5)])
    days: list[CalendarDay] = calendar_of(near.job(start=FIRST), world, found, until=feb(6), waiting=waiting)
    assert [one.state for one in days] == ["published", "failed", "empty", "late", "waiting", "missing"]

"""When a day is over."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagw.gateways.paths.patterns import Pattern
from datagw.jobs import Job, Source

SOURCE = Source(gateway="local", pattern=Pattern.parse("%Y%m%d/"))
NONE, HOUR = timedelta(0), timedelta(hours=1)


def job(timezone: str, grace: timedelta = NONE) -> Job:
    return Job(name="a", source=SOURCE, timezone=timezone, grace=grace)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("timezone", "day", "over"),
    [
        ("UTC", date(2026, 1, 1), utc(2026, 1, 2)),
        ("Europe/Paris", date(2026, 1, 1), utc(2026, 1, 1, 23)),
        ("Europe/Paris", date(2026, 3, 28), utc(2026, 3, 28, 23)),
        ("Europe/Paris", date(2026, 3, 29), utc(2026, 3, 29, 22)),  # 23 hours
        ("Europe/Paris", date(2026, 10, 25), utc(2026, 10, 25, 23)),  # 25 hours
        ("Asia/Kolkata", date(2026, 1, 1), utc(2026, 1, 1, 18, 30)),
        ("Asia/Kathmandu", date(2026, 1, 1), utc(2026, 1, 1, 18, 15)),
        ("Australia/Lord_Howe", date(2026, 4, 5), utc(2026, 4, 5, 13, 30)),  # changes by half an hour
        ("Pacific/Kiritimati", date(2026, 1, 1), utc(2026, 1, 1, 10)),
        ("America/Havana", date(2026, 3, 7), utc(2026, 3, 8, 5)),  # midnight is skipped
        ("America/Havana", date(2026, 10, 31), utc(2026, 11, 1, 4)),  # midnight comes twice: the first ends the day
        ("America/Asuncion", date(2018, 10, 6), utc(2018, 10, 7, 4)),  # midnight is skipped
        ("Pacific/Apia", date(2011, 12, 29), utc(2011, 12, 30, 10)),  # the next day never was
        ("Pacific/Apia", date(2011, 12, 30), utc(2011, 12, 30, 10)),
    ],
)
def test_a_day_is_over_at_the_midnight_that_ends_it(timezone, day, over):
    assert job(timezone).over_at(day) == over
    assert job(timezone, HOUR).over_at(day) == over + HOUR
    assert job(timezone).is_over(day, over)
    assert not job(timezone).is_over(day, over - timedelta(microseconds=1))
    assert not job(timezone, HOUR).is_over(day, over)


def test_the_first_and_the_last_days_of_the_calendar_have_an_end():
    for timezone in ("UTC", "Pacific/Kiritimati", "America/Los_Angeles"):
        for grace in (NONE, timedelta(days=3)):
            assert not job(timezone, grace).is_over(date.max, utc(2026, 1, 1))
            assert not job(timezone, grace).is_over(date.max - timedelta(1), utc(2026, 1, 1))
            assert job(timezone, grace).is_over(date.min, utc(2026, 1, 1))


@given(
    st.sampled_from(["UTC", "Europe/Paris", "America/Havana", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Cairo"]),
    st.dates(date(2000, 1, 1), date(2040, 1, 1)),
)
def test_days_end_one_after_the_other_23_to_25_hours_apart(timezone, day):
    length = job(timezone).over_at(day + timedelta(1)) - job(timezone).over_at(day)
    assert timedelta(hours=23) <= length <= timedelta(hours=25)


def test_a_job_has_a_name_that_dagsters_ops_can_bear():
    assert Job(name="a-b_c", source=SOURCE).asset_name == "a_b_c"
    assert job("Europe/Paris").zone.key == "Europe/Paris"
    assert job("UTC").dated


def test_a_job_can_be_dumped_and_copied():
    one = job("UTC")
    assert one.model_dump(mode="json")["source"]["pattern"] == "%Y%m%d/"
    assert one.model_copy(update={"name": "b"}).fingerprint != one.fingerprint

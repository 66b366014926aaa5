"""Numbers as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from datagw.cli.units import days_of, files_of, moment, moment_of_ns, seconds_of, size_of


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (30_000_000, "30.0 MB"),
        (999_949, "999.9 kB"),
        (999_960, "1.0 MB"),
        (4.2e12, "4.2 TB"),
        (5e15, "5000.0 TB"),
    ],
)
def test_a_size_has_three_digits_and_a_unit(count: float, shown: str):
    assert size_of(count) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0.0 s"),
        (9.94, "9.9 s"),
        (12.4, "12 s"),
        (99, "99 s"),
        (100, "2 min"),
        (3599, "1 h 00 min"),
        (7500, "2 h 05 min"),
    ],
)
def test_a_duration_has_the_unit_that_fits(seconds: float, shown: str):
    assert seconds_of(seconds) == shown


def test_one_is_not_many():
    assert (files_of(1), files_of(2), files_of(0)) == ("1 file", "2 files", "0 files")
    assert (days_of(1), days_of(1000)) == ("1 day", "1,000 days")


def test_moments_are_iso_8601_in_utc():
    assert moment(datetime(2026, 1, 31, 12, tzinfo=UTC)) == "2026-01-31T12:00:00Z"
    assert moment(datetime(2026, 1, 31, 12, tzinfo=timezone(timedelta(hours=2)))) == "2026-01-31T10:00:00Z"
    assert moment(None) is None


def test_a_modification_time_keeps_every_digit_that_it_has():
    assert moment_of_ns(1_000_000_000_123_456_789) == "2001-09-09T01:46:40.123456789Z"
    assert moment_of_ns(1_000_000_000_500_000_000) == "2001-09-09T01:46:40.5Z"
    assert moment_of_ns(0) == "1970-01-01T00:00:00Z"
    assert moment_of_ns(-1) == "1969-12-31T23:59:59.999999999Z"
    assert moment_of_ns(None) is None

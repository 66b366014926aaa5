"""Days and ranges of days."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagw.assets.days import LONGEST_RANGE, Days, asked_for, ranges

FIRST = date(2024, 1, 1)
sets_of_days = st.sets(st.integers(0, 1500).map(lambda n: FIRST + timedelta(days=n)), max_size=60)


def shown(found: list[Days]) -> list[str]:
    return [str(one) for one in found]


def test_neighbours_are_one_range():
    days = [date(2026, 1, day) for day in (3, 1, 2, 9)]
    assert shown(ranges(days)) == ["2026-01-01–2026-01-03", "2026-01-09"]


def test_a_range_is_no_longer_than_a_run_may_be():
    days = [FIRST + timedelta(days=n) for n in range(800)]
    assert [len(one) for one in ranges(days)] == [366, 366, 68]


def test_gaps_are_bridged_only_where_there_are_too_many():
    days = [FIRST + timedelta(days=2 * n) for n in range(30)]
    assert len(ranges(days, at_most=30)) == 30
    assert len(ranges(days, at_most=29)) == 1


def test_what_may_not_be_bridged_is_not():
    days = [FIRST + timedelta(days=2 * n) for n in range(30)]
    assert len(ranges(days, may_bridge=lambda _: False, at_most=1)) == 30


@given(sets_of_days, st.integers(1, 12), sets_of_days)
def test_every_day_is_in_exactly_one_range_and_no_forbidden_one_is_in_any(days, at_most, forbidden):
    found = ranges(days, may_bridge=lambda day: day not in forbidden, at_most=at_most)
    covered = [day for one in found for day in one]
    assert len(covered) == len(set(covered))
    assert covered == sorted(covered)
    assert days <= set(covered)
    assert not (set(covered) - days) & forbidden
    assert all(len(one) <= LONGEST_RANGE for one in found)
    assert all(one.first in days for one in found) or len(found) > 1


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ({}, None),
        ({"dagster/partition": "2026-01-01"}, Days(date(2026, 1, 1), date(2026, 1, 1))),
        (Days(date(2026, 1, 1), date(2026, 1, 3)).tags, Days(date(2026, 1, 1), date(2026, 1, 3))),
    ],
)
def test_the_days_of_a_run_are_read_from_its_tags(tags, found):
    assert asked_for(tags) == found

"""Days as partitions, and runs of days as ranges."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

from dagster import DailyPartitionsDefinition
from typing_extensions import override

from datagw.jobs import Job
from datagw.ledger import Ledger
from datagw.publishing import known_first_day

LONGEST_RANGE = 366  # days in one run
UNKNOWN_START = date(2000, 1, 1)  # until the first look at the source has told better

PARTITION_TAG = "dagster/partition"
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"

_ONE = timedelta(days=1)


def partitions_of(job: Job, ledger: Ledger | None) -> DailyPartitionsDefinition | None:
    """The days of a dated job, in its time zone; None for a job without days. Reads the ledger, if there is one."""
    if not job.dated:
        return None
    start = job.start if isinstance(job.start, date) else None
    if start is None and ledger is not None:
        start = known_first_day(job, ledger)
    return _daily((start or UNKNOWN_START).isoformat(), job.timezone)


@cache
def _daily(start: str, timezone: str) -> DailyPartitionsDefinition:
    return DailyPartitionsDefinition(start, timezone=timezone)


@dataclass(frozen=True, slots=True)
class Days:
    """A range of days, both ends included, that one run takes."""

    first: date
    last: date

    def __iter__(self) -> Iterator[date]:
        day = self.first
        while day <= self.last:
            yield day
            day += _ONE

    def __len__(self) -> int:
        return (self.last - self.first).days + 1

    @override
    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}–{self.last}"

    @property
    def tags(self) -> dict[str, str]:
        """The run tags that tell Dagster of the range, as its own backfills write them."""
        return {RANGE_START_TAG: self.first.isoformat(), RANGE_END_TAG: self.last.isoformat()}


def ranges(
    days: Iterable[date], *, may_bridge: Callable[[date], bool] = lambda _: True, at_most: int = 10
) -> list[Days]:
    """The days as contiguous ranges, oldest first, none of them longer than a run may be.

    Where these are more than `at_most`, gaps are bridged, the smallest first, until they are not: gaps of days that
    `may_bridge` says yes to (missing ones). Not before, because Dagster shows a bridged day as failed where another day
    of its run fails.
    """
    found = [Days(day, day) for day in sorted(set(days))]
    widest = 0
    while True:
        found = _joined(found, may_bridge, widest)
        if len(found) <= at_most or widest > LONGEST_RANGE:
            return [part for whole in found for part in _cut(whole)]
        widest = 2 * widest or 1


def _joined(found: Sequence[Days], may_bridge: Callable[[date], bool], widest: int) -> list[Days]:
    joined = list(found[:1])
    for one in found[1:]:
        gap = Days(joined[-1].last + _ONE, one.first - _ONE)
        if len(gap) <= widest and all(map(may_bridge, gap)):
            joined[-1] = Days(joined[-1].first, one.last)
        else:
            joined.append(one)
    return joined


def _cut(whole: Days) -> list[Days]:
    parts: list[Days] = []
    first = whole.first
    while first <= whole.last:
        last = min(first + timedelta(days=LONGEST_RANGE - 1), whole.last)
        parts.append(Days(first, last))
        first = last + _ONE
    return parts


def asked_for(tags: Mapping[str, str]) -> Days | None:
    """The days of a run, by its tags; None where it has none."""
    one = tags.get(PARTITION_TAG)
    first, last = tags.get(RANGE_START_TAG, one), tags.get(RANGE_END_TAG, one)
    if first is None or last is None:
        return None
    return Days(date.fromisoformat(first), date.fromisoformat(last))

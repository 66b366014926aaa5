"""The calendar: the state of each day of a job, of what the ledger knows and what stands at the source. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Literal, get_args

from datagw.jobs import Job
from datagw.ledger import DayRow

LATE_AFTER = timedelta(hours=1)  # after a day may be sent
ONE = timedelta(days=1)

StateOfDay = Literal[
    "failed",
    "late",
    "unfinished",
    "waiting",
    "unknown",
    "due",
    "missing",
    "published",
    "empty",
    "not over yet",
    "before start",
]
"""The states, the worst first.

`due`: there and over, for less than an hour; `waiting`: there, with a marker that is not ours; `unknown`: the source
cannot be listed, and the ledger has nothing of that day. The other words are those of docs/days.md.
"""

STATES: tuple[StateOfDay, ...] = get_args(StateOfDay)
NO_DAYS: tuple[StateOfDay, ...] = ("not over yet", "before start")
"""What a day may be that nobody can ask for yet, or any more."""


@dataclass(frozen=True, slots=True)
class CopyOfDay:
    """One copy of one day; `files` and `bytes` are what is proven there, `updated` (UTC) is None without a row."""

    copy: str
    state: StateOfDay
    files: int = 0
    bytes: int = 0
    updated: datetime | None = None


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """One day: the worst of its copies' states, and these."""

    day: date
    copies: tuple[CopyOfDay, ...]

    @property
    def state(self) -> StateOfDay:
        """The worst of its copies' states."""
        return worst_of(copy.state for copy in self.copies)

    def at(self, copy: str) -> CopyOfDay:
        """What it has come to at one copy."""
        return next(one for one in self.copies if one.copy == copy)


def calendar(
    job: Job,
    rows: Iterable[DayRow],
    found: Collection[date] | None,
    now: datetime,
    *,
    first: date | None,
    since: date | None = None,
    until: date | None = None,
    waiting: Collection[date] = (),
) -> list[CalendarDay]:
    """Each day from `since` (else the first one) until `until` (else today, in the job's zone), both included.

    `found` are the days at the source, None where it could not be listed; `first` is the day that the job begins with,
    if that is known; `waiting` are days with a marker that is not ours. Nothing, where no day is known at all.
    """
    known = {(day, row.copy): row for row in rows if (day := row.day) is not None}
    if first is None:
        first = min([*(found or ()), *(day for day, _ in known)], default=None)
    if first is None:
        return []
    there = None if found is None else frozenset(found)
    last = until or now.astimezone(job.zone).date()

    def state(day: date, copy: str) -> CopyOfDay:
        row = known.get((day, copy))
        if row is not None and row.state != "missing":
            return CopyOfDay(copy, row.state, row.files, row.bytes, row.updated)
        return CopyOfDay(copy, _without_row(job, day, there, now, first, waiting))

    return [CalendarDay(day, tuple(state(day, copy.name) for copy in job.to)) for day in span(since or first, last)]


def worst_of(states: Iterable[StateOfDay]) -> StateOfDay:
    """The worst of some states."""
    return min(states, key=STATES.index)


def _without_row(
    job: Job, day: date, found: Collection[date] | None, now: datetime, first: date, waiting: Collection[date]
) -> StateOfDay:
    if day < first:
        return "before start"
    if not job.is_over(day, now):
        return "not over yet"
    if found is None:
        return "unknown"
    if day not in found:
        return "missing"
    if day in waiting:
        return "waiting"
    return "late" if now - LATE_AFTER >= job.over_at(day) else "due"


def span(first: date, last: date) -> list[date]:
    """The days from one to the other, both included."""
    return [first + n * ONE for n in range((last - first).days + 1)]


def counted(states: Iterable[StateOfDay]) -> dict[StateOfDay, int]:
    """How many days are in each state, the worst first; days that nobody can ask for are left out."""
    counts = Counter(states)
    return {state: counts[state] for state in STATES if counts[state] and state not in NO_DAYS}


def is_expected(job: Job, day: date) -> bool:
    """Whether `expect` has something against that day's being missing."""
    return job.expect == "every day" or (job.expect == "weekdays" and day.weekday() < 5)


def missing_days(job: Job, days: Iterable[CalendarDay], copy: str) -> list[date]:
    """The days that are missing at one copy although they are expected, oldest first."""
    return [one.day for one in days if one.at(copy).state == "missing" and is_expected(job, one.day)]


def stretches(days: Sequence[date]) -> list[tuple[date, date]]:
    """Sorted days as contiguous stretches: their first and last days."""
    if not days:
        return []
    ends = [before for before, after in pairwise(days) if after - before > ONE]
    starts = [after for before, after in pairwise(days) if after - before > ONE]
    return list(zip([days[0], *starts], [*ends, days[-1]], strict=True))


def described(days: Sequence[date], most: int = 20) -> str:
    """Sorted days for people: `2026-01-03, 2026-01-07 to 2026-01-09 (3 days), and 4 days more`."""
    parts = stretches(days)
    told = [str(a) if a == b else f"{a} to {b} ({(b - a).days + 1} days)" for a, b in parts[:most]]
    left = sum((b - a).days + 1 for a, b in parts[most:])
    return ", ".join(told) + (f", and {left:,} more" if left else "")


WHAT_TO_DO: Mapping[StateOfDay, str] = {
    "failed": "put right what the error says; the next run tries again",
    "late": "there, and nobody sent it: is datagw at work, is the switch on?",
    "unfinished": "the next run goes on with it",
    "waiting": "whoever writes there has left a marker; it is sent when that is gone",
    "unknown": "the source cannot be listed",
    "due": "the next look takes it",
    "missing": "nothing is at the source: was it never written?",
}
"""What to do about a day, in a few words, for the states that call for it."""

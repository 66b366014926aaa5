"""Which days a tick looks at: the last seven, those left open, new ones, and of the older ones a slice in turn.

A look at a day costs a slow server a second, and a job has years of days; a tick has sixty seconds. Where each slice
ended is kept in the ledger, so that the next one begins there; so each day has its turn. Once all old days have had
theirs, there is a minute's rest, or a quick disk would be looked through all the time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from datagw.jobs import Job
from datagw.ledger import DayRow
from datagw.publishing.world import World

LAST = 7  # days that every tick looks at
AT_LEAST = 30  # days of a slice, however long they take
LONGEST = 40.0  # seconds that a tick may look at days in all; one of each kind has its turn all the same
SECONDS = {"open": 15.0, "new": 5.0, "old": 5.0}  # that a slice of each kind may take, once it has its thirty
BRIEFLY = 0.1  # seconds for the old ones, where all of them were looked at within
REST = timedelta(minutes=1)

_POSITION = "slices"
_TURNED = "turned"
_OPEN = ("failed", "unfinished")


@dataclass(frozen=True)
class Agenda:
    """The days that there are to look at, each kind sorted.

    `last` are the last seven that are over, `open` those that failed, were left unfinished or are marked, `new` those
    that some copy has no row of, `old` all others.
    """

    last: Sequence[date] = ()
    open: Sequence[date] = ()
    new: Sequence[date] = ()
    old: Sequence[date] = ()

    @property
    def days(self) -> list[date]:
        """All of them, oldest first."""
        return sorted([*self.last, *self.open, *self.new, *self.old])


def slices_of(job: Job, world: World, days: Collection[date], clock: Callable[[], float]) -> Slices:
    """The way of one tick through the days that there are to look at."""
    marked = {row.day for row in world.ledger.markers(job.name) if row.day is not None}
    return Slices(job, world, agenda(job, days, world.ledger.days(job.name), marked, world.now()), clock)


def agenda(
    job: Job, days: Collection[date], rows: Collection[DayRow], marked: Collection[date], now: datetime
) -> Agenda:
    """The days by kind; `marked` are those that the ledger knows a marker of."""
    recent = now.astimezone(job.zone).date() - timedelta(days=LAST + 1)
    left = {row.day for row in rows if row.state in _OPEN} | {*marked}
    known = {copy.name: {row.day for row in rows if row.copy == copy.name} for copy in job.to}
    kinds: dict[str, list[date]] = {"last": [], "open": [], "new": [], "old": []}
    for day in sorted(days):
        whole = all(day in known[copy.name] for copy in job.to)
        kinds["last" if day >= recent else "open" if day in left else "old" if whole else "new"].append(day)
    return Agenda(**kinds)


@dataclass
class Slices:
    """One tick's way through an agenda. Iterated over, it gives the days while there is time; `keep` is said at the
    end, however it ends, so that a day that cannot be looked at does not stand in the way of those after it.
    """

    job: Job
    world: World
    agenda: Agenda
    clock: Callable[[], float]
    _ends: dict[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        self._kept: dict[str, str] = self.world.ledger.position(self.job.name, _POSITION, {})
        self._ends = dict(self._kept)

    def __iter__(self) -> Iterator[date]:
        started = self.clock()
        at_leisure = self.job.cron is not None  # it does not come again after seconds
        yield from self.agenda.last
        for kind, seconds in SECONDS.items():
            days: Sequence[date] = getattr(self.agenda, kind)
            began = self.clock()
            if kind == "old" and self._rests():
                seconds = BRIEFLY
            for count, day in enumerate(_from(days, self._ends.get(kind))):
                now = self.clock()
                if (now - started >= LONGEST and (count or at_leisure)) or (
                    count >= AT_LEAST and now - began >= seconds and not at_leisure
                ):
                    break
                self._ends[kind] = day.isoformat()
                yield day
            else:
                self._ends.pop(kind, None)  # all of them: the next tick begins with the oldest
                if kind == "old" and self.clock() - began > BRIEFLY:
                    self._ends[_TURNED] = self.world.now().isoformat()

    def _rests(self) -> bool:
        turned = self._kept.get(_TURNED)
        return turned is not None and self.world.now() - datetime.fromisoformat(turned) < REST

    def keep(self) -> None:
        """Puts down where the slices ended."""
        if self._ends != self._kept:
            self.world.ledger.set_position(self.job.name, _POSITION, self._ends)


def _from(days: Sequence[date], end: str | None) -> Sequence[date]:
    """The days from the one after `end` on, and then those before."""
    at = 0 if end is None else bisect_right(days, date.fromisoformat(end))
    return [*days[at:], *days[:at]]

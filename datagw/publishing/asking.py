"""What somebody asks for, as days: one, a range, or whatever is due; and what is found of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from datagw.jobs import Job
from datagw.publishing.days import days_at_source, first_day
from datagw.publishing.engine import due
from datagw.publishing.plans import DayPlan
from datagw.publishing.unmatched import unmatched
from datagw.publishing.world import World


@dataclass(frozen=True, slots=True)
class Asked:
    """The days that were asked for: one, some, all from one to another, or (all of it None) whatever is due."""

    one: date | None = None
    first: date | None = None
    last: date | None = None
    some: Sequence[date] | None = None

    @property
    def any(self) -> bool:
        """Whether days were named at all."""
        return (self.one, self.first, self.last, self.some) != (None, None, None, None)

    def days(self, job: Job, now: datetime, known_first: date | None) -> list[date]:
        """Each of them, oldest first; an open end is the job's first day, or the last one that is over."""
        if self.some is not None:
            return sorted({*self.some})
        if self.one is not None:
            return [self.one]
        last = self.last
        if last is None:
            last = now.astimezone(job.zone).date()
            while not job.is_over(last, now):
                last -= timedelta(days=1)
        first = self.first or known_first or last
        return [first + timedelta(days=number) for number in range((last - first).days + 1)]


@dataclass(frozen=True, slots=True)
class Found:
    """The plans of the days that may be sent; and those asked for that are missing, or may not be sent yet."""

    plans: Sequence[DayPlan]
    missing: Sequence[date] = ()
    not_over: Sequence[date] = ()
    note: str | None = None
    """What stands at the source instead, where its pattern matches nothing that is there."""

    def wanted(self, *, resend: bool = False) -> list[date | None]:
        """The days that a run is to work on: those that are due, and with `resend` those that were done."""
        return [plan.day for plan in self.plans if plan.due or (resend and plan.state in ("done", "empty"))]


def look(job: Job, world: World, asked: Asked) -> Found:
    """Plans what was asked for, or whatever is due; changes nothing. Days of which nobody knows are not planned."""
    if not asked.any:
        plans = due(job, world)
        return Found(plans, note=unmatched(job, world, plans))
    now = world.now()
    days = asked.days(job, now, None if asked.first or asked.some else first_day(job, world))
    over = [day for day in days if job.is_over(day, now)]
    known = {*days_at_source(job, world), *(row.day for row in world.ledger.days(job.name))} if over else set[date]()
    wanted = [day for day in over if day in known]
    plans = due(job, world, days=wanted) if wanted else []
    missing = {*over} - known | {plan.day for plan in plans if plan.day and plan.state == "missing"}
    plans = [plan for plan in plans if plan.state != "missing"]
    not_over = [day for day in days if day not in {*over}]
    return Found(plans, sorted(missing), not_over, unmatched(job, world, plans) if missing else None)

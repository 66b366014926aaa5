"""Days: which there are, which are over, which a job begins with, and what has become of each."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

from datagw.errors import NotFound, Unavailable
from datagw.gateways.base import Gateway
from datagw.jobs import Job
from datagw.ledger import Ledger
from datagw.publishing.calendar import CalendarDay, calendar
from datagw.publishing.looking import require_root
from datagw.publishing.markers import waiting_for
from datagw.publishing.unlisted import possible_days
from datagw.publishing.world import World

_FIRST = "first"


def found_days(job: Job, gateway: Gateway) -> list[date]:
    """The days that stand at the source, oldest first; where none are listed, those that may. An outage raises."""
    if not gateway.can("ls"):
        return possible_days(job)
    require_root(job, gateway)
    try:
        return sorted({day for day, _ in job.source.pattern.discover(gateway.ls, hidden=job.source.hidden)})
    except NotFound as error:
        if not gateway.keeps_folders:
            return []
        raise Unavailable("the source root went away while it was listed", gateway=gateway.name) from error


def days_at_source(job: Job, world: World) -> list[date]:
    """The days that stand at the source of a dated job, oldest first, on a connection of its own."""
    source = job.source.gateway
    with world.gateways[source].using(name=source, retries=world.retries or job.retries) as gateway:
        return found_days(job, gateway)


def first_day(job: Job, world: World) -> date | None:
    """The day that a dated job begins with: `start`, or the oldest one found, which the ledger then keeps."""
    if not job.dated:
        return None
    known = known_first_day(job, world.ledger)
    if known is None:
        found = days_at_source(job, world)
        if found:
            known = found[0]
            world.ledger.set_position(job.name, _FIRST, known.isoformat())
    return known


def known_first_day(job: Job, ledger: Ledger) -> date | None:
    """The same, as far as the job file and the ledger tell; no gateway is asked."""
    if isinstance(job.start, date):
        return job.start
    kept = ledger.position(job.name, _FIRST)
    return date.fromisoformat(str(kept)) if kept else None


def to_look_at(job: Job, world: World, found: Sequence[date]) -> list[date]:
    """Of the days found at the source those that are over and not before the first, and those left open.

    The oldest one found first is kept as the first.
    """
    first = known_first_day(job, world.ledger)
    if first is None and found:
        first = found[0]
        world.ledger.set_position(job.name, _FIRST, first.isoformat())
    left_open = [day for day in world.ledger.open_days(job.name) if day is not None]
    now = world.now()
    return sorted(day for day in {*found, *left_open} if job.is_over(day, now) and (first is None or day >= first))


def calendar_of(
    job: Job,
    world: World,
    found: Collection[date] | None,
    *,
    since: date | None = None,
    until: date | None = None,
    waiting: Collection[date] = (),
) -> list[CalendarDay]:
    """The calendar, with what the ledger knows; for `found` and the others see `calendar`. No gateway is asked."""
    if not world.gateways[job.source.gateway].can("ls"):
        found = None
    rows = world.ledger.days(job.name)
    first = known_first_day(job, world.ledger)
    return calendar(job, rows, found, world.now(), first=first, since=since, until=until, waiting=waiting)


def waiting_days(job: Job, world: World, gateway: Gateway, days: Collection[date]) -> set[date]:
    """Those of the days in which a marker stands that is not ours; each is looked at."""
    return {day for day in days if waiting_for(job, day, gateway, world.ledger) is not None}

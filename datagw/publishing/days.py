"""Days: which there are, which are over, and which a job begins with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from datagw.errors import NotFound, Unavailable
from datagw.gateways.base import Gateway
from datagw.jobs import Job
from datagw.ledger import Ledger
from datagw.publishing.looking import require_root
from datagw.publishing.world import World

_FIRST = "first"


def found_days(job: Job, gateway: Gateway) -> list[date]:
    """The days that stand at the source, oldest first. Raises where it cannot be listed."""
    require_root(job, gateway)
    try:
        return sorted({day for day, _ in job.source.pattern.discover(gateway.ls, hidden=job.source.hidden)})
    except NotFound as error:
        raise Unavailable("the source root went away while it was listed", gateway=gateway.name) from error


def first_day(job: Job, world: World) -> date | None:
    """The day that a dated job begins with: `start`, or the oldest one found, which the ledger then keeps."""
    if not job.dated:
        return None
    known = known_first_day(job, world.ledger)
    if known is None:
        with world.gateways[job.source.gateway].using(name=job.source.gateway, retries=job.retries) as gateway:
            found = found_days(job, gateway)
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


def days_to_plan(job: Job, world: World, gateway: Gateway, asked: Sequence[date] | None) -> list[date]:
    """The days asked for; else those at the source that are over and not before the first, and those left open."""
    if asked is not None:
        return sorted(set(asked))
    found = found_days(job, gateway)
    first = known_first_day(job, world.ledger)
    if first is None and found:
        first = found[0]
        world.ledger.set_position(job.name, _FIRST, first.isoformat())
    left_open = [day for day in world.ledger.open_days(job.name) if day is not None]
    now = world.now()
    return sorted(day for day in {*found, *left_open} if job.is_over(day, now) and (first is None or day >= first))

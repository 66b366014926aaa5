"""The look at a job's source as a plan or a run wants it: all of it, or what is settled and new."""

from __future__ import annotations

from datetime import date

from datagw.gateways.base import Gateway
from datagw.jobs import Job
from datagw.publishing.looking import look_at_source
from datagw.publishing.planning import SourceSight, Wish
from datagw.publishing.world import World


def sighted(job: Job, day: date | None, gateway: Gateway, world: World, wish: Wish) -> SourceSight:
    """What stands at the source for one day, of that what this wish is about."""
    del wish
    return look_at_source(job, day, gateway, world.ledger, world.now())

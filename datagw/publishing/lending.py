"""A gateway for one run: a connection of its own, and what job and run lend it."""

from __future__ import annotations

from collections.abc import Callable

from datagw.gateways.base import Gateway
from datagw.jobs import Job
from datagw.publishing.world import World


def lent(gateway: Gateway, name: str, job: Job, world: World, fence: Callable[[], None]) -> Gateway:
    """The same place under the name that the job gives it, with the run's retries, bandwidth, progress and log.

    `fence` raises to end the run; the gateway asks it before whatever it does.
    """
    return gateway.using(
        name=name,
        retries=world.retries or job.retries,
        bandwidth=job.bandwidth,
        fence=fence,
        moved=world.progress.moved,
        log=world.log,
    )

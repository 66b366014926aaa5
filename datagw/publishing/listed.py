"""Sources that are lists: the place that a job watches, and what of it cannot be looked at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from datagw.errors import printable
from datagw.gateways.base import Gateway
from datagw.jobs import Job
from datagw.publishing.planning import SourceFile


def watched(job: Job, gateways: Mapping[str, Gateway]) -> Gateway:
    """The place of the job's source: its gateway, or the files that a list there names."""
    gateway = gateways[job.source.gateway]
    if job.source.items is None:
        return gateway
    from datagw.gateways.web.listing import Listing

    return Listing.of(gateway, job.source.items)


def unseen(gateway: Gateway, files: Iterable[SourceFile]) -> dict[str, str]:
    """Why files that are listed cannot be looked at, by path: each of them fails, and the others do not."""
    known = gateway.live.unseen
    return {file.claim.path: printable(known[file.claim.path].message) for file in files if file.claim.path in known}


def only_items(job: Job, names: Iterable[str]) -> Job:
    """The same job, which takes these items alone, by the names that they are published under."""
    if job.source.items is None:
        raise ValueError(f"the source of {job.name} is no list")
    items = job.source.items.model_copy(update={"only": frozenset(names)})
    return job.model_copy(update={"source": job.source.model_copy(update={"items": items})})

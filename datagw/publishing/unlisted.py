"""Sources on places that cannot be listed (web servers): one file that has a name, or one for each day since a day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from datagw.errors import NotFound
from datagw.files import RemoteFile, parent
from datagw.gateways.base import Gateway
from datagw.jobs import Job


def entries(job: Job, day: date | None, gateway: Gateway, folder: str) -> Iterator[RemoteFile]:
    """The entries of a folder; on a place that cannot be listed, the job's file of that day, if it is there."""
    if gateway.can("ls"):
        yield from gateway.ls(folder)
        return
    path = job.source.pattern.on(day).exact
    if path is not None and parent(path) == folder:
        try:
            found = gateway.stat(path)
        except NotFound:
            return
        yield found


def possible_days(job: Job) -> list[date]:
    """Every day from `start` until today, in the job's zone: whether it is there, only a look at it can tell."""
    if not isinstance(job.start, date):
        return []
    count = (datetime.now(job.zone).date() - job.start).days + 1
    return [job.start + timedelta(days=number) for number in range(max(0, count))]

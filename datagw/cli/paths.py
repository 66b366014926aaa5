"""Paths on gateways, for people: as they would write them. JSON has them as the gateway does, relative to its root."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datagw.gateways.base import Gateway
    from datagw.jobs import Job, JobFile


def whole(gateways: Mapping[str, Gateway], name: str | None, path: str) -> str:
    """The path, with its leading slash where the gateway starts at `/`."""
    gateway = None if name is None else gateways.get(name)
    return f"/{path}" if gateway is not None and gateway.root == "/" else path


def at_source(file: JobFile, job: str, path: str) -> str:
    """A path at the source of a job, `""` if it has none; as the ledger has it where the job is configured no more."""
    found = file.jobs.get(job)
    if found is not None and not found.watches:
        return ""
    return whole(file.gateways, None if found is None else found.source.gateway, path)


def at_copy(file: JobFile, job: str, copy: str, path: str) -> str:
    """A path at one copy of a job; as the ledger has it where that is configured no more."""
    found = file.jobs.get(job)
    copies = (*found.to, *found.published) if found is not None else ()
    gateway = next((one.gateway for one in copies if one.name == copy), copy)  # own code calls them by their gateway
    return whole(file.gateways, gateway, path)


def source_of(file: JobFile, job: Job) -> str:
    """The source as the job file writes it: `gateway:path`."""
    return f"{job.source.gateway}:{whole(file.gateways, job.source.gateway, job.source.text)}"

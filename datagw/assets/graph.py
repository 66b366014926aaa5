"""The map: for each job its source, its copies and the resources that they need; broken jobs beside them."""

from __future__ import annotations

from typing import Any

from dagster import AssetsDefinition, AssetSpec

from datagw.assets.broken import broken_file, broken_job
from datagw.assets.copies import copies_of
from datagw.assets.days import partitions_of
from datagw.assets.files import partitions_of_files
from datagw.assets.names import STAGING, resource_keys
from datagw.assets.resources import GatewayResource
from datagw.assets.specs import copy_of, source_of
from datagw.assets.staging import StagingIOManager
from datagw.jobs import Job, JobFile
from datagw.ledger.ledger import Ledger


def assets_of(jobfile: JobFile, job: Job, ledger: Ledger | None) -> list[AssetSpec | AssetsDefinition]:
    """The source and the copies of a job. The ledger, if there is one, tells the first day; nothing else is asked."""
    days = partitions_of(job, ledger)
    source = source_of(job, jobfile.gateways[job.source.gateway], days)
    parts = days or partitions_of_files(job)
    specs = [copy_of(job, copy, jobfile.gateways[copy.gateway], parts) for copy in job.to]
    if not specs:
        return [source]
    keys = resource_keys(jobfile.gateways)
    used = {name: keys[name] for name in gateways_used(job)}
    return [source, copies_of(jobfile, job, specs, parts, used)]


def gateways_used(job: Job) -> list[str]:
    """The names of the gateways that a run of the job speaks to."""
    return sorted({job.source.gateway, *(copy.gateway for copy in job.to)})


def broken_of(jobfile: JobFile) -> list[AssetSpec]:
    """A stand-in for each job that has mistakes, and one for those that belong to no job."""
    shown = [broken_job(name, problems) for name, problems in sorted(jobfile.broken.items())]
    told = {problem for problems in jobfile.broken.values() for problem in problems}
    others = [problem for problem in jobfile.problems if problem not in told]
    return [*shown, broken_file(others)] if others else shown


def resources_of(jobfile: JobFile) -> dict[str, Any]:
    """One resource for each gateway, and the IO manager for staging."""
    keys = resource_keys(jobfile.gateways)
    made: dict[str, Any] = {keys[name]: GatewayResource.of(name, gateway) for name, gateway in jobfile.gateways.items()}
    made[STAGING] = StagingIOManager(tmp_dir=str(jobfile.main.tmp_dir))
    return made

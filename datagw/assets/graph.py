"""The map: for each job its source, its own code, its copies and the resources that these need; broken jobs beside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dagster import AssetDep, AssetsDefinition, AssetSpec, PartitionsDefinition

from datagw.assets.broken import broken_file, broken_job
from datagw.assets.copies import copies_of
from datagw.assets.days import partitions_of
from datagw.assets.files import partitions_of_files
from datagw.assets.item_copies import items_of
from datagw.assets.items import copies_of_items, parts_of_items, sources_of_items
from datagw.assets.lineage import deps_on_jobs
from datagw.assets.names import STAGING, WORK_NAME, copy_key, resource_keys, source_key
from datagw.assets.resources import GatewayResource
from datagw.assets.specs import copy_of, node_of, source_of, work_of
from datagw.assets.staging import StagingIOManager
from datagw.assets.works import works_of
from datagw.jobs import Job, JobFile
from datagw.jobs.models import Work
from datagw.ledger.ledger import Ledger


def assets_of(jobfile: JobFile, job: Job, ledger: Ledger | None) -> list[AssetSpec | AssetsDefinition]:
    """The assets of a job. The ledger, if there is one, tells the first day; nothing else is asked, or imported."""
    days = partitions_of(job, ledger)
    parts = days or partitions_of_files(job)
    shown: list[AssetSpec | AssetsDefinition] = []
    deps = deps_on_jobs(jobfile, job, parts)
    if job.watches:
        shown.append(source_of(job, jobfile.gateways[job.source.gateway], days))
        deps = [AssetDep(source_key(job.name)), *deps]
    keys = resource_keys(jobfile.gateways)
    used = {name: keys[name] for name in gateways_used(job)}
    if job.work is not None:
        specs = _of_own_code(jobfile, job, job.work, parts, deps)
        return [*shown, works_of(jobfile, job, specs, parts, used)]
    specs = [copy_of(job, copy, jobfile.gateways[copy.gateway], parts, deps) for copy in job.to]
    if specs and parts_of_items(job):
        each = copies_of_items(job, specs, deps_on_jobs(jobfile, job, parts))
        return [*shown, *sources_of_items(job), items_of(jobfile, job, each, used)]
    return [*shown, copies_of(jobfile, job, specs, parts, used)] if specs else shown


def _of_own_code(
    jobfile: JobFile, job: Job, work: Work, parts: PartitionsDefinition | None, deps: Sequence[AssetDep]
) -> list[AssetSpec]:
    if work.nodes:
        return [node_of(job, node, parts, deps) for node in work.nodes]
    after = [AssetDep(copy_key(job.name, WORK_NAME))]
    copies = [copy_of(job, copy, jobfile.gateways[copy.gateway], parts, after) for copy in work.outputs]
    return [work_of(job, work, parts, deps), *copies]


def gateways_used(job: Job) -> list[str]:
    """The names of the declared gateways that a run of the job speaks to; own code may use others as well."""
    return sorted(job.gateways)


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

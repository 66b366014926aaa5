"""Lineage from job to job: what `after` says, as dependencies between assets."""

from __future__ import annotations

from dagster import AllPartitionMapping, AssetDep, DailyPartitionsDefinition, PartitionsDefinition

from datagw.assets.broken import broken_key
from datagw.assets.files import partitions_of_files
from datagw.assets.shape import last_of
from datagw.jobs import Job, JobFile


def deps_on_jobs(jobfile: JobFile, job: Job, parts: PartitionsDefinition | None) -> list[AssetDep]:
    """The last assets of the jobs that this one comes after; of one that is broken, the stand-in."""
    found: list[AssetDep] = []
    for name in job.after:
        if name in jobfile.jobs:
            upstream = jobfile.jobs[name]
            mapping = None if _alike(job, parts, upstream) else AllPartitionMapping()
            found += [AssetDep(key, partition_mapping=mapping) for key in last_of(upstream)]
        else:
            found.append(AssetDep(broken_key(name)))
    return found


def _alike(job: Job, parts: PartitionsDefinition | None, upstream: Job) -> bool:
    """Whether Dagster can tell by itself which partitions belong together: days of one time zone."""
    if parts is None or not (upstream.dated or partitions_of_files(upstream)):
        return True
    return isinstance(parts, DailyPartitionsDefinition) and upstream.dated and upstream.timezone == job.timezone

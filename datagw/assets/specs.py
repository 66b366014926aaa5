"""What Dagster shows of a source and of a copy: names, kinds, owners, tags, a description, and where it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dagster import AssetDep, AssetSpec, MetadataValue, PartitionsDefinition

from datagw.assets.freshness import freshness_of
from datagw.assets.names import STAGING, WORK_NAME, copy_key, plain, source_key
from datagw.errors import printable
from datagw.gateways.base import Gateway
from datagw.jobs import Copy, Job
from datagw.jobs.models import Node, Work


def source_of(job: Job, gateway: Gateway, days: PartitionsDefinition | None) -> AssetSpec:
    """The files that a job watches: an asset that nothing here makes."""
    where = gateway.using(name=job.source.gateway).shown(job.source.text)
    return AssetSpec(
        source_key(job.name),
        partitions_def=days,
        description=_described(f"{'Source files' if job.source.items is None else 'List'} of `{job.name}`", where, job),
        metadata=_metadata(where, job),
        kinds={gateway.type, "file"},
        **_common(job),
    ).with_io_manager_key(STAGING)


def copy_of(
    job: Job, copy: Copy, gateway: Gateway, days: PartitionsDefinition | None, deps: Sequence[AssetDep]
) -> AssetSpec:
    """One published copy; `skippable`, because a run proves some days and not others."""
    where = gateway.using(name=copy.gateway).shown(copy.template.text)
    return AssetSpec(
        copy_key(job.name, copy.name),
        deps=deps,
        partitions_def=days,
        skippable=True,
        description=_described(f"Published copy `{copy.name}` of `{job.name}`", where, job),
        metadata=_metadata(where, job),
        kinds={gateway.type, "file"},
        freshness_policy=freshness_of(job),
        **_common(job),
    )


def work_of(job: Job, work: Work, days: PartitionsDefinition | None, deps: Sequence[AssetDep]) -> AssetSpec:
    """The class, function or command of a job; its materializations say what it has done."""
    code = printable(work.code)
    noun = "Code" if work.command is None else "Command"
    return _of_code(job, WORK_NAME, f"{noun} of `{job.name}`: `{code}`", code, days, deps)


def node_of(job: Job, node: Node, days: PartitionsDefinition | None, deps: Sequence[AssetDep]) -> AssetSpec:
    """One function of a job's graph, after those that it takes its event from."""
    before = [AssetDep(copy_key(job.name, name)) for name in node.after]
    noun = f"Node `{node.name}` of `{job.name}`: `{node.run}`" + (", for each item" if node.each else "")
    return _of_code(job, node.name, noun, node.run, days, before or deps)


def _of_code(
    job: Job, name: str, noun: str, code: str, days: PartitionsDefinition | None, deps: Sequence[AssetDep]
) -> AssetSpec:
    kind = "python" if job.work is None or job.work.command is None else "shell"
    return AssetSpec(
        copy_key(job.name, name),
        deps=deps,
        partitions_def=days,
        skippable=True,
        description=f"{noun}\n\n{printable(job.description)}" if job.description else noun,
        metadata={"code": MetadataValue.text(code), **_times(job)},
        kinds={kind},
        freshness_policy=freshness_of(job),
        **_common(job),
    )


def _common(job: Job) -> dict[str, Any]:
    return {"group_name": plain(job.name), "owners": list(job.owners), "tags": job.tags}


def _described(noun: str, where: str, job: Job) -> str:
    text = f"{noun}, at `{printable(where)}`"
    return f"{text}\n\n{printable(job.description)}" if job.description else text


def _metadata(where: str, job: Job) -> dict[str, Any]:
    return {"dagster/uri": MetadataValue.text(printable(where)), **_times(job)}


def _times(job: Job) -> dict[str, Any]:
    return {"when": job.when} | ({"timezone": job.timezone, "start": str(job.start)} if job.dated else {})

"""What Dagster shows of a source and of a copy: names, kinds, owners, tags, a description, and where it is."""

from __future__ import annotations

from typing import Any

from dagster import AssetSpec, MetadataValue, PartitionsDefinition

from datagw.assets.freshness import freshness_of
from datagw.assets.names import STAGING, copy_key, plain, source_key
from datagw.errors import printable
from datagw.gateways.base import Gateway
from datagw.jobs import Copy, Job


def source_of(job: Job, gateway: Gateway, days: PartitionsDefinition | None) -> AssetSpec:
    """The files that a job watches: an asset that nothing here makes."""
    where = gateway.using(name=job.source.gateway).shown(job.source.pattern.text)
    return AssetSpec(
        source_key(job.name),
        partitions_def=days,
        description=_described(f"Source files of `{job.name}`", where, job),
        metadata=_metadata(where, job),
        kinds={gateway.type, "file"},
        **_common(job),
    ).with_io_manager_key(STAGING)


def copy_of(job: Job, copy: Copy, gateway: Gateway, days: PartitionsDefinition | None) -> AssetSpec:
    """One published copy; `skippable`, because a run proves some days and not others."""
    where = gateway.using(name=copy.gateway).shown(copy.template.text)
    return AssetSpec(
        copy_key(job.name, copy.name),
        deps=[source_key(job.name)],
        partitions_def=days,
        skippable=True,
        description=_described(f"Published copy `{copy.name}` of `{job.name}`", where, job),
        metadata=_metadata(where, job),
        kinds={gateway.type, "file"},
        freshness_policy=freshness_of(job),
        **_common(job),
    )


def _common(job: Job) -> dict[str, Any]:
    return {"group_name": plain(job.name), "owners": list(job.owners), "tags": job.tags}


def _described(noun: str, where: str, job: Job) -> str:
    text = f"{noun}, at `{printable(where)}`"
    return f"{text}\n\n{printable(job.description)}" if job.description else text


def _metadata(where: str, job: Job) -> dict[str, Any]:
    found: dict[str, Any] = {"dagster/uri": MetadataValue.text(printable(where)), "when": job.when}
    if job.dated:
        found |= {"timezone": job.timezone, "start": str(job.start)}
    return found

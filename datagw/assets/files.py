"""New files as partitions, where a job asks for it: one for each file, named by its relative path.

A run of a switch has no partitions of its own: it takes a batch, and tells of each file as it is proven. One that
somebody launches on the page of an asset is for the files that are its partitions.
"""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote

from dagster import AssetExecutionContext, AssetMaterialization, DagsterInstance, DynamicPartitionsDefinition

from datagw.assets.days import PARTITION_TAG, RANGE_START_TAG
from datagw.assets.metadata import link
from datagw.assets.names import plain
from datagw.assets.shape import made_by
from datagw.assets.unplanned import plan_again
from datagw.jobs import Job
from datagw.publishing.results import DayResult, FileRow

MOST = 10_000
"""Files of a job that are partitions; beyond that the oldest ones are none any more (the ledger has them all)."""

_STRANGE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff%]|[.]{3}")


def partitions_of_files(job: Job) -> DynamicPartitionsDefinition | None:
    """The partitions of a job's copies, where each file is one."""
    return DynamicPartitionsDefinition(name=_name(job)) if job.assets == "file" else None


def key_of(relative: str) -> str:
    """The partition of a file; what Dagster takes in no key (control characters, `...`) is written as `%0A`."""
    return _STRANGE.sub(lambda found: "".join(f"%{byte:02X}" for byte in _bytes(found[0])), relative)


def path_of(key: str) -> str:
    """The relative path of the file that is a partition."""
    return unquote(key, errors="surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def files_asked_for(context: AssetExecutionContext, job: Job) -> list[str] | None:
    """The relative paths of the files that a run is for; None for a run that takes what there is."""
    if job.assets != "file" or not {PARTITION_TAG, RANGE_START_TAG} & context.run.tags.keys():
        return None
    return [path_of(key) for key in context.partition_keys]


def materialize_files(context: AssetExecutionContext, job: Job, done: DayResult) -> None:
    """Each file of each copy that is proven as a materialization, each that failed as a partition that failed."""
    base = job.source.pattern.base
    failed = {(one.copy, _relative(base, one.source)) for one in done.failures if one.source}
    proven = {(name, _relative(base, row.source)): row for name, copy in done.copies.items() for row in copy.rows}
    _add(context.instance, job, (key_of(path) for _, path in [*proven, *failed]))
    for key, copy in made_by(job).items():
        for path, row in ((path, row) for (name, path), row in proven.items() if name == copy):
            version = {"dagster/data_version": row.content}
            context.log_event(AssetMaterialization(key, partition=key_of(path), metadata=_metadata(row), tags=version))
        for path in sorted(path for name, path in failed if name == copy):
            plan_again(context, key, key_of(path), context.run.run_id)


def _metadata(row: FileRow) -> dict[str, Any]:
    where = link(row.link or row.destination)
    told = {"verification": row.verification, "done": row.done, "destination": where}
    return {"files": 1, "bytes": row.size, **({"sha256": row.sha256} if row.sha256 else {}), **told}


def _relative(base: str, path: str) -> str:
    return str(PurePosixPath(path).relative_to(base)) if base else path


def _add(instance: DagsterInstance, job: Job, keys: Iterable[str]) -> None:
    """The keys, as partitions; the oldest ones make room."""
    known = instance.get_dynamic_partitions(_name(job))
    new = [key for key in dict.fromkeys(keys) if key not in set(known)]
    if new:
        instance.add_dynamic_partitions(_name(job), new)
    for key in known[: max(len(known) + len(new) - MOST, 0)]:
        instance.delete_dynamic_partition(_name(job), key)


def _name(job: Job) -> str:
    return f"{plain(job.name)}_files"

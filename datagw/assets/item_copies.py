"""The step that publishes the items of a list: those that are selected, each materialized once it is proven."""

from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import closing
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetMaterialization,
    AssetObservation,
    AssetsDefinition,
    AssetSpec,
    multi_asset,
)

from datagw.assets.attending import onlooker
from datagw.assets.ending import conclude, told_to
from datagw.assets.items import item_copy_key, item_source_key, parts_of_items
from datagw.assets.metadata import link
from datagw.assets.names import STAGING, op_name
from datagw.assets.surroundings import world_of
from datagw.assets.wishes import OF_COPIES, Wishes, wishes_of
from datagw.jobs import Job, JobFile
from datagw.ledger import Receipt
from datagw.publishing import publish
from datagw.publishing.listed import only_items
from datagw.publishing.results import DayResult, FileRow
from datagw.publishing.world import World

_NOT_NOW = "freed"  # a receipt of an earlier run, of an item that this run has not touched


def items_of(jobfile: JobFile, job: Job, specs: Sequence[AssetSpec], keys: Mapping[str, str]) -> AssetsDefinition:
    """The assets of a job's items, and the step that makes them; `keys` are the resource keys of its gateways."""

    @multi_asset(
        name=op_name(job),
        specs=specs,
        can_subset=True,
        required_resource_keys={STAGING, *keys.values()},
        config_schema=OF_COPIES,
    )
    def items(context: AssetExecutionContext) -> Generator[Any, None, None]:
        _publish(context, jobfile, job, keys)
        yield from ()

    return items


def _publish(context: AssetExecutionContext, jobfile: JobFile, job: Job, keys: Mapping[str, str]) -> None:
    who, done = onlooker(), list[DayResult]()
    staging = context.resources.staging.staging(context.run.run_id, None)
    names, copies = _selected(context, job)
    asked = only_items(job, names) if len(names) < len(parts_of_items(job)) else job
    with (
        told_to(context, job, who),
        world_of(context, jobfile, staging, keys, who) as world,
        closing(_publishing(asked, copies, world, wishes_of(context, job))) as results,
    ):
        for day in results:
            done.append(day)
            _materialize(context, job, day, names, world.ledger.current_receipts(job.name, None))
            who.results.append(day)
    conclude(context, job, done, [])


def _publishing(job: Job, copies: list[str], world: World, wishes: Wishes) -> Generator[DayResult, None, None]:
    yield from publish(job, [None], world, copies=copies, planned=onlooker().planned, **wishes.model_dump())


def _selected(context: AssetExecutionContext, job: Job) -> tuple[list[str], list[str]]:
    """The items and the copies that this run is for: of what is selected every item, and every copy of any."""
    chosen = context.selected_asset_keys
    parts = parts_of_items(job)
    copies = [copy.name for copy in job.to]
    names = [name for name, part in parts.items() if any(item_copy_key(job.name, part, c) in chosen for c in copies)]
    wanted = [c for c in copies if any(item_copy_key(job.name, part, c) in chosen for part in parts.values())]
    return names, wanted


def _materialize(
    context: AssetExecutionContext,
    job: Job,
    day: DayResult,
    names: Collection[str],
    receipts: Mapping[tuple[str, str], Receipt],
) -> None:
    """Each copy of each item that this run has proven, and the item as it was at its server."""
    parts = {name: part for name, part in parts_of_items(job).items() if name in names}
    seen = set[str]()
    for copy in day.copies.values():
        for row in copy.rows:
            if row.source not in parts or row.done == _NOT_NOW:
                continue
            receipt = receipts.get((copy.copy, row.source))
            version = {"version": receipt.version} if receipt is not None else {}
            tags = {"dagster/data_version": row.content}
            if row.source not in seen:
                seen.add(row.source)
                key = item_source_key(job.name, parts[row.source])
                context.log_event(AssetObservation(key, metadata={"bytes": row.size, **version}, tags=tags))
            key = item_copy_key(job.name, parts[row.source], copy.copy)
            context.log_event(AssetMaterialization(key, metadata=_metadata(row) | version, tags=tags))


def _metadata(row: FileRow) -> dict[str, Any]:
    told = {**({"sha256": row.sha256} if row.sha256 else {}), "verification": row.verification, "done": row.done}
    return {"files": 1, "bytes": row.size, **told, "destination": link(row.link or row.destination)}

"""A job's copies: one step that goes day by day and materializes each copy of each day as soon as it is proven.

Nothing is yielded: an output per copy would mark all days of a range at once. Each proven (copy, day) is logged as a
materialization of its own, which is stored at that moment, and one failure at the end names what was not. So exactly
the pairs that failed are left, also after a kill.
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from datetime import date
from typing import Any

from dagster import (
    AssetCheckResult,
    AssetExecutionContext,
    AssetIn,
    AssetsDefinition,
    AssetSpec,
    BackfillPolicy,
    PartitionsDefinition,
    multi_asset,
)

from datagw.assets.attending import onlooker
from datagw.assets.calendars import calendar_at_the_end
from datagw.assets.checks import checks_of
from datagw.assets.days import LONGEST_RANGE
from datagw.assets.ending import conclude, told_to
from datagw.assets.files import files_asked_for, materialize_files
from datagw.assets.names import copy_key, op_name, source_key
from datagw.assets.recording import materialize, results_of, tell
from datagw.assets.staging import Staging
from datagw.assets.surroundings import world_of
from datagw.assets.wishes import OF_COPIES, Wishes, wishes_of
from datagw.jobs import Job, JobFile
from datagw.publishing import publish
from datagw.publishing.results import DayResult
from datagw.publishing.world import World


def copies_of(
    jobfile: JobFile, job: Job, specs: Sequence[AssetSpec], days: PartitionsDefinition | None, keys: Mapping[str, str]
) -> AssetsDefinition:
    """The assets of a job's copies, and the step that makes them; `keys` are the resource keys of its gateways."""

    @multi_asset(
        name=op_name(job),
        specs=specs,
        check_specs=checks_of(job),
        ins={"source": AssetIn(key=source_key(job.name))},
        partitions_def=days,
        backfill_policy=BackfillPolicy.multi_run(LONGEST_RANGE) if days else None,
        can_subset=True,
        required_resource_keys=set(keys.values()),
        config_schema=OF_COPIES,
    )
    def copies(context: AssetExecutionContext, source: Staging) -> Generator[Any, None, None]:
        yield from _publish(context, jobfile, job, wishes_of(context, job), source, keys)

    return copies


def _publish(
    context: AssetExecutionContext,
    jobfile: JobFile,
    job: Job,
    wishes: Wishes,
    source: Staging,
    keys: Mapping[str, str],
) -> list[AssetCheckResult]:
    who, done, checked = onlooker(), list[DayResult](), list[AssetCheckResult]()
    days: list[date | None] = [None] if source.days is None else [date.fromisoformat(day) for day in source.days]
    with told_to(context, job, who):
        if not context.selected_asset_keys:  # somebody pressed Execute on a check
            with world_of(context, jobfile, source, keys, who) as world:
                return results_of(context, job, calendar_at_the_end(job, world))
        with (
            world_of(context, jobfile, source, keys, who) as world,
            closing(_publishing(context, job, days, world, wishes)) as results,
        ):
            for day in results:
                done.append(day)
                calendar = calendar_at_the_end(job, world, done) if day.day and day.day == days[-1] else []
                if job.assets == "file":
                    materialize_files(context, job, day)
                else:
                    materialize(context, job, day, calendar)
                checked = tell(context, job, day, calendar)
                who.results.append(day)
    conclude(context, job, done, checked)
    return checked


def _publishing(
    context: AssetExecutionContext, job: Job, days: Sequence[date | None], world: World, wishes: Wishes
) -> Generator[DayResult, None, None]:
    files, copies = files_asked_for(context, job), _selected(context, job)
    yield from publish(job, days, world, files=files, copies=copies, planned=onlooker().planned, **wishes.model_dump())


def _selected(context: AssetExecutionContext, job: Job) -> list[str]:
    """The copies that this run is to make; where some are left out, nothing is deleted at the source."""
    return [copy.name for copy in job.to if copy_key(job.name, copy.name) in context.selected_asset_keys]

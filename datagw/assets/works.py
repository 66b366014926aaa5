"""A job's own code: one step that runs it day by day, and materializes what is done as soon as it is.

As with copies nothing is yielded: what is done is logged as a materialization of its own, stored at that moment, and
one failure at the end names what was not. Nothing of the code is imported before the step runs.
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import date
from typing import Any

from dagster import (
    AssetCheckResult,
    AssetExecutionContext,
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
from datagw.assets.doings import Doings
from datagw.assets.ending import conclude, told_to
from datagw.assets.files import files_asked_for, materialize_files
from datagw.assets.names import STAGING, copy_key, op_name
from datagw.assets.recording import results_of, tell
from datagw.assets.surroundings import world_of
from datagw.assets.wishes import OF_WORK, Wishes, payload_of, repeats, wishes_of
from datagw.assets.work_metadata import shown_payload
from datagw.jobs import Job, JobFile
from datagw.pipelines.places import with_own_code
from datagw.pipelines.report import Report
from datagw.publishing import publish
from datagw.publishing.results import DayResult
from datagw.publishing.world import World


def works_of(
    jobfile: JobFile, job: Job, specs: Sequence[AssetSpec], parts: PartitionsDefinition | None, keys: Mapping[str, str]
) -> AssetsDefinition:
    """The assets of a job of own code, and the step that makes them; `keys` are the resource keys of its gateways."""

    @multi_asset(
        name=op_name(job),
        specs=specs,
        check_specs=checks_of(job),
        partitions_def=parts,
        backfill_policy=BackfillPolicy.multi_run(LONGEST_RANGE) if parts else None,
        can_subset=True,
        required_resource_keys={STAGING, *keys.values()},
        config_schema=OF_WORK,
    )
    def work(context: AssetExecutionContext) -> Generator[Any, None, None]:
        yield from _run(context, jobfile, job, keys)

    return work


def _run(context: AssetExecutionContext, jobfile: JobFile, job: Job, keys: Mapping[str, str]) -> list[AssetCheckResult]:
    who, done, checked = onlooker(), list[DayResult](), list[AssetCheckResult]()
    wishes = wishes_of(context, job)
    labels = tuple(context.partition_keys) if job.dated else None
    days: list[date | None] = [None] if labels is None else [date.fromisoformat(label) for label in labels]
    staging = context.resources.staging.staging(context.run.run_id, labels)
    with told_to(context, job, who), world_of(context, jobfile, staging, keys, who) as outer:
        doings = Doings(context, job, labels or [None], outer.ledger, shown_payload(job, payload_of(context)))
        world = _with_own_code(context, jobfile, job, outer, doings.report)
        if not context.selected_asset_keys:  # somebody pressed Execute on a check
            return results_of(context, job, calendar_at_the_end(job, world))
        with closing(_running(context, job, days, world, wishes)) as results, doings.to_the_end():
            for day in results:
                done.append(day)
                calendar = calendar_at_the_end(job, world, done) if day.day and day.day == days[-1] else []
                who.reports[day.day] = doings.record(day, calendar)
                if job.assets == "file":
                    materialize_files(context, job, day)
                checked = tell(context, job, day, calendar)
                who.results.append(day)
    conclude(context, job, done, checked)
    return checked


def _running(
    context: AssetExecutionContext, job: Job, days: Sequence[date | None], world: World, wishes: Wishes
) -> Generator[DayResult, None, None]:
    yield from publish(
        job, days, world, files=files_asked_for(context, job), planned=onlooker().planned, **wishes.model_dump()
    )


def _with_own_code(context: AssetExecutionContext, jobfile: JobFile, job: Job, world: World, report: Report) -> World:
    """The world with the places of own code, which may speak to all gateways, not only to those that its job names."""
    every = replace(world, gateways={**jobfile.gateways, **world.gateways})
    return with_own_code(
        every,
        job,
        jobfile.base,
        payload=payload_of(context),
        report=report,
        resume_from=repeats(context),
        only=_nodes_asked_for(context, job),
    )


def _nodes_asked_for(context: AssetExecutionContext, job: Job) -> list[str] | None:
    """The nodes of a graph that somebody chose; None where all are asked for. A repeat finds out itself what failed."""
    if job.work is None or not job.work.nodes or repeats(context) is not None:
        return None
    chosen = [node.name for node in job.work.nodes if copy_key(job.name, node.name) in context.selected_asset_keys]
    return None if len(chosen) == len(job.work.nodes) else chosen

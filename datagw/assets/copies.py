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
    Config,
    DagsterExecutionInterruptedError,
    DagsterRunStatus,
    Failure,
    PartitionsDefinition,
    multi_asset,
)
from pydantic import Field

from datagw.assets import metadata
from datagw.assets.attending import Onlooker, onlooker
from datagw.assets.calendars import calendar_at_the_end
from datagw.assets.checks import checks_of
from datagw.assets.days import LONGEST_RANGE
from datagw.assets.files import files_asked_for, materialize_files
from datagw.assets.names import copy_key, op_name, source_key
from datagw.assets.recording import log_results, materialize, results_of, tell
from datagw.assets.staging import Staging
from datagw.assets.surroundings import world_of
from datagw.assets.unplanned import take_back
from datagw.errors import Aborted, DatagwError
from datagw.jobs import Job, JobFile
from datagw.publishing import publish
from datagw.publishing.results import DayResult
from datagw.publishing.world import World

_INTERRUPTS = (Aborted, KeyboardInterrupt, DagsterExecutionInterruptedError)


class Wishes(Config):
    """What a run may be told beyond its days."""

    resend: bool = Field(False, description="Send files that are proven already once more, with new receipts.")
    resend_file: str | None = Field(None, description="Of these only this one, by its path in the source.")
    wait: bool = Field(True, description="Wait for another run that works on a day, instead of failing.")
    patient: bool = Field(False, description="Leave what has not settled, or failed a moment ago, for later.")


_WISHES = Wishes.to_fields_dict()  # once, not for each job: it is a third of what a job costs to define


def copies_of(
    jobfile: JobFile, job: Job, specs: Sequence[AssetSpec], days: PartitionsDefinition | None, keys: Mapping[str, str]
) -> AssetsDefinition:
    """The assets of a job's copies, and the step that makes them; `keys` are the resource keys of its gateways."""

    @multi_asset(
        name=op_name(job.name),
        specs=specs,
        check_specs=checks_of(job),
        ins={"source": AssetIn(key=source_key(job.name))},
        partitions_def=days,
        backfill_policy=BackfillPolicy.multi_run(LONGEST_RANGE) if days else None,
        can_subset=True,
        required_resource_keys=set(keys.values()),
        config_schema=_WISHES,
    )
    def copies(context: AssetExecutionContext, source: Staging) -> Generator[Any, None, None]:
        yield from _publish(context, jobfile, job, _wishes(context), source, keys)

    return copies


def _wishes(context: AssetExecutionContext) -> Wishes:
    """What the run was told; whoever repeats a run of a switch is not patient as the switch was."""
    wishes = Wishes(**context.op_execution_context.op_config)
    return wishes if context.run.parent_run_id is None else wishes.model_copy(update={"patient": False})


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
    try:
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
    except _INTERRUPTS as error:
        raise _cancelled(context, who, error) from error
    except DatagwError as error:
        who.error = error
        raise Failure(f"{job.name}: {error}", allow_retries=False) from error
    except Exception as error:
        who.error = error
        raise
    _conclude(context, job, done, checked)
    return checked


def _publishing(
    context: AssetExecutionContext, job: Job, days: Sequence[date | None], world: World, wishes: Wishes
) -> Generator[DayResult, None, None]:
    files, copies = files_asked_for(context, job), _selected(context, job)
    yield from publish(job, days, world, files=files, copies=copies, **wishes.model_dump())


def _selected(context: AssetExecutionContext, job: Job) -> list[str]:
    """The copies that this run is to make; where some are left out, nothing is deleted at the source."""
    return [copy.name for copy in job.to if copy_key(job.name, copy.name) in context.selected_asset_keys]


def _conclude(
    context: AssetExecutionContext, job: Job, done: Sequence[DayResult], checked: Sequence[AssetCheckResult]
) -> None:
    """One line on days that are neither published nor failed, and one failure that names all that failed."""
    for state in ("missing", "waiting", "unfinished"):
        found = [day.label for day in done if day.state == state]
        if found and done[0].day:
            some = ", ".join(found[:10]) + (", …" if len(found) > 10 else "")
            context.log.info(f"{len(found)} of {len(done)} days {state}: {some}")
    if any(day.state == "failed" for day in done):
        take_back(context, job, done)
        log_results(context, checked)
        text = metadata.failure_text(job.name, done)
        raise Failure(text, metadata=metadata.of_failure(done), allow_retries=False)


def _cancelled(context: AssetExecutionContext, who: Onlooker, error: BaseException) -> BaseException:
    """What ends the run as cancelled, not as failed: Dagster must have heard of the wish first."""
    who.error = error
    run = context.instance.get_run_by_id(context.run.run_id)
    if run is not None and run.status is DagsterRunStatus.STARTED:
        context.instance.report_run_canceling(run, message=str(error) or "the run was interrupted")
    return DagsterExecutionInterruptedError()

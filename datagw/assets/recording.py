"""What a run puts on Dagster's record: each proven copy of a day at once, and the calendar at the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dagster import (
    AssetCheckEvaluation,
    AssetCheckResult,
    AssetExecutionContext,
    AssetMaterialization,
    AssetObservation,
)

from datagw.assets import metadata
from datagw.assets.calendars import of_calendar
from datagw.assets.checks import evaluations
from datagw.assets.names import copy_key
from datagw.assets.shape import made_by
from datagw.jobs import Job
from datagw.publishing.calendar import CalendarDay
from datagw.publishing.results import DayResult


def materialize(context: AssetExecutionContext, job: Job, day: DayResult, calendar: Sequence[CalendarDay]) -> None:
    """Each copy that is proven, put down at once: what is logged is stored, whatever becomes of the run.

    That of the last day carries the calendar, because a copy's page shows the metadata of its latest materialization.
    """
    for name, copy in day.copies.items():
        if copy.proven:
            found = of_calendar(job, calendar, name)
            days = {"days": found.pop("days")} if found else {}  # a hundred rows go last
            context.log_event(
                AssetMaterialization(
                    copy_key(job.name, name),
                    partition=day.label if day.day else None,
                    metadata=found | metadata.of_copy(copy) | days,
                    tags={"dagster/data_version": copy.manifest} if copy.manifest else None,
                )
            )


def tell(
    context: AssetExecutionContext, job: Job, last: DayResult, calendar: Sequence[CalendarDay]
) -> list[AssetCheckResult]:
    """The calendar as an observation of those copies that no materialization carried it to; what the checks hear."""
    for key, name in made_by(job).items() if calendar else ():
        proven = name in last.copies and last.copies[name].proven
        if key in context.selected_asset_keys and not proven:
            found = of_calendar(job, calendar, name)
            context.log_event(AssetObservation(key, partition=last.label, metadata=found))
    return results_of(context, job, calendar)


def results_of(context: AssetExecutionContext, job: Job, calendar: Sequence[CalendarDay]) -> list[AssetCheckResult]:
    """What the checks hear that this run is to evaluate; for a run that succeeds, to be yielded by it."""
    return [
        AssetCheckResult(
            asset_key=one.asset_key,
            check_name=one.check_name,
            passed=one.passed,
            metadata=one.metadata,
            severity=one.severity,
            description=one.description,
        )
        for one in evaluations(job, calendar, context.selected_asset_check_keys)
    ]


def log_results(context: AssetExecutionContext, results: Iterable[AssetCheckResult]) -> None:
    """The same for a run that is about to fail, and can yield nothing more."""
    step = context.op_execution_context.get_step_execution_context()
    for result in results:
        evaluation: AssetCheckEvaluation = result.to_asset_check_evaluation(step)
        context.log_event(evaluation)  # pyright: ignore[reportArgumentType] - Dagster stores it all the same

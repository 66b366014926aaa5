"""The check of a job that says which days it expects: `no_missing_days`, one for each copy."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date

from dagster import (
    AssetCheckEvaluation,
    AssetCheckKey,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    DagsterInstance,
)
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from datagw.assets.calendars import drawn
from datagw.assets.shape import made_by
from datagw.jobs import Job
from datagw.publishing.calendar import CalendarDay, described, missing_days
from datagw.publishing.days import calendar_of
from datagw.publishing.world import World

NO_MISSING_DAYS = "no_missing_days"

_ALL = 10_000  # stretches of days


def checks_of(job: Job) -> list[AssetCheckSpec]:
    """The check of each copy of a job that expects its days; none of any other job."""
    if job.expect is None or not job.dated:
        return []
    which = "weekday" if job.expect == "weekdays" else "day"
    text = f"Each {which} since the first one is at the source, or has been published"
    return [AssetCheckSpec(NO_MISSING_DAYS, asset=key, description=text) for key in made_by(job)]


def evaluations(job: Job, days: Sequence[CalendarDay], keys: Collection[AssetCheckKey]) -> list[AssetCheckEvaluation]:
    """What a calendar says to the checks named by `keys`; nothing, where it does not know all days.

    A missing day fails as a warning: no run has failed, and none could mend it.
    """
    if not days or any(one.state == "unknown" for one in days):
        return []
    copies = made_by(job)
    checked = [spec.asset_key for spec in checks_of(job) if spec.key in keys]
    return [_evaluation(job, days, key, copies[key]) for key in checked]


def changed_evaluations(
    job: Job, world: World, found: Collection[date] | None, instance: DagsterInstance
) -> list[AssetCheckEvaluation]:
    """What a tick has to say to the checks: those that have not heard it yet. `found` are the days at the source."""
    specs = checks_of(job)
    if not specs or found is None:
        return []
    keys = [spec.key for spec in specs]
    told = _told(instance, keys)
    return [
        one
        for one in evaluations(job, calendar_of(job, world, found), keys)
        if told.get(one.asset_check_key, "") not in (None, one.description)
    ]


def _evaluation(job: Job, days: Sequence[CalendarDay], key: AssetKey, copy: str) -> AssetCheckEvaluation:
    missing = missing_days(job, days, copy)
    noun = "day is" if len(missing) == 1 else "days are"
    text = f"{len(missing):,} {noun} missing: {described(missing, _ALL)}" if missing else "no day is missing"
    return AssetCheckEvaluation(
        asset_key=key,
        check_name=NO_MISSING_DAYS,
        passed=not missing,
        severity=AssetCheckSeverity.WARN,
        description=text,
        metadata={"missing_days": len(missing), "calendar": drawn(job, days, copy)},
    )


def _told(instance: DagsterInstance, keys: Iterable[AssetCheckKey]) -> dict[AssetCheckKey, str | None]:
    """What each check was last told; None where a run at work is about to tell it."""
    records = instance.event_log_storage.get_latest_asset_check_execution_by_key(list(keys))
    told: dict[AssetCheckKey, str | None] = {}
    for key, record in records.items():
        if record.status is AssetCheckExecutionRecordStatus.PLANNED:
            run = instance.get_run_by_id(record.run_id)
            told[key] = "" if run is None or run.is_finished else None
        elif record.event is not None and record.event.dagster_event is not None:
            told[key] = record.event.dagster_event.asset_check_evaluation_data.description or ""
    return told

"""A run in this process, through the same assets and into the same history as those that Dagster starts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from dagster import (
    AssetsDefinition,
    DagsterEvent,
    DagsterExecutionInterruptedError,
    DagsterInstance,
    DagsterRun,
    Definitions,
    JobDefinition,
    in_process_executor,
)
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run_iterator

from datagw.assets.attending import Onlooker, watched_by
from datagw.assets.days import Days, partitions_of, ranges
from datagw.assets.graph import assets_of, resources_of
from datagw.assets.names import op_name
from datagw.assets.runs import owner_tag, remote_origin, report_left_behind, tags_of_run
from datagw.assets.shape import made_by
from datagw.assets.wishes import Wishes
from datagw.errors import ConfigError, DatagwError
from datagw.jobs import Job, JobFile
from datagw.jobs.state import ledger_url
from datagw.ledger.ledger import Ledger
from datagw.pipelines.report import Report
from datagw.publishing.plans import Step
from datagw.publishing.results import DayResult
from datagw.publishing.world import NoProgress, Progress

_log = logging.getLogger("datagw")


@dataclass
class RunOutcome:
    """What came of it: a result for each day that was worked on, oldest first, and the ids of Dagster's runs.

    `reports` says what own code has reported of each of these days.
    `success` says that no day failed; an unfinished or missing one has not.
    """

    results: list[DayResult] = field(default_factory=list)
    run_ids: list[str] = field(default_factory=list)
    reports: dict[date | None, Report] = field(default_factory=dict)
    success: bool = True


def run_job(
    jobfile: JobFile,
    job_name: str,
    days: Sequence[date | None],
    *,
    instance: DagsterInstance,
    wait: bool = True,
    resend: bool = False,
    resend_file: str | None = None,
    payload: object = None,
    planned: frozenset[Step] | None = None,
    progress: Progress | None = None,
    should_abort: Callable[[], bool] | None = None,
) -> RunOutcome:
    """Publishes the days of a job (`[None]` where it has none); contiguous ones are one run.

    `payload`, whatever JSON can hold, is for jobs of own code. With `planned`, nothing is done but these steps.

    Raises what ended a run as a whole: LeaseHeld without `wait`, LeaseLost, Aborted, KeyboardInterrupt, LedgerError;
    the runs are then on record all the same. A day that fails raises nothing.
    """
    job = _job(jobfile, job_name)
    with Ledger.open(ledger_url(jobfile)) as ledger:
        report_left_behind(instance, ledger)
        definition, parts = _prepared(jobfile, job, ledger, days, bridging=not resend and planned is None)
    who = Onlooker(progress or NoProgress(), should_abort or (lambda: False), _log, planned)
    asked_for = {"wait": wait, "resend": resend, "resend_file": resend_file if resend else None}
    wishes = {name: value for name, value in asked_for.items() if value != Wishes.model_fields[name].default}
    if payload is not None:
        wishes["payload"] = payload
    outcome = RunOutcome()
    for part in parts:
        run = _create(definition, job, part, wishes, instance)
        outcome.run_ids.append(run.run_id)
        with watched_by(who):
            _execute(definition, run, instance, who)
    asked = set(days)
    outcome.results = [day for day in who.results if day.day in asked or day.state != "missing"]
    outcome.reports = who.reports
    outcome.success = not any(day.state == "failed" for day in outcome.results)
    return outcome


def _job(jobfile: JobFile, name: str) -> Job:
    if name in jobfile.broken:
        problems = tuple(map(str, jobfile.broken[name]))
        raise ConfigError(f"the job {name} cannot run as it is written", problems)
    if name not in jobfile.jobs:
        known = ", ".join(sorted(jobfile.jobs)) or "none"
        raise ConfigError(f"there is no job {name!r}; there are: {known}")
    return jobfile.jobs[name]


def _prepared(
    jobfile: JobFile, job: Job, ledger: Ledger, days: Sequence[date | None], *, bridging: bool
) -> tuple[JobDefinition, list[Days | None]]:
    """The job's assets as Dagster executes them, and the ranges of days that are a run each."""
    assets = assets_of(jobfile, job, ledger)
    if not any(isinstance(asset, AssetsDefinition) for asset in assets):
        raise ConfigError(f"the job {job.name} publishes nothing: it has no `to`")
    definitions = Definitions(assets, resources=resources_of(jobfile), executor=in_process_executor)
    partitions = partitions_of(job, ledger)
    if partitions is None:
        return definitions.resolve_implicit_global_asset_job_def(), [None]
    dates = [day for day in days if day is not None and partitions.has_partition_key(day.isoformat())]
    strange = sorted({day for day in days if day is not None} - {*dates})
    if strange:
        first = partitions.get_first_partition_key()
        message = (
            f"no days of {job.name}, which begin with {first} and end with yesterday: {', '.join(map(str, strange))}"
        )
        if not dates:
            raise DatagwError(message)
        _log.warning("left out: %s", message)
    return definitions.resolve_implicit_global_asset_job_def(), [*ranges(dates, may_bridge=lambda _: bridging)]


def _create(
    definition: JobDefinition, job: Job, part: Days | None, wishes: dict[str, Any], instance: DagsterInstance
) -> DagsterRun:
    return instance.create_run_for_job(
        definition,
        run_config={"ops": {op_name(job): {"config": wishes}}} if wishes else {},
        tags=tags_of_run(job) | owner_tag() | (part.tags if part else {}),
        asset_selection={*made_by(job)},
        remote_job_origin=remote_origin(definition.name),
    )


def _execute(definition: JobDefinition, run: DagsterRun, instance: DagsterInstance, who: Onlooker) -> None:
    """Executes a run to its end. The log goes where commands put it, so Dagster's console is silent this once."""
    silent = run._replace(run_config={**run.run_config, "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}})
    broken: DagsterEvent | None = None
    for event in execute_run_iterator(InMemoryJob(definition), silent, instance):
        if event.is_failure:
            broken = event
    if isinstance(who.error, (KeyboardInterrupt, DagsterExecutionInterruptedError)):
        raise KeyboardInterrupt from who.error
    if who.error is not None:
        raise who.error
    if broken is not None and not any(day.state == "failed" for day in who.results):
        raise DatagwError(f"run {run.run_id} failed: {_reason(broken)}")


def _reason(event: DagsterEvent) -> str:
    """The innermost error of a run that failed outside of what is ours."""
    data = event.event_specific_data
    step = getattr(data, "first_step_failure_event", None)
    error = getattr(data if step is None else step.event_specific_data, "error", None)
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip() if error is not None else str(event.message)

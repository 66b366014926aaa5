"""Missing and unfinished days of a run that fails: Dagster is not to show them as failed.

To Dagster every day that a failed run was to make, and has not made, has failed. The latest plan of a day counts, so
the plan of such a day is handed to a run that does not exist; Dagster reads that as a run which has been deleted:
neither failed nor under way. (Pinned by a test, because Dagster promises no such thing.)
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from dagster import AssetExecutionContext, AssetKey, DagsterEvent
from dagster._core.events import AssetMaterializationPlannedData

from datagw.assets.shape import made_by
from datagw.jobs import Job
from datagw.publishing.results import DayResult

NOBODY = "00000000-0000-0000-0000-000000000000"

_NEITHER = ("missing", "waiting", "unfinished")


def take_back(context: AssetExecutionContext, job: Job, done: Sequence[DayResult]) -> None:
    """Takes back Dagster's plan of each (asset, day) neither published nor failed. Said before the run fails."""
    for key, name in made_by(job).items():
        states = {day.label: day.copies[name].state if name in day.copies else day.state for day in done if day.day}
        neither = [label for label, state in states.items() if state in _NEITHER]
        for label in neither:
            plan_again(context, key, label, NOBODY)
        failed = [label for label, state in states.items() if state == "failed"]
        if neither and failed:  # so that the asset's latest run is this one
            plan_again(context, key, failed[-1], context.run.run_id)


def plan_again(context: AssetExecutionContext, key: AssetKey, partition: str, run_id: str) -> None:
    """Plans a partition once more, for a run; where that has failed, or fails, the partition has."""
    step = context.op_execution_context.get_step_execution_context().step.key
    planned = AssetMaterializationPlannedData(key, partition=partition)
    event = DagsterEvent.build_asset_materialization_planned_event(context.run.job_name, step, planned)
    context.instance.report_dagster_event(event, run_id, logging.DEBUG)

"""How a copy is made and proven: plan → part → verify → rename → receipt → delete. Knows no Dagster."""

from __future__ import annotations

from datagw.publishing.days import first_day, known_first_day
from datagw.publishing.engine import LeaseHeld, due, plan_day, publish, survey
from datagw.publishing.plans import Action, DayPlan, Survey
from datagw.publishing.results import CopyResult, DayResult, FileFailure, FileRow
from datagw.publishing.staging import close_folder, open_folder, sweep
from datagw.publishing.world import NoProgress, Progress, World

__all__ = [
    "Action",
    "CopyResult",
    "DayPlan",
    "DayResult",
    "FileFailure",
    "FileRow",
    "LeaseHeld",
    "NoProgress",
    "Progress",
    "Survey",
    "World",
    "close_folder",
    "due",
    "first_day",
    "known_first_day",
    "open_folder",
    "plan_day",
    "publish",
    "survey",
    "sweep",
]

"""What a tick tells Dagster of a source: how many files, how large, and a data version that changes with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dagster import AssetObservation

from datagw.assets.names import source_key
from datagw.automation.memory import Memory, source_digest
from datagw.jobs import Job
from datagw.publishing.plans import DayPlan

_MOST = 366  # in one tick


def observed(job: Job, plans: Sequence[DayPlan], asked: Sequence[DayPlan], memory: Memory) -> list[AssetObservation]:
    """The source, where it changed since it was told last: a day that is due, a file that has settled, new files.

    Nothing is told of a look that found nothing new, nor of a job without a source.
    """
    if not job.watches:
        return []
    if job.new_files or job.cron is not None:
        return [_observation(job, plan) for plan in asked[:_MOST]]
    if job.dated:
        changed = memory.observe([plan for plan in plans if plan.due], _MOST)
        memory.forget({plan.label for plan in plans if plan.state in ("done", "missing")})
    else:
        changed = memory.observe([plan for plan in plans if plan.state != "missing" and not _moves(plan)], 1)
    return [_observation(job, plan) for plan in changed]


def _moves(plan: DayPlan) -> bool:
    """Whether something of the source is not as it will be."""
    return plan.state == "waiting" or any(plan.of("wait"))


def _observation(job: Job, plan: DayPlan) -> AssetObservation:
    waiting = {action.source.path for action in plan.of("wait")}
    sources = {action.source.path: action.source for action in plan.actions if action.kind != "ignore"}
    there = [source for path, source in sources.items() if not (job.new_files and path in waiting)]
    metadata: dict[str, Any] = {"files": len(there), "bytes": sum(source.size for source in there)}
    if job.new_files:
        metadata["waiting"] = len(waiting)
    version = source_digest(plan)
    if job.source.pattern.exact and len(there) == 1:
        version = metadata["version"] = there[0].content_version
    return AssetObservation(
        source_key(job.name),
        partition=plan.label if plan.day else None,
        metadata=metadata,
        tags={"dagster/data_version": version},
    )

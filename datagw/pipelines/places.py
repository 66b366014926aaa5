"""The places of a job of own code, beside the declared ones: where its occasions come from, and where files go."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from datagw.jobs import Job
from datagw.jobs.words import OCCASION, WORK
from datagw.pipelines.occasion import Occasion
from datagw.pipelines.report import Report
from datagw.pipelines.worker import Worker
from datagw.publishing.world import World


def with_own_code(
    world: World,
    job: Job,
    base: Path,
    *,
    payload: object = None,
    report: Report | None = None,
    resume_from: str | None = None,
    only: Collection[str] | None = None,
) -> World:
    """The world with all places that a job names; the same world for a job that has no code of its own.

    `base` is the folder of the job file, where modules and programs are looked for first; `payload` (whatever JSON can
    hold) is handed to the code; `report` is filled with what the code has to show beyond receipts. `resume_from` names
    a failed run of a job without days and source: what its functions had done is not done again. `only` names the
    functions of a graph that are called, with what the others have returned before.
    """
    if job.work is None:
        return world
    report = Report() if report is None else report
    worker = Worker.of(job, world, base, payload, report, resume_from, only)
    own = {OCCASION: Occasion.of(job, world.ledger, payload), WORK: worker}
    return replace(world, gateways={**world.gateways, **own})

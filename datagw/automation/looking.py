"""One tick of any switch, sensor or schedule: look, plan, and say what is to run."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import timedelta

from dagster import AssetCheckEvaluation, AssetObservation, DagsterError

from datagw.assets.checks import changed_evaluations
from datagw.assets.graph import gateways_used
from datagw.assets.runs import of_assets, report_left_behind
from datagw.assets.shape import made_by
from datagw.automation.due import Answer, Sight, answer
from datagw.automation.instances import Context, Runs, log_of, runs_of
from datagw.automation.ledgers import ledger_at
from datagw.automation.memory import Memory
from datagw.automation.observing import observed
from datagw.automation.upstream import held_up
from datagw.errors import DatagwError
from datagw.gateways.base import Gateway
from datagw.gateways.front.retries import RetryPolicy, wait
from datagw.jobs import Job, JobFile
from datagw.jobs.state import ledger_url
from datagw.pipelines.places import with_own_code
from datagw.publishing import first_day, survey
from datagw.publishing.world import World

_WORTH_WAITING = timedelta(seconds=2)  # the daemon comes back after five
_NO_RETRIES = RetryPolicy(max=0)  # the next tick is the retry, and a tick has sixty seconds in all
_ANSWER = 15.0  # seconds that a place has to answer, for the same reason


@dataclass(frozen=True)
class Tick:
    """What a tick found: its answer, what it has to tell of assets, and what the next one is to remember."""

    answer: Answer
    memory: Memory
    events: list[AssetObservation | AssetCheckEvaluation] = field(default_factory=list)


class TickFailed(DagsterError):
    """Why a tick could not look: in one line, because Dagster puts words of its own before errors of other kinds."""


def tick(jobfile: JobFile, job: Job, context: Context, memory: Memory | None = None) -> Tick:
    """Looks at a job once, or twice if something is about to settle. An outage raises TickFailed."""
    try:
        return _tick(jobfile, job, runs_of(context), log_of(context), memory or Memory())
    except DatagwError as error:
        raise TickFailed(str(error)) from None


def _tick(jobfile: JobFile, job: Job, runs: Runs, log: logging.Logger, memory: Memory) -> Tick:
    world = _world(jobfile, job, log)
    first_day(job, world)
    sight = _look(job, world, runs)
    if not job.dated and not sight.due and (left := _soon(sight, world)) is not None:
        wait(left, world.fence)
        sight = _look(job, world, runs)
    if job.after:
        sight = held_up(jobfile, job, sight, runs.unfinished(), world.ledger)
    said = answer(job, sight, runs.instance, world.ledger, world.now())
    events = observed(job, sight.plans, said.asked, memory)
    checks = changed_evaluations(job, world, sight.found, runs.instance)
    for plan in said.asked:
        for name in plan.lost:
            log.warning(f"{plan.label}: {name} does not answer, and is left out: {'; '.join(plan.notes)}")
    return Tick(said, memory, [*events, *checks])


def _look(job: Job, world: World, runs: Runs) -> Sight:
    """The runs first: one that ends while the source is looked at has done what is not due any more."""
    unfinished = runs.unfinished()
    gone = report_left_behind(runs.instance, world.ledger, unfinished) if unfinished else []
    mine = of_assets(unfinished, made_by(job))
    found = survey(job, world, patient=True)
    known = set(found.found or ())
    if job.dated:
        known |= {row.day for row in world.ledger.days(job.name) if row.day and row.state in ("published", "empty")}
    return Sight(found.plans, known, found.total, [run for run in mine if run.run_id not in gone], found.found)


def _soon(sight: Sight, world: World) -> float | None:
    """Seconds until something is due by itself, if that is worth waiting for."""
    if sight.runs:
        return None
    left = min((plan.again - world.now() for plan in sight.plans if plan.again is not None), default=None)
    if left is None or left > _WORTH_WAITING:
        return None
    return max(left.total_seconds(), 0.0) + 0.001


def _world(jobfile: JobFile, job: Job, log: logging.Logger) -> World:
    """What a plan needs."""
    world = World(
        ledger=ledger_at(ledger_url(jobfile)),
        gateways={name: _hurried(jobfile.gateways[name]) for name in gateways_used(job)},
        tmp_dir=jobfile.main.tmp_dir / "tick",
        run="tick",
        log=log,
        retries=_NO_RETRIES,
    )
    return with_own_code(world, job, jobfile.base)


def _hurried(gateway: Gateway) -> Gateway:
    return gateway.model_copy(update={"timeout": min(gateway.timeout, _ANSWER)})

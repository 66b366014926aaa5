"""The switch of a daily job: a sensor that plans, and requests the days that are due as ranges."""

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from dagster import (
    AssetObservation,
    AssetSelection,
    DagsterInstance,
    DefaultSensorStatus,
    RunRequest,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    sensor,
)

from datagw.assets.days import Days, asked_for, ranges
from datagw.assets.graph import gateways_used
from datagw.assets.names import DUE_TAG, JOB_TAG, copy_key, sensor_name, source_key
from datagw.assets.runs import report_left_behind, tags_of_run, unfinished
from datagw.automation.memory import PATIENCE, Memory, due_digest, source_digest
from datagw.jobs import Job, JobFile
from datagw.jobs.state import ledger_url
from datagw.ledger.ledger import Ledger
from datagw.publishing import due, first_day
from datagw.publishing.plans import DayPlan
from datagw.publishing.world import World

_MOST_REQUESTS = 10  # in one tick
_MOST_OBSERVED = 366


def switch_of(jobfile: JobFile, job: Job) -> SensorDefinition:
    """`JOB_due`: looks every `every`, on from the start; what it says it found is what its ticks show."""

    @sensor(
        name=sensor_name(job.name),
        asset_selection=AssetSelection.assets(*(copy_key(job.name, copy.name) for copy in job.to)),
        minimum_interval_seconds=max(1, round(job.every.total_seconds())),
        default_status=DefaultSensorStatus.RUNNING,
        description=f"Looks for days of {job.name} that are due, and has them published",
    )
    def switch(context: SensorEvaluationContext) -> SensorResult:
        with _world(context, jobfile, job) as world:
            report_left_behind(context.instance, world.ledger)
            first_day(job, world)
            plans = due(job, world)
            recorded = {
                row.day for row in world.ledger.days(job.name) if row.day and row.state in ("published", "empty")
            }
        sight = Sight(plans, recorded)
        return answer(job, sight, context.instance, Memory.of(context.cursor), time.time())

    return switch


@contextmanager
def _world(context: SensorEvaluationContext, jobfile: JobFile, job: Job) -> Iterator[World]:
    """What a plan needs; whatever it opened is closed by the end of the tick."""
    with Ledger.open(ledger_url(jobfile)) as ledger:
        yield World(
            ledger=ledger,
            gateways={name: jobfile.gateways[name] for name in gateways_used(job)},
            tmp_dir=jobfile.main.tmp_dir / "tick",
            run="tick",
            log=context.log,
        )


@dataclass(frozen=True)
class Sight:
    """What a tick sees: a plan for each day at the source or left open, and the days on record as published."""

    plans: Sequence[DayPlan]
    recorded: Collection[date] = ()

    @property
    def due(self) -> dict[date, DayPlan]:
        """The days on which a run would have something to do."""
        return {plan.day: plan for plan in self.plans if plan.due and plan.day is not None}

    @property
    def known(self) -> set[date]:
        """The days that are not missing."""
        return {plan.day for plan in self.plans if plan.day and plan.state != "missing"} | {*self.recorded}

    @property
    def missing(self) -> int:
        """How many days there are between the first and the last known one that are not known themselves."""
        known = self.known
        return (max(known) - min(known)).days + 1 - len(known) if known else 0


def answer(job: Job, sight: Sight, instance: DagsterInstance, memory: Memory, now: float) -> SensorResult:
    """What a tick has to say of what it sees: requests for what is due and not under way, or why there is none."""
    wanted, known = sight.due, sight.known
    changed = memory.observe(wanted)
    under_way = _under_way(job, instance) & wanted.keys()
    memory.running(under_way, now)
    too_soon = {day for day in wanted.keys() - under_way if memory.is_too_soon(wanted[day], now)}
    parts = ranges(
        wanted.keys() - under_way - too_soon, may_bridge=lambda day: day not in known, at_most=_MOST_REQUESTS
    )
    requests: list[RunRequest] = []
    for part in parts[:_MOST_REQUESTS]:
        asked = [wanted[day] for day in part if day in wanted]
        requests.append(_request(job, part, asked, instance))
        for plan in asked:
            memory.asked(plan, now)
    return SensorResult(
        run_requests=requests,
        skip_reason=None if requests else _why_not(sight, len(under_way), len(too_soon)),
        cursor=memory.cursor(),
        asset_events=[_observed(job, plan) for plan in changed[:_MOST_OBSERVED]],
    )


def _under_way(job: Job, instance: DagsterInstance) -> set[date]:
    runs = unfinished(instance, {copy_key(job.name, copy.name) for copy in job.to})
    return {day for run in runs for day in asked_for(run.tags) or ()}


def _request(job: Job, part: Days, plans: Sequence[DayPlan], instance: DagsterInstance) -> RunRequest:
    """The request of one run. Its key is new for each attempt, because Dagster never takes the same key twice."""
    digest = due_digest(plans)
    attempt = 1 + instance.get_runs_count(RunsFilter(tags={JOB_TAG: job.name, DUE_TAG: digest}))
    return RunRequest(
        run_key=f"{job.name} {part} {digest} {attempt}",
        tags=tags_of_run(job) | {DUE_TAG: digest} | part.tags,
    )


def _why_not(sight: Sight, under_way: int, too_soon: int) -> str:
    waiting = sum(plan.state == "waiting" for plan in sight.plans)
    held = [
        f"{under_way} due, in runs that are under way" if under_way else "",
        f"{too_soon} due, but failed less than {PATIENCE / 60:.0f} minutes ago" if too_soon else "",
    ]
    counts = [
        f"{len(sight.plans)} {'day' if len(sight.plans) == 1 else 'days'} looked at",
        f"{waiting} not complete yet" if waiting else "",
        f"{sight.missing} missing" if sight.missing else "",
    ]
    return "; ".join([*filter(None, held)] or ["nothing due"]) + "; " + ", ".join(filter(None, counts))


def _observed(job: Job, plan: DayPlan) -> AssetObservation:
    """What the source looks like on a day: how many files, how large; its data version changes with any of them."""
    sources = {action.source.path: action.source for action in plan.actions if action.kind != "ignore"}
    return AssetObservation(
        source_key(job.name),
        partition=plan.label,
        metadata={"files": len(sources), "bytes": sum(source.size for source in sources.values())},
        tags={"dagster/data_version": source_digest(plan)},
    )

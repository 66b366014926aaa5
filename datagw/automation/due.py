"""The answer of a tick: requests for what is due and not under way, or why there are none. Looks at no place."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from dagster import DagsterInstance, DagsterRun, RunRequest, RunsFilter

from datagw.assets.days import Days, asked_for, ranges
from datagw.assets.names import DUE_TAG, JOB_TAG, op_name
from datagw.assets.runs import tags_of_run
from datagw.assets.shape import made_by
from datagw.automation.memory import due_digest
from datagw.automation.reasons import why_not
from datagw.jobs import Job
from datagw.ledger.ledger import Ledger
from datagw.publishing.patience import pause_after
from datagw.publishing.plans import DayPlan

_MOST_REQUESTS = 10  # in one tick
_MOST_TRIES = 8  # of the same work, that are looked at


@dataclass(frozen=True)
class Sight:
    """What a tick sees: the plans of the days that it looked at, the days that are known not to be missing otherwise,
    how many days there are to look at, the runs of the job that are queued or at work, the days at the source, and in
    `held` why some of it waits for other jobs.
    """

    plans: Sequence[DayPlan]
    known: Collection[date] = ()
    total: int = 1
    runs: Sequence[DagsterRun] = ()
    found: Collection[date] | None = None
    held: Sequence[str] = ()

    @property
    def due(self) -> list[DayPlan]:
        """The plans of which a run would have something to do."""
        return [plan for plan in self.plans if plan.due]

    @property
    def not_missing(self) -> set[date]:
        """The days that are not missing, as far as this tick knows."""
        return {plan.day for plan in self.plans if plan.day and plan.state != "missing"} | {*self.known}


@dataclass(frozen=True)
class Answer:
    """What a tick has to say: the runs that it asks for and what they are to do, or why there are none.

    `held` says that some of what is due waits for other jobs.
    """

    requests: list[RunRequest] = field(default_factory=list[RunRequest])
    asked: list[DayPlan] = field(default_factory=list[DayPlan])
    reason: str = ""
    held: bool = False


def answer(job: Job, sight: Sight, instance: DagsterInstance, ledger: Ledger, now: datetime) -> Answer:
    """What a tick has to say of what it sees; for a job without days there is at most one run at a time."""
    free, under_way = _apart(job, sight)
    parts = _parts(free, lambda day: day not in sight.not_missing) if job.dated else [(None, free)] if free else []
    requests: list[RunRequest] = []
    asked: list[DayPlan] = []
    paused: list[datetime] = []
    for days, plans in parts[:_MOST_REQUESTS]:
        before = _Tries.of(job, plans, instance, ledger)
        if before.until is not None and before.until > now:
            paused.append(before.until)
            continue
        requests.append(_request(job, days, plans, before))
        asked += plans
    reason = (
        "" if requests else why_not(job, sight.plans, sight.total, _missing(sight), len(under_way), paused, sight.held)
    )
    return Answer(requests, asked, reason, bool(sight.held))


def _apart(job: Job, sight: Sight) -> tuple[list[DayPlan], list[DayPlan]]:
    """What is due and nobody is at work on, and what somebody is."""
    if not job.dated:
        return ([], sight.due) if sight.runs else (sight.due, [])
    busy = {day for run in sight.runs for day in asked_for(run.tags) or ()}
    free = [plan for plan in sight.due if plan.day not in busy]
    return free, [plan for plan in sight.due if plan.day in busy]


def _parts(plans: Sequence[DayPlan], may_bridge: Callable[[date], bool]) -> list[tuple[Days | None, list[DayPlan]]]:
    """The days in ranges, a run each, with what is due in them."""
    wanted = {plan.day: plan for plan in plans if plan.day is not None}
    found = ranges(wanted, may_bridge=may_bridge, at_most=_MOST_REQUESTS)
    return [(part, [wanted[day] for day in part if day in wanted]) for part in found]


def _missing(sight: Sight) -> int:
    known = sight.not_missing
    return (max(known) - min(known)).days + 1 - len(known) if known else 0


@dataclass(frozen=True)
class _Tries:
    """The runs that were asked for the same work before. `until` is the moment from which it may be asked for again."""

    digest: str
    last: str = "first"
    until: datetime | None = None

    @classmethod
    def of(cls, job: Job, plans: Sequence[DayPlan], instance: DagsterInstance, ledger: Ledger) -> _Tries:
        """A run that came to nothing and could not write down why (killed, out of memory) is waited after as after a
        file that failed; where it could, the ledger decides.
        """
        digest = due_digest(plans, job.fingerprint)
        mine = RunsFilter(tags={JOB_TAG: job.name, DUE_TAG: digest})
        records = instance.get_run_records(mine, limit=_MOST_TRIES)
        if not records:
            return cls(digest)
        last = records[0]
        days = {plan.day for plan in plans}
        started = datetime.fromtimestamp(last.start_time or last.create_timestamp.timestamp(), UTC)
        told = any(attempt.day in days and attempt.at >= started for attempt in ledger.all_attempts(job.name))
        if told or last.end_time is None or _published(job, last.dagster_run.run_id, started, ledger):
            return cls(digest, last.dagster_run.run_id)
        ended = sum(record.end_time is not None for record in records)
        until = datetime.fromtimestamp(last.end_time, UTC) + pause_after(ended)
        return cls(digest, last.dagster_run.run_id, until)


def _published(job: Job, run_id: str, since: datetime, ledger: Ledger) -> bool:
    """Whether a run proved anything; what is due once more is then due for another reason: a copy was taken away."""
    return any(receipt.run == run_id for receipt in ledger.receipts(job.name, since=since))


def _request(job: Job, days: Days | None, plans: Sequence[DayPlan], before: _Tries) -> RunRequest:
    """The request of one run. Its key is new for each attempt, because Dagster never takes the same key twice.

    Copies whose place does not answer are left out: the others need not fail with them.
    """
    lost = {name for plan in plans for name in plan.lost}
    keys = [key for key, copy in made_by(job).items() if copy not in lost]
    return RunRequest(
        run_key=f"{job.name} {days or 'files'} {before.digest} {before.last}",
        run_config=run_config_of(job),
        tags=tags_of_run(job) | {DUE_TAG: before.digest} | (days.tags if days else {}),
        asset_selection=keys,
    )


def run_config_of(job: Job) -> dict[str, Any]:
    """How a switch wants its runs: those of files without days leave alone what has not settled, or failed just now.

    Days were asked for one by one, and cron lines mean all that is there.
    """
    if job.dated or job.cron is not None:
        return {}
    return {"ops": {op_name(job): {"config": {"patient": True}}}}

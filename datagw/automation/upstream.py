"""What a job waits for before it is asked for: runs of the jobs that come before it, and their days."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date

from dagster import RunRecord

from datagw.assets.runs import of_assets
from datagw.assets.shape import made_by
from datagw.automation.due import Sight
from datagw.automation.reasons import HELD
from datagw.jobs import Job, JobFile
from datagw.ledger.ledger import Ledger
from datagw.publishing import known_first_day
from datagw.publishing.plans import DayPlan

_DONE = ("published", "empty")


def held_up(jobfile: JobFile, job: Job, sight: Sight, runs: Sequence[RunRecord], ledger: Ledger) -> Sight:
    """The sight without what has to wait for jobs of `after`, and why it does. `runs` are queued or at work."""
    busy = [name for name in job.after if name in jobfile.jobs and of_assets(runs, made_by(jobfile.jobs[name]))]
    if busy and sight.due:
        noun = "a run" if len(busy) == 1 else "runs"
        return _without(sight, sight.due, f"due, but waits for {noun} of {', '.join(busy)} to end")
    for name in job.after:
        days = _days_to_wait_for(jobfile, name, sight.due, ledger)
        if days:
            which = f"{days[0]}" if len(days) == 1 else f"{len(days):,} days, the first of them {days[0]},"
            verb = "waits" if len(days) == 1 else "wait"
            held = [plan for plan in sight.due if plan.day in {*days}]
            sight = _without(sight, held, f"{which} {verb} until {name} has published the same day")
    return sight


def _without(sight: Sight, held: Iterable[DayPlan], reason: str) -> Sight:
    waiting = {plan.day for plan in held}
    plans = [
        replace(plan, state="waiting", again=None, notes=(*plan.notes, HELD)) if plan.day in waiting else plan
        for plan in sight.plans
    ]
    return replace(sight, plans=plans, held=(*sight.held, reason))


def _days_to_wait_for(jobfile: JobFile, name: str, due: Iterable[DayPlan], ledger: Ledger) -> list[date]:
    """The days that a job which comes before has yet to publish; of one without days, none."""
    before = jobfile.jobs.get(name)
    wanted = sorted(plan.day for plan in due if plan.day is not None)
    if not wanted or (before is not None and not before.dated):
        return []
    copies = None if before is None else {copy.name for copy in before.to}
    first = None if before is None else known_first_day(before, ledger)
    states: dict[date, dict[str, str]] = {}
    for row in ledger.days(name):
        if row.day is not None:
            states.setdefault(row.day, {})[row.copy] = row.state
    return [
        day for day in wanted if not (first is not None and day < first) and not _is_done(states.get(day, {}), copies)
    ]


def _is_done(states: dict[str, str], copies: set[str] | None) -> bool:
    """Whether all copies of a day are published; of a job that cannot be read, all that the ledger knows of."""
    wanted = copies or {*states}
    return bool(wanted) and all(states.get(copy) in _DONE for copy in wanted)

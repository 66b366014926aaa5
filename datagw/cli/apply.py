"""`datagw apply`: what a plan says, exactly that; refused once source, destination or job are not as they were."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import click

from datagw.cli import results
from datagw.cli.endings import of_results
from datagw.cli.opening import job_file, job_of, open_world, tell_errors, world_for
from datagw.cli.paths import at_source
from datagw.cli.planned import Planned, PlannedDay, differences, fingerprint_of, read_plan
from datagw.cli.printing import print_json
from datagw.cli.settings import Command, Settings, pass_settings
from datagw.errors import DatagwError

if TYPE_CHECKING:
    from datagw.jobs import Job, JobFile
    from datagw.pipelines.report import Report
    from datagw.publishing.plans import Step
    from datagw.publishing.results import DayResult
    from datagw.publishing.world import World

_MOST = 10  # differences that are told


@dataclass
class _Done:
    """What the runs of all jobs have come to."""

    documents: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    results: list[DayResult] = field(default_factory=list["DayResult"])
    reports: list[Report] = field(default_factory=list["Report"])


@click.command(cls=Command)
@click.argument("plan", type=click.Path(dir_okay=False))
@click.option("--no-wait", is_flag=True, help="End with 1 if another run is at work on the job, instead of waiting.")
@pass_settings
def command(settings: Settings, plan: str, no_wait: bool) -> int:
    """Does what PLAN says, a file of `datagw plan --out`, and nothing else.

    Refused, with nothing done, if a job, its source or a destination has changed since: plan again then.
    """
    planned = read_plan(plan)
    file = job_file(settings)
    jobs = [job_of(file, name) for name in planned.jobs]
    tell_errors(file)
    for job in jobs:
        if not job.watches and any(day.state == "due" for day in planned.of(job.name)):
            raise DatagwError(
                f"{job.name} runs its own code on occasion, of which nothing can be compared: nothing was done.\n"
                f"Plan the other jobs by name, and run this one with `datagw run {job.name}`."
            )
    drift = _drift(file, jobs, planned)
    if drift:
        _refuse(settings, plan, drift)
    return _apply(settings, file, jobs, planned, wait=not no_wait)


def _drift(file: JobFile, jobs: Sequence[Job], planned: Planned) -> list[str]:
    """What is not as it was planned; of the days, only where the jobs and the ledger are the same."""
    with open_world(file) as world:
        if world.ledger.id != planned.ledger:
            return ["the plan was made with another ledger: is this the same job file, and DATABASE_URL the same?"]
        edited = [job.name for job in jobs if fingerprint_of(file, job) != planned.jobs[job.name]]
        if edited:
            return [f"{name}: the job, or where its gateways lead, was edited" for name in edited]
        return [
            line for job in jobs for line in _drift_of(job, planned.of(job.name), world_for(file, job, world), file)
        ]


def _drift_of(job: Job, days: Sequence[PlannedDay], world: World, file: JobFile) -> Iterable[str]:
    from datagw.publishing import due

    if not days:
        return []
    shown = partial(at_source, file, job.name)
    dates = [day.day for day in days if day.day is not None]
    now = {plan.day: plan for plan in due(job, world, days=dates if job.dated else None)}
    return [line for day in days for line in differences(day, now.get(day.day), shown)]


def _refuse(settings: Settings, plan: str, drift: Sequence[str]) -> NoReturn:
    if settings.json:
        print_json({"jobs": [], "differences": list(drift)})
    told = [f"  {line}" for line in drift[:_MOST]]
    if len(drift) > _MOST:
        told.append(f"  … and {len(drift) - _MOST:,} more")
    advice = f"Plan again: `datagw plan --out {plan}`."
    raise DatagwError("\n".join([f"{plan} does not hold any more, and nothing was done:", *told, advice]))


def _apply(settings: Settings, file: JobFile, jobs: Sequence[Job], planned: Planned, *, wait: bool) -> int:
    done = _Done()
    for job in jobs:
        days = planned.of(job.name)
        wanted = [day.day for day in days if day.state == "due"]
        if wanted:
            _run(settings, file, job, wanted, _steps(days), done, wait=wait)
        elif settings.json:
            done.documents.append(results.document(job, [], (), ()))
        else:
            results.print_nothing(job.name, [(day.day, day.state) for day in days])
    if settings.json:
        print_json({"jobs": done.documents, "differences": []})
    return of_results(done.results, done.reports)


def _run(
    settings: Settings,
    file: JobFile,
    job: Job,
    days: Sequence[date | None],
    steps: frozenset[Step],
    done: _Done,
    *,
    wait: bool,
) -> None:
    from datagw.assets.instance import open_instance
    from datagw.assets.running import run_job
    from datagw.cli.progress import shown

    with open_instance(file) as instance, shown(quiet=settings.quiet) as progress:
        outcome = run_job(file, job.name, days, instance=instance, progress=progress, wait=wait, planned=steps)
    done.results += outcome.results
    done.reports += outcome.reports.values()
    if settings.json:
        done.documents.append(results.document(job, outcome.results, (), (), outcome.run_ids, outcome.reports))
    else:
        results.print_summary(file, job, outcome.results, outcome.reports)


def _steps(days: Sequence[PlannedDay]) -> frozenset[Step]:
    from datagw.publishing.plans import Step

    return frozenset(
        Step(
            *(day.day, row["kind"], row["source"], row["version"]),
            *(row["copy"] or "", row["destination"] or "", row["standing"]),
        )
        for day in days
        for row in day.rows
    )

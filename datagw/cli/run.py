"""`datagw run`: a job, now, in this process, through the assets that Dagster runs, into the same history."""

from __future__ import annotations

import gc
import logging
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import click
from typing_extensions import override

from datagw.cli import results
from datagw.cli.completing import complete_job
from datagw.cli.endings import DONE, FAILED, of_results
from datagw.cli.opening import before_start, job_file, job_of, open_world, tell_errors, world_for
from datagw.cli.own_code import Payload, always_runs, refuse_payload
from datagw.cli.paths import source_of
from datagw.cli.settings import Command, Settings, pass_settings

if TYPE_CHECKING:
    from datagw.jobs import Job, JobFile
    from datagw.publishing.asking import Asked, Found

_log = logging.getLogger("datagw")


class Day(click.ParamType):
    """A day: `2026-01-31`."""

    name = "day"

    @override
    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """The date."""
        try:
            return value if isinstance(value, date) else date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no day: write 2026-01-31", param, ctx)


@click.command(cls=Command)
@click.argument("job", shell_complete=complete_job)
@click.option("--day", type=Day(), metavar="D", help="This day only; one that is missing or not over is refused.")
@click.option("--from", "first", type=Day(), metavar="D", help="Days from this one on.")
@click.option("--to", "last", type=Day(), metavar="D", help="Days up to and with this one.")
@click.option("--no-wait", is_flag=True, help="End with 1 if another run is at work on the job, instead of waiting.")
@click.option("--resend", is_flag=True, help="Send proven files again, with new receipts.")
@click.option(
    "--file", "resend_file", metavar="PATH", help="With --resend: of these only this one, by its path in the source."
)
@click.option(
    "--payload",
    type=Payload(),
    metavar="JSON|@FILE",
    help="Handed to the job's own code: JSON, or a file that holds it.",
)
@click.option("--dry-run", is_flag=True, help="Only the plan; changes nothing.")
@pass_settings
def command(
    settings: Settings,
    job: str,
    day: date | None,
    first: date | None,
    last: date | None,
    no_wait: bool,
    resend: bool,
    resend_file: str | None,
    payload: object,
    dry_run: bool,
) -> int:
    """Runs a job now. Without days: every day that is over and has something due, oldest first.

    A job of own code that has neither days nor a source runs once.
    """
    from datagw.publishing.asking import Asked

    if day and (first or last):
        raise click.UsageError("Say --day, or --from and --to, not both.")
    if first and last and first > last:
        raise click.UsageError(f"--from {first} lies after --to {last}.")
    if resend_file is not None and not resend:
        raise click.UsageError("--file goes with --resend.")
    file = job_file(settings)
    one = job_of(file, job)
    asked = Asked(day, first, last)
    if asked.any and not one.dated:
        raise click.UsageError(f"The job {job} has no days.")
    refuse_payload(one, payload)
    tell_errors(file)
    found = _look(file, one, asked)
    if dry_run:
        return _show_plan(settings, file, one, found)
    refused = _refusal(file, one, day, found) if day else None
    if refused is not None:
        _log.error("%s", refused)
        if settings.json:
            results.print_document(one, [], found.missing, found.not_over)
        return FAILED
    _report(one, found)
    always = always_runs(one)
    resend = resend or always
    wanted = [plan.day for plan in found.plans] if always else found.wanted(resend=resend)
    if not wanted:
        return _nothing(settings, one, found)
    wishes = {"wait": not no_wait, "resend": resend, "resend_file": resend_file, "payload": payload}
    return _run(settings, file, one, wanted, found, wishes)


def _look(file: JobFile, job: Job, asked: Asked) -> Found:
    from datagw.publishing.asking import look

    with open_world(file) as world:
        return look(job, world_for(file, job, world), asked)


def _refusal(file: JobFile, job: Job, day: date, found: Found) -> str | None:
    if found.not_over:
        return f"{job.name}: {day} is not over: it may be sent from {job.over_at(day):%Y-%m-%d %H:%M} UTC on"
    if found.missing:
        why = f"; {found.note}" if found.note is not None else ""
        return f"{job.name}: {day} is missing: there is nothing of that day at {source_of(file, job)}{why}"
    return None


def _report(job: Job, found: Found) -> None:
    """One line each on the days that were asked for and are not worked on."""
    if found.note is not None:
        _log.warning("%s: %s", job.name, found.note)
    for days, what in ((found.missing, "missing"), (found.not_over, "not over yet")):
        if days:
            listed = ", ".join(map(str, days[:10])) + (", …" if len(days) > 10 else "")
            _log.warning("%s: %d %s %s: %s", job.name, len(days), "day" if len(days) == 1 else "days", what, listed)
    for plan in found.plans:
        if plan.state == "waiting":
            _log.warning("%s %s: %s", job.name, plan.label, "; ".join(plan.notes) or "not complete yet")


def _show_plan(settings: Settings, file: JobFile, job: Job, found: Found) -> int:
    from datagw.cli.plan import print_plans, show_document
    from datagw.cli.planned import origin_of

    with open_world(file) as world:
        if settings.json:
            notes = {} if found.note is None else {job.name: found.note}
            show_document(found.plans, notes, origin_of(file, [job], world.ledger), to_stdout=True)
            return DONE
        early = before_start(job, world_for(file, job, world))
    print_plans(file, job.name, found.plans, early=early, note=found.note)
    return DONE


def _nothing(settings: Settings, job: Job, found: Found) -> int:
    """Says that there is nothing to do; Dagster was not even loaded."""
    if settings.json:
        results.print_document(job, [], found.missing, found.not_over)
    else:
        results.print_nothing(job.name, [(plan.day, plan.state) for plan in found.plans])
    return DONE


def _run(
    settings: Settings,
    file: JobFile,
    job: Job,
    days: Sequence[date | None],
    found: Found,
    wishes: dict[str, Any],
) -> int:
    from datagw.assets.instance import open_instance
    from datagw.assets.running import run_job
    from datagw.cli.progress import shown

    gc.freeze()  # Dagster and all that it imports stays, and need not be looked through for what can go
    with open_instance(file) as instance, shown(quiet=settings.quiet) as progress:
        outcome = run_job(file, job.name, days, instance=instance, progress=progress, **wishes)
    if settings.json:
        results.print_document(job, outcome.results, found.missing, found.not_over, outcome.run_ids, outcome.reports)
    else:
        results.print_summary(file, job, outcome.results, outcome.reports)
    return of_results(outcome.results, outcome.reports.values())

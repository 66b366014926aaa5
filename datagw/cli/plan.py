"""`datagw plan`: what a run would do, and why. It changes nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import click

from datagw.cli.completing import complete_job
from datagw.cli.endings import DONE, FAILED, WRONG
from datagw.cli.opening import before_start, job_file, job_of, open_world, right_jobs, tell_errors, world_for
from datagw.cli.paths import at_source
from datagw.cli.planned import document_of, origin_of
from datagw.cli.printing import print_json, print_line, print_table
from datagw.cli.settings import Command, Settings, pass_settings
from datagw.cli.units import days_of, files_of, size_of
from datagw.errors import GatewayError, printable

if TYPE_CHECKING:
    from datagw.jobs import Job, JobFile
    from datagw.publishing.plans import Action, DayPlan

LINES = 20  # of each kind of action, unless all are asked for
_HEADINGS = {
    "send": "to be sent",
    "adopt": "to be adopted if equal",
    "refuse": "refused",
    "delete": "source files to be deleted",
    "move": "source files to be moved",
    "wait": "left for later",
    "leave": "left as they are",
    "ignore": "ignored",
    "skip": "proven, skipped",
}


@click.command(cls=Command)
@click.argument("job", required=False, shell_complete=complete_job)
@click.option("--all", "-a", "everything", is_flag=True, help=f"Every file, not only the first {LINES} of each kind.")
@click.option(
    "--out", type=click.Path(dir_okay=False, writable=True), metavar="FILE", help="The plan as JSON, in a file."
)
@pass_settings
def command(settings: Settings, job: str | None, everything: bool, out: str | None) -> int:
    """What `datagw run` would send, adopt, skip and delete, with the reason for each.

    Without JOB, for every job. Changes nothing.
    """
    from datagw.publishing import due
    from datagw.publishing.patience import outlook
    from datagw.publishing.unmatched import unmatched

    file = job_file(settings)
    jobs = right_jobs(file) if job is None else [job_of(file, job)]
    code = WRONG if tell_errors(file) and job is None else DONE
    plans: list[DayPlan] = []
    notes: dict[str, str] = {}
    planned: list[Job] = []
    with open_world(file) as world:
        for one in jobs:
            try:
                around = world_for(file, one, world)
                found = [noted(plan, outlook(one, plan, around)) for plan in due(one, around)]
                early = before_start(one, around)
                note = unmatched(one, around, found)
            except GatewayError as error:
                if job is not None:
                    raise
                click.echo(f"datagw: {one.name} cannot be planned: {error}", err=True)
                code = FAILED
                continue
            plans += found
            planned.append(one)
            notes.update({} if note is None else {one.name: note})
            if not settings.json:
                print_plans(file, one.name, found, everything=everything, early=early, note=note)
        origin = origin_of(file, planned, world.ledger)
    show_document(plans, notes, origin, to_stdout=settings.json, out=out)
    return code


def noted(plan: DayPlan, note: str | None) -> DayPlan:
    """The plan with one more note, if there is one."""
    return plan if note is None else replace(plan, notes=(*plan.notes, note))


def show_document(
    plans: Sequence[DayPlan],
    notes: Mapping[str, str],
    origin: Mapping[str, Any],
    *,
    to_stdout: bool,
    out: str | None = None,
) -> None:
    """The plans, what they were made with, and what is to be said of whole jobs, as JSON.

    It goes to stdout, into a file, both or nowhere.
    """
    document = {**origin, **document_of(plans), **({"notes": dict(notes)} if notes else {})}
    if to_stdout:
        print_json(document)
    if out is not None:
        try:
            with open(out, "w", encoding="ascii") as file:
                file.write(json.dumps(document, indent=2) + "\n")
        except OSError as error:
            raise click.FileError(out, error.strerror) from error


def print_plans(
    file: JobFile,
    job: str,
    plans: Sequence[DayPlan],
    *,
    everything: bool = False,
    early: Sequence[date] = (),
    note: str | None = None,
) -> None:
    """The counts of one job, then the files by what is to be done with them."""
    states = Counter(plan.state for plan in plans)
    dated = any(plan.day is not None for plan in plans)
    if dated:
        counted = ", ".join(f"{days_of(count)} {state}" for state, count in sorted(states.items(), key=_by_weight))
    else:
        counted = ", ".join(states)
    print_line(f"{job}: {counted or 'no day is over that has files'}")
    if note is not None:
        print_line(f"  {note}")
    if early:
        print_line(f"  before its start, and left alone: {_range(early)}")
    for plan in plans:
        for text in plan.notes:
            print_line(printable(f"  {plan.label}: {text}" if dated else f"  {text}"))
    if (one := file.jobs.get(job)) is not None and one.work is not None:
        _print_handed_over(one, plans, everything=everything)
        plans = [replace(plan, actions=tuple(a for a in plan.actions if a.kind != "send")) for plan in plans]
    else:
        _print_counts([plan for plan in plans if plan.actions])
    for kind, heading in _HEADINGS.items():
        found = [(plan, action) for plan in plans for action in plan.actions if action.kind == kind]
        if found and (everything or kind != "skip"):
            _print_files(file, heading, found, len(found) if everything else LINES)


def _print_handed_over(job: Job, plans: Sequence[DayPlan], *, everything: bool) -> None:
    """What own code would be given: files, or without a source only the occasion to run."""
    found = [(plan, action) for plan in plans for action in plan.of("send")]
    if not found or job.work is None:
        return
    noun = files_of(len(found)) if job.watches else days_of(len(found)) if job.dated else "one run"
    most = len(found) if everything else LINES
    more = f", the first {most}; --all shows every one" if len(found) > most else ""
    print_line(printable(f"  to be handed over to {job.work.code}: {noun}{more}"))
    if not job.watches and not job.dated:
        return
    rows = [
        (plan.label, action.relative or action.source.path, size_of(action.source.size), action.reason)
        for plan, action in found[:most]
    ]
    columns = [("file", "left"), ("size", "right"), ("why", "left")]
    if not job.watches:
        rows, columns = [(row[0], row[3]) for row in rows], columns[-1:]
    _print_table(plans, columns, rows, indent="    ")


def _by_weight(item: tuple[str, int]) -> int:
    return ["due", "waiting", "missing", "empty", "done"].index(item[0])


def _print_counts(plans: Sequence[DayPlan]) -> None:
    rows: list[tuple[str, ...]] = []
    for plan in plans:
        for copy in dict.fromkeys(action.copy for action in plan.actions if action.copy):
            sends = list(plan.of("send", copy))
            size = sum(action.source.size for action in sends)
            kinds = Counter(action.kind for action in plan.actions if action.copy == copy)
            rest = [str(kinds[kind] or "") for kind in ("adopt", "skip", "wait", "refuse")]
            sent = f"{len(sends):,}" if sends else ""
            rows.append((plan.label, copy, sent, size_of(size) if sends else "", *rest))
    if rows:
        numbers = [(name, "right") for name in ("send", "size", "adopt", "skip", "wait", "refuse")]
        _print_table(plans, [("copy", "left"), *numbers], rows, indent="  ")


def _print_table(
    plans: Sequence[DayPlan], columns: Sequence[tuple[str, str]], rows: Sequence[tuple[str, ...]], *, indent: str
) -> None:
    """A table whose first column are days; left out where the job has none."""
    if any(plan.day is not None for plan in plans):
        print_table([("day", "left"), *columns], rows, indent=indent)  # type: ignore[arg-type]
    else:
        print_table(columns, [row[1:] for row in rows], indent=indent)  # type: ignore[arg-type]


def _print_files(file: JobFile, heading: str, found: Sequence[tuple[DayPlan, Action]], most: int) -> None:
    more = f", the first {most}; --all shows every one" if len(found) > most else ""
    print_line(f"  {heading}: {files_of(len(found))}{more}")
    rows = [
        (
            *(plan.label, action.copy, action.relative or at_source(file, plan.job, action.source.path)),
            *(size_of(action.source.size), action.reason),
        )
        for plan, action in found[:most]
    ]
    columns = [("copy", "left"), ("file", "left"), ("size", "right"), ("why", "left")]
    if not any(row[1] for row in rows):  # it concerns the source alone
        rows, columns = [(row[0], *row[2:]) for row in rows], columns[1:]
    _print_table([plan for plan, _ in found], columns, rows, indent="    ")


def _range(days: Sequence[date]) -> str:
    return f"{days_of(len(days))}, {days[0]} to {days[-1]}" if len(days) > 1 else str(days[0])

"""`datagw days`: a calendar of what became of each day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

from datagw.cli.calendars import drawn, legend
from datagw.cli.completing import complete_job
from datagw.cli.endings import DONE, FAILED
from datagw.cli.opening import job_file, job_of, open_world, tell_errors, world_for
from datagw.cli.printing import print_json, print_line, print_table
from datagw.cli.run import Day
from datagw.cli.settings import Command, Settings, pass_settings
from datagw.cli.units import days_of, moment
from datagw.errors import GatewayError, printable

if TYPE_CHECKING:
    from datagw.jobs import Job
    from datagw.publishing.calendar import CalendarDay, StateOfDay
    from datagw.publishing.world import World

LINES = 20  # of days that need a hand
_MARKERS_READ = 100  # days, at most, in which a marker is looked for
_NEEDY = ("failed", "late", "unfinished", "waiting", "missing", "unknown")


@click.command(cls=Command)
@click.argument("job", shell_complete=complete_job)
@click.option("--from", "first", type=Day(), metavar="D", help="Days from this one on, else three months of them.")
@click.option("--to", "last", type=Day(), metavar="D", help="Days up to and with this one, else today.")
@pass_settings
def command(settings: Settings, job: str, first: date | None, last: date | None) -> int:
    """A calendar of published, missing, failed days, and what to do about those that need a hand.

    Asks the ledger, and the source which days it has. Exit code 1 where the source cannot be listed; what the ledger
    knows is shown all the same.
    """
    if first and last and first > last:
        raise click.UsageError(f"--from {first} lies after --to {last}.")
    file = job_file(settings)
    one = job_of(file, job)
    if not one.dated:
        raise click.UsageError(f"The job {job} has no days; `datagw history {job}` shows its runs.")
    tell_errors(file)
    with open_world(file) as world:
        found = _look(one, world_for(file, one, world), first, last)
    if settings.json:
        print_json(_document(one, found))
    else:
        _print(one, found)
    return DONE if found.reached else FAILED


@dataclass(frozen=True, slots=True)
class Found:
    """The days, oldest first, the last error of each that failed, and whether the source could be listed."""

    days: Sequence[CalendarDay]
    errors: Mapping[date, str]
    reached: bool


def _look(job: Job, world: World, first: date | None, last: date | None) -> Found:
    from datagw.publishing.days import calendar_of, found_days, waiting_days

    until = last or datetime.now(UTC).astimezone(job.zone).date()
    since = first or _two_months_before(until)
    at_source: list[date] | None = None
    waiting: set[date] = set()
    try:
        with world.gateways[job.source.gateway].using(name=job.source.gateway, retries=job.retries) as gateway:
            at_source = found_days(job, gateway)
            days = calendar_of(job, world, at_source, since=since, until=until)
            unsent = [one.day for one in days if any(copy.state in ("late", "due") for copy in one.copies)]
            waiting = waiting_days(job, world, gateway, unsent[-_MARKERS_READ:])
    except GatewayError as error:
        click.echo(f"datagw: the source of {job.name} cannot be looked at: {printable(str(error))}", err=True)
    days = calendar_of(job, world, at_source, since=since, until=until, waiting=waiting)
    if first is None:
        days = [one for one in days if one.state != "before start"]
    errors = {row.day: row.error for row in world.ledger.failures(job.name) if row.day is not None}
    return Found(days, errors, at_source is not None)


def _two_months_before(day: date) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 - 2, 12)
    return date(max(year, 1), month + 1, 1)


def _print(job: Job, found: Found) -> None:
    from datagw.publishing.calendar import counted

    days = found.days
    if not days:
        print_line(f"{job.name}: no day is known yet")
        return
    copies = ", ".join(copy.name for copy in job.to) if job.work is None else job.work.code
    where = copies or "no copy"
    print_line(printable(f"{job.name}: {days[0].day} to {days[-1].day}, at {where}, days of {job.timezone}"))
    print_line()
    for line in drawn({one.day: one.state for one in days}):
        print_line(line)
    print_line()
    print_line(legend(counted(one.state for one in days)) or "none of these days is over")
    rows = list(_needy(job, found))
    if rows:
        more = f", the latest {LINES}; --json has every one" if len(rows) > LINES else ""
        print_line()
        print_line(f"in need of a look: {days_of(sum(count for count, _ in rows))}{more}")
        columns = [("day", "left"), ("state", "left"), ("copies", "left"), ("what to do", "left")]
        print_table(columns, [row for _, row in rows[-LINES:]], indent="  ")  # type: ignore[arg-type]


def _needy(job: Job, found: Found) -> Iterator[tuple[int, tuple[str, ...]]]:
    """A row for each stretch of days of which the same is to be said, and how many days that are."""
    from datagw.publishing.calendar import is_expected

    def said(one: CalendarDay) -> tuple[str, ...] | None:
        expected = job.expect is None or is_expected(job, one.day)
        if one.state not in _NEEDY or (one.state == "missing" and not expected):
            return None
        names = [copy.copy for copy in one.copies if copy.state == one.state]
        return one.state, "" if len(names) == len(job.to) else ", ".join(names), _to_do(job, one, found.errors)

    for row, group in groupby(found.days, key=said):
        days = [one.day for one in group]
        if row is not None:
            yield len(days), (str(days[0]) if len(days) == 1 else f"{days[0]} to {days[-1]}", *row)


def _to_do(job: Job, one: CalendarDay, errors: Mapping[date, str]) -> str:
    from datagw.publishing.calendar import WHAT_TO_DO

    if one.state == "failed":
        return f"{errors.get(one.day, 'its error is kept no more')}; then `datagw run {job.name} --day {one.day}`"
    if one.state == "missing" and any(copy.state != "missing" for copy in one.copies):
        return "published elsewhere, and gone from the source since"
    sends = f"; `datagw run {job.name}` sends it" if one.state == "late" else ""
    return WHAT_TO_DO[one.state] + sends


def _document(job: Job, found: Found) -> dict[str, Any]:
    from datagw.publishing.calendar import counted

    counts: dict[StateOfDay, int] = counted(one.state for one in found.days)
    return {
        "job": job.name,
        "timezone": job.timezone,
        "source_listed": found.reached,
        "counts": counts,
        "days": [
            {
                "day": one.day.isoformat(),
                "state": one.state,
                "error": found.errors.get(one.day) if one.state == "failed" else None,
                "copies": [
                    {
                        "copy": copy.copy,
                        "state": copy.state,
                        "files": copy.files,
                        "bytes": copy.bytes,
                        "updated": moment(copy.updated),
                    }
                    for copy in one.copies
                ],
            }
            for one in found.days
        ],
    }

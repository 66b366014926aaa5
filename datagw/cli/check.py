"""`datagw check`: whether the job file is right, and with --connect, whether the places are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING

import click

from datagw.cli.endings import DONE, FAILED, WRONG
from datagw.cli.opening import job_file, open_ledger, right_jobs
from datagw.cli.own_code import code_problems, secret_problems
from datagw.cli.printing import print_json, print_line
from datagw.cli.settings import Command, Settings, pass_settings
from datagw.cli.units import days_of
from datagw.errors import GatewayError, NotFound, printable

if TYPE_CHECKING:
    from datagw.gateways.base import Gateway
    from datagw.jobs import Job, JobFile
    from datagw.ledger import Receipt


@dataclass(frozen=True, slots=True)
class Reached:
    """What came of a try to reach a gateway: `writes` holds the folders that took a file, `error` why it did not."""

    gateway: str
    writes: tuple[str, ...] = ()
    error: str | None = None


@click.command(cls=Command)
@click.option("--connect", is_flag=True, help="Reach each gateway and prove the rights by using them.")
@pass_settings
def command(settings: Settings, connect: bool) -> int:
    """Validates the job file: every error, with its place in the file and what to write instead.

    Own code is imported, to see that it is there and can be called; it is not run.
    Exit code 2 where it has errors, 1 where a gateway cannot be reached.
    """
    from datagw.jobs import check_secrets

    file = job_file(settings)
    secrets = [*check_secrets(file), *secret_problems(file)]
    code = [*code_problems(file)]
    declared = sorted({*file.gateways} - {"https", "http"})  # web addresses are looked at as the sources that they are
    reached = [try_gateway(file, name) for name in declared] if connect else []
    sources = look_at_sources(file) if connect else Sources()
    if settings.json:
        print_json(
            {
                "problems": [asdict(problem) for problem in file.problems],
                "secrets": [asdict(problem) for problem in secrets],
                "code": [asdict(problem) for problem in code],
                "gateways": [asdict(one) for one in reached],
                "before_start": {job: [day.isoformat() for day in days] for job, days in sources.early.items()},
                "sources": sources.unknown,
                "unmatched": sources.unmatched,
            }
        )
    else:
        for problem in (*file.problems, *secrets, *code):
            print_line(str(problem))
        _print_reached(reached)
        _print_sources(sources)
        _print_count(file, len(file.problems) + len(secrets) + len(code))
    if file.problems or secrets or code:
        return WRONG
    return FAILED if sources.unknown or any(one.error is not None for one in reached) else DONE


def try_gateway(file: JobFile, name: str) -> Reached:
    """Reaches a gateway: its root is there, and wherever a job writes on it, a file can be put and removed."""
    from datagw.gateways.front.retries import RetryPolicy

    once = RetryPolicy(max=0)
    gateway = file.gateways[name].using(name=name, retries=once)
    writes: list[str] = []
    try:
        with gateway:
            gateway.check(write=False)
            for folder in sorted({_deepest(gateway, folder) for folder in _written_to(file, name)}):
                there = gateway.model_copy(update={"root": gateway.full(folder)}).using(name=name, retries=once)
                with there:
                    there.check(write=True)
                writes.append(folder)
    except GatewayError as error:
        return Reached(name, tuple(writes), str(error))
    return Reached(name, tuple(writes))


@dataclass(frozen=True, slots=True)
class Sources:
    """What the sources of jobs show, by job: the days before a `start`, why one is not there, why nothing matches."""

    early: dict[str, list[date]] = field(default_factory=dict[str, list[date]])
    unknown: dict[str, str] = field(default_factory=dict[str, str])
    unmatched: dict[str, str] = field(default_factory=dict[str, str])


def look_at_sources(file: JobFile) -> Sources:
    """Looks at the source of each job."""
    from datagw.jobs.state import ledger_exists

    if not ledger_exists(file):
        return _sources(file, lambda _job: iter(()))
    with open_ledger(file) as ledger:
        return _sources(file, ledger.receipts)


def _sources(file: JobFile, receipts: Callable[[str], Iterator[Receipt]]) -> Sources:
    from datagw.gateways.front.retries import RetryPolicy
    from datagw.publishing.days import found_days
    from datagw.publishing.listed import watched
    from datagw.publishing.looking import require_root
    from datagw.publishing.unmatched import nothing_matches

    found = Sources()
    for job in right_jobs(file):
        if not job.watches:
            continue
        source = job.source.gateway
        try:
            with watched(job, file.gateways).using(name=source, retries=RetryPolicy(max=0)) as gateway:
                require_root(job, gateway)
                if job.source.items is not None:
                    next(gateway.ls(), None)
                if (path := job.source.pattern.exact) is not None and not gateway.can("ls"):
                    gateway.stat(path)
                if isinstance(job.start, date) and job.dated:
                    start = job.start
                    if early := [day for day in found_days(job, gateway) if day < start]:
                        found.early[job.name] = early
                if (note := nothing_matches(job, gateway, receipts(job.name))) is not None:
                    found.unmatched[job.name] = note
        except GatewayError as error:
            found.unknown[job.name] = str(error)
    return found


def _written_to(file: JobFile, gateway: str) -> list[str]:
    """The folders on a gateway that jobs write to: where copies go, and sources that files are deleted from."""
    day = datetime.now().astimezone().date()
    found: list[str] = []
    for job in right_jobs(file):
        found += [copy.template.folder(day if job.dated else None) for copy in job.published if copy.gateway == gateway]
        if job.frees and job.source.gateway == gateway:
            found.append(_source_folder(job))
        for folder in (job.move_source, job.failed_source):
            if folder is not None and folder.gateway == gateway:
                found.append(folder.template.folder(day if job.dated else None))
    return found


def _source_folder(job: Job) -> str:
    root = job.source.pattern.root
    return root if job.source.pattern.exact is None else root.rpartition("/")[0]


def _deepest(gateway: Gateway, folder: str) -> str:
    """The deepest folder on the way that is there already: what is below it is made by a run."""
    while folder:
        try:
            if gateway.stat(folder).kind != "file":
                return folder
        except NotFound:
            pass
        folder = folder.rpartition("/")[0]
    return folder


def _print_reached(reached: list[Reached]) -> None:
    by_error = defaultdict[bool, list[Reached]](list)
    for one in reached:
        by_error[one.error is not None].append(one)
    for one in by_error[False]:
        what = (
            f"reached, and written to in {', '.join(folder or '/' for folder in one.writes)}"
            if one.writes
            else "reached"
        )
        print_line(printable(f"{one.gateway}: {what}"))
    for one in by_error[True]:
        print_line(printable(f"{one.gateway}: not usable: {one.error}"))


def _print_sources(sources: Sources) -> None:
    for job, error in sources.unknown.items():
        print_line(printable(f"{job}: its source cannot be seen: {error}"))
    for job, note in sources.unmatched.items():
        print_line(f"{job}: {note}")
    for job, days in sources.early.items():
        span = f"{days[0]} to {days[-1]}" if len(days) > 1 else str(days[0])
        print_line(f"{job}: {days_of(len(days))} before its start, left alone: {span}")


def _print_count(file: JobFile, errors: int) -> None:
    names = ", ".join(str(path) for path in file.paths)
    jobs = len(file.jobs) + len(file.broken)
    gateways = sum(name not in ("local", "https", "http") for name in file.gateways)
    found = "no errors" if errors == 0 else "1 error" if errors == 1 else f"{errors} errors"
    print_line(
        printable(
            f"{names}: {jobs} job{'' if jobs == 1 else 's'}, {gateways} gateway{'' if gateways == 1 else 's'}, {found}"
        )
    )

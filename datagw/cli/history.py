"""`datagw history`: runs, receipts, failures."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import click

from datagw.cli.completing import complete_job
from datagw.cli.opening import job_file_or_library, job_or_past, open_ledger
from datagw.cli.paths import at_copy, at_source
from datagw.cli.printing import print_json_lists, print_line, print_table
from datagw.cli.settings import Command, Settings, pass_settings
from datagw.cli.units import moment, moment_of_ns, size_of

if TYPE_CHECKING:
    from datagw.jobs import JobFile
    from datagw.ledger.ledger import Ledger
    from datagw.ledger.rows import FailureRow, Receipt, Registration, Result, Run

RECENT = 10  # rows of each kind in the text


@click.command(cls=Command)
@click.argument("job", required=False, shell_complete=complete_job)
@click.option("--since", metavar="WHEN", help="From then on: 2026-01-31, 2026-01-31T12:00 (UTC), or 36h, 7d ago.")
@pass_settings
def command(settings: Settings, job: str | None, since: str | None) -> None:
    """What ran, what was published and proven, what failed; of own code its functions, and what it registered.

    The text shows the latest of each; --json is complete. Without a job file: of calls of the library in this folder.
    """
    start = None if since is None else moment_since(since, datetime.now(UTC))
    file = job_file_or_library(settings)
    with open_ledger(file) as ledger:
        job = None if job is None else job_or_past(file, ledger, job)
        if settings.json:
            print_json_lists(
                {
                    "runs": map(_run, ledger.runs(job, start)),
                    "receipts": map(_receipt, ledger.receipts(job, start)),
                    "failures": map(_failure, ledger.failures(job, start)),
                    "functions": map(_function, ledger.all_results(job, start)),
                    "registered": map(_registered, ledger.registrations(job, start)),
                }
            )
        else:
            _print_recent(file, ledger, job, start)


def moment_since(text: str, now: datetime) -> datetime:
    """The moment that `--since` names; click.BadParameter where it names none."""
    from datagw.jobs.quantities import duration

    with suppress(ValueError, OverflowError):
        return now - duration(text)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is no moment: write 2026-01-31, 2026-01-31T12:00 (UTC), or 36h, 7d", param_hint="--since"
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _print_recent(file: JobFile, ledger: Ledger, job: str | None, since: datetime | None) -> None:
    runs = ledger.runs(job, since)
    receipts: deque[Receipt] = deque(maxlen=RECENT)
    count = 0
    for receipt in ledger.receipts(job, since):
        if not _is_occasion(file, receipt):
            receipts.append(receipt)
            count += 1
    failures = ledger.failures(job, since)
    if not runs and not count and not failures:
        print_line("nothing yet" if since is None else "nothing since then")
        return
    _heading("runs", len(runs))
    rows = [
        (_short(run.started), run.job, run.state, _lasted(run), run.id[:8], run.error or "") for run in runs[-RECENT:]
    ]
    print_table([*_left("started", "job", "state"), ("lasted", "right"), *_left("run", "error")], rows)
    _heading("receipts", count)
    proven = [
        (
            *(_short(r.at), r.job, _day(r.day), r.copy, at_copy(file, r.job, r.copy, r.destination)),
            *(size_of(r.size), r.verification, r.sha256[:12]),
        )
        for r in receipts
    ]
    left = _left("at", "job", "day", "copy", "destination")
    if proven:
        print_table([*left, ("size", "right"), *_left("verified", "sha256")], proven)
    _heading("failures", len(failures))
    failed = [
        (_short(f.at), f.job, _day(f.day), f.copy or "", at_source(file, f.job, f.file) if f.file else "", f.error)
        for f in failures[-RECENT:]
    ]
    if failed:
        print_table(_left("at", "job", "day", "copy", "file", "error"), failed)
    _print_own_code(ledger, job, since)


def _is_occasion(file: JobFile, receipt: Receipt) -> bool:
    """Whether a receipt says only that own code ran: of no file, and as the list of runs does."""
    job = file.jobs.get(receipt.job)
    return job is not None and not job.watches and not job.dated and receipt.copy == job.to[0].name


def _print_own_code(ledger: Ledger, job: str | None, since: datetime | None) -> None:
    """The functions that ran, and the files that own code told of; nothing, where there are none."""
    functions = ledger.all_results(job, since)
    if functions:
        _heading("functions", len(functions))
        ran = [
            (*(_short(f.at), f.job, _day(f.day), f.node, f.state, f.run[:8]), f.error or "")
            for f in functions[-RECENT:]
        ]
        print_table(_left("at", "job", "day", "function", "state", "run", "error"), ran)
    registered = ledger.registrations(job, since)
    if registered:
        _heading("files registered", len(registered))
        told = [
            (
                *(_short(r.at), r.job, _day(r.day), r.name),
                *("" if r.size is None else size_of(r.size), (r.sha256 or "")[:12], r.error or ""),
            )
            for r in registered[-RECENT:]
        ]
        left = _left("at", "job", "day", "name")
        print_table([*left, ("size", "right"), *_left("sha256", "error")], told)


def _heading(what: str, count: int) -> None:
    latest = f", the latest {RECENT}" if count > RECENT else ""
    print_line(f"{count:,} {what if count != 1 else _one(what)}{latest}")


def _one(what: str) -> str:
    first, *rest = what.split(" ")
    return " ".join([first.removesuffix("s"), *rest])


def _left(*names: str) -> list[tuple[str, Any]]:
    return [(name, "left") for name in names]


def _short(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _lasted(run: Run) -> str:
    from datagw.cli.units import seconds_of

    return "" if run.ended is None else seconds_of((run.ended - run.started).total_seconds())


def _day(day: date | None) -> str:
    return "" if day is None else day.isoformat()


def _run(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "job": run.job,
        "started": moment(run.started),
        "ended": moment(run.ended),
        "state": run.state,
        "error": run.error,
    }


def _receipt(receipt: Receipt) -> dict[str, Any]:
    return {
        "job": receipt.job,
        "day": _iso(receipt.day),
        "copy": receipt.copy,
        "source": receipt.source,
        "destination": receipt.destination,
        "version": receipt.version,
        "size": receipt.size,
        "sha256": receipt.sha256 or None,
        "verification": receipt.verification,
        "durable": receipt.durable,
        "copy_size": receipt.copy_size,
        "copy_mtime": moment_of_ns(receipt.copy_mtime),
        "copy_etag": receipt.copy_etag,
        "copy_inode": receipt.copy_inode,
        "at": moment(receipt.at),
        "run": receipt.run,
    }


def _failure(failure: FailureRow) -> dict[str, Any]:
    return {
        "job": failure.job,
        "day": _iso(failure.day),
        "copy": failure.copy,
        "file": failure.file,
        "error": failure.error,
        "at": moment(failure.at),
        "run": failure.run,
    }


def _function(result: Result) -> dict[str, Any]:
    return {
        "job": result.job,
        "day": _iso(result.day),
        "function": result.node,
        "state": result.state,
        "items": result.items,
        "tries": result.tries,
        "seconds": round(result.seconds, 3),
        "error": result.error,
        "at": moment(result.at),
        "run": result.run,
    }


def _registered(row: Registration) -> dict[str, Any]:
    return {
        "job": row.job,
        "day": _iso(row.day),
        "name": row.name,
        "size": row.size,
        "sha256": row.sha256,
        "error": row.error,
        "at": moment(row.at),
        "run": row.run,
    }


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()

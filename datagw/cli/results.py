"""What a run did, for people and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from datagw.cli.paths import at_source
from datagw.cli.printing import print_json, print_line, print_table
from datagw.cli.reports import document_of, print_reports
from datagw.cli.units import days_of, files_of, seconds_of, size_of
from datagw.errors import printable

if TYPE_CHECKING:
    from datagw.jobs import Job, JobFile
    from datagw.pipelines.report import Report
    from datagw.publishing.results import CopyResult, DayResult

_MOST_FAILURES = 20


def print_nothing(job: str, days: Sequence[tuple[date | None, str]]) -> None:
    """One line on a job that has nothing due, with the states that its days are in."""
    states = Counter(state for day, state in days if day is not None)
    counted = ", ".join(f"{days_of(count)} {state}" for state, count in states.items())
    print_line(f"{job}: nothing to do" + (f" ({counted})" if counted else ""))


def print_summary(
    file: JobFile, job: Job, days: Sequence[DayResult], reports: Mapping[date | None, Report] | None = None
) -> None:
    """A line for each copy of each day, then what failed, then all of it in one line."""
    if job.work is not None:
        _print_own_code(file, job, days, reports or {})
    else:
        _print_copies(days)
    failed = [
        (
            *(day.label, "" if job.work else failure.copy),
            *(at_source(file, job.name, failure.source) if failure.source else "", failure.error),
        )
        for day in days
        for failure in day.failures
    ]
    failed += [(day.label, "", "", day.error) for day in days if day.error]
    if failed:
        print_line(f"failed: {files_of(len(failed))}" if all(row[2] for row in failed) else "failed:")
        columns = [name for name in ("day", "copy", "file", "error") if name in _columns_of_failures(job)]
        shown = [
            [cell for cell, name in zip(row, ("day", "copy", "file", "error"), strict=True) if name in columns]
            for row in failed
        ]
        print_table([(name, "left") for name in columns], shown[:_MOST_FAILURES])
        if len(failed) > _MOST_FAILURES:
            print_line(f"… and {len(failed) - _MOST_FAILURES:,} more: `datagw history {job.name}` has them all")
    for day in days:
        for late in day.late:
            print_line(printable(f"{day.label}: unfinished: {late}" if day.day else f"for the next run: {late}"))
    states = Counter(_state_of(job, day) for day in days)
    counted = ", ".join(f"{days_of(count)} {state}" for state, count in states.items() if days[0].day is not None)
    copies = [copy for day in days for copy in day.copies.values()]
    sent = (
        f"{files_of(sum(copy.sent_files for copy in copies))} sent, {size_of(sum(copy.sent_bytes for copy in copies))}"
    )
    if job.work is not None:
        taken = f"{files_of(sum(copy.sent_files for copy in copies))} taken" if job.watches else ""
        print_line(f"{job.name}: {'; '.join(filter(None, [counted or ', '.join(states), taken]))}")
        return
    print_line(f"{job.name}: {counted + '; ' if counted else ''}{sent}")


def _print_copies(days: Sequence[DayResult]) -> None:
    rows: list[tuple[str, ...]] = []
    for day in days:
        if not day.copies:
            rows.append((day.label, "", day.state, *[""] * 6))
        rows += [_cells(day, copy) for copy in day.copies.values()]
    left, right = ("day", "copy", "state"), ("files", "size", "sent", "adopted", "time")
    columns = [*((name, "left") for name in left), *((name, "right") for name in right), ("verified", "left")]
    print_table(columns, rows)  # type: ignore[arg-type]


def _print_own_code(file: JobFile, job: Job, days: Sequence[DayResult], reports: Mapping[date | None, Report]) -> None:
    """A line for each day, without what own code has not: copies, and proofs; then what it reported."""
    rows: list[list[str]] = []
    for day in days:
        copy = day.copies.get(job.to[0].name)
        took = seconds_of(copy.seconds) if copy else ""
        files = [f"{copy.files:,}", size_of(copy.bytes)] if copy else ["", ""]
        dated = [day.label] if job.dated else []
        rows.append([*dated, _state_of(job, day), *(files if job.watches else []), took])
    names = ("day", "state") if job.dated else ("state",)
    numbers = ("files", "size", "time") if job.watches else ("time",)
    print_table([*((name, "left") for name in names), *((name, "right") for name in numbers)], rows)
    print_reports(file, job, reports)


def _state_of(job: Job, day: DayResult) -> str:
    """The state of a day; own code without days is done, whether it has published anything or not."""
    return "done" if job.work is not None and not job.dated and day.state == "published" else day.state


def _columns_of_failures(job: Job) -> tuple[str, ...]:
    if job.work is None:
        return ("day", "copy", "file", "error")
    return (*(("day",) if job.dated else ()), *(("file",) if job.watches else ()), "error")


def print_document(
    job: Job,
    days: Sequence[DayResult],
    missing: Sequence[date],
    not_over: Sequence[date],
    runs: Sequence[str] = (),
    reports: Mapping[date | None, Report] | None = None,
) -> None:
    """All of it, as one JSON document."""
    print_json(document(job, days, missing, not_over, runs, reports))


def document(
    job: Job,
    days: Sequence[DayResult],
    missing: Sequence[date],
    not_over: Sequence[date],
    runs: Sequence[str] = (),
    reports: Mapping[date | None, Report] | None = None,
) -> dict[str, Any]:
    """What a run did, as JSON can hold it; of own code, in each day's `work`, what it reported."""
    return {
        "job": job.name,
        "runs": list(runs),
        "days": [_day(job, day, (reports or {}).get(day.day)) for day in days],
        "missing": [day.isoformat() for day in missing],
        "not_over": [day.isoformat() for day in not_over],
    }


def _cells(day: DayResult, copy: CopyResult) -> tuple[str, ...]:
    counts = (f"{copy.files:,}", size_of(copy.bytes), f"{copy.sent_files:,}", f"{copy.adopted:,}")
    return (day.label, copy.copy, copy.state, *counts, seconds_of(copy.seconds), copy.verification or "")


def _day(job: Job, day: DayResult, report: Report | None) -> dict[str, Any]:
    found = {
        "day": None if day.day is None else day.day.isoformat(),
        "state": day.state,
        "deleted": day.deleted,
        "late": list(day.late),
        "notes": list(day.notes),
        "error": day.error,
        "copies": [_copy(copy) for copy in day.copies.values()],
    }
    return found if job.work is None or report is None else {**found, "work": document_of(report, _copy)}


def _copy(copy: CopyResult) -> dict[str, Any]:
    return {
        "copy": copy.copy,
        "state": copy.state,
        "files": copy.files,
        "bytes": copy.bytes,
        "sent_files": copy.sent_files,
        "sent_bytes": copy.sent_bytes,
        "adopted": copy.adopted,
        "skipped": copy.skipped,
        "seconds": round(copy.seconds, 3),
        "manifest": copy.manifest,
        "verification": copy.verification,
        "link": copy.link,
        "failures": [{"file": failure.source, "error": failure.error} for failure in copy.failures],
    }

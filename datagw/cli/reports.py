"""What own code reported of a run, for people and as JSON: functions, files that it told of, what it published."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from datagw.cli.paths import at_copy
from datagw.cli.printing import print_line, print_table
from datagw.cli.units import files_of, seconds_of, size_of
from datagw.errors import printable

if TYPE_CHECKING:
    from datagw.jobs import Job, JobFile
    from datagw.pipelines.report import Report
    from datagw.publishing.results import CopyResult

_MOST = 20  # rows of each table
_LONGEST = 200  # characters of a value


def print_reports(file: JobFile, job: Job, reports: Mapping[date | None, Report]) -> None:
    """The functions of a graph, the files that were told of, what was published, and what a program reported."""
    for day, report in reports.items():
        label = "-" if day is None else day.isoformat()
        _print(
            "functions",
            label,
            [("node", "left"), ("state", "left"), *_numbers("time", "tries", "items", "failed"), ("error", "left")],
            [
                (
                    one.name,
                    "done before" if one.resumed else one.state,
                    seconds_of(one.seconds),
                    one.tries or "",
                    one.items or "",
                    one.failed_items or "",
                    one.error or "",
                )
                for one in report.nodes
                if job.work is not None and job.work.nodes
            ],
        )
        _print(
            "registered",
            label,
            [("name", "left"), ("size", "right"), ("sha256", "left"), ("error", "left")],
            [
                (one.name, "" if one.size is None else size_of(one.size), (one.sha256 or "")[:12], one.error or "")
                for one in report.registered
            ],
        )
        _print(
            "published",
            label,
            [("copy", "left"), ("destination", "left"), ("size", "right"), ("verified", "left")],
            [
                (copy.copy, at_copy(file, job.name, copy.copy, row.destination), size_of(row.size), row.verification)
                for result in report.delivered
                for copy in result.copies.values()
                for row in copy.rows
            ],
        )
        for name, value in report.metadata.items():
            shown = value if isinstance(value, str) else json.dumps(value)
            print_line(printable(f"reported: {name}: {shown[:_LONGEST]}{'…' if len(shown) > _LONGEST else ''}"))


def document_of(report: Report, copy_of: Callable[[CopyResult], dict[str, Any]]) -> dict[str, Any]:
    """The same, whole, as JSON; `copy_of` is how a copy is told."""
    return {
        "nodes": [
            {
                "node": one.name,
                "state": one.state,
                "resumed": one.resumed,
                "seconds": round(one.seconds, 3),
                "tries": one.tries,
                "items": one.items,
                "failed": one.failed_items,
                "output": one.output,
                "error": one.error,
            }
            for one in report.nodes
        ],
        "registered": [
            {"name": one.name, "size": one.size, "sha256": one.sha256, "error": one.error} for one in report.registered
        ],
        "published": [copy_of(copy) for result in report.delivered for copy in result.copies.values()],
        "metadata": dict(report.metadata),
    }


def _print(what: str, label: str, columns: list[tuple[str, str]], rows: list[tuple[object, ...]]) -> None:
    if rows:
        of_day = "" if label == "-" else f" for {label}"
        more = f", the first {_MOST}; --json has every one" if len(rows) > _MOST else ""
        count = f"{len(rows):,}" if what == "functions" else files_of(len(rows))
        print_line(f"{what}{of_day}: {count}{more}")
        print_table(columns, rows[:_MOST], indent="  ")  # type: ignore[arg-type]


def _numbers(*names: str) -> list[tuple[str, str]]:
    return [(name, "right") for name in names]

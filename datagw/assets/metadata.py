"""What a materialization carries, and what a failure says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from dagster import MetadataValue, TableColumn, TableRecord, TableSchema

from datagw.assets.names import WORK_NAME
from datagw.errors import printable
from datagw.jobs import Job
from datagw.publishing.results import CopyResult, DayResult, FileRow

_LONGEST = 8_000  # characters of a failure's text; the ledger has it all
_LONGEST_LINE = 1_000
_MOST_ROWS = 100
_LINKS = ("http://", "https://", "sftp://", "ftp://", "ftps://", "s3://")

_FILES = TableSchema(
    columns=[
        TableColumn("destination"),
        TableColumn("size", type="int"),
        TableColumn("verification"),
        TableColumn("done"),
        TableColumn("sha256"),
        TableColumn("source"),
    ]
)
_FAILURES = TableSchema(columns=[TableColumn(name) for name in ("day", "copy", "file", "error")])


def of_copy(result: CopyResult) -> dict[str, Any]:
    """The metadata of one copy of one day; the numbers keep their names, so that Dagster plots them over time.

    `sha256` is that of the file where the job has one file and no days, else that of the manifest; it is left out where
    that of a file is not known.
    """
    found: dict[str, Any] = {
        "files": result.files,
        "bytes": result.bytes,
        "seconds": round(result.seconds, 3),
        "rate": round(result.rate, 1),
        "sent_files": result.sent_files,
        "sent_bytes": result.sent_bytes,
        "adopted": result.adopted,
        "skipped": result.skipped,
    }
    if result.manifest is not None and all(row.sha256 for row in result.rows):
        found["sha256"] = result.manifest
    if result.verification is not None:
        found["verification"] = result.verification
    if result.link:
        found["destination"] = link(result.link)
    if result.rows:
        found["table"] = MetadataValue.table([_record(row) for row in result.rows[:_MOST_ROWS]], _FILES)
    return found


def link(where: str) -> MetadataValue:
    """A destination as a link, where a browser may know what to do with it, else as text."""
    where = printable(where)
    return MetadataValue.url(where) if where.startswith(_LINKS) else MetadataValue.text(where)


def failure_text(job: Job, done: Sequence[DayResult]) -> str:
    """One line for each failed file: day, copy, file, and what to do; cut at a length that a page can show."""
    failed = [day for day in done if day.state == "failed"]
    found = [failure for day in failed for failure in _failures(job, day)]
    where = f" in {len(failed)} of {len(done)} days" if done[0].day else ""
    text = f"{job.name}: {len(found)} failed{where}\n" + "\n".join(map(_line, found))
    if len(text) > _LONGEST:
        text = text[:_LONGEST].rpartition("\n")[0]
        left = len(found) - text.count("\n")
        text += f"\n… and {left} more: `datagw history {job.name}` has them all"
    return text


def of_failure(job: Job, done: Sequence[DayResult]) -> dict[str, Any]:
    """The metadata of a failed run: how much failed, and where."""
    failed = [day for day in done if day.state == "failed"]
    found = [failure for day in failed for failure in _failures(job, day)]
    rows = [TableRecord(dict(zip(("day", "copy", "file", "error"), one, strict=True))) for one in found[:_MOST_ROWS]]
    return {
        "failed_days": len(failed),
        "failures": len(found),
        "failed": MetadataValue.table(rows, _FAILURES),
    }


def _line(failure: tuple[str, str, str, str]) -> str:
    *where, error = failure
    known = " ".join(part for part in where if part not in ("", "-"))
    return f"{known}: {error}" if known else error


def _failures(job: Job, day: DayResult) -> Iterable[tuple[str, str, str, str]]:
    """Day, copy, file and error; `""` for what is not known, or says nothing: own code is no copy."""
    copies = {} if job.work is None else {WORK_NAME: ""}
    found = [
        (copies.get(one.copy, one.copy), printable(one.source), one.error)
        if job.watches
        else ("", "", one.error.removeprefix(f"{job.name} {one.source}: ").removeprefix(f"{job.name}: "))
        for one in day.failures
    ]
    if day.error is not None:
        found.append(("", "", day.error))
    if not found:
        names = [copies.get(name, name) for name, copy in day.copies.items() if copy.state == "failed"]
        found = [(name, "", "failed; the log says why") for name in names]
    return [(day.label, copy, file, printable(error)[:_LONGEST_LINE]) for copy, file, error in found]


def _record(row: FileRow) -> TableRecord:
    return TableRecord(
        {
            "source": printable(row.source),
            "destination": printable(row.destination),
            "size": row.size,
            "sha256": row.sha256,
            "verification": row.verification,
            "done": row.done,
        }
    )

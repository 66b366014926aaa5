"""What became of a copy of a day, summed up: for the caller, the ledger and Dagster alike."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date

from datagw.errors import GatewayError
from datagw.jobs import Job
from datagw.ledger import DayRow, FailureRow, Receipt
from datagw.publishing.copying import CopyWork
from datagw.publishing.results import CopyResult, FileFailure, FileRow
from datagw.publishing.world import World

_WORST_FIRST = ("failed", "unfinished", "waiting", "missing", "published", "empty")
_WEAKEST_FIRST = ("accepted", "size", "readback", "hash")
_ROWS = 100


def copy_result(work: CopyWork, *, late: bool) -> CopyResult:
    """One copy of one day as it stands: everything proven there, freed files and late ones together.

    Of new files, what this run has published or found proven.
    """
    of_batch = work.receipts.keys() & work.done.keys() if work.job.new_files else work.receipts.keys()
    receipts = sorted((work.receipts[path] for path in of_batch), key=lambda receipt: receipt.source)
    pattern = work.job.source.pattern
    state = "failed" if work.failures else "unfinished" if late else "published" if receipts else "empty"
    return CopyResult(
        copy=work.copy.name,
        state=state,  # type: ignore[arg-type]
        files=len(receipts),
        bytes=sum(receipt.size for receipt in receipts),
        sent_files=work.sent_files,
        sent_bytes=work.sent_bytes,
        adopted=work.adopted,
        skipped=work.skipped,
        seconds=round(work.seconds, 3),
        manifest=_of_the_one(work, receipts) or manifest(receipts, pattern.on(work.day).base),
        verification=weakest(receipt.verification for receipt in receipts),
        link=_link(work, receipts),
        rows=tuple(_row(receipt, work) for receipt in receipts[: rows_of(work.job)]),
        failures=tuple(work.failures),
    )


def _of_the_one(work: CopyWork, receipts: Sequence[Receipt]) -> str | None:
    """The SHA-256 of the file, where the job has one and no more, and it is known."""
    return (receipts[0].sha256 or None) if work.job.source.pattern.exact and receipts else None


def _link(work: CopyWork, receipts: Sequence[Receipt]) -> str:
    """Where a person finds the copy: the file, where the job has one and no more; else the folder of all of them."""
    alone = work.job.source.pattern.exact is not None and len(receipts) == 1
    return work.gateway.link(receipts[0].destination if alone else work.copy.template.folder(work.day))


def rows_of(job: Job) -> int | None:
    """How many files a result tells one by one; None: all, where each may be an asset or a partition of its own."""
    named = job.source.items is not None and job.source.items.names is not None
    return _ROWS if job.assets == "job" and not named else None


def dead_copy(
    world: World, job: Job, day: date | None, name: str, error: GatewayError, work: CopyWork | None
) -> CopyResult:
    """A copy whose place went out of reach: failed, with what had been proven until then; put on record."""
    text = str(error)
    world.log.error("%s: failed: %s", name, text)
    world.ledger.write_failures([FailureRow(job.name, day, name, error.path, text, world.now(), world.run)])
    failure = FileFailure(name, error.path or "", text)
    if work is None:
        return CopyResult(name, "failed", failures=(failure,))
    return CopyResult(
        name,
        "failed",
        files=len(work.receipts),
        sent_files=work.sent_files,
        sent_bytes=work.sent_bytes,
        adopted=work.adopted,
        skipped=work.skipped,
        seconds=round(work.seconds, 3),
        failures=(*work.failures, failure),
    )


def day_row(world: World, job: Job, day: date | None, result: CopyResult, state: str | None) -> DayRow:
    """The ledger's row for one copy of one day, in the state told or in that of the result."""
    return DayRow(
        job.name,
        day,
        result.copy,
        state or result.state,  # type: ignore[arg-type]
        result.files,
        result.bytes,
        result.manifest,
        world.now(),
        world.run,
    )


def manifest(receipts: Sequence[Receipt], base: str) -> str:
    """SHA-256 over a line `sha256  path` for each file in the order of names; equal for all copies of a day.

    Paths are those of the source, relative to `base`, the day's folder. In the place of a SHA-256 that nobody knows,
    because the place made the copy by itself, stands the version of the source.
    """
    digest = hashlib.sha256()
    for receipt in sorted(receipts, key=lambda receipt: receipt.source):
        path = receipt.source.removeprefix(f"{base}/")
        digest.update(f"{receipt.content}  {path}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def weakest(verifications: Iterable[str]) -> str | None:
    """The weakest of the ways in which files are known to be equal; None where there are none."""
    return min(verifications, key=_WEAKEST_FIRST.index, default=None)


def worst(states: Sequence[str]) -> str:
    """The state of a day of which the copies have these."""
    return min(states, key=_WORST_FIRST.index, default="empty")


def _row(receipt: Receipt, work: CopyWork) -> FileRow:
    done = work.done.get(receipt.source, "freed")
    told = (receipt.source, receipt.destination, receipt.size, receipt.sha256, receipt.verification, done)
    return FileRow(*told, link=work.gateway.link(receipt.destination), content=receipt.content)

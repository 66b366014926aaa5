"""Batches: which of the new files go next. Oldest first; what cannot go now keeps nobody waiting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from datagw.gateways.base import Gateway
from datagw.jobs import Job
from datagw.publishing.looking import BUSY, is_busy
from datagw.publishing.patience import held
from datagw.publishing.planning import SourceFile, SourceSight, Wait, Wish
from datagw.publishing.settling import unsettled
from datagw.publishing.world import World

_SINCE = "batch since"  # the position that says since when the first file of a batch has been waiting


def batches(job: Job, gateway: Gateway, sight: SourceSight, world: World, wish: Wish) -> Iterator[SourceSight]:
    """The new files of a sight, a batch at a time; at least one, which may be empty. In the first are those that wait.

    Files that failed a short while ago come last, so that they hold up no others.
    """
    ordered = sorted(sight.files, key=lambda file: (file.claim.mtime_ns or 0, file.relative))
    waits = dict(sight.restless)
    if wish.patient:
        waits = unsettled(job, [file.claim for file in ordered], gateway, world)
    ready = [file for file in ordered if file.claim.path not in waits]
    waiting = [file for file in ordered if file.claim.path in waits]
    if wish.patient and ready:
        free, late = _not_held(job, ready, world)
        ready = [*free, *late]
        hold = _until_full(job, free, world)
        if hold is not None:
            waits |= {file.claim.path: hold for file in free}
            waiting, ready = [*waiting, *free], late
    elif wish.patient:
        forget_since(job, world)
    notes, odd, shown = list(sight.notes), sight.odd, waiting[: job.batch.files]
    if len(waiting) > len(shown):
        notes.append(f"{len(waiting) - len(shown):,} more files wait")
    start = 0
    while True:
        batch, busy, start = _next_batch(job, gateway, ready, start)
        later = ready[start:]
        more = [f"{len(later):,} more files wait for the next batches"] if wish.patient and later else []
        yield replace(
            sight,
            files=(*batch, *busy, *shown),
            odd=odd,
            restless={file.claim.path: BUSY for file in busy} | {f.claim.path: waits[f.claim.path] for f in shown},
            later=(*later, *waiting[len(shown) :]),
            notes=(*notes, *more),
        )
        if start >= len(ready):
            return
        notes, odd, shown = [], (), []


def forget_since(job: Job, world: World) -> None:
    """A batch has gone, or nothing waits any more: the next file is the first one of a new batch."""
    if job.batch.wait and world.ledger.position(job.name, _SINCE) is not None:
        world.ledger.set_position(job.name, _SINCE, None)


def _not_held(job: Job, ready: Sequence[SourceFile], world: World) -> tuple[Sequence[SourceFile], Sequence[SourceFile]]:
    """The files that may be tried now, and those that failed a short while ago."""
    back = held(job, None, world)
    if not back.attempts:
        return ready, []
    names = ["", *(copy.name for copy in job.to)]
    late = {file.claim.path for file in ready if any(back.of(file.claim, name) is not None for name in names)}
    return [f for f in ready if f.claim.path not in late], [f for f in ready if f.claim.path in late]


def _until_full(job: Job, ready: Sequence[SourceFile], world: World) -> Wait | None:
    """Why the files wait for others to come, where the batch is not full and the first has not waited long enough."""
    if not job.batch.wait or not ready:
        return None
    if len(ready) >= job.batch.files or sum(file.claim.size for file in ready) >= job.batch.bytes:
        return None
    now, kept = world.now(), world.ledger.position(job.name, _SINCE)
    since = now if kept is None else datetime.fromisoformat(kept)
    if kept is None or since > now:  # later than now: the clock was wrong then
        since = now
        world.ledger.set_position(job.name, _SINCE, now.isoformat())
    until = since + job.batch.wait
    if until <= now:
        return None
    return Wait(f"waits for more files until {until:%H:%M:%S} UTC (batch.wait)", until)


def _next_batch(
    job: Job, gateway: Gateway, ready: Sequence[SourceFile], start: int
) -> tuple[list[SourceFile], list[SourceFile], int]:
    """The files of one batch, those that were passed over because somebody is writing to them, and where to go on."""
    batch: list[SourceFile] = []
    busy: list[SourceFile] = []
    size = 0
    while start < len(ready) and len(batch) < job.batch.files:
        file = ready[start]
        if is_busy(gateway, file.claim):
            busy.append(file)
        elif batch and size + file.claim.size > job.batch.bytes:
            break
        else:
            batch.append(file)
            size += file.claim.size
        start += 1
    return batch, busy, start

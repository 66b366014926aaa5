"""Pointers: a small file that says where what was published last is to be found; one line, the path on its gateway.

It is written after all else of a copy, and never goes back to an older day. What it says is read at the place, so that
a lost ledger does not turn it back.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta

from datagw.errors import GatewayError, NotFound, Rejected
from datagw.files import join
from datagw.gateways.base import Gateway
from datagw.gateways.front.retries import wait
from datagw.jobs import Copy, Job
from datagw.ledger import Lease, Ledger
from datagw.publishing.copying import CopyWork
from datagw.publishing.manifests import put_last
from datagw.publishing.planning import CopySight, SourceSight
from datagw.publishing.plans import DayPlan
from datagw.publishing.world import World

_AHEAD = timedelta(days=366)  # forecasts
_LONGEST = 1 << 16  # bytes; what is longer, no pointer of ours is


def due_for_pointers(
    plan: DayPlan,
    job: Job,
    source: SourceSight,
    sights: Collection[CopySight],
    world: World,
    gateways: Mapping[str, Gateway],
    lose: Callable[[str, GatewayError], None],
) -> DayPlan:
    """The plan; due where all is proven, but a pointer does not say so. `lose` hears of places that are silent."""
    if plan.state != "done" or not source.files:
        return plan
    for sight in [sight for sight in sights if sight.pointer is not None]:
        try:
            missing = _to_write(job, plan.day, sight, gateways[sight.copy.gateway], world) is not None
        except GatewayError as error:
            lose(sight.copy.name, error)
            continue
        if missing:
            text = f"everything is proven, but {sight.pointer} does not point there"
            return replace(plan, state="due", notes=(*plan.notes, text))
    return plan


def write_pointer(work: CopyWork) -> bool:
    """Has a copy's pointer say what is published now; False where it does, or says a newer day. Raises GatewayError."""
    path = work.sight.pointer
    if path is None:
        return False
    with _alone(work.world, work.job):
        content = _to_write(work.job, work.day, work.sight, work.gateway, work.world)
        if content is None:
            return False
        return put_last(work, path, content, "pointer", lambda held: _is_a_path(held, work.copy.template.root))


def _to_write(job: Job, day: date | None, sight: CopySight, gateway: Gateway, world: World) -> bytes | None:
    """What the pointer is to say; None where it says so, or tells of a newer day, or there is nothing to point at."""
    path, target = sight.pointer, _target(job, day, sight)
    if path is None or target is None:
        return None
    newest = _newest(job, sight.copy, world.ledger)
    if day is not None and newest is not None and newest > day:
        return None
    held = _held(gateway, path)
    if held == _line(target):
        return None
    if day is not None and held is not None:
        last = max(world.now().astimezone(job.zone).date(), day) + _AHEAD
        later = _later(job, sight.copy, held, day, last, world.ledger)
        if later is not None and _is_there(gateway, later):
            return None
    return _line(target)


def _target(job: Job, day: date | None, sight: CopySight) -> str | None:
    if sight.manifest is not None:
        return sight.manifest
    if job.is_of_one_file(sight.copy):
        return next(iter(sight.destinations.values()), None)
    return sight.copy.template.folder(day)


def _later(job: Job, copy: Copy, held: bytes, day: date, last: date, ledger: Ledger) -> str | None:
    """The path that a pointer holds, if it is that of a later day."""
    path = held.removesuffix(b"\n").decode("utf-8", "surrogateescape")
    one, template = copy.manifest is None and job.is_of_one_file(copy), copy.template
    if any(
        receipt.day is not None and receipt.day > day for receipt in ledger.receipts_at(job.name, copy.name, [path])
    ):
        return path
    named = job.source.pattern.filled(day).exact is not None
    if one and (template.needs_date or (template.fields and not named)):
        return None  # nothing but the receipts knows
    for number in range(1, (last - day).days + 1):
        other = day + timedelta(days=number)
        if one:
            exact = job.source.pattern.filled(other).exact
            found = template.fill("" if exact is None else job.source.pattern.relative(exact, other), other)
        else:
            found = join(template.folder(other), copy.manifest or "")
        if found == path:
            return path
    return None


def _newest(job: Job, copy: Copy, ledger: Ledger) -> date | None:
    """The newest day that is on record as published, with files."""
    rows = [row for row in ledger.days(job.name, copy.name) if row.state == "published" and row.files]
    return max((row.day for row in rows if row.day is not None), default=None)


def _held(gateway: Gateway, path: str) -> bytes | None:
    try:
        there = gateway.stat(path)
    except NotFound:
        return None
    if there.kind != "file":
        raise Rejected(f"a {there.kind} stands where the pointer goes; move it away", path=path)
    return gateway.read(path) if there.size <= _LONGEST else b""


def _is_there(gateway: Gateway, path: str) -> bool:
    """A file, or a folder with anything in it: stores keep no others."""
    try:
        return gateway.stat(path).kind != "folder" or any(gateway.ls(path))
    except NotFound:
        pass
    try:
        return any(gateway.ls(path))
    except NotFound:
        return False


def _line(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape") + b"\n"


def _is_a_path(held: bytes, root: str) -> bool:
    return held.count(b"\n") == 1 and held.endswith(b"\n") and held.startswith(_line(f"{root}/")[:-1] if root else b"")


@contextmanager
def _alone(world: World, job: Job) -> Generator[None]:
    """No other day of the job writes pointers meanwhile; jobs without days have a lease on all they do."""
    if not job.dated:
        yield
        return
    while not isinstance(lease := world.ledger.take(f"{job.name} pointer", None, world.run), Lease):
        wait(0.2, world.fence)
    try:
        with lease.keep():
            yield
    finally:
        lease.release()

"""Markers: `.do-not-touch` beside files that are not complete yet, and whose they are.

A marker holds one line of JSON: the ledger's id, host, job, run, and the process that wrote it.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict
from datetime import date
from typing import Any, cast

from datagw.errors import GatewayError, NotFound
from datagw.files import join, part_name
from datagw.gateways.base import Gateway
from datagw.jobs import Copy, Job
from datagw.ledger import Lease, Ledger, MarkerRow, Owner
from datagw.publishing.world import World


def source_marker(job: Job, day: date | None) -> str | None:
    """Where the marker of a day stands in the source; None if the job has none."""
    if job.marker is None:
        return None
    pattern = job.source.pattern.filled(day) if day else job.source.pattern
    return join(pattern.base, job.marker)


def copy_marker(copy: Copy, day: date | None, gateway: Gateway) -> str | None:
    """Where the marker of a day stands at a destination; None if the copy has none, or it could not be taken away."""
    if copy.marker is None or not (gateway.shows and gateway.can("rm")):
        return None
    return join(copy.template.folder(day), copy.marker)


def waiting_for(
    job: Job, day: date | None, gateway: Gateway, ledger: Ledger, found: Collection[str] | None = None
) -> str | None:
    """Why a day's source is not complete yet: a marker in it that is not ours. None if there is none such.

    `found` are those that stand in the day's own folders, where these have been listed already.
    """
    path = source_marker(job, day)
    if path is None or not gateway.can("ls"):  # one file, by its name: nobody need say when all are there
        return None
    for one in dict.fromkeys([path, *(_in_own_folders(job, day, gateway) if found is None else found)]):
        held = _read(gateway, one)
        if held is None or _is_ours(held, job, ledger) or _is_orphan(held, job):
            continue
        whose = f"job {held['job']} on {held['host']}" if held.get("job") else "somebody else"
        return f"{one}: a marker of {whose} stands in the source: not complete yet"
    return None


def _in_own_folders(job: Job, day: date | None, gateway: Gateway) -> list[str]:
    """Where the markers of folders would stand that are this day's alone, but not its base."""
    pattern = job.source.pattern
    if day is None or job.marker is None or pattern.folder_is_the_days:
        return []
    try:
        return [join(folder, job.marker) for folder in pattern.folders(gateway.ls, day, hidden=job.source.hidden)]
    except NotFound:
        return []


def marker_row(world: World, job: Job, day: date | None, copy: str, gateway: Gateway, path: str) -> MarkerRow:
    """What the ledger is told of a marker before it is put."""
    return MarkerRow(job.name, day, copy, gateway.name, path, world.run, world.now())


def set_marker(world: World, lease: Lease, job: Job, row: MarkerRow, gateway: Gateway) -> bool:
    """Writes our marker, which is on record; False where a foreign one stands at a destination, which stays."""
    path = row.path
    held = _read(gateway, path)
    if held is not None and held.get("ledger") != world.ledger.id:
        if not _is_orphan(held, job):
            world.ledger.remove_marker(lease, row)
            world.log.warning("%s: a marker of somebody else stands here and is left standing", gateway.shown(path))
            return False
        world.log.warning("%s: taking over the marker of a lost ledger", gateway.shown(path))
    gateway.put(_text(world, job), path, part=_part(world, row))
    return True


def is_orphaned(gateway: Gateway, path: str, job: Job, ledger: Ledger) -> bool:
    """Whether the marker of a lost ledger stands there, whose process is no more."""
    held = _read(gateway, path)
    return held is not None and held.get("ledger") != ledger.id and _is_orphan(held, job)


def remove_marker(world: World, lease: Lease, row: MarkerRow, gateway: Gateway) -> None:
    """Takes our marker away, unless another day or job of this ledger still needs it there; its row is to go next."""
    lease.check()
    others = [
        other
        for other in world.ledger.markers_at(row.gateway, row.path)
        if (other.job, other.day) != (row.job, row.day)
    ]
    held = _read(gateway, row.path)
    mine = held is not None and held.get("ledger") == world.ledger.id and not others
    parts = [] if gateway.in_one_request else [_part(world, row)]
    for error in gateway.rm_many([*([row.path] if mine else []), *parts]):
        if error is not None and not isinstance(error, NotFound):
            raise error


def _part(world: World, row: MarkerRow) -> str:
    """The part of a marker: its own for each ledger, job and day, and known to whoever finds the row."""
    return part_name(f"{world.ledger.id} marker of {row.job} {row.day}", row.path)


def _text(world: World, job: Job) -> bytes:
    owner = Owner.current()
    content = {
        "datagw": "not complete yet",
        "ledger": world.ledger.id,
        "job": job.name,
        "run": world.run,
        **asdict(owner),
    }
    return json.dumps(content).encode() + b"\n"


def _read(gateway: Gateway, path: str) -> dict[str, Any] | None:
    """What a marker says; an empty dict if it is none of datagw's; None if there is none."""
    try:
        text = gateway.read(path)
    except NotFound:
        return None
    except GatewayError as error:
        if error.transient:
            raise
        return {}
    try:
        held: Any = json.loads(text)
    except ValueError:
        return {}
    return cast("dict[str, Any]", held) if isinstance(held, dict) and "ledger" in held else {}


def _is_ours(held: dict[str, Any], job: Job, ledger: Ledger) -> bool:
    return held.get("ledger") == ledger.id and held.get("job") == job.name


def _is_orphan(held: dict[str, Any], job: Job) -> bool:
    """Of this job on this host under another ledger, and its process is gone: the ledger was lost."""
    try:
        owner = Owner(**{key: held[key] for key in asdict(Owner.current())})
    except (KeyError, TypeError):
        return False
    return held.get("job") == job.name and owner.host == Owner.current().host and owner.alive() is False

"""The look at a job's source as a plan or a run wants it: all of a day; or, of new files, batch by batch what is new.

A new file is one whose path is not taken under this version. What is taken is left out at once, so that a folder of
very many files costs one pass over their names.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from datagw.errors import NotFound
from datagw.files import join
from datagw.gateways.base import Gateway
from datagw.jobs import Job
from datagw.ledger import Lease
from datagw.publishing.batching import batches
from datagw.publishing.looking import look_at_source
from datagw.publishing.news import no_news
from datagw.publishing.planning import SourceSight, Wish
from datagw.publishing.world import World

_TAKEN_FOR = "taken for"  # the position that says which copies the files were taken for


def sights(
    job: Job, day: date | None, gateway: Gateway, world: World, wish: Wish, lease: Lease | None = None
) -> Iterator[SourceSight]:
    """What stands at the source for one day, in one sight; of new files one for each batch, at least one.

    A run, which has a lease, and a patient look put down what the next look is to know; a plan does not.
    """
    if not job.new_files:
        sight = look_at_source(job, day, gateway, world.ledger, world.now())
        silence = no_news(job, world.ledger) if wish.patient else None  # a person who asks does not wait for any
        yield sight if silence is None else replace(sight, waits=silence)
        return
    found = _new_files(job, gateway, world, wish, lease)
    if found.waits is not None:
        yield found
        return
    yield from batches(job, gateway, found, world, wish)


def _new_files(job: Job, gateway: Gateway, world: World, wish: Wish, lease: Lease | None) -> SourceSight:
    known = _taken(job, world, wish, lease)
    sight = look_at_source(job, None, gateway, world.ledger, world.now(), known)
    looked = world.ledger.was_looked_at(job.name)
    if wish.files is not None and looked:
        sight = replace(sight, files=tuple(file for file in sight.files if file.relative in wish.files))
    if not looked:
        sight = _first_look(job, sight, world, wish, keep=wish.patient or lease is not None)
    elif lease is not None and known:
        _forget_what_is_gone(gateway, known, sight, world, lease)
    return sight


def _taken(job: Job, world: World, wish: Wish, lease: Lease | None) -> dict[str, str]:
    """What this look leaves out. A published file that is to go once it is proven is looked at until it has gone.

    What was taken for other copies than the job has now is looked at again: the receipts say which it lacks.
    """
    copies = _copies(job)
    same = world.ledger.position(job.name, _TAKEN_FOR) == copies
    if not same and lease is not None:
        world.ledger.take_anew(lease, _TAKEN_FOR, copies)
    if not same or (wish.resend and wish.resend_file is None):
        return world.ledger.taken(job.name, ["existing"])
    known = world.ledger.taken(job.name, ["existing", "failed", "published"] if job.takes else ["existing", "failed"])
    base = job.source.pattern.base
    asked = {join(base, name) for name in wish.files or ()}
    if wish.resend_file is not None:
        asked |= {wish.resend_file, join(base, wish.resend_file)}
    for path in asked:
        known.pop(path, None)
    return known


def _copies(job: Job) -> str:
    """What tells one set of copies from another."""
    copies = sorted((copy.model_dump(mode="json") for copy in job.to), key=lambda copy: str(copy["name"]))
    return hashlib.sha256(json.dumps(copies, sort_keys=True).encode("ascii")).hexdigest()[:32]


def _first_look(job: Job, sight: SourceSight, world: World, wish: Wish, *, keep: bool) -> SourceSight:
    """With `existing = false` all that is there now is left alone for good; put down where the look may do so."""
    leave = [] if job.existing else [(file.claim.path, file.claim.version) for file in sight.files]
    if keep:
        world.ledger.first_look(job.name, leave, world.now())
    if wish.files is not None:
        return replace(sight, files=tuple(file for file in sight.files if file.relative in wish.files))
    if not leave:
        return sight
    many = "1 file was" if len(leave) == 1 else f"{len(leave):,} files were"
    note = f"{many} there before the first look, to be left alone (existing = false)"
    return replace(sight, files=(), restless={}, notes=(*sight.notes, note))


def _forget_what_is_gone(
    gateway: Gateway, left: dict[str, str], sight: SourceSight, world: World, lease: Lease
) -> None:
    """What was taken and is not there any more would be new if it came again."""
    candidates = {file.claim.path for file in sight.files}
    paths = [path for path in left if path not in candidates]
    gone = [path for path, look in zip(paths, gateway.stat_many(paths), strict=True) if isinstance(look, NotFound)]
    if gone:
        world.ledger.forget_taken(lease, gone)

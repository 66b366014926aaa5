"""What an earlier run left behind: renamed without a receipt, parts, files put aside; taken up or tidied away.

Every hidden name is in the ledger before it is on a place, so the intents of the day say where to look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from datagw.errors import GatewayError, NotFound, Rejected
from datagw.files import RemoteFile, is_own_name
from datagw.gateways.base import Gateway
from datagw.gateways.front.reading import Rename
from datagw.gateways.front.sending import old_name
from datagw.gateways.paths.templates import Template
from datagw.jobs import Job
from datagw.ledger import Intent, Lease, Receipt
from datagw.publishing.freeing import is_changed
from datagw.publishing.leftovers import intents_of
from datagw.publishing.moving import move
from datagw.publishing.notes import Notes
from datagw.publishing.planning import CopySight, SourceSight
from datagw.publishing.plans import DayPlan
from datagw.publishing.world import World

_STALE_AFTER = 3600 * 1_000_000_000  # ns; an unknown part that is younger may be another ledger's, at work


def recover(
    world: World, job: Job, day: date | None, lease: Lease, source: Gateway, copies: Mapping[str, Gateway]
) -> None:
    """Puts the day in order before it is planned again. An outage of one place leaves its intents for the next run."""
    intents = intents_of(job, day, world.ledger)
    if not intents:
        return
    _recover_asides(world, job, lease, source, [intent for intent in intents if intent.copy == ""])
    every = {"", *(copy.name for copy in job.to)}
    _forget(world, lease, [intent for intent in intents if intent.copy not in every], copies)
    for copy, gateway in copies.items():
        mine = [intent for intent in intents if intent.copy == copy]
        if mine:
            try:
                recover_parts(world, lease, gateway, mine)
            except GatewayError as error:
                world.log.warning("what an earlier run left there stays for the next one: %s", error)


def _forget(world: World, lease: Lease, intents: Sequence[Intent], copies: Mapping[str, Gateway]) -> None:
    """Parts of copies that the job does not have any more: removed where it still goes to the place, else named."""
    for gateway in {gateway.name: gateway for gateway in copies.values()}.values():
        there = [intent for intent in intents if intent.gateway == gateway.name]
        if there:
            recover_parts(world, lease, gateway, there)
            gateway.rm_many([intent.part for intent in there if not intent.is_request])
    places = {gateway.name for gateway in copies.values()}
    for intent in intents:
        if intent.gateway not in places and not intent.is_request:
            world.log.warning("%s:%s: the job has left this place; a part may be there", intent.gateway, intent.part)
    world.ledger.forget_intents(lease, intents)


def _recover_asides(world: World, job: Job, lease: Lease, source: Gateway, intents: Sequence[Intent]) -> None:
    looks = source.stat_many([intent.part for intent in intents])
    for intent, look in zip(intents, looks, strict=True):
        if isinstance(look, NotFound):
            continue
        if isinstance(look, GatewayError):
            raise look
        (error,) = source.rename_many([Rename(intent.part, intent.source, False)])
        if error is None:
            world.log.info("%s: put back; an earlier run had put it aside", intent.source)
        elif not isinstance(error, Rejected):
            raise error
        elif is_changed(source, intent):
            text = "%s: written to after it was put aside as %s, and a newer file has its name; it stays there"
            world.log.warning(text, intent.source, intent.part)
        elif job.move_source is not None:
            _move_on(world, job, job.move_source.template, source, intent)
        else:
            source.rm(intent.part)  # every copy was proven, and a newer file has its name by now
    world.ledger.forget_intents(lease, intents)


def _move_on(world: World, job: Job, template: Template, source: Gateway, intent: Intent) -> None:
    """Every copy of it was proven, and a newer file has its name by now: it goes where it was on its way to."""
    seen = world.ledger.known_first_seen(job.name, [(intent.source, intent.content_version)])
    relative = job.source.pattern.relative(intent.source, intent.day)
    target = template.fill(relative, intent.day, next(iter(seen.values()), world.now().astimezone(job.zone).date()))
    moved = move(source, intent.part, target, intent.part.rpartition(".datagw-")[2][:8])
    if not isinstance(moved, str):
        raise moved


def recover_parts(world: World, lease: Lease, gateway: Gateway, intents: Sequence[Intent]) -> None:
    """Renamed before a crash and still the same: a receipt. Old file aside and final name empty: put back.

    Published in one request before a crash, and still the same: a receipt as well.
    """
    requests = [intent for intent in intents if intent.is_request]
    if requests:
        _recover_requests(world, lease, gateway, requests)
        intents = [intent for intent in intents if not intent.is_request]
    parts = gateway.stat_many([intent.part for intent in intents])
    olds = gateway.stat_many([old_name(intent.part) for intent in intents])
    finals = gateway.stat_many([intent.destination for intent in intents])
    renamed: list[tuple[Intent, RemoteFile]] = []
    forget: list[Intent] = []
    for intent, part, old, final in zip(intents, parts, olds, finals, strict=True):
        for look in (part, old, final):
            if isinstance(look, GatewayError) and not isinstance(look, NotFound):
                raise look
        if isinstance(old, RemoteFile):
            _put_in_order(gateway, intent, final)
        if isinstance(part, RemoteFile):
            continue  # the plan decides: to be continued, or claimed by no version any more
        if intent.sha256 is not None and isinstance(final, RemoteFile) and final.size == intent.size:
            renamed.append((intent, final))
        else:
            forget.append(intent)
    _receipts_for(world, lease, gateway, renamed, forget)


def _recover_requests(world: World, lease: Lease, gateway: Gateway, intents: Sequence[Intent]) -> None:
    """What nobody knows the hash of, the plan compares with its source. Where nothing is shown, it is sent again.

    A copy that the place made by itself is known by the ETag of its source.
    """
    known = [intent for intent in intents if intent.sha256 is not None or intent.is_copy] if gateway.shows else []
    published: list[tuple[Intent, RemoteFile]] = []
    for intent, final in zip(known, gateway.stat_many([intent.destination for intent in known]), strict=True):
        if isinstance(final, RemoteFile) and final.kind == "file" and final.size == intent.size:
            published.append((intent, final))
        elif isinstance(final, GatewayError) and not isinstance(final, NotFound):
            raise final
    done = {intent.part for intent, _ in published}
    _receipts_for(world, lease, gateway, published, [intent for intent in intents if intent.part not in done])


def _receipts_for(
    world: World, lease: Lease, gateway: Gateway, found: Sequence[tuple[Intent, RemoteFile]], forget: list[Intent]
) -> None:
    """Receipts for those intents whose file stands there as it was meant to; all are forgotten, and so is `forget`."""
    receipts = [
        _receipt(world, intent, final, "hash", gateway.place)
        for intent, final in found
        if intent.is_copy and final.etag is not None and intent.content_version == f"etag:{final.etag}"
    ]
    forget = [*forget, *(intent for intent, _ in found if intent.is_copy)]
    found = [(intent, final) for intent, final in found if not intent.is_copy]
    for (intent, final), hashed in zip(found, gateway.hashes([final for _, final in found]), strict=True):
        if not isinstance(hashed, GatewayError) and hashed[0] == intent.sha256:
            receipts.append(_receipt(world, intent, final, hashed[1], gateway.place))
        forget.append(intent)
    for day in {receipt.day for receipt in receipts}:
        gateway.finish([receipt.destination for receipt in receipts if receipt.day == day], day)
    world.ledger.write_receipts(lease, receipts, forget)
    if receipts:
        world.log.info(
            "%d files had been published by a run that could not write it down: receipts written", len(receipts)
        )


def _put_in_order(gateway: Gateway, intent: Intent, final: RemoteFile | GatewayError) -> None:
    old = old_name(intent.part)
    if isinstance(final, RemoteFile):
        gateway.rm(old)
        return
    (error,) = gateway.rename_many([Rename(old, intent.destination, False)])
    if error is not None:
        raise error


def claimed_later(world: World, plan: DayPlan, name: str, sight: SourceSight) -> set[str]:
    """Parts of files that have not their turn yet, and will go on with them."""
    if not sight.later:
        return set()
    later = {(file.claim.path, file.claim.content_version) for file in sight.later}
    intents = world.ledger.intents(plan.job, plan.day, name)
    return {intent.part for intent in intents if (intent.source, intent.content_version) in later}


def remove_unclaimed_parts(
    world: World, lease: Lease, gateway: Gateway, sight: CopySight, plan: DayPlan, claimed: set[str]
) -> None:
    """Removes parts of ours that no version claims any more, and old ones of nobody known; never a live one."""
    if gateway.in_one_request:
        Notes(world.ledger, plan.job, plan.day, sight.copy.name).keep_only(claimed)
    mine = {i.part: i for i in world.ledger.intents(plan.job, plan.day, sight.copy.name) if not i.is_request}
    now = world.now().timestamp() * 1e9
    old = {
        path
        for path, entry in sight.entries.items()
        if is_own_name(path) and path.endswith(".part") and now - (entry.mtime_ns or now) > _STALE_AFTER
    }
    nobodys = old - world.ledger.claimed(gateway.name, old) if old else old
    stale = sorted((nobodys | set(mine)) - claimed)
    for path, error in zip(stale, gateway.rm_many(stale), strict=True):
        if error is not None and not isinstance(error, NotFound):
            world.log.warning("%s: a part that is not needed any more cannot be removed: %s", path, error)
    forget = [mine[path] for path in stale if path in mine]
    if forget:
        world.ledger.forget_intents(lease, forget)


def _receipt(world: World, intent: Intent, final: RemoteFile, how: str, place: str) -> Receipt:
    return Receipt(
        job=intent.job,
        day=intent.day,
        copy=intent.copy,
        source=intent.source,
        destination=intent.destination,
        place=place,
        version=intent.version,
        content_version=intent.content_version,
        size=intent.size,
        sha256=intent.sha256 or "",
        verification=how,  # type: ignore[arg-type]
        durable=False,
        copy_size=final.size,
        copy_mtime=final.mtime_ns,
        copy_etag=final.etag,
        copy_inode=final.inode,
        at=world.now(),
        run=world.run,
    )

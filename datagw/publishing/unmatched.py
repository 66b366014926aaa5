"""A pattern that matches nothing in a folder that is not empty: most often it was not meant so."""

from __future__ import annotations

from collections.abc import Iterable

from datagw.errors import printable
from datagw.files import MARKER, RemoteFile, is_own_name
from datagw.gateways.base import Gateway
from datagw.gateways.paths.guessing import guess
from datagw.jobs import Job
from datagw.ledger import Receipt
from datagw.publishing.plans import DayPlan
from datagw.publishing.world import World

_NAMES = 3


def unmatched(job: Job, world: World, plans: Iterable[DayPlan] = ()) -> str | None:
    """What stands in the source's folder instead of what the pattern means, and a pattern that would match it.

    None where the plans know of a file, where something matches, where nothing is there, and where something did
    match: a folder whose files are freed is left with others. An outage raises.
    """
    if any(plan.actions or plan.state == "waiting" for plan in plans):
        return None
    source = job.source.gateway
    with world.gateways[source].using(name=source, retries=world.retries or job.retries, fence=world.fence) as gateway:
        return nothing_matches(job, gateway, world.ledger.receipts(job.name))


def nothing_matches(job: Job, gateway: Gateway, receipts: Iterable[Receipt]) -> str | None:
    """The same by a look at the folder; the receipts are asked last, and only as far as need be."""
    pattern = job.source.pattern
    takes_all = all(level.fixed is not None for level in pattern.levels)
    if takes_all or job.source.items is not None or not gateway.can("ls"):
        return None
    found = pattern.discover(gateway.ls) if pattern.dated else pattern.files(gateway.ls, hidden=job.source.hidden)
    if next(iter(found), None) is not None:
        return None
    entries = [entry for entry in gateway.ls(pattern.root) if _counts(entry, job)]
    if not entries or any(pattern.matches(receipt.source) for receipt in receipts):
        return None
    names = ", ".join(entry.name + ("/" if entry.kind == "folder" else "") for entry in entries[:_NAMES])
    more = f" and {len(entries) - _NAMES:,} more" if len(entries) > _NAMES else ""
    better = guess(pattern, entries)
    advice = f"; {better} would match" if better else ""
    wanted = pattern.text[len(pattern.root) :].lstrip("/") if pattern.text.startswith(pattern.root) else pattern.text
    return printable(f"nothing in {gateway.shown(pattern.root)} matches {wanted}: there are {names}{more}{advice}")


def _counts(entry: RemoteFile, job: Job) -> bool:
    own = is_own_name(entry.name) or entry.name in (MARKER, job.marker)
    return not own and (job.source.hidden or not entry.name.startswith("."))

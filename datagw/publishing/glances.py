"""Glances: looks at a few files among very many, at destinations and in the ledger; by name, not by list."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date

from datagw.errors import Rejected
from datagw.files import RemoteFile, join, parent
from datagw.gateways.base import Gateway
from datagw.jobs import Copy, Job
from datagw.ledger import Ledger, Receipt
from datagw.publishing.leftovers import intents_of
from datagw.publishing.looking import listed, looked_up
from datagw.publishing.markers import copy_marker
from datagw.publishing.planning import CopySight, Remembered, SourceFile


def glance_at_copy(
    job: Job,
    copy: Copy,
    gateway: Gateway,
    files: Iterable[SourceFile],
    first_seen: Mapping[tuple[str, str], date],
    ledger: Ledger,
    today: date | None = None,
    day: date | None = None,
) -> CopySight:
    """The destinations that a few files would take, what stands there, and the parts that the ledger knows of.

    They are new files, or what own code has made, on a day. A file whose name makes no path of the destination is
    refused, and no other.
    """
    destinations: dict[str, str] = {}
    refused: dict[str, str] = {}
    for file in files:
        seen = first_seen.get((file.claim.path, file.claim.content_version), today)
        try:
            destinations[file.claim.path] = copy.template.fill(file.relative, day, seen)
        except Rejected as error:
            refused[file.claim.path] = error.message
    parts = [intent.part for intent in ledger.intents(job.name, day, copy.name) if not intent.is_request]
    wanted = [*dict.fromkeys(destinations.values()), *parts]
    entries: dict[str, RemoteFile] = looked_up(gateway, wanted) if gateway.shows else {}
    standing = [path for path in destinations.values() if path in entries]
    known = {one.destination for one in ledger.receipts_at(job.name, copy.name, standing)} if standing else set[str]()
    folds = gateway.folds or _folds(gateway, [path for path in standing if path not in known])
    if folds:  # a look at `A` finds `a`: the list tells its name
        entries = {}
        for folder in sorted({parent(path) for path in wanted}):
            entries.update(listed(gateway, folder))
    marker = copy_marker(copy, day, gateway)
    return CopySight(copy, destinations, entries, gateway.place, folds, marker, refused, shows=gateway.shows)


def _folds(gateway: Gateway, strange: Sequence[str]) -> bool:
    """Whether a far place, which does not tell, holds two spellings as one: it finds both, and does not list both.

    Asked only where a file stands that we know nothing of; one of them is enough.
    """
    spelled = ((path, join(parent(path), path.rpartition("/")[2].swapcase())) for path in strange)
    path, other = next(((path, other) for path, other in spelled if other != path), ("", ""))
    if not path or not gateway.can("ls") or not isinstance(gateway.stat_many([other])[0], RemoteFile):
        return False
    return not {path, other} <= listed(gateway, parent(path)).keys()


def remember_files(job: Job, sights: Collection[CopySight], ledger: Ledger) -> Remembered:
    """What the ledger knows of these files: their receipts, and those of others that have their names."""
    receipts: dict[tuple[str, str], Receipt] = {}
    others: dict[tuple[str, str], Receipt] = {}
    with ledger.looking():
        for sight in sights:
            name = sight.copy.name
            for receipt in ledger.receipts_at(job.name, name, sight.destinations.values()):
                if receipt.day is not None:
                    continue
                if sight.destinations.get(receipt.source) == receipt.destination:
                    receipts[name, receipt.source] = receipt
                elif receipt.place == sight.place:
                    others[name, receipt.destination] = receipt
        loose = None
        if ledger.markers_on(job.name, None):
            loose = "markers of an earlier run still stand"
        elif intents_of(job, None, ledger):
            loose = "an earlier run was interrupted"
    return Remembered(receipts, (), loose, others)


def proven_at_all(files: Sequence[SourceFile], receipts: Sequence[Mapping[str, Receipt]]) -> list[SourceFile]:
    """The files of which each copy has a receipt for this very version; `receipts` by source, for each copy."""
    return [
        file
        for file in files
        if all((found := held.get(file.claim.path)) and found.version == file.claim.version for held in receipts)
    ]

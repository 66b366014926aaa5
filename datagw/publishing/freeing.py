"""The end of a source file: looked at a last time, put aside, compared, and only then removed, or moved away."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

from datagw.errors import Changed, GatewayError, NotFound, Rejected
from datagw.files import RemoteFile, parent, part_name
from datagw.gateways.base import Gateway
from datagw.gateways.front.reading import Rename
from datagw.gateways.front.unchanged import open_for_writing
from datagw.gateways.paths.templates import Template
from datagw.jobs import Job
from datagw.ledger import FailureRow, Intent, Lease, Receipt
from datagw.publishing.apart import Apart, under_one_name
from datagw.publishing.copying import CopyWork
from datagw.publishing.looking import local_path
from datagw.publishing.moving import move, move_by_copy
from datagw.publishing.planning import SourceFile, is_enough, is_intact
from datagw.publishing.results import FileFailure
from datagw.publishing.world import World

_BATCH = 500


class Freeing:
    """Deletes source files of one day, one by one, each only if every copy of that very version is proven now.

    Where the job says so they are moved instead; `first_seen` is for paths that hold `{date}`.
    """

    def __init__(
        self,
        world: World,
        job: Job,
        day: date | None,
        source: Gateway,
        lease: Lease,
        works: Sequence[CopyWork],
        first_seen: Mapping[tuple[str, str], date],
    ) -> None:
        self.world = world
        self.job = job
        self.day = day
        self.source = source
        self.lease = lease
        self.works = works
        self.first_seen = first_seen
        self.deleted: list[str] = []
        self.late: dict[str, str] = {}
        self.failures: list[FileFailure] = []
        self._apart = Apart(source)
        self._alike: dict[str, set[str]] = {}

    def free(self, files: Sequence[SourceFile]) -> None:
        """What may go, goes; what may not is named in `late`, with the reason."""
        for start in range(0, len(files), _BATCH):
            batch = [file.claim for file in files[start : start + _BATCH]]
            proven = self._still_proven(batch)
            if proven:
                self._remove(proven)

    # ---- the last look at the copies

    def _still_proven(self, batch: Sequence[RemoteFile]) -> list[RemoteFile]:
        kept = self._copied_apart(batch) if self.works else []  # no copy, no proof
        for work in self.works:
            receipts = {claim.path: work.receipts.get(claim.path) for claim in kept}
            strong = [claim for claim in kept if self._proves(receipts[claim.path], claim)]
            for claim in kept:
                receipt = receipts[claim.path]
                if receipt is not None and receipt.version != claim.version:
                    self._later(claim.path, f"not proven by content at {work.copy.name} as it is now; it stays")
            seen = work.gateway.stat_many([_destination(receipts[claim.path]) for claim in strong])
            kept = list[RemoteFile]()
            for claim, look in zip(strong, seen, strict=True):
                receipt = receipts[claim.path]
                if claim.path in self._under_one_name(work):
                    self._failed(claim.path, f"a copy at {work.copy.name} has its name but for the case; it stays")
                elif receipt is not None and self._is_there(work, receipt, look):
                    kept.append(claim)
                else:
                    self._later(claim.path, f"its copy at {_destination(receipt)} is not as it was proven; it stays")
            self._make_durable(work, [receipts[claim.path] for claim in kept])
        return kept

    def _under_one_name(self, work: CopyWork) -> set[str]:
        if work.copy.name not in self._alike:
            self._alike[work.copy.name] = under_one_name(work.gateway, work.receipts.values())
        return self._alike[work.copy.name]

    def _copied_apart(self, batch: Sequence[RemoteFile]) -> list[RemoteFile]:
        """Those whose copies are files of their own: two copies that are one file prove no more than one."""
        kept: list[RemoteFile] = []
        for claim in batch:
            held = [work.receipts[claim.path] for work in self.works]
            files = [(r.copy_inode, r.place) for r in held if r.copy_inode is not None and r.place.startswith("local:")]
            if len({inode for inode, _ in files}) == len(files):
                kept.append(claim)
            else:
                self._failed(claim.path, "two of its copies are one and the same file; it stays")
        return kept

    def _proves(self, receipt: Receipt | None, claim: RemoteFile) -> bool:
        return receipt is not None and receipt.version == claim.version and is_enough(self.job, receipt)

    def _is_there(self, work: CopyWork, receipt: Receipt, look: RemoteFile | GatewayError) -> bool:
        if isinstance(look, NotFound) and receipt.verification == "accepted":
            return True  # it shows nothing, and only a file that is moved comes as far as this
        if isinstance(look, NotFound):
            return work.copy.if_gone == "leave" and receipt.source not in work.done
        if isinstance(look, GatewayError):
            raise look
        return is_intact(receipt, look)

    def _make_durable(self, work: CopyWork, receipts: Sequence[Receipt | None]) -> None:
        """On stable storage wherever the place can say so; where it cannot, the receipts say that it did not."""
        weak = [receipt for receipt in receipts if receipt is not None and not receipt.durable]
        there = work.gateway.stat_many([receipt.destination for receipt in weak])
        weak = [receipt for receipt, look in zip(weak, there, strict=True) if not isinstance(look, NotFound)]
        if weak and work.gateway.sync([receipt.destination for receipt in weak]):
            self.world.ledger.mark_durable(self.lease, weak)
            work.receipts.update({receipt.source: replace(receipt, durable=True) for receipt in weak})

    # ---- the source

    def _remove(self, claims: Sequence[RemoteFile]) -> None:
        if not self.source.can("rename"):
            same = self._same(self._not_their_own_copies(claims))
            if self.job.move_source is not None:
                self._move_by_copies(same, self.job.move_source.template)
                return
            for claim, gone in zip(same, self.source.rm_claimed(same), strict=True):
                self._gone(claim.path, gone)
            return
        intents = {claim.path: self._intent(claim) for claim in claims}
        self.world.ledger.record_parts(self.lease, list(intents.values()))
        step = 1 if self.source.type == "local" else len(claims)  # on a disk, a ctime is only good until the rename
        aside: list[Intent] = []
        for start in range(0, len(claims), step):
            same = self._same(claims[start : start + step])
            aside += self._put_aside([intents[claim.path] for claim in same])
        ready = self._apart_from_copies(aside)
        if self.job.move_source is not None:
            self._move_asides(ready, self.job.move_source.template)
        else:
            self._remove_asides(ready)
        self.world.ledger.forget_intents(self.lease, list(intents.values()))

    def _not_their_own_copies(self, claims: Sequence[RemoteFile]) -> list[RemoteFile]:
        """Those whose copies are other files: what cannot be put aside would be gone when that is found out."""
        kept = list(claims)
        for work in self.works:
            mine, kept = kept, list[RemoteFile]()
            for claim in mine:
                destination = work.receipts[claim.path].destination
                if self._apart.may_be_one(claim.path, work.gateway, destination):
                    self._failed(
                        claim.path, f"its copy {work.gateway.shown(destination)} is the very same file; it stays"
                    )
                else:
                    kept.append(claim)
        return kept

    def _put_aside(self, intents: Sequence[Intent]) -> list[Intent]:
        outcomes = self.source.rename_many([Rename(intent.source, intent.part, False) for intent in intents])
        ready: list[Intent] = []
        for intent, outcome in zip(intents, outcomes, strict=True):
            if isinstance(outcome, NotFound):
                self._later(intent.source, "taken away by somebody else since it was published")
            elif outcome is not None:
                self._failed(intent.source, f"cannot be put aside to be deleted: {outcome.message}")
            elif not is_changed(self.source, intent):
                ready.append(intent)
            else:
                self._put_back(intent, "changed or opened since it was published; it stays")
        return ready

    def _put_back(self, intent: Intent, why: str) -> None:
        """For the next run under its own name, unless a newer file has that by now: then under the hidden one."""
        try:
            put_back(self.source, intent)
        except Rejected:
            why = f"{why} as {intent.part}, for a newer file has its name; look at it"
        self._later(intent.source, why)

    def _apart_from_copies(self, aside: Sequence[Intent]) -> list[Intent]:
        """Those whose copies stand while they are aside. A copy that went with its source was that very file."""
        ready = list(aside)
        for work in self.works:
            held = [work.receipts[intent.source] for intent in ready]
            looks = work.gateway.stat_many([receipt.destination for receipt in held])
            kept: list[Intent] = []
            for intent, receipt, look in zip(ready, held, looks, strict=True):
                if self._is_there(work, receipt, look):
                    kept.append(intent)
                else:
                    put_back(self.source, intent)
                    copy = work.gateway.shown(receipt.destination)
                    self._failed(intent.source, f"its copy {copy} went when it was put aside: one and the same file")
            ready = kept
        return ready

    def _remove_asides(self, ready: Sequence[Intent]) -> None:
        for intent, gone in zip(ready, self.source.rm_many([intent.part for intent in ready]), strict=True):
            self._gone(intent.source, gone)
            if gone is not None:
                self.source.rename_many([Rename(intent.part, intent.source, False)])

    def _move_asides(self, ready: Sequence[Intent], template: Template) -> None:
        for intent in ready:
            seen = self.first_seen.get((intent.source, intent.content_version))
            relative = self.job.source.pattern.relative(intent.source, self.day)
            receipt = self.works[0].receipts[intent.source]
            try:
                target = template.fill(relative, self.day, seen)
                moved = move(self.source, intent.part, target, _tag(receipt), receipt.sha256 or None)
            except Rejected as error:  # its name makes no path there
                moved = error
            if isinstance(moved, str):
                self.deleted.append(intent.source)
            else:
                self._put_back(intent, "cannot be moved; it stays")
                self._failed(intent.source, f"published, but cannot be moved: {moved.message}{_advice(moved)}")

    def _move_by_copies(self, claims: Sequence[RemoteFile], template: Template) -> None:
        for claim in claims:
            seen = self.first_seen.get((claim.path, claim.content_version))
            relative = self.job.source.pattern.relative(claim.path, self.day)
            try:
                target = template.fill(relative, self.day, seen)
                moved = move_by_copy(self.source, claim, target, _tag(self.works[0].receipts[claim.path]))
            except Rejected as error:  # its name makes no path there
                moved = error
            if isinstance(moved, str):
                self.deleted.append(claim.path)
            elif isinstance(moved, Changed):
                self._later(claim.path, moved.message)
            else:
                self._failed(claim.path, f"published, but cannot be moved: {moved.message}")

    def _gone(self, path: str, error: GatewayError | None) -> None:
        if error is None:
            self.deleted.append(path)
        elif isinstance(error, Changed):
            self._later(path, error.message)
        else:
            self._failed(path, f"cannot be deleted: {error.message}")

    def _same(self, claims: Sequence[RemoteFile]) -> list[RemoteFile]:
        """Those that are still the version that was published."""
        same: list[RemoteFile] = []
        for claim, found in zip(claims, self.source.stat_many([claim.path for claim in claims]), strict=True):
            if isinstance(found, GatewayError) and not isinstance(found, NotFound):
                raise found
            if isinstance(found, RemoteFile) and found.version == claim.version:
                same.append(claim)
            elif isinstance(found, RemoteFile):
                self._later(claim.path, "changed since it was published; it stays, and is sent by the next run")
        return same

    def _intent(self, claim: RemoteFile) -> Intent:
        return Intent(
            part=part_name(claim.content_version, claim.path, "aside"),
            job=self.job.name,
            day=self.day,
            copy="",
            gateway=self.source.name,
            destination=claim.path,
            source=claim.path,
            content_version=claim.content_version,
            version=claim.version,
            size=claim.size,
            kind="aside",
            at=self.world.now(),
            run=self.world.run,
        )

    def _failed(self, path: str, text: str) -> None:
        self.failures.append(FileFailure("", path, f"{path}: {text}"))
        self.world.log.error("%s: %s", path, text)
        row = FailureRow(self.job.name, self.day, None, path, text, self.world.now(), self.world.run)
        self.world.ledger.write_failures([row])

    def _later(self, path: str, text: str) -> None:
        self.late[path] = f"{path}: {text}"
        self.world.log.warning("%s", self.late[path])


def _tag(receipt: Receipt) -> str:
    """What tells this content from another in a name."""
    return receipt.sha256[:8] or hashlib.sha256(receipt.content.encode("utf-8", "surrogateescape")).hexdigest()[:8]


def _advice(error: GatewayError) -> str:
    if "cross-device" not in error.message.lower():
        return ""
    return "; a folder on another disk is no place to move to: add it to `to`, with delete_source = true"


def put_back(source: Gateway, intent: Intent) -> None:
    """Gives a file that was put aside its name again, replacing nothing."""
    (error,) = source.rename_many([Rename(intent.part, intent.source, False)])
    if error is not None:
        raise error


def is_changed(source: Gateway, intent: Intent) -> bool:
    """Whether a file put aside is no longer what was published, or is being written to."""
    found = source.stat(intent.part)
    if found.at(intent.source).content_version != intent.content_version:
        return True
    if source.type != "local":
        return False
    descriptor = os.open(local_path(source, intent.part), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        return open_for_writing(descriptor)
    finally:
        os.close(descriptor)


def remove_empty_folders(source: Gateway, base: str, folders: Sequence[str], *, base_too: bool) -> int:
    """Removes what is empty below `base`, deepest first; never `base` itself unless asked, never what is not empty."""
    below = {folder for folder in folders if folder.startswith(f"{base}/") or not base}
    for folder in list(below):
        while (folder := parent(folder)) and folder != base and (not base or folder.startswith(f"{base}/")):
            below.add(folder)
    ordered = sorted(below, key=lambda folder: folder.count("/"), reverse=True)
    return sum(source.rmdir(folder) for folder in [*ordered, *([base] if base_too else [])])


def _destination(receipt: Receipt | None) -> str:
    return receipt.destination if receipt is not None else ""

"""One copy of one day: parts, verification, intents, renames, receipts; a batch of files at a time."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from datagw.errors import Changed, Full, GatewayError, NotFound, Rejected, Unavailable, Unsupported
from datagw.files import RemoteFile, StagedFile, part_name
from datagw.gateways.base import Gateway
from datagw.gateways.front.duplicates import Memo
from datagw.gateways.front.reading import Readable, Rename, Sent, Upload
from datagw.gateways.front.unchanged import open_unchanged
from datagw.jobs import Copy, Job
from datagw.ledger import FailureRow, Intent, Lease, Receipt
from datagw.publishing.planning import ONE_FILE, CopySight, is_intact
from datagw.publishing.plans import Action
from datagw.publishing.results import FileFailure
from datagw.publishing.world import World

_BLOCK = 1 << 20
ROUNDS = 2  # what arrived differing is sent once more


@dataclass
class CopyWork:
    """The work on one (day, copy), and what has become of it so far."""

    world: World
    job: Job
    day: date | None
    copy: Copy
    gateway: Gateway
    lease: Lease
    sight: CopySight
    receipts: dict[str, Receipt]
    sync: bool
    sent_files: int = 0
    sent_bytes: int = 0
    adopted: int = 0
    skipped: int = 0
    seconds: float = 0.0
    done: dict[str, str] = field(default_factory=dict[str, str])
    failures: list[FileFailure] = field(default_factory=list[FileFailure])
    late: dict[str, str] = field(default_factory=dict[str, str])
    dead: GatewayError | None = None
    others: Collection[str] = ()
    """Destinations where another source's copy stands, which is not replaced."""
    refused: set[str] = field(default_factory=set[str])
    """Sources that the plan, or a comparison, found not to be published as the job is written."""

    # ---- adopting

    def adopt(self, actions: Sequence[Action], hashes: dict[str, str]) -> list[Action]:
        """Compares equal-sized files at the destination with the source; receipts for the equal, `send` for the others.

        `hashes` are SHA-256 of the sources by path; one that is missing there has failed or changed already.
        """
        actions = [action for action in actions if action.source.path in hashes]
        differing: list[Action] = []
        receipts: list[Receipt] = []
        for action in actions:
            if action.destination not in self.sight.entries:  # taken away: its receipt is all that there is
                old = self.receipts[action.source.path]
                if old.sha256 == hashes[action.source.path]:
                    self._renew(old, action.source)
                else:
                    differing.append(replace(action, kind="send", reason="taken away since, and changed"))
        actions = [action for action in actions if action.destination in self.sight.entries]
        there = [self.sight.entries[action.destination] for action in actions]
        for action, entry, found in zip(actions, there, self.gateway.hashes(there), strict=True):
            if isinstance(found, GatewayError):
                self.failed(action.source.path, found)
            elif found[0] == hashes[action.source.path]:
                receipts.append(self._receipt(action.source, action.destination, found[0], found[1], entry))
            else:
                differing.append(self._replaceable(action, entry))
        self._adopt(receipts)
        return differing

    def _adopt(self, receipts: Sequence[Receipt]) -> None:
        """Puts down what stands there already and is equal."""
        if receipts:
            self.gateway.finish([receipt.destination for receipt in receipts], self.day)
            self.world.ledger.write_receipts(self.lease, receipts)
        for receipt in receipts:
            self._keep(receipt, "adopted")
        self.adopted += len(receipts)

    def _renew(self, old: Receipt, source: RemoteFile) -> None:
        """The receipt of a copy that its receiver took away, for the same content under a new version."""
        renewed = replace(
            old,
            version=source.version,
            content_version=source.content_version,
            at=self.world.now(),
            run=self.world.run,
        )
        self.world.ledger.write_receipts(self.lease, [renewed])
        self.receipts[source.path] = renewed

    def _replaceable(self, action: Action, entry: RemoteFile) -> Action:
        """The same file to be sent, unless `overwrite` keeps us from replacing what we did not write."""
        old = self.receipts.get(action.source.path)
        if action.destination in self.others:
            return replace(action, kind="refuse", reason="the copy of another source stands there")
        if self.copy.overwrite or (old is not None and is_intact(old, entry)):
            return replace(action, kind="send", reason="of equal size, but differs")
        return replace(
            action, kind="refuse", reason="a file that datagw did not write stands there, and overwrite = false"
        )

    # ---- sending

    @property
    def takes_streams(self) -> bool:
        """Whether a file need not be in hand to be sent."""
        return not self.gateway.needs_a_file

    def send(self, actions: Sequence[Action], staged: Mapping[str, Readable]) -> None:
        """Sends a batch to parts, proves it, makes it visible and writes its receipts."""
        begin = time.monotonic()
        ledger = self.world.ledger
        by_part = {self.part(action): action for action in actions if action.source.path in staged}
        uploads = [self._upload(action, staged[action.source.path], part) for part, action in by_part.items()]
        intents = {part: self._intent(action, part) for part, action in by_part.items()}
        ledger.record_parts(self.lease, list(intents.values()))
        proven = self._to_parts(uploads, by_part)
        ready = [replace(intents[sent.upload.part], sha256=sent.sha256) for sent, _ in proven]
        ledger.intend(self.lease, ready)
        self._publish(proven, {intent.part: intent for intent in ready}, by_part)
        self.seconds += time.monotonic() - begin

    def _to_parts(self, uploads: Sequence[Upload], by_part: dict[str, Action]) -> list[tuple[Sent, str]]:
        proven: list[tuple[Sent, str]] = []
        todo = list(uploads)
        for attempt in range(ROUNDS):
            whole: list[Sent] = []
            for sent in self.gateway.send(todo, sync=self.sync):
                if sent.error is None:
                    whole.append(sent)
                    self.sent_bytes += sent.moved
                elif sent.alone:
                    self.failed(by_part[sent.upload.part].source.path, sent.error)
                else:
                    self._not_sent(by_part[sent.upload.part].source.path, sent.error)
            todo = list[Upload]()
            for sent, proof in zip(whole, self.gateway.verify(whole, self.copy.verify), strict=True):
                if isinstance(proof, str):
                    proven.append((sent, proof))
                elif isinstance(proof, Unavailable) and attempt + 1 < ROUNDS:
                    self.world.log.warning("%s; sent once more", proof)
                    todo.append(replace(sent.upload, resume=False))
                else:
                    self.failed(by_part[sent.upload.part].source.path, proof)
            if not todo:
                break
            self.gateway.rm_many([upload.part for upload in todo])
        return proven

    def _publish(
        self, proven: Sequence[tuple[Sent, str]], intents: dict[str, Intent], by_part: dict[str, Action]
    ) -> None:
        renames = [self._rename(sent, by_part[sent.upload.part]) for sent, _ in proven]
        outcomes = self.gateway.rename_many(renames)
        looks = self.gateway.stat_many([rename.target for rename in renames])
        receipts: list[Receipt] = []
        forget: list[Intent] = []
        for (sent, proof), rename, outcome, look in zip(proven, renames, outcomes, looks, strict=True):
            action = by_part[sent.upload.part]
            problem = outcome or _what_is_wrong(sent, look)
            if problem is not None or isinstance(look, GatewayError):
                self.failed(
                    action.source.path, problem or Rejected("not to be seen after its rename", path=rename.target)
                )
                continue
            receipts.append(self._receipt(action.source, rename.target, sent.sha256, proof, look))
            forget.append(intents[sent.upload.part])
        self._write_receipts(receipts, forget)

    def _write_receipts(self, receipts: Sequence[Receipt], forget: Sequence[Intent]) -> None:
        """Puts down what was sent and is proven, on stable storage first where a source may go for it."""
        if self.sync and receipts and self.gateway.sync([receipt.destination for receipt in receipts]):
            receipts = [replace(receipt, durable=True) for receipt in receipts]
        self.world.ledger.write_receipts(self.lease, receipts, forget)
        for receipt in receipts:
            self._keep(receipt, "sent")
            self.world.progress.file_done()
        self.sent_files += len(receipts)

    def _forget_refused(self, intents: Mapping[str, Intent], others: Collection[str] = ()) -> None:
        """Of these intents, by source, those whose file is sure not to stand there; else the next run has to look."""
        refused = {failure.source for failure in self.failures if not failure.unanswered} | self.late.keys() | {*others}
        over = [intent for path, intent in intents.items() if path in refused]
        if over:
            self.world.ledger.forget_intents(self.lease, over)

    def _rename(self, sent: Sent, action: Action) -> Rename:
        return Rename(sent.upload.part, action.destination, self._may_replace(action))

    def part(self, action: Action) -> str:
        """The name under which this version of the file is uploaded.

        Of this ledger, for another one may begin anew; of this job and day, for others may be at work on the same name.
        """
        return part_name(self._told_apart(action), action.destination)

    def parts(self, action: Action) -> set[str]:
        """All names under which this version may have been begun, by this run or an earlier one."""
        return {self.part(action)}

    def _told_apart(self, action: Action) -> str:
        return f"{self.world.ledger.id} {self.job.name} {self.day} {action.source.content_version}"

    def _upload(self, action: Action, staged: Readable, part: str, memo: Memo | None = None) -> Upload:
        return Upload(
            staged,
            part,
            action.destination,
            action.source.mtime_ns,
            self.copy.mode if self.copy.mode is not None else self.gateway.mode,
            resume=part in self.sight.entries,
            day=self.day,
            replace=self._may_replace(action),
            note=memo and memo.note,
            keep=memo and memo.keep,
        )

    def _may_replace(self, action: Action) -> bool:
        """Whether a file may stand there by then: any may be replaced, or the plan has seen it, and that it is ours."""
        return self.copy.overwrite or action.destination in self.sight.entries

    # ---- rows

    def _intent(self, action: Action, part: str, sha256: str | None = None) -> Intent:
        source = action.source
        return Intent(
            part=part,
            job=self.job.name,
            day=self.day,
            copy=self.copy.name,
            gateway=self.gateway.name,
            destination=action.destination,
            source=source.path,
            content_version=source.content_version,
            version=source.version,
            size=source.size,
            at=self.world.now(),
            run=self.world.run,
            sha256=sha256,
        )

    def _receipt(self, source: RemoteFile, destination: str, sha256: str, proof: str, look: RemoteFile) -> Receipt:
        return Receipt(
            job=self.job.name,
            day=self.day,
            copy=self.copy.name,
            source=source.path,
            destination=destination,
            place=self.sight.place,
            version=source.version,
            content_version=source.content_version,
            size=source.size,
            sha256=sha256,
            verification=proof,  # type: ignore[arg-type]
            durable=False,
            copy_size=look.size,
            copy_mtime=look.mtime_ns,
            copy_etag=look.etag,
            copy_inode=look.inode,
            at=self.world.now(),
            run=self.world.run,
            gap=destination in self.gateway.live.gaps,
        )

    def _keep(self, receipt: Receipt, done: str) -> None:
        self.receipts[receipt.source] = receipt
        self.done[receipt.source] = done

    def _not_sent(self, path: str, error: GatewayError) -> None:
        if isinstance(error, Changed) or (isinstance(error, NotFound) and error.path == path):
            self.late[path] = str(error)
            self.world.log.info("%s", error)
        elif isinstance(error, Unavailable):
            self.dead = error
        else:
            self.failed(path, error)

    def failed(self, path: str, error: GatewayError | str) -> None:
        """Puts one file's failure on record, in the ledger and for the result."""
        text = str(error)
        unanswered = (error.gateway or self.gateway.name) if isinstance(error, Unavailable) else ""
        if isinstance(error, str):
            self.refused.add(path)
            final = not error.endswith(ONE_FILE)
        else:
            final = isinstance(error, Rejected | Unsupported) and not isinstance(error, Full)
        self.failures.append(FileFailure(self.copy.name, path, text, unanswered, final))
        self.world.log.error("%s: %s", self.copy.name, text)
        row = FailureRow(self.job.name, self.day, self.copy.name, path, text, self.world.now(), self.world.run)
        self.world.ledger.write_failures([row])
        self.world.progress.file_done()


def local_hashes(staged: Iterable[StagedFile], world: World) -> dict[str, str | GatewayError]:
    """SHA-256 of files in hand, by source path; the error of one that changed or cannot be read."""
    found: dict[str, str | GatewayError] = {}
    for one in staged:
        if one.sha256 is not None:
            found[one.origin.path] = one.sha256
            continue
        try:
            with open_unchanged(one) as descriptor:
                found[one.origin.path] = _hash(descriptor, world)
        except GatewayError as error:
            found[one.origin.path] = error
    return found


def _hash(descriptor: int, world: World) -> str:
    digest = hashlib.sha256()
    position = 0
    while block := os.pread(descriptor, _BLOCK, position):
        world.fence()
        digest.update(block)
        position += len(block)
    return digest.hexdigest()


def _what_is_wrong(sent: Sent, look: RemoteFile | GatewayError) -> GatewayError | None:
    if isinstance(look, GatewayError):
        return look
    if look.kind != "file" or look.size != sent.upload.size:
        return Unavailable(f"stands there with {look.size} bytes instead of {sent.upload.size}", path=look.path)
    return None

"""One copy of one day at a place that knows no rename: an intent, one request a file, a comparison, a receipt."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from typing_extensions import override

from datagw.errors import Unavailable
from datagw.files import StagedFile, part_name
from datagw.gateways.base import Gateway, Upload
from datagw.gateways.front.reading import Readable, Sent
from datagw.ledger import Intent
from datagw.publishing.copying import ROUNDS, CopyWork, local_hashes
from datagw.publishing.notes import Notes
from datagw.publishing.plans import Action

_AT_ONCE = 500  # files that may wait for their receipts, where another run would find them
_SECONDS = 1.0  # for which they may


@dataclass
class RequestWork(CopyWork):
    """The work on one (day, copy) where a file is published in one request.

    A crash between the request and the receipt leaves a file without one: the next run compares it and adopts it, or,
    where the place shows nothing, hands the file over again.
    """

    @override
    def part(self, action: Action) -> str:
        """A name for the upload of this version of the file, by which the ledger knows it."""
        return part_name(self._told_apart(action), action.destination, "request")

    @property
    @override
    def takes_streams(self) -> bool:
        """Where nothing else is replaced, the hash has to be known before the request: see `_known`."""
        return super().takes_streams and self.copy.overwrite

    @override
    def send(self, actions: Sequence[Action], staged: Mapping[str, Readable]) -> None:
        """Publishes a batch, and writes the receipts of what is known to be equal."""
        begin = time.monotonic()
        notes = Notes(self.world.ledger, self.job.name, self.day, self.copy.name)
        by_final = {action.destination: action for action in actions if action.source.path in staged}
        parts = {final: self.part(action) for final, action in by_final.items()}
        uploads = [
            self._upload(action, staged[action.source.path], parts[final], notes.memo(parts[final]))
            for final, action in by_final.items()
        ]
        known = self._known(one for one in staged.values() if isinstance(one, StagedFile))
        intents = {
            final: self._intent(action, parts[final], known.get(action.source.path))
            for final, action in by_final.items()
        }
        self.world.ledger.record_parts(self.lease, list(intents.values()))
        for attempt in range(ROUNDS):
            uploads = self._publish_round(uploads, by_final, intents, last=attempt + 1 == ROUNDS)
            if not uploads:
                break
        notes.forget({intent.part for final, intent in intents.items() if by_final[final].source.path in self.done})
        self._forget_refused({by_final[final].source.path: intent for final, intent in intents.items()})
        self.seconds += time.monotonic() - begin

    def _known(self, staged: Iterable[StagedFile]) -> dict[str, str]:
        """SHA-256 by source path, as far as it tells more than a comparison will: where nothing else is replaced."""
        if self.copy.overwrite:
            return {one.origin.path: one.sha256 for one in staged if one.sha256 is not None}
        found = local_hashes(staged, self.world)
        return {path: one for path, one in found.items() if isinstance(one, str)}

    def _publish_round(
        self, uploads: Sequence[Upload], by_final: dict[str, Action], intents: dict[str, Intent], *, last: bool
    ) -> list[Upload]:
        """Those that stand there and differ, to be sent once more."""
        taken: list[tuple[Sent, str]] = []
        doubtful: list[Sent] = []
        since = time.monotonic()
        for sent in self.gateway.publish(uploads):
            path = by_final[sent.upload.final].source.path
            if sent.error is not None and sent.alone:
                self.failed(path, sent.error)
            elif sent.error is not None:
                self._not_sent(path, sent.error)
            elif sent.published is not None and sent.published.proof is not None:
                self.sent_bytes += sent.moved
                (proof,) = self.gateway.verify([sent], self.copy.verify)
                if isinstance(proof, str):
                    taken.append((sent, proof))
                else:
                    doubtful.append(sent)
            else:
                self.sent_bytes += sent.moved
                doubtful.append(sent)
            now = time.monotonic()
            if not self.gateway.shows or len(taken) >= _AT_ONCE or now - since > _SECONDS:
                self._write_down(taken, by_final, intents)
                taken, since = [], now
        self._write_down(taken, by_final, intents)
        return self._compare(doubtful, by_final, intents, last=last)

    def _compare(
        self, doubtful: Sequence[Sent], by_final: dict[str, Action], intents: dict[str, Intent], *, last: bool
    ) -> list[Upload]:
        """What the place itself has not proven is compared with what was sent."""
        equal: list[tuple[Sent, str]] = []
        again: list[Upload] = []
        for sent, proof in zip(doubtful, self.gateway.verify(doubtful, self.copy.verify), strict=True):
            if isinstance(proof, str):
                equal.append((sent, proof))
            elif isinstance(proof, Unavailable) and not last:
                self.world.log.warning("%s; sent once more", proof)
                again.append(replace(sent.upload, note=None))
            else:
                self.failed(by_final[sent.upload.final].source.path, proof)
        self._write_down(equal, by_final, intents)
        return again

    def _write_down(
        self, taken: Sequence[tuple[Sent, str]], by_final: dict[str, Action], intents: dict[str, Intent]
    ) -> None:
        if not taken:
            return
        receipts = [
            self._receipt(
                by_final[sent.upload.final].source, sent.upload.final, sent.sha256, proof, sent.published.file
            )
            for sent, proof in taken
            if sent.published is not None
        ]
        self._write_receipts(receipts, [intents[sent.upload.final] for sent, _ in taken])


def kind_of_work(gateway: Gateway) -> type[CopyWork]:
    """How copies are made at a place: by parts and renames, or in one request each."""
    return RequestWork if gateway.in_one_request else CopyWork

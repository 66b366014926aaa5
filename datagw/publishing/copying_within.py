"""One copy of one day that the place makes by itself, for the source stands there as well: nothing is downloaded."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any

from typing_extensions import override

from datagw.errors import GatewayError, Unavailable
from datagw.files import part_name
from datagw.gateways.base import Gateway
from datagw.gateways.front.duplicates import Duplicate, Duplicated, NotByItself
from datagw.ledger import Intent, Receipt
from datagw.publishing import requesting
from datagw.publishing.copying import ROUNDS, CopyWork
from datagw.publishing.notes import Notes
from datagw.publishing.plans import Action

_BATCH = 1000  # files whose intents are written at once
_AT_ONCE = 100  # copies that may wait for their receipts, where another run would find them
_SECONDS = 1.0  # for which they may

Proven = tuple[str, str]  # SHA-256, `""` where nobody has computed it; and how it is known to be equal


@dataclass
class CopyWithin(CopyWork):
    """The work on one (day, copy) where the place copies by itself.

    A crash between the copy and its receipt leaves a file without one: the next run has the place compare the two, and
    adopts it.
    """

    source: Gateway = field(kw_only=True)
    not_made: dict[str, Action] = field(default_factory=dict[str, Action])
    """What the place does not copy by itself after all, by source."""

    @override
    def part(self, action: Action) -> str:
        return part_name(self._told_apart(action), action.destination, "copy")

    @override
    def parts(self, action: Action) -> set[str]:
        return {self.part(action), self._as_any_other().part(action)}

    # ---- adopting

    @override
    def adopt(self, actions: Sequence[Action], hashes: dict[str, str]) -> list[Action]:
        """As for other copies, but what is equal the place says; what it cannot tell is copied anew, if it may be.

        `hashes` are not asked for: they would take a download.
        """
        gone = [action for action in actions if action.destination not in self.sight.entries]
        there = [action for action in actions if action.destination in self.sight.entries]
        again = [replace(action, kind="send", reason="taken away since, and changed") for action in gone]
        entries = {action.source.path: self.sight.entries[action.destination] for action in there}
        receipts: list[Receipt] = []
        doubtful: list[tuple[Action, Action]] = []
        pairs = [(action.source, entries[action.source.path]) for action in there]
        for action, known in zip(there, self.gateway.compare_within(self.source, pairs), strict=True):
            entry = entries[action.source.path]
            if isinstance(known, GatewayError):
                self._not_sent(action.source.path, known)
            elif known.proof is not None:
                receipts.append(self._receipt(action.source, action.destination, known.sha256, known.proof, entry))
            elif (other := self._replaceable(action, entry)).kind == "send":
                again.append(other)
            else:
                doubtful.append((action, other))
        if self.dead is not None:
            raise self.dead
        pairs = [(action.source, entries[action.source.path]) for action, _ in doubtful]
        compared = self.gateway.read_both(self.source, pairs)
        for (action, other), found in zip(doubtful, compared, strict=True):
            entry = entries[action.source.path]
            if isinstance(found, GatewayError):
                self._not_sent(action.source.path, found)
            elif found is None:
                again.append(other)
            else:
                receipts.append(self._receipt(action.source, action.destination, *found, entry))
        self._adopt(receipts)
        return again

    # ---- copying

    def copy_all(self, actions: Sequence[Action]) -> tuple[CopyWork, list[Action]]:
        """Has the place copy these files, and writes the receipts of what is known to be equal.

        What the place does not copy by itself is returned, and the work that sends it as it would any other file.
        """
        begin = time.monotonic()
        for start in range(0, len(actions), _BATCH):
            self._copy_batch(actions[start : start + _BATCH])
            if self.dead is not None:
                raise self.dead
        self.seconds += time.monotonic() - begin
        if not self.not_made:
            return self, []
        text = "%s: the place does not copy by itself: downloaded and sent, this time: %d of %d files"
        self.world.log.warning(text, self.copy.name, len(self.not_made), len(actions))
        return self._as_any_other(), list(self.not_made.values())

    def _as_any_other(self) -> CopyWork:
        """The work that goes on with all that this one knows and has done."""
        known = {one.name: getattr(self, one.name) for one in fields(CopyWork)}
        return requesting.kind_of_work(self.gateway)(**known)

    def _copy_batch(self, actions: Sequence[Action]) -> None:
        notes = Notes(self.world.ledger, self.job.name, self.day, self.copy.name)
        by_final = {action.destination: action for action in actions}
        intents = {final: self._intent(action, self.part(action)) for final, action in by_final.items()}
        self.world.ledger.record_parts(self.lease, list(intents.values()))
        wishes = [
            Duplicate(a.source, final, self._may_replace(a), notes.memo(intents[final].part))
            for final, a in by_final.items()
        ]
        for attempt in range(ROUNDS):
            wishes = self._round(wishes, by_final, intents, last=attempt + 1 == ROUNDS)
            if not wishes:
                break
        notes.forget({intent.part for final, intent in intents.items() if by_final[final].source.path in self.done})
        self._forget_refused({by_final[final].source.path: intent for final, intent in intents.items()}, self.not_made)

    def _round(
        self, wishes: Sequence[Duplicate], by_final: dict[str, Action], intents: dict[str, Intent], *, last: bool
    ) -> list[Duplicate]:
        """Those that stand there and differ, to be copied once more."""
        taken: list[tuple[Duplicated, Proven]] = []
        doubtful: list[Duplicated] = []
        since = time.monotonic()
        for done in self.gateway.copy_within(self.source, wishes):
            if isinstance(done.error, NotByItself):
                self.not_made[by_final[done.wish.final].source.path] = by_final[done.wish.final]
            elif done.error is not None:
                self._not_sent(by_final[done.wish.final].source.path, done.error)
            elif done.known.proof is None:
                doubtful.append(done)
            else:
                taken.append((done, (done.known.sha256, done.known.proof)))
            now = time.monotonic()
            if len(taken) >= _AT_ONCE or now - since > _SECONDS:
                self._write_down(taken, by_final, intents)
                taken, since = [], now
        self._write_down(taken, by_final, intents)
        again: list[Duplicate] = []
        equal: list[tuple[Duplicated, Proven]] = []
        pairs = [(done.wish.file, done.stands) for done in doubtful]
        for done, found in zip(doubtful, self.gateway.read_both(self.source, pairs), strict=True):
            path = by_final[done.wish.final].source.path
            if isinstance(found, GatewayError):
                self._not_sent(path, found)
            elif found is not None:
                equal.append((done, found))
            elif last:
                differs = Unavailable("what the place has copied differs from its source", path=done.wish.final)
                self.failed(path, self.gateway.placed(differs))
            else:
                again.append(done.wish)
        self._write_down(equal, by_final, intents)
        return again

    def _write_down(
        self,
        taken: Sequence[tuple[Duplicated, Proven]],
        by_final: Mapping[str, Action],
        intents: Mapping[str, Intent],
    ) -> None:
        if not taken:
            return
        receipts = [
            self._receipt(by_final[done.wish.final].source, done.wish.final, *proven, done.file)
            for done, proven in taken
            if done.file is not None
        ]
        self._write_receipts(receipts, [intents[done.wish.final] for done, _ in taken])


def kind_of_work(gateway: Gateway, source: Gateway) -> Callable[..., CopyWork]:
    """How copies of a source are made at a place: by the place itself, by parts and renames, or in one request each."""
    made: Callable[..., Any] = requesting.kind_of_work(gateway)
    return partial(CopyWithin, source=source) if gateway.copies_from(source) else made

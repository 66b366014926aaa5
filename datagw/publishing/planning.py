"""The decision, pure: listings and receipts in, actions and reasons out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from datagw.files import RemoteFile, parent
from datagw.jobs import Copy, Job
from datagw.ledger import Receipt
from datagw.publishing.plans import DUE, Action, DayPlan, type_of_day

STRONG = ("hash", "readback")
_NOT_OURS = ("refuse", "a file that datagw did not write stands there, and overwrite = false")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of the source: its claim (path on the gateway) and its path relative to the day's folder."""

    claim: RemoteFile
    relative: str


@dataclass(frozen=True, slots=True)
class SourceSight:
    """What stands at the source for one day.

    `there` says whether the day's folder (or any file of the day) exists; `waits` why the day is not complete yet (a
    marker that is not ours); `odd` holds what is no regular file; `restless` the paths of files that changed too short
    a while ago for their place's clock to tell a further change; `place` tells which place it is; `again` is the moment
    (UTC) from which a file that has not settled yet will have, if it does not change again.
    """

    there: bool
    files: tuple[SourceFile, ...] = ()
    odd: tuple[RemoteFile, ...] = ()
    waits: str | None = None
    notes: tuple[str, ...] = ()
    restless: frozenset[str] = frozenset()
    place: str = ""
    again: datetime | None = None


@dataclass(frozen=True, slots=True)
class CopySight:
    """What stands at one destination: the entries of every folder that the day's files go to, by path."""

    copy: Copy
    destinations: Mapping[str, str]
    entries: Mapping[str, RemoteFile]
    place: str = ""
    folds: bool = False
    marker: str | None = None

    def is_source(self, source: SourceSight, claim: RemoteFile) -> bool:
        """Whether the copy of a file would be that very file, as far as names tell."""
        return self.place == source.place and self.destinations[claim.path] == claim.path


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the ledger knows of the day: current receipts by (copy, source path), and whether something is left open.

    `recorded` holds the copies whose day is on record as published or empty; `loose` says what an earlier run left
    behind (markers, intents, an unfinished day), if anything.
    """

    receipts: Mapping[tuple[str, str], Receipt]
    recorded: Collection[str] = ()
    loose: str | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for beyond what is due: sending proven files again, all of them or one.

    `patient` is how switches ask: what has not settled waits, and so does what failed a short while ago; of new files
    one batch is taken. A person who asks does not wait.
    """

    resend: bool = False
    resend_file: str | None = None
    patient: bool = False

    def again(self, file: SourceFile) -> bool:
        """Whether this file is to be sent whatever is proven."""
        return self.resend and self.resend_file in (None, file.relative, file.claim.path)


@dataclass(slots=True)
class _Draft:
    actions: list[Action] = field(default_factory=list[Action])
    notes: list[str] = field(default_factory=list[str])


def make_plan(
    job: Job,
    day: date | None,
    source: SourceSight,
    copies: Collection[CopySight],
    known: Remembered,
    wish: Wish | None = None,
) -> DayPlan:
    """What is due for one day, with a reason for every file; the same answer for the same sights."""
    if source.waits is not None:
        return DayPlan(job.name, day, "waiting", notes=(source.waits, *source.notes), again=source.again)
    draft = _Draft(notes=list(source.notes))
    for odd in source.odd:
        draft.actions.append(Action("ignore", odd, "", "", f"a {odd.kind}, not a regular file"))
    for sight in copies:
        draft.actions.extend(_copy_actions(sight, source, known, wish or Wish()))
        draft.notes.extend(_taken_away(sight, source, known))
    if job.delete_source and job.to and len(copies) == len(job.to):
        draft.actions.extend(_deletes(job, source, draft.actions, known))
    return DayPlan(
        job.name,
        day,
        _state([sight.copy.name for sight in copies], source, draft, known),
        tuple(draft.actions),
        tuple(draft.notes),
        source.again,
    )


def _state(copies: Collection[str], source: SourceSight, draft: _Draft, known: Remembered) -> type_of_day:
    if any(action.kind in DUE for action in draft.actions):
        return "due"
    if known.loose is not None:
        draft.notes.append(known.loose if source.there else f"{known.loose}, and its folder is gone")
        return "due"
    recorded = all(copy in known.recorded for copy in copies)
    if source.files:
        if not recorded and not any(action.kind == "wait" for action in draft.actions):
            draft.notes.append("everything is proven, but the day is not on record yet")
            return "due"
        return "done"
    if recorded:
        return "done"
    if not source.there:
        return "missing" if not known.receipts else "done"
    draft.notes.append("an empty day: to be recorded as published with 0 files")
    return "due"


def _copy_actions(sight: CopySight, source: SourceSight, known: Remembered, wish: Wish) -> Iterator[Action]:
    clashes = _clashes(sight, source)
    for file in source.files:
        kind, reason = _decide(sight, file, known, wish)
        destination = sight.destinations[file.claim.path]
        if sight.is_source(source, file.claim):
            kind, reason = "refuse", "the source stands at the destination: they are one and the same file"
        elif destination in clashes:
            kind, reason = "refuse", clashes[destination]
        elif file.claim.path in source.restless and kind in ("send", "adopt"):
            kind, reason = "wait", "changed a moment ago"
        yield Action(kind, file.claim, sight.copy.name, destination, reason, file.relative)  # type: ignore[arg-type]


def _decide(sight: CopySight, file: SourceFile, known: Remembered, wish: Wish) -> tuple[str, str]:
    copy, claim = sight.copy, file.claim
    destination = sight.destinations[claim.path]
    receipt = known.receipts.get((copy.name, claim.path))
    if receipt is not None and (receipt.destination, receipt.place) != (destination, sight.place):
        receipt = None
    there = sight.entries.get(destination)
    if there is not None and there.kind != "file":
        return "refuse", f"a {there.kind} stands at the destination; move it away"
    ours = there is not None and receipt is not None and is_intact(receipt, there)
    if wish.again(file):
        return ("send", "asked for again") if there is None or ours or copy.overwrite else _NOT_OURS
    proven = receipt is not None and receipt.content_version == claim.content_version
    if proven and receipt is not None:
        if there is None:
            if copy.if_gone == "send":
                return "send", "proven, but taken away since"
            if receipt.version != claim.version:
                return "adopt", "taken away since by its receiver, and its ctime changed: compared with the receipt"
            return "leave", "proven, and taken away since by its receiver"
        if ours and receipt.version == claim.version:
            return "skip", f"proven by {receipt.verification}"
        why = "its ctime changed" if ours else "the copy was touched since it was proven"
        return _compare_or_send(sight, there, claim, ours, why)
    if there is None:
        return "send", "changed since it was published" if receipt is not None else "not there yet"
    why = "changed since it was published" if receipt is not None else "there without a receipt"
    return _compare_or_send(sight, there, claim, ours, why)


def _compare_or_send(sight: CopySight, there: RemoteFile, claim: RemoteFile, ours: bool, why: str) -> tuple[str, str]:
    if there.size == claim.size:
        return "adopt", f"{why}, of equal size: compared, adopted if equal"
    if sight.copy.overwrite or ours:
        return "send", f"{why}, and differs in size"
    return _NOT_OURS


def is_intact(receipt: Receipt, there: RemoteFile) -> bool:
    """Whether a file at the destination is still the one that the receipt speaks of."""
    return (
        there.kind == "file"
        and there.size == receipt.copy_size
        and (receipt.copy_mtime is None or there.mtime_ns == receipt.copy_mtime)
        and (receipt.copy_inode is None or there.inode == receipt.copy_inode)
        and (receipt.copy_etag is None or there.etag == receipt.copy_etag)
    )


def _clashes(sight: CopySight, source: SourceSight) -> dict[str, str]:
    """Destinations that two sources would take, after folding where the place folds names; and marker names."""
    taken: dict[str, list[str]] = {}
    for file in source.files:
        destination = sight.destinations[file.claim.path]
        taken.setdefault(_folded(destination) if sight.folds else destination, []).append(file.claim.path)
    clashes: dict[str, str] = {}
    if sight.marker is not None and sight.marker in sight.destinations.values():
        clashes[sight.marker] = "this is the name of the copy's marker; choose another with `marker`"
    for sources in taken.values():
        if len(sources) > 1:
            reason = "two sources would get this name: " + ", ".join(sorted(sources)[:3])
            clashes.update({sight.destinations[path]: reason for path in sources})
    return clashes


def _folded(path: str) -> str:
    import unicodedata

    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())


def _deletes(job: Job, source: SourceSight, actions: list[Action], known: Remembered) -> Iterator[Action]:
    """Files that may go in this run: each copy is proven by content already, or will be by this run's own work."""
    kinds: dict[str, set[str]] = {}
    weak: set[str] = set()
    for action in actions:
        kinds.setdefault(action.source.path, set()).add(action.kind)
        receipt = known.receipts.get((action.copy, action.source.path))
        if action.kind in ("skip", "leave") and (receipt is None or receipt.verification not in STRONG):
            weak.add(action.source.path)
    for file in source.files:
        if kinds.get(file.claim.path, set()) <= {"send", "adopt", "skip", "leave"} and file.claim.path not in weak:
            yield Action("delete", file.claim, "", "", f"once all {len(job.to)} copies are proven", file.relative)


def _taken_away(sight: CopySight, source: SourceSight, known: Remembered) -> Iterator[str]:
    """Freed files whose copy is not there any more: told, not failed, for there is nothing left to send."""
    present = {file.claim.path for file in source.files}
    folders = {parent(path) for path in sight.destinations.values()}
    for (copy, path), receipt in known.receipts.items():
        freed = copy == sight.copy.name and path not in present
        if freed and receipt.destination not in sight.entries and parent(receipt.destination) in folders:
            yield f"{receipt.destination}: published from a source that is gone, and taken away since"

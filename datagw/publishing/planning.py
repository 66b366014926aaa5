"""The decision, pure: listings and receipts in, actions and reasons out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from datagw.files import RemoteFile, parent
from datagw.jobs import Copy, Job
from datagw.ledger import Receipt
from datagw.publishing.plans import DUE, Action, DayPlan, Step, type_of_day

STRONG = ("hash", "readback")
ONE_FILE = "the source stands at the destination: they are one and the same file"
_GOOD = frozenset({"send", "adopt", "skip", "leave"})
_NOT_OURS = ("refuse", "a file that datagw did not write stands there, and overwrite = false")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of the source: its claim (path on the gateway) and its path relative to the day's folder."""

    claim: RemoteFile
    relative: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Why a file is left for later, and until when (UTC) at least, if that can be told."""

    reason: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class SourceSight:
    """What stands at the source for one day; of new files, those of one batch.

    `there` says whether the day's folder (or any file of the day) exists; `waits` why the day is not complete yet (a
    marker that is not ours); `odd` holds what is no regular file; `restless` why files wait, by path: they have not
    settled, or are being written to; `later` the files of further batches; `place` tells which place it is; `unseen`
    why files that are listed cannot be looked at, by path.
    """

    there: bool
    files: tuple[SourceFile, ...] = ()
    odd: tuple[RemoteFile, ...] = ()
    waits: str | None = None
    notes: tuple[str, ...] = ()
    restless: Mapping[str, Wait] = field(default_factory=dict[str, Wait])
    later: Sequence[SourceFile] = ()
    place: str = ""
    unseen: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class CopySight:
    """What stands at one destination: the entries of every folder that the day's files go to, by path.

    `refused` says, by source path, why a file has no destination; without `shows`, what was published there cannot be
    seen, and its receipt is all that there is. `manifest` and `pointer` are where the copy's go, if it has them.
    """

    copy: Copy
    destinations: Mapping[str, str]
    entries: Mapping[str, RemoteFile]
    place: str = ""
    folds: bool = False
    marker: str | None = None
    refused: Mapping[str, str] = field(default_factory=dict[str, str])
    shows: bool = True
    manifest: str | None = None
    pointer: str | None = None

    def is_source(self, source: SourceSight, claim: RemoteFile) -> bool:
        """Whether the copy of a file would be that very file, as far as names tell, through whatever root."""
        destination = self.destinations.get(claim.path)
        return destination is not None and _at(self.place, destination) == _at(source.place, claim.path)


def _at(place: str, path: str) -> str:
    return f"{place.rstrip('/')}/{path}"


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the ledger knows of the day: current receipts by (copy, source path), and whether something is left open.

    `recorded` holds the copies whose day is on record as published or empty; `loose` says what an earlier run left
    behind (markers, intents, an unfinished day), if anything; `others` the receipts of other sources that were
    published under names which are wanted now, by (copy, destination).
    """

    receipts: Mapping[tuple[str, str], Receipt]
    recorded: Collection[str] = ()
    loose: str | None = None
    others: Mapping[tuple[str, str], Receipt] = field(default_factory=dict[tuple[str, str], Receipt])


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for beyond what is due: sending proven files again, all of them or one.

    `patient` is how switches ask: what has not settled waits, and so does what failed a short while ago; of new files
    one batch is taken. A person who asks does not wait. `files` names the new files that alone are asked for, by their
    relative paths, whether they are taken already or not. `planned` holds to a plan: what is due but no step of it
    waits.
    """

    resend: bool = False
    resend_file: str | None = None
    patient: bool = False
    files: frozenset[str] | None = None
    planned: frozenset[Step] | None = None

    def again(self, file: SourceFile) -> bool:
        """Whether this file is to be sent whatever is proven."""
        return self.resend and self.resend_file in (None, file.relative, file.claim.path)


@dataclass(slots=True)
class _Draft:
    actions: list[Action] = field(default_factory=list[Action])
    notes: list[str] = field(default_factory=list[str])

    @property
    def due(self) -> bool:
        return any(action.kind in DUE for action in self.actions)

    @property
    def waits(self) -> bool:
        return any(action.kind == "wait" for action in self.actions)


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
        return DayPlan(job.name, day, "waiting", notes=(source.waits, *source.notes))
    draft = _Draft(notes=list(source.notes))
    for odd in source.odd:
        draft.actions.append(Action("ignore", odd, "", "", f"a {odd.kind}, not a regular file"))
    for sight in copies:
        draft.actions.extend(_copy_actions(job, sight, source, known, wish or Wish()))
        if not job.new_files:
            draft.notes.extend(_taken_away(sight, source, known))
    if job.frees and job.to and len(copies) == len(job.to):
        draft.actions.extend(_goings(job, source, draft.actions, known))
    names = [sight.copy.name for sight in copies]
    state = _state_of_batch(job, names, source, draft, known) if job.new_files else _state(names, source, draft, known)
    if state == "done" and source.files and any(sight.manifest not in (None, *sight.entries) for sight in copies):
        state = "due"
        draft.notes.append("everything is proven, but its manifest is not there")
    waiting = {action.source.path for action in draft.actions if action.kind == "wait"}
    again = soonest(None, (wait for path, wait in source.restless.items() if path in waiting))
    return DayPlan(job.name, day, state, tuple(draft.actions), tuple(draft.notes), again)


def soonest(again: datetime | None, waits: Iterable[Wait]) -> datetime | None:
    """The first of these moments, if there is any."""
    return min((moment for moment in (again, *(wait.until for wait in waits)) if moment is not None), default=None)


def _state_of_batch(
    job: Job, copies: Collection[str], source: SourceSight, draft: _Draft, known: Remembered
) -> type_of_day:
    """New files have no day to be finished: something is to be done with one of them, or left to be tidied up."""
    if draft.due:
        return "due"
    idle = {action.source.path for action in draft.actions if action.kind == "wait"}
    if job.takes and len(copies) == len(job.to) and any(file.claim.path not in idle for file in source.files):
        draft.notes.append("proven at every copy, to be put on record")
        return "due"
    if draft.waits:
        return "waiting"
    if known.loose is not None and not source.later:
        draft.notes.append(known.loose)
        return "due"
    return "done"


def _state(copies: Collection[str], source: SourceSight, draft: _Draft, known: Remembered) -> type_of_day:
    if draft.due:
        return "due"
    if known.loose is not None:
        draft.notes.append(known.loose if source.there else f"{known.loose}, and its folder is gone")
        return "due"
    recorded = all(copy in known.recorded for copy in copies)
    if source.files:
        if not recorded and not draft.waits:
            draft.notes.append("everything is proven, but the day is not on record yet")
            return "due"
        return "done"
    if recorded:
        return "done"
    if not source.there:
        return "missing" if not known.receipts else "done"
    draft.notes.append("an empty day: to be recorded as published with 0 files")
    return "due"


def _copy_actions(job: Job, sight: CopySight, source: SourceSight, known: Remembered, wish: Wish) -> Iterator[Action]:
    clashes = _clashes(sight, source)
    for file in source.files:
        destination = sight.destinations.get(file.claim.path, "")
        if file.claim.path in source.unseen:
            kind, reason = "refuse", source.unseen[file.claim.path]
        elif file.claim.path in sight.refused:
            kind, reason = "refuse", sight.refused[file.claim.path]
        else:
            kind, reason = _decide(job, sight, file, known, wish)
        if sight.is_source(source, file.claim):
            kind, reason = "refuse", ONE_FILE
        elif destination in clashes:
            kind, reason = "refuse", clashes[destination]
        if kind in DUE and (wait := source.restless.get(file.claim.path)) is not None:
            kind, reason = "wait", wait.reason
        there = sight.entries.get(destination)
        yield Action(kind, file.claim, sight.copy.name, destination, reason, file.relative, there)  # type: ignore[arg-type]


def _decide(job: Job, sight: CopySight, file: SourceFile, known: Remembered, wish: Wish) -> tuple[str, str]:
    copy, claim = sight.copy, file.claim
    destination = sight.destinations[claim.path]
    receipt = known.receipts.get((copy.name, claim.path))
    if receipt is not None and (receipt.destination, receipt.place) != (destination, sight.place):
        receipt = None
    if not sight.shows:
        return _decide_unseen(job, receipt, claim, asked=wish.again(file))
    there = sight.entries.get(destination)
    if there is not None and there.kind != "file":
        return "refuse", f"a {there.kind} stands at the destination; move it away"
    ours = there is not None and receipt is not None and is_intact(receipt, there)
    other = known.others.get((copy.name, destination))
    if there is not None and other is not None and not ours and is_intact(other, there):
        return _beside(other, there, claim, asked=wish.again(file))
    if wish.again(file):
        return ("send", "asked for again") if there is None or ours or copy.overwrite else _NOT_OURS
    if receipt is not None and receipt.content_version == claim.content_version:
        return _decide_proven(sight, receipt, there, claim, ours)
    if receipt is not None and job.again:
        return ("send", "taken again") if there is None or ours or copy.overwrite else _NOT_OURS
    if there is None:
        if receipt is not None and job.new_files and copy.if_gone == "leave" and receipt.size == claim.size:
            return "adopt", "changed since it was published, and taken away: compared with the receipt"
        return "send", "changed since it was published" if receipt is not None else "not there yet"
    why = "changed since it was published" if receipt is not None else "there without a receipt"
    return _compare_or_send(sight, there, claim, ours, why)


def _decide_unseen(job: Job, receipt: Receipt | None, claim: RemoteFile, *, asked: bool) -> tuple[str, str]:
    """At a place that shows nothing of what it took, the receipt counts, whatever `if_gone` says."""
    if asked:
        return "send", "asked for again"
    if receipt is None:
        return "send", "not taken yet"
    if receipt.version == claim.version:
        return "skip", "taken already"
    if receipt.content_version == claim.content_version:
        return "adopt", "its ctime changed since it was taken: compared with the receipt"
    if not job.watches:
        return "send", "a new occasion"
    if receipt.size == claim.size and not job.again:
        return "adopt", "changed since it was taken, of equal size: compared with the receipt"
    return "send", "taken again" if job.again else "changed since it was taken"


def _decide_proven(
    sight: CopySight, receipt: Receipt, there: RemoteFile | None, claim: RemoteFile, ours: bool
) -> tuple[str, str]:
    if there is None:
        if sight.copy.if_gone == "send":
            return "send", "proven, but taken away since"
        if receipt.version != claim.version:
            return "adopt", "taken away since by its receiver, and its ctime changed: compared with the receipt"
        return "leave", "proven, and taken away since by its receiver"
    if ours and receipt.version == claim.version:
        return "skip", f"proven by {receipt.verification}"
    why = "its ctime changed" if ours else "the copy was touched since it was proven"
    return _compare_or_send(sight, there, claim, ours, why)


def _beside(other: Receipt, there: RemoteFile, claim: RemoteFile, *, asked: bool) -> tuple[str, str]:
    """Another source was published under this name: its copy is never replaced, but one equal file may be both."""
    if there.size == claim.size and not asked:
        return "adopt", f"{other.source} was published under this name: compared, adopted if equal"
    return "refuse", f"{other.source} was published under this name"


def _compare_or_send(sight: CopySight, there: RemoteFile, claim: RemoteFile, ours: bool, why: str) -> tuple[str, str]:
    if there.size == claim.size:
        return "adopt", f"{why}, of equal size: compared, adopted if equal"
    if sight.copy.overwrite or ours:
        return "send", f"{why}, and differs in size"
    return _NOT_OURS


def is_enough(job: Job, receipt: Receipt) -> bool:
    """Whether a file may go from its source by this receipt.

    Deleted only if its content is known to be elsewhere; moved also if a place that shows nothing has taken it.
    """
    return receipt.verification in STRONG or (receipt.verification == "accepted" and not job.delete_source)


def is_intact(receipt: Receipt, there: RemoteFile) -> bool:
    """Whether a file at the destination is still the one of the receipt; by its etag alone where it has one.

    A store of objects tells the time that was put down with a file when it is asked for it, and another in its lists.
    """
    return (
        there.kind == "file"
        and there.size == receipt.copy_size
        and (receipt.copy_etag is not None or receipt.copy_mtime in (None, there.mtime_ns))
        and (receipt.copy_inode is None or there.inode == receipt.copy_inode)
        and (receipt.copy_etag is None or there.etag == receipt.copy_etag)
    )


def _clashes(sight: CopySight, source: SourceSight) -> dict[str, str]:
    """Destinations that two sources would take, after folding where the place folds names, or that a file has under
    another spelling; and marker names.
    """
    taken: dict[str, list[str]] = {}
    for file in source.files:
        if file.claim.path in sight.refused:
            continue
        destination = sight.destinations[file.claim.path]
        taken.setdefault(folded(destination) if sight.folds else destination, []).append(file.claim.path)
    clashes: dict[str, str] = {}
    if sight.marker is not None and sight.marker in sight.destinations.values():
        clashes[sight.marker] = "this is the name of the copy's marker; choose another with `marker`"
    for key, path in (("manifest", sight.manifest), ("pointer", sight.pointer)):
        if path is not None and path in sight.destinations.values():
            clashes[path] = f"this is the name of the copy's {key}; choose another with `{key}`"
    for sources in taken.values():
        if len(sources) > 1:
            reason = "two sources would get this name: " + ", ".join(sorted(sources)[:3])
            clashes.update({sight.destinations[path]: reason for path in sources})
    if sight.folds:
        standing = {folded(path): path for path in sight.entries}
        for path in sight.destinations.values():
            if path not in sight.entries and folded(path) in standing:
                clashes[path] = f"{standing[folded(path)]} stands there, which is the same name at this place"
    return clashes


def folded(path: str) -> str:
    """What two names have in common that differ in case or Unicode form alone."""
    import unicodedata

    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())


def _goings(job: Job, source: SourceSight, actions: list[Action], known: Remembered) -> Iterator[Action]:
    """Files that may go in this run: each copy is proven by content already, or will be by this run's own work."""
    kinds: dict[str, set[str]] = {}
    weak: set[str] = set()
    for action in actions:
        kinds.setdefault(action.source.path, set()).add(action.kind)
        receipt = known.receipts.get((action.copy, action.source.path))
        if action.kind in ("skip", "leave") and (receipt is None or not is_enough(job, receipt)):
            weak.add(action.source.path)
    kind, held = ("delete" if job.delete_source else "move"), weak | source.restless.keys()
    for file in source.files:
        if kinds.get(file.claim.path, set()) <= _GOOD and file.claim.path not in held:
            yield Action(kind, file.claim, "", "", _once(job), file.relative)


def _once(job: Job) -> str:
    if job.work is not None:
        return "once it is taken"
    return "once its copy is proven" if len(job.to) == 1 else f"once all {len(job.to)} copies are proven"


def _taken_away(sight: CopySight, source: SourceSight, known: Remembered) -> Iterator[str]:
    """Freed files whose copy is not there any more: told, not failed, for there is nothing left to send."""
    present = {file.claim.path for file in source.files}
    folders = {parent(path) for path in sight.destinations.values()}
    for (copy, path), receipt in known.receipts.items():
        freed = copy == sight.copy.name and path not in present
        if freed and receipt.destination not in sight.entries and parent(receipt.destination) in folders:
            yield f"{receipt.destination}: published from a source that is gone, and taken away since"

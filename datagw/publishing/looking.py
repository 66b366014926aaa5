"""The looks: what stands at the source, at the destinations and in the ledger. They change nothing.

An outage raises; it is never taken for an absence.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path

from datagw.errors import NotFound, Rejected, Unavailable
from datagw.files import RemoteFile, StagedFile, is_own_name, join, parent
from datagw.gateways.base import Gateway
from datagw.gateways.front.hooks import seen_again
from datagw.gateways.front.unchanged import open_for_writing
from datagw.jobs import Copy, Job, Source
from datagw.ledger import Ledger
from datagw.publishing.leftovers import intents_of
from datagw.publishing.listed import unseen
from datagw.publishing.markers import copy_marker, waiting_for
from datagw.publishing.planning import CopySight, Remembered, SourceFile, SourceSight, Wait, folded
from datagw.publishing.settling import too_new
from datagw.publishing.unlisted import entries


def look_at_source(
    job: Job,
    day: date | None,
    gateway: Gateway,
    ledger: Ledger,
    now: datetime,
    known: dict[str, str] | None = None,
) -> SourceSight:
    """The files of one day (or of a job without days), in name order, and what keeps them from being published.

    Of new files, those that are as they are `known`, by path and version, are left out, and leave `known`.
    """
    require_root(job, gateway)
    source, pattern = job.source, job.source.pattern
    notes: list[str] = []
    marked: list[str] = []

    def ls(folder: str) -> Iterator[RemoteFile]:
        own = pattern.is_own_folder(folder)
        for entry in entries(job, day, gateway, folder) if known is None else gateway.ls_unknown(folder, known):
            marked.extend([entry.path] if own and entry.name == job.marker else [])
            notes.extend(_put_aside(entry))
            yield entry

    try:
        found = list(pattern.files(ls, day, hidden=source.hidden, exclude=_excluder(source)))
    except NotFound:
        if day is not None:
            return SourceSight(there=False, place=gateway.place)
        if gateway.keeps_folders:
            raise
        found = list[RemoteFile]()
    ours = {intent.part for intent in ledger.intents(job.name, day, "")} if notes else set[str]()
    wanted = re.compile(source.regex) if source.regex else None
    odd: list[RemoteFile] = []
    files: list[SourceFile] = []
    of_the_day = pattern.on(day)
    for entry in found:
        claim = _followed(gateway, entry) if entry.kind == "symlink" and source.symlinks == "follow" else entry
        if claim.kind != "file":
            odd.append(entry)
        elif claim is not entry and known is not None and seen_again(known, claim.path, claim.version):
            continue
        elif entry.name != job.marker and (_takes(source, claim.size) or claim.path in gateway.live.unseen):
            relative = of_the_day.relative(entry.path)
            if wanted is None or wanted.fullmatch(relative):
                files.append(SourceFile(claim, gateway.named(relative)))
    if pattern.exact and known is None and not (files or odd) and not ledger.current_receipts(job.name, day):
        raise gateway.placed(NotFound("the source file is not there", path=pattern.exact))
    return SourceSight(
        there=bool(files) or _folder_stands(job, day, gateway),
        files=tuple(files),
        odd=tuple(odd),
        waits=waiting_for(job, day, gateway, ledger, marked),
        notes=(*gateway.live.notes, *(note for note in notes if note.partition(":")[0] not in ours)),
        restless={file.claim.path: wait for file in files if (wait := too_new(file.claim, now)) is not None},
        place=gateway.place,
        unseen=unseen(gateway, files),
    )


def _put_aside(entry: RemoteFile) -> Iterator[str]:
    if is_own_name(entry.path) and entry.path.endswith(".aside"):
        yield f"{entry.path}: put aside by a run that nobody remembers; look at it, then rename it back"


def _folder_stands(job: Job, day: date | None, gateway: Gateway) -> bool:
    """Whether a day without files has a folder all the same, once its base has been listed; dated files have none."""
    pattern = job.source.pattern
    if day is None or pattern.name_codes() or not gateway.can("ls"):
        return day is None
    return pattern.folder_is_the_days or any(pattern.folders(gateway.ls, day, hidden=job.source.hidden))


def require_root(job: Job, gateway: Gateway) -> None:
    """Raises where the source root is not there: an unmounted disk is no empty folder."""
    if not gateway.can("ls"):
        return  # it shows no folders either; the look at the file itself will tell
    root = job.source.pattern.root
    try:
        found = gateway.stat(root)
    except NotFound as error:
        if not gateway.keeps_folders:
            return  # the place itself is there; a folder without files is not to be seen in it
        outage = Unavailable("the source root is not there; is the disk mounted, the folder made?", path=root)
        raise gateway.placed(outage) from error
    if found.kind not in ("folder", "symlink") and job.source.pattern.exact is None:
        raise Unavailable("the source root is not a folder", path=root, gateway=gateway.name)


def look_at_copy(
    copy: Copy,
    gateway: Gateway,
    files: Iterable[SourceFile],
    day: date | None,
    first_seen: Mapping[tuple[str, str], date],
    today: date | None = None,
) -> CopySight:
    """The destinations that the files would take, and the entries of every folder that they lie in."""
    destinations = {
        file.claim.path: copy.template.fill(
            file.relative, day, first_seen.get((file.claim.path, file.claim.content_version), today)
        )
        for file in files
    }
    marker = copy_marker(copy, day, gateway)
    manifest = None if copy.manifest is None else join(copy.template.folder(day), copy.manifest)
    pointer = None if copy.pointer is None else join(copy.template.root, copy.pointer)
    entries: dict[str, RemoteFile] = {}
    if gateway.shows and not gateway.can("ls"):
        entries = looked_up(gateway, list(dict.fromkeys(destinations.values())))
    elif gateway.shows:
        wanted = {parent(path) for path in (*destinations.values(), *([manifest] if manifest else []))}
        for folder in _there(gateway, sorted(wanted)):
            entries.update(listed(gateway, folder))
    folds = gateway.folds or _folds(gateway, destinations.values(), entries)
    return CopySight(
        copy,
        destinations,
        entries,
        gateway.place,
        folds,
        marker,
        shows=gateway.shows,
        manifest=manifest,
        pointer=pointer,
    )


def _folds(gateway: Gateway, wanted: Iterable[str], there: Collection[str]) -> bool:
    """Whether a far place, which does not tell, finds a file under a spelling that its list does not show."""
    missing = [path for path in wanted if path not in there]
    listed = {folded(path) for path in there} if missing else set[str]()
    other = next((path for path in missing if folded(path) in listed), None)
    return other is not None and isinstance(gateway.stat_many([other])[0], RemoteFile)


def looked_up(gateway: Gateway, paths: Sequence[str]) -> dict[str, RemoteFile]:
    """What stands under these names, by path. One that is rejected is left out: sending will say what is in the way."""
    entries: dict[str, RemoteFile] = {}
    for path, found in zip(paths, gateway.stat_many(paths), strict=True):
        if isinstance(found, RemoteFile):
            entries[path] = found
        elif not isinstance(found, NotFound | Rejected):
            raise found
    return entries


def _there(gateway: Gateway, folders: list[str]) -> list[str]:
    """The folders, or none where what they all lie in is not there yet: one question instead of one for each."""
    base = os.path.commonpath(folders) if len(folders) > 1 else ""
    try:
        if base:
            gateway.stat(base)
    except NotFound:
        return []
    return folders


def listed(gateway: Gateway, folder: str) -> dict[str, RemoteFile]:
    """The entries of a destination folder by path; none where it is not made yet, or a file stands in its way."""
    try:
        return {entry.path: entry for entry in gateway.ls(folder)}
    except (NotFound, Rejected):
        return {}  # sending will say what is in the way, of those files alone


def remember(job: Job, day: date | None, ledger: Ledger) -> Remembered:
    """What the ledger knows of the day."""
    with ledger.looking():
        return _remembered(job, day, ledger)


def _remembered(job: Job, day: date | None, ledger: Ledger) -> Remembered:
    copies = {copy.name for copy in job.to}
    recorded = {row.copy: row.state for row in ledger.days_on(job.name, day) if row.copy in copies}
    loose = None
    if any(state in ("unfinished", "failed") for state in recorded.values()):
        loose = "an earlier run did not finish this day"
    elif ledger.markers_on(job.name, day):
        loose = "markers of an earlier run still stand"
    elif intents_of(job, day, ledger):
        loose = "an earlier run was interrupted"
    done = [copy for copy, state in recorded.items() if state in ("published", "empty")]
    return Remembered(ledger.current_receipts(job.name, day), done, loose)


BUSY = Wait("somebody has it open for writing")


def is_busy(gateway: Gateway, claim: RemoteFile) -> bool:
    """Whether somebody has the source file open for writing; only a local disk can tell."""
    if gateway.type != "local":
        return False
    try:
        descriptor = os.open(gateway.full(claim.path), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False  # sending it will say what is wrong with it
    try:
        return open_for_writing(descriptor)
    finally:
        os.close(descriptor)


def in_place(gateway: Gateway, claim: RemoteFile) -> StagedFile:
    """A local source, used where it stands."""
    native = gateway.full(claim.path)
    return StagedFile(Path(os.path.realpath(native) if os.path.islink(native) else native), claim)


def local_path(gateway: Gateway, path: str) -> Path:
    """Where a path of a local gateway is on this machine."""
    return Path(gateway.full(path))


def _takes(source: Source, size: int) -> bool:
    return (source.min_size is None or size >= source.min_size) and (source.max_size is None or size <= source.max_size)


def _excluder(source: Source) -> Callable[[str], bool] | None:
    """Whether a relative path (of a folder: with a slash at its end) is left out: by its name or by the whole of it."""
    if not source.exclude:
        return None

    def excluded(path: str) -> bool:
        relative = path.rstrip("/")
        names = (relative, relative.rpartition("/")[2])
        return any(fnmatch.fnmatchcase(name, glob.rstrip("/")) for glob in source.exclude for name in names)

    return excluded


def _followed(gateway: Gateway, link: RemoteFile) -> RemoteFile:
    """The regular file that a link leads to, if it lies within the root; else the link itself."""
    if gateway.type != "local":
        return link
    real = os.path.realpath(local_path(gateway, link.path))
    root = os.path.realpath(gateway.full(""))
    if root != "/" and not real.startswith(root + "/"):
        return link
    try:
        found = RemoteFile.from_stat(link.path, os.stat(real))
    except OSError:
        return link
    return found if found.kind == "file" else link

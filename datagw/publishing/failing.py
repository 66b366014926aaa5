"""New files that failed for good: moved out of the way, with a text beside them that says why."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from datagw.errors import Changed, GatewayError, NotFound
from datagw.files import parent, part_name
from datagw.gateways.base import Gateway
from datagw.gateways.front.reading import Rename
from datagw.publishing.copying import CopyWork
from datagw.publishing.moving import beside, move_by_copy
from datagw.publishing.planning import SourceFile
from datagw.publishing.results import FileFailure
from datagw.publishing.world import World

ERROR_SUFFIX = ".error.txt"

_FIRST_WORDS = b"datagw could not publish this file, and will not try again: "
_LONGEST_TEXT = 1 << 20  # bytes; what is longer, no text of ours can be


def failed_for_good(works: Sequence[CopyWork]) -> dict[str, list[FileFailure]]:
    """The failures of each file that would fail again, by source path.

    A place that takes no file at all at that moment is another matter, and found out by giving it one.
    """
    found: dict[str, list[FileFailure]] = {}
    for work in works:
        takes: dict[str, bool] = {}
        for failure in work.failures:
            if not failure.final:
                continue
            folder = parent(work.sight.destinations.get(failure.source, ""))
            if failure.source not in work.refused and folder not in takes:
                takes[folder] = not work.gateway.shows or _takes_files(work.gateway, folder)
            if failure.source in work.refused or takes[folder]:
                found.setdefault(failure.source, []).append(failure)
    return found


def set_apart(
    world: World, job: str, source: Gateway, file: SourceFile, target: str, failures: Sequence[FileFailure]
) -> str | None:
    """The path to which a failed file was moved: `target`, or with its version in it where that name is taken.

    None where it is no longer the file that failed. The text goes first, so that no file stands there without one.
    Raises GatewayError where the file cannot be moved; it is in its place then.
    """
    claim = file.claim
    if _version(source, claim.path) != claim.content_version:
        return None
    target = _free_name(source, target, claim.content_version)
    text = target + ERROR_SUFFIX
    part = part_name(f"{world.ledger.id} why {job} failed", text)
    source.put(_why(world, job, source, file, failures), text, replace=_is_ours(source, text), part=part)
    if not source.can("rename"):
        moved = move_by_copy(source, claim, target, _tag(claim.content_version))
        if isinstance(moved, GatewayError):
            source.rm(text)
            if isinstance(moved, Changed | NotFound):
                return None
            raise moved
        return moved
    _rename(source, claim.path, target)
    if _version(source, target) == claim.content_version:
        return target
    _rename(source, target, claim.path)  # it changed at this very moment: the next look takes it as it is now
    source.rm(text)
    return None


def _free_name(source: Gateway, target: str, version: str) -> str:
    """`target`, or with the version in it where that name, or that of the text beside it, is somebody else's."""
    free = (None,) if source.can("rename") else (None, version)  # a copy of an earlier run, which could not end it
    if _version(source, target) in free and _is_ours(source, target + ERROR_SUFFIX):
        return target
    return beside(target, _tag(version))


def _tag(version: str) -> str:
    return hashlib.sha256(version.encode("utf-8", "surrogateescape")).hexdigest()[:8]


def _is_ours(source: Gateway, text: str) -> bool:
    """Whether a text may be put there: nothing has the name, or one that was put there before."""
    try:
        there = source.stat(text)
    except NotFound:
        return True
    return there.kind == "file" and there.size <= _LONGEST_TEXT and source.read(text).startswith(_FIRST_WORDS)


def _rename(source: Gateway, path: str, target: str) -> None:
    (error,) = source.rename_many([Rename(path, target, False)])
    if error is not None:
        raise error


def _version(source: Gateway, path: str) -> str | None:
    try:
        return source.stat(path).content_version
    except NotFound:
        return None


def _takes_files(gateway: Gateway, folder: str) -> bool:
    try:
        gateway.prove_rights(folder)
    except GatewayError:
        return False
    return True


def _why(world: World, job: str, source: Gateway, file: SourceFile, failures: Sequence[FileFailure]) -> bytes:
    lines = [
        f"{_FIRST_WORDS.decode()}{source.shown(file.claim.path)}",
        "",
        *(f"- {failure.copy}: {failure.error}" for failure in failures),
        "",
        f"job {job}, run {world.run}, {world.now():%Y-%m-%d %H:%M:%S} UTC",
        f"version: {file.claim.version}",
        "",
        "Mend what is wrong, then move the file back to where it came from: it is taken as a new one.",
    ]
    return ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace")

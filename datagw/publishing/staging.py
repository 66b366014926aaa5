"""Staging: files of a remote source brought into the run's folder under `tmp_dir`; and the sweep of forgotten ones.

A large file that one copy alone wants is not brought here: it is read where it stands.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from datagw.errors import Full, GatewayError
from datagw.files import RemoteFile, StagedFile
from datagw.gateways.base import Gateway
from datagw.gateways.front.reading import Readable
from datagw.gateways.front.streaming import StreamedFile, Streams
from datagw.ledger import Owner
from datagw.publishing.looking import in_place
from datagw.publishing.world import World

_NOTE = ".datagw-staging"
_SPARE = 16 << 20  # bytes that are left to the disk
_TRIES = 3  # to remove a folder

_log = logging.getLogger("datagw")


def stage(
    world: World, source: Gateway, claims: Sequence[RemoteFile], streams: Streams, once: Collection[str]
) -> Iterator[Readable | GatewayError]:
    """Each file as it can be read, in the order asked: a local one where it stands, others whole in the run's folder.

    Those that `once` names, by their paths, need not be in hand: a large one is read where it stands as well.
    """
    if source.type == "local":
        yield from (in_place(source, claim) for claim in claims)
        return
    streamed = {claim.path for claim in claims if claim.path in once and streams.can(claim)}
    fetched = _fetched(world, source, [claim for claim in claims if claim.path not in streamed])
    for claim in claims:
        yield StreamedFile(claim, streams) if claim.path in streamed else next(fetched)


def _fetched(world: World, source: Gateway, claims: Sequence[RemoteFile]) -> Iterator[StagedFile | GatewayError]:
    """Whole, in the run's folder; Full before the first of them where there is no room for all."""
    open_folder(world.tmp_dir.parent, world.tmp_dir.name)
    needed = sum(claim.size for claim in claims)
    free = space_left(world.tmp_dir)
    if needed + _SPARE > free:
        message = (
            f"{needed:,} bytes are to be staged, but only {free:,} are free; free some, or set tmp_dir to another disk"
        )
        raise Full(message, path=str(world.tmp_dir), gateway="tmp_dir")
    yield from source.get_many(claims, world.tmp_dir)


def unstage(staged: Iterable[Readable]) -> None:
    """Removes what was brought here; a source that is used where it stands is left alone."""
    for one in staged:
        if isinstance(one, StagedFile) and one.owned:
            one.local.unlink(missing_ok=True)


def space_left(folder: Path) -> int:
    """Bytes that an ordinary user may still write below `folder`."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def open_folder(tmp_root: Path, run: str) -> Path:
    """The staging folder of a run, made, with a note in it that says which process it belongs to."""
    folder = tmp_root / run
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _NOTE).write_text(json.dumps(asdict(Owner.current())), "utf-8")
    return folder


def close_folder(folder: Path) -> None:
    """Removes a run's staging folder and all that is in it; no error where it is gone.

    Where something still writes there, which own code has left running, a later run removes the rest.
    """
    if (folder / _NOTE).exists() and not remove_tree(folder):
        open_folder(folder.parent, folder.name)


def remove_tree(folder: Path) -> bool:
    """Removes a folder and all that is in it, also where rights were taken from what is in it.

    False, with a line in the log, where something of it stays: another user's, or somebody still writes there.
    """
    problem: OSError | None = None
    for _ in range(_TRIES):
        try:
            shutil.rmtree(folder)
        except FileNotFoundError as error:  # somebody else removes it as well
            problem = error
            if not folder.exists():
                return True
        except OSError as error:
            problem = error
            _allow(folder)
        else:
            return True
    _log.warning("%s stays: %s", folder, problem)
    return False


def _allow(folder: Path) -> None:
    """Gives rights back to folders, as far as they are ours."""
    with contextlib.suppress(OSError):  # whoever removes it says so
        os.chmod(folder, 0o700)
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False):
                _allow(Path(entry.path))


def sweep(tmp_root: Path) -> list[str]:
    """Removes the staging folders whose process is no more (a killed run's), and nothing else; returns their names."""
    gone: list[str] = []
    for note in tmp_root.glob(f"*/{_NOTE}"):
        try:
            said = note.read_text("utf-8")
            owner = Owner(**json.loads(said))
        except (OSError, ValueError, TypeError):
            continue  # being made or removed at this moment
        if owner.alive() is False:
            if remove_tree(note.parent):
                gone.append(note.parent.name)
                continue
            with contextlib.suppress(OSError):  # not even the note went
                note.write_text(said, "utf-8")  # for the next sweep
    return gone

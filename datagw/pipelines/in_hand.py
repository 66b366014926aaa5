"""Files in hand: read and hashed before own code gets them, under their own names, and compared when it is done."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from datagw.errors import Changed, GatewayError, printable
from datagw.files import RemoteFile, StagedFile
from datagw.gateways.front.reading import Published, Reading


def unread(reading: Reading) -> GatewayError | None:
    """What is wrong with a file that is not what was planned, or that somebody writes to; else it is hashed now."""
    try:
        with reading.whole():
            return None
    except GatewayError as error:
        return error


def named(reading: Reading, folder: Path) -> Path:
    """A local path of the file that ends in the source's own name: itself, else another name for it in `folder`."""
    staged, relative = staged_of(reading), reading.final
    if staged.local.name == relative.rpartition("/")[2]:
        return staged.local
    path = folder / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    if staged.owned:
        os.link(staged.local, path)
    else:
        path.symlink_to(staged.local)
    return path


def changed(reading: Reading) -> GatewayError | None:
    """What to say of a local source that has become another while own code had it; one that is gone, it took."""
    staged = staged_of(reading)
    if staged.owned:
        return None
    try:
        found = RemoteFile.from_stat(staged.origin.path, os.stat(staged.local))
    except FileNotFoundError:
        return None
    if found.content_version != staged.origin.content_version:
        return Changed("the file changed while own code had it", path=staged.origin.path)
    return None


def keep_the_last(made: Path, readings: Sequence[Reading], folder: Path, log: logging.Logger) -> None:
    """Moves what own code has made, and not published, to `folder` for good, where it has removed its input.

    It may be all that there is of it.
    """
    gone = [one.local for one in map(staged_of, readings) if not one.owned and not os.path.lexists(one.local)]
    if gone and any(names for _, _, names in os.walk(made)):
        kept = tempfile.mkdtemp(prefix="kept-", dir=folder)
        os.rename(made, kept)
        text = "%s is gone, and what own code made of it is not published: it is kept in %s"
        log.error(text, printable(", ".join(map(str, gone[:3]))), kept)


def accepted(reading: Reading) -> Published:
    """Own code took the file; there is nothing to look at."""
    return Published(RemoteFile(reading.final, reading.size), "accepted")


def staged_of(reading: Reading) -> StagedFile:
    """The file behind a reading."""
    content = reading.upload.content
    if not isinstance(content, StagedFile):
        raise TypeError(f"{reading.final}: no file in hand")
    return content

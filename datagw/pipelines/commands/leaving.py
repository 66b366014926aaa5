"""What a program leaves in `{out}`: found, and published with all guarantees before its file counts as taken."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

from datagw.files import RemoteFile


def left_in(out: Path, log: logging.Logger) -> list[str]:
    """The files below a folder, in name order, as paths relative to it; links and special files are left alone."""
    found: list[str] = []
    for folder, folders, names in os.walk(out, onerror=_raise):
        for name in [*names, *folders]:
            native = os.path.join(folder, name)
            kind = RemoteFile.from_stat(name, os.lstat(native)).kind
            path = os.path.relpath(native, out)
            if kind == "file":
                found.append(path)
            elif kind != "folder":
                log.warning("{out}/%s: a %s, not a file; it is not published", path, kind)
    return sorted(found)


def remove(folder: Path, log: logging.Logger) -> None:
    """Removes a folder of ours, also where a program has taken rights from what is in it."""
    try:
        shutil.rmtree(folder)
    except PermissionError:
        _allow(folder)
        try:
            shutil.rmtree(folder)
        except OSError as error:
            log.warning("%s stays: %s", folder, error)


def _allow(folder: Path) -> None:
    try:
        os.chmod(folder, 0o700)
        below = [entry for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return  # another user's; whoever removes it says so
    for entry in below:
        _allow(Path(entry.path))


def _raise(error: OSError) -> None:
    raise error

"""What a program leaves in `{out}`: found, and published with all guarantees before its file counts as taken."""

from __future__ import annotations

import logging
import os
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


def _raise(error: OSError) -> None:
    raise error

"""Two trees compared byte for byte, without any code that publishes."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Comparison:
    """How many files and bytes are equal, and one line for each thing that is not."""

    files: int
    bytes: int
    differences: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """Whether there is nothing on one side that is not on the other."""
        return not self.differences


def compare(source: Path, copy: Path) -> Comparison:
    """Every file below both folders: same names, same bytes, same time to the second. Empty folders do not count."""
    ours, theirs = _files(os.fsencode(source)), _files(os.fsencode(copy))
    differences = [f"not published: {os.fsdecode(name)}" for name in sorted(ours.keys() - theirs.keys())]
    differences += [f"nobody's: {os.fsdecode(name)}" for name in sorted(theirs.keys() - ours.keys())]
    files = size = 0
    for name in sorted(ours.keys() & theirs.keys()):
        here, there = ours[name], theirs[name]
        if not _same_bytes(here, there):
            differences.append(f"other bytes: {os.fsdecode(name)}")
        elif int(os.stat(here).st_mtime) != int(os.stat(there).st_mtime):
            differences.append(f"another time: {os.fsdecode(name)}")
        else:
            files += 1
            size += os.stat(here).st_size
    return Comparison(files, size, tuple(differences))


def _files(root: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for folder, _, names in os.walk(root, onerror=_raise):
        for name in names:
            path = os.path.join(folder, name)
            if stat.S_ISREG(os.lstat(path).st_mode):
                found[os.path.relpath(path, root)] = path
    return found


def _raise(error: OSError) -> None:
    raise error


def _same_bytes(here: bytes, there: bytes) -> bool:
    with open(here, "rb") as one, open(there, "rb") as other:
        while True:
            left, right = one.read(_BLOCK), other.read(_BLOCK)
            if left != right:
                return False
            if not left:
                return True

"""What is sent: the same bytes for everybody, in one dated folder."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DAY = "20260201"
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Load:
    """A day: `files` files of `size` bytes each, spread over `folders` folders two levels down (0: none).

    Two levels, because circadian-scp-upload does not make a sub-folder that stands directly in a day.
    """

    name: str
    title: str
    files: int
    size: int
    folders: int
    most: float  # times what it is held against that datagw may take

    @property
    def bytes(self) -> int:
        return self.files * self.size

    def make(self, source: Path) -> None:
        """Writes the day below `source`; content that no compression shortens, and old enough to be settled."""
        seeded = random.Random(self.name)
        for path in self._paths(source / DAY):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                left = self.size
                while left:
                    left -= file.write(seeded.randbytes(min(_BLOCK, left)))
            os.utime(path, (1_760_000_000, 1_760_000_000))

    def _paths(self, day: Path) -> Iterator[Path]:
        for number in range(self.files):
            folder = day / "minutes" / f"part-{number % self.folders:02}" if self.folders else day
            yield folder / f"reading-{number:04}.dat"


def small(most: float) -> Load:
    return Load("small", "2,000 files of 10 KiB in 20 folders", 2000, 10 * 1024, 20, most)


def large(most: float) -> Load:
    return Load("large", "one file of 1 GiB", 1, 1 << 30, 0, most)


def difference(source: Path, target: Path) -> str | None:
    """What makes the two trees unlike, names and content, leftovers included; None where they are equal."""
    here, there = files_of(source), files_of(target)
    if here.keys() != there.keys():
        missing, extra = sorted(here.keys() - there.keys()), sorted(there.keys() - here.keys())
        return f"{len(missing)} files missing {missing[:3]}, {len(extra)} too many {extra[:3]}"
    unlike = [name for name, path in here.items() if not _equal(path, there[name])]
    return f"{len(unlike)} files differ {unlike[:3]}" if unlike else None


def files_of(folder: Path) -> dict[str, Path]:
    """The files below a folder, by their relative paths."""
    return {str(path.relative_to(folder)): path for path in folder.rglob("*") if not path.is_dir()}


def _equal(one: Path, other: Path) -> bool:
    with one.open("rb") as first, other.open("rb") as second:
        while True:
            block = first.read(_BLOCK)
            if block != second.read(_BLOCK):
                return False
            if not block:
                return True

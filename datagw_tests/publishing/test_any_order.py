"""Files that come, grow, are replaced, renamed, touched and removed in any order, while runs begin, end and die.

What somebody does to the source happens between two runs or inside one, wherever the run asks whether it may go on:
before each block, rename, receipt and delete. Nothing of the source is ever lost, and in the end all of it is published.
"""

from __future__ import annotations

import contextlib
import os
import random
from pathlib import Path
from typing import IO

import pytest

from datagw.files import is_own_name
from datagw_tests.publishing.station import Station

NAMES = ["a", "b", "sub/c", "sub/d"]


class Stop(BaseException):
    """The end of a process."""


class Somebody:
    """Works on the files of a day; knows what must be there, and sees to it that nothing of it is lost."""

    def __init__(self, seed: int, folder: Path, archive: Path) -> None:
        self.draw = random.Random(seed)
        self.folder = folder
        self.archive = archive
        self.content: dict[str, bytes] = {}  # of each name, what is at the source or was freed from there
        self.open: dict[str, IO[bytes]] = {}
        self.done: list[str] = []
        self.calm = 0
        self.deadly: int | None = None

    # ---- while a run is at work

    def may_end(self) -> bool:
        """Asked by the run all the time: does something now and then, and ends the process at the deadly moment."""
        if self.deadly is not None:
            self.deadly -= 1
            if self.deadly == 0:
                self.done.append("the run dies")
                raise Stop
        if self.calm:
            self.calm -= 1
        else:
            self.calm = self.draw.randrange(25)
            self.act()
        return False

    # ---- what is done

    def act(self) -> None:
        name = self.draw.choice(NAMES)
        act = self.draw.choice([self.write, self.write, self.append, self.replace, self.touch, self.remove, self.hold])
        self.check()
        self.done.append(f"{act.__name__} {name}")
        if name in self.open:
            self.let_go(name)
        else:
            act(name)

    def path(self, name: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def some(self) -> bytes:
        return self.draw.randbytes(self.draw.choice([0, 10, 5_000, 1_200_000, 2_500_000]))

    def write(self, name: str) -> None:
        self.content[name] = self.some()
        self.path(name).write_bytes(self.content[name])

    def append(self, name: str) -> None:
        with self.path(name).open("ab") as file:
            file.write(b"more")
        self.content[name] = self.path(name).read_bytes()

    def replace(self, name: str) -> None:
        other = self.folder.parent / "other"
        self.content[name] = self.some()
        other.write_bytes(self.content[name])
        other.replace(self.path(name))

    def touch(self, name: str) -> None:
        if self.path(name).exists():
            os.utime(self.path(name), (self.draw.randrange(10**9), self.draw.randrange(10**9)))

    def remove(self, name: str) -> None:
        self.path(name).unlink(missing_ok=True)
        self.content.pop(name, None)

    def hold(self, name: str) -> None:
        """Opens it for writing, and keeps it open."""
        self.open[name] = file = self.path(name).open("a+b")
        file.seek(0)
        self.content[name] = file.read()

    def let_go(self, name: str) -> None:
        """Writes to what was kept open; nobody may have deleted it."""
        with self.open.pop(name) as file:
            assert os.fstat(file.fileno()).st_nlink > 0, f"{name} was deleted while it was open for writing"
            file.write(b"last words")
            file.seek(0)
            self.content[name] = file.read()

    # ---- what must hold at any time

    def check(self) -> None:
        """Each file is at the source, or put aside there, or whole at the archive."""
        asides = [path.read_bytes() for path in self.folder.rglob(".datagw-*.aside")]
        for name, content in list(self.content.items()):
            here, there = self.folder / name, self.archive / name
            if here.exists():
                assert here.read_bytes() == content, f"{name} is not as it was left"
            elif content not in asides:
                assert there.exists(), f"{name} is lost"
                assert there.read_bytes() == content, f"{name} was freed, and its copy is another"

    def left(self) -> set[str]:
        found = (str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file())
        return {name for name in found if not is_own_name(name) and not name.endswith(".do-not-touch")}


@pytest.mark.parametrize("delete", [True, False], ids=["freed", "kept"])
@pytest.mark.parametrize("seed", range(25))
def test_nothing_is_lost_and_in_the_end_all_is_published(near: Station, seed: int, delete: bool) -> None:
    day, archive = near.data / "20260201", Path(near.archive.root) / "days/20260201"
    somebody = Somebody(seed, day, archive)
    job = {"delete_source": delete}
    try:
        for _ in range(5):
            for _ in range(somebody.draw.randrange(1, 4)):
                somebody.act()
            somebody.deadly = somebody.draw.choice([None, somebody.draw.randrange(1, 150)])
            with contextlib.suppress(Stop):
                (result,) = near.run(world={"should_abort": somebody.may_end}, **job)
                assert result.state != "failed", result
            somebody.check()
        for name in list(somebody.open):
            somebody.let_go(name)
        day.mkdir(exist_ok=True)
        (result,) = near.run(**job)
        assert result.state in ("published", "empty"), result
        somebody.check()
        assert somebody.left() == (set() if delete else {name for name in somebody.content if (day / name).exists()})
        for name, content in somebody.content.items():
            assert (archive / name).read_bytes() == content, name
        hidden = [path.name for path in [*day.rglob(".*"), *archive.rglob(".*")]]
        assert hidden == []
        assert near.ledger.all_intents("readings") == []
        assert near.ledger.markers("readings") == []
        (again,) = near.run(**job)
        assert (again.state, again.copies["archive"].sent_files) == (result.state, 0)
    except BaseException as error:
        error.add_note("; ".join(somebody.done))
        raise

"""A source that is itself on an SSH server: staged, watched and freed from there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from datagw.files import is_own_name
from datagw.gateways.local import Local
from datagw.gateways.sftp import Sftp
from datagw_tests.gateways.promise import NASTY
from datagw_tests.publishing.disturbing import Meanwhile, published
from datagw_tests.publishing.station import Station
from datagw_tests.servers.openssh import OpenSSH

FREED = {"delete_source": True}
BIG = bytes(range(256)) * 12_000
WHOLE = {"a": b"a" * 1000, "b": BIG, "c": b"c" * 1000}


@pytest.fixture
def station(sshd: OpenSSH, folder: Path, tmp_path: Path) -> Station:
    """Its files are written straight to the server's disk, and published to one of this machine's."""
    (tmp_path / "archive").mkdir()
    station = Station(tmp_path, Local(root=str(tmp_path / "archive")), source=Sftp(**sshd.fields(root=str(folder))))
    station.data = folder
    return station


def lay_out(station: Station) -> Path:
    station.write("20260201/a", WHOLE["a"])
    path = station.write("20260201/b", WHOLE["b"])
    station.write("20260201/c", WHOLE["c"])
    return path


def staged(station: Station) -> list[str]:
    """What is left in the staging folders, their notes left out."""
    return [path.name for path in (station.folder / "staging").rglob("*") if path.is_file() and path.name[0] != "."]


def test_a_day_is_fetched_published_and_freed(station: Station) -> None:
    lay_out(station)
    station.write("20260201/deep/er/x", b"x")
    station.write("20260201/empty", b"")
    (result,) = station.run(**FREED)
    assert (result.state, result.deleted) == ("published", 5)
    assert published(station) == WHOLE | {"deep/er/x": b"x", "empty": b""}
    assert list(station.data.iterdir()) == []
    assert staged(station) == []


def test_hostile_names_are_fetched_and_freed(station: Station) -> None:
    for n, name in enumerate(NASTY):
        station.write(f"20260201/{name}", b"%d" % n)
    (result,) = station.run(**FREED)
    assert (result.state, result.failures) == ("published", ())
    assert published(station) == {name: b"%d" % n for n, name in enumerate(NASTY)}
    assert list(station.data.iterdir()) == []


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def shrink(path: Path) -> None:
    os.truncate(path, 10)


def replace(path: Path) -> None:
    path.unlink()
    path.write_bytes(b"another")


@pytest.mark.parametrize("change", [grow, shrink, replace, Path.touch], ids=lambda change: change.__name__)
def test_a_file_that_changes_while_it_is_fetched_is_left_for_the_next_run(
    station: Station, change: Callable[[Path], None]
) -> None:
    path = lay_out(station)
    (result,) = station.run(world={"progress": Meanwhile(lambda: change(path), after=1_500_000)}, **FREED)
    assert (result.state, result.failures) == ("unfinished", ())
    assert {name for name in published(station) if not name.startswith(".")} == {"a", "c"}
    assert set(station.left()) == {"20260201/b", "20260201/.do-not-touch"}
    content = path.read_bytes()
    (result,) = station.run(**FREED)
    assert (result.state, published(station)) == ("published", WHOLE | {"b": content})
    assert list(station.data.iterdir()) == []
    assert staged(station) == []


def test_a_file_that_is_removed_before_it_is_fetched_is_no_failure(station: Station) -> None:
    path = lay_out(station)

    class Early(Meanwhile):
        def plan(self, label: str, files: int, size: int) -> None:
            path.unlink()

    (result,) = station.run(world={"progress": Early(lambda: None)}, **FREED)
    assert (result.state, result.failures) == ("unfinished", ())
    (result,) = station.run(**FREED)
    assert (result.state, set(published(station))) == ("published", {"a", "c"})


def test_a_file_that_changes_after_it_was_sent_is_not_deleted(station: Station) -> None:
    path = lay_out(station)
    (result,) = station.run(world={"progress": Meanwhile(lambda: grow(path), files=3)}, **FREED)
    assert result.state == "unfinished"
    assert path.read_bytes() == BIG + b"more"
    station.run(**FREED)
    assert published(station)["b"] == BIG + b"more"


def test_what_was_put_aside_and_has_changed_there_has_its_name_again(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the rename and the delete: the last look is at the file that is put aside."""
    path = lay_out(station)
    rename_many = Sftp._rename_many

    def and_write(self: Sftp, session: Any, renames: Any) -> Any:
        outcomes = list(rename_many(self, session, renames))
        for aside in path.parent.glob(".datagw-*.aside"):
            if aside.stat().st_size == len(BIG):
                grow(aside)
        return iter(outcomes)

    with monkeypatch.context() as patch:
        patch.setattr(Sftp, "_rename_many", and_write)
        (result,) = station.run(**FREED)
    assert (result.state, result.deleted) == ("unfinished", 2)
    assert path.read_bytes() == BIG + b"more"
    (result,) = station.run(**FREED)
    assert (result.state, published(station)["b"]) == ("published", BIG + b"more")
    assert list(station.data.iterdir()) == []


def test_killed_among_files_put_aside_the_next_run_takes_them_up(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stop(BaseException):
        pass

    lay_out(station)
    rm_many = Sftp._rm_many

    def killed(self: Sftp, session: Any, paths: Any) -> Any:
        first = next(paths)
        if first.endswith(".aside"):
            list(rm_many(self, session, iter([first])))
            raise Stop
        return rm_many(self, session, iter([first, *paths]))

    with monkeypatch.context() as patch, pytest.raises(Stop):
        patch.setattr(Sftp, "_rm_many", killed)
        station.run(**FREED)
    assert len([name for name in station.left() if is_own_name(name)]) == 2
    (result,) = station.run(**FREED)
    assert (result.state, result.copies["archive"].sent_files, result.copies["archive"].files) == ("published", 0, 3)
    assert (published(station), list(station.data.iterdir())) == (WHOLE, [])


def test_a_line_that_is_cut_while_the_day_is_fetched_is_tried_again(station: Station, sshd: OpenSSH) -> None:
    """The server's sessions die; what was fetched already is kept."""
    lay_out(station)

    (result,) = station.run(world={"progress": Meanwhile(sshd.cut, after=1_500_000)}, **FREED)
    assert (result.state, published(station)) == ("published", WHOLE)
    assert staged(station) == []


def test_no_room_to_stage_is_told_before_anything_is_fetched(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    from datagw.publishing import staging

    lay_out(station)
    monkeypatch.setattr(staging, "space_left", lambda _: 1_000_000)
    (result,) = station.run(**FREED)
    assert result.state == "failed"
    assert "set tmp_dir to another disk" in str(result.error)
    assert {name for name in station.left() if "touch" not in name} == {f"20260201/{name}" for name in "abc"}

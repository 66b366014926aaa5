"""What happens to files, disks and servers while a day is published; nothing is lost, and the next run ends it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from datagw_tests.publishing.disturbing import Meanwhile, published
from datagw_tests.publishing.station import Station

BIG = bytes(range(256)) * 12_000  # 3 MB: several blocks


def lay_out(station: Station) -> Path:
    """Three files, of which the middle one is large; its path."""
    station.write("20260201/a", b"a" * 1000)
    path = station.write("20260201/b", BIG)
    station.write("20260201/c", b"c" * 100)
    return path


def visible(station: Station) -> dict[str, bytes]:
    """The day at the archive, without markers and parts."""
    return {path: content for path, content in published(station).items() if not path.startswith(".")}


# ---- a file that does not keep still


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def shrink(path: Path) -> None:
    os.truncate(path, 1_000_000)


def replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"o" * len(BIG))
    os.utime(other, ns=(path.stat().st_mtime_ns, path.stat().st_mtime_ns))
    other.replace(path)


def rewrite_secretly(path: Path) -> None:
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(10)
        file.write(b"changed")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def touch(path: Path) -> None:
    path.touch()


def make_a_link_of_it(path: Path) -> None:
    path.rename(path.parent.parent / "moved")
    path.symlink_to("../moved")


def make_a_folder_of_it(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "inside").write_bytes(b"i")


def make_a_pipe_of_it(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


CHANGES = [grow, shrink, replace, rewrite_secretly, touch]
OTHER_KINDS = [make_a_link_of_it, make_a_folder_of_it, make_a_pipe_of_it]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_file_that_changes_while_it_is_sent_is_left_for_the_next_run(
    station: Station, change: Callable[[Path], None]
) -> None:
    path = lay_out(station)
    disturbed = Meanwhile(lambda: change(path), after=1_000_000)
    (result,) = station.run(delete_source=True, world={"progress": disturbed})
    assert disturbed.acted
    assert (result.state, result.failures, result.error) == ("unfinished", (), None)
    assert any("20260201/b" in line for line in result.late)
    assert set(visible(station)) == {"a", "c"}
    assert ".do-not-touch" in published(station)
    assert set(station.left()) == {"20260201/b", "20260201/.do-not-touch"}
    content = path.read_bytes()
    (result,) = station.run(delete_source=True)
    assert result.state == "published"
    assert published(station) == {"a": b"a" * 1000, "b": content, "c": b"c" * 100}
    assert station.left() == {}


@pytest.mark.parametrize("change", OTHER_KINDS, ids=lambda change: change.__name__)
def test_a_file_that_becomes_something_else_while_it_is_sent_is_no_failure(
    near: Station, change: Callable[[Path], None]
) -> None:
    path = lay_out(near)
    for after in (500, 1_000_000):  # before it is opened, and in its middle
        (result,) = near.run(world={"progress": Meanwhile(lambda: change(path), after=after)})
        assert (result.state, result.failures, result.error) == ("unfinished", (), None), after
        assert set(visible(near)) == {"a", "c"}
        path.unlink() if not path.is_dir() else (path / "inside").unlink() or path.rmdir()
        path.write_bytes(BIG + b"%d" % after)


def test_a_file_that_is_removed_while_it_is_sent_is_no_failure(station: Station) -> None:
    path = lay_out(station)
    (result,) = station.run(delete_source=True, world={"progress": Meanwhile(path.unlink, after=1_000_000)})
    assert (result.state, result.failures) == ("unfinished", ())
    assert set(visible(station)) == {"a", "c"}
    (result,) = station.run(delete_source=True)
    assert (result.state, result.copies["archive"].files) == ("published", 2)
    assert published(station) == {"a": b"a" * 1000, "c": b"c" * 100}
    assert station.left() == {}


def test_a_file_that_changes_after_it_was_sent_is_not_deleted(station: Station) -> None:
    path = lay_out(station)
    (result,) = station.run(delete_source=True, world={"progress": Meanwhile(lambda: grow(path), files=3)})
    assert result.state == "unfinished"
    assert set(station.left()) == {"20260201/b", "20260201/.do-not-touch"}
    station.run(delete_source=True)
    assert published(station)["b"] == BIG + b"more"


def test_a_file_that_comes_while_the_day_is_sent_is_taken_by_the_next_run(station: Station) -> None:
    lay_out(station)
    coming = Meanwhile(lambda: station.write("20260201/new/d", b"d"), after=1_000_000)
    (result,) = station.run(delete_source=True, world={"progress": coming})
    assert (result.state, result.failures, result.error) == ("unfinished", (), None)
    assert result.late == ("20260201/new/d: came while the day was sent",)
    assert ".do-not-touch" in published(station)
    assert set(station.left()) == {"20260201/new/d", "20260201/.do-not-touch"}
    assert [run.state for run in station.ledger.runs()] == ["done"]
    (result,) = station.run(delete_source=True)
    assert (result.state, result.copies["archive"].sent_files, result.copies["archive"].files) == ("published", 1, 4)
    assert set(published(station)) == {"a", "b", "c", "new/d"}
    assert station.left() == {}


# ---- a file that somebody writes to


def test_a_file_open_for_writing_is_left_for_later(station: Station) -> None:
    path = lay_out(station)
    with path.open("ab"):
        plan = station.plan(delete_source=True)
        assert [(a.source.path, a.kind) for a in plan.of("wait")] == [("20260201/b", "wait")]
        (result,) = station.run(delete_source=True)
        assert (result.state, result.failures) == ("unfinished", ())
        assert "open for writing" in " ".join(result.late)
        assert set(visible(station)) == {"a", "c"}
        assert set(station.left()) == {"20260201/b", "20260201/.do-not-touch"}
    (result,) = station.run(delete_source=True)
    assert result.state == "published"
    assert published(station)["b"] == BIG


def test_a_file_opened_for_writing_after_it_was_sent_is_not_deleted(station: Station) -> None:
    path = lay_out(station)
    held = []
    opening = Meanwhile(lambda: held.append(path.open("ab")), files=3)
    (result,) = station.run(delete_source=True, world={"progress": opening})
    assert result.deleted == 2
    assert "20260201/b" in station.left()
    held[0].write(b"last words")
    held[0].close()
    assert path.read_bytes() == BIG + b"last words"
    station.run(delete_source=True)
    assert published(station)["b"] == BIG + b"last words"
    assert station.left() == {}

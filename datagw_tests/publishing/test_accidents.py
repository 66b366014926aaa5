"""What happens to files, disks and servers while a day is published; nothing is lost, and the next run ends it."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from datagw.errors import Unavailable
from datagw.gateways.local import Local
from datagw_tests.gateways.promise import NASTY
from datagw_tests.publishing.disturbing import Meanwhile, published
from datagw_tests.publishing.station import Station

BIG = bytes(range(256)) * 12_000  # 3 MB: several blocks


def lay_out(station: Station) -> Path:
    """Three files, of which the middle one is large; its path."""
    station.write("20260201/a", b"a" * 1000)
    path = station.write("20260201/b", BIG)
    station.write("20260201/c", b"c" * 1000)
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
    assert published(station) == {"a": b"a" * 1000, "b": content, "c": b"c" * 1000}
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
    assert published(station) == {"a": b"a" * 1000, "c": b"c" * 1000}
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


# ---- days and trees of every shape


def test_an_empty_file_an_empty_day_and_a_missing_day_are_three_different_things(far: Station) -> None:
    far.write("20260201/empty", b"")
    (far.data / "20260202").mkdir()
    results = far.run(date(2026, 2, 1), date(2026, 2, 2), date(2026, 2, 3), delete_source=True)
    assert [result.state for result in results] == ["published", "empty", "missing"]
    assert published(far, "days") == {"20260201/empty": b""}
    assert list(far.data.iterdir()) == []
    rows = {row.day: (row.state, row.files) for row in far.ledger.days("readings")}
    assert rows == {date(2026, 2, 1): ("published", 1), date(2026, 2, 2): ("empty", 0)}
    again = far.run(date(2026, 2, 1), date(2026, 2, 2), date(2026, 2, 3), delete_source=True)
    assert [result.state for result in again] == ["published", "empty", "missing"]
    assert far.due(delete_source=True) == []


def test_a_missing_day_in_a_tree_of_stations_is_missing_too(near: Station) -> None:
    near.write("north/20260201/a")
    job = {"source": "*/%Y%m%d/", "to": ["all/%Y%m%d/"]}
    assert near.plan(date(2026, 2, 2), **job).state == "missing"
    (result,) = near.run(date(2026, 2, 2), **job)
    assert result.state == "missing"
    (near.data / "south/20260202").mkdir(parents=True)
    (result,) = near.run(date(2026, 2, 2), **job)
    assert result.state == "empty"


def test_a_source_root_that_goes_away_during_the_upload_is_an_error_and_the_next_run_ends_the_day(
    station: Station,
) -> None:
    lay_out(station)
    gone = station.folder / "unmounted"
    disturbed = Meanwhile(lambda: station.data.rename(gone), after=1_000_000)
    (result,) = station.run(delete_source=True, world={"progress": disturbed})
    assert result.state == "failed"
    assert "root is not there" in str(result.error)
    assert len([path for path in gone.rglob("*") if path.name != ".do-not-touch" and path.is_file()]) == 3
    gone.rename(station.data)
    (result,) = station.run(delete_source=True)
    assert result.state == "published"
    assert published(station) == {"a": b"a" * 1000, "b": BIG, "c": b"c" * 1000}
    assert station.left() == {}


def test_an_unmounted_source_is_an_error_for_plans_and_runs(near: Station) -> None:
    near.data.rmdir()
    with pytest.raises(Unavailable, match="is the disk mounted"):
        near.plan()
    with pytest.raises(Unavailable, match="is the disk mounted"):
        near.due()
    (result,) = near.run()
    assert result.state == "failed"
    assert [(row.state, row.files) for row in near.ledger.days("readings")] == [("failed", 0)]


def test_what_is_no_regular_file_is_reported_and_stays(near: Station) -> None:
    near.write("20260201/a", b"a")
    near.write("elsewhere/x", b"x")
    day = near.data / "20260201"
    (day / "link").symlink_to("a")
    (day / "dangling").symlink_to("nowhere")
    (day / "folder").symlink_to("../elsewhere")
    os.mkfifo(day / "pipe")
    plan = near.plan(delete_source=True)
    assert {action.source.name for action in plan.of("ignore")} == {"link", "dangling", "folder", "pipe"}
    (result,) = near.run(delete_source=True)
    assert result.state == "published"
    assert published(near) == {"a": b"a"}
    assert sorted(path.name for path in day.iterdir()) == ["dangling", "folder", "link", "pipe"]
    assert (near.data / "elsewhere/x").read_bytes() == b"x"
    assert near.plan(delete_source=True).state == "done"


def test_folders_five_deep_and_names_of_255_bytes_travel(far: Station) -> None:
    deep = "/".join(f"depth{n}" for n in range(5))
    long = "/".join(["f" * 255, "é" * 127 + "x"])
    for path in (f"20260201/{deep}/x", f"20260201/{deep[:6]}/y", f"20260201/{long}"):
        far.write(path, path.encode())
    (result,) = far.run(delete_source=True)
    assert result.state == "published"
    assert set(published(far)) == {f"{deep}/x", "depth0/y", long}
    assert list(far.data.iterdir()) == []


def test_hostile_names_travel_and_are_freed(far: Station) -> None:
    names = [name for name in NASTY if name != "~"] + [
        "..hidden", "...", "$HOME", "`id`", "a|b>c&d;e", "\x7f\x1b[31mred", "-", "-- -rf", "x\\", "~root", "%s%n%Y%m%d",
        "{stem}{suffix}", "*", "?", "[a-z]", ".datagw-not-ours.part", "COM1:", "trailing.", "\u202egpj.exe", "\r",
    ]  # fmt: skip
    for n, name in enumerate(names):
        far.write(f"20260201/{name}", b"%d" % n)
        far.write(f"20260201/in {n}/{name[:200]}/{name}", b"in %d" % n)
    assert len(names) == len(set(names))
    (result,) = far.run(delete_source=True)
    assert (result.state, result.failures) == ("published", ())
    found = published(far)
    assert {name: found[name] for name in names} == {name: b"%d" % n for n, name in enumerate(names)}
    assert len(found) == 2 * len(names)
    assert list(far.data.iterdir()) == []
    assert sorted(path.name for path in far.folder.iterdir()) == ["data", "jobs.db", "jobs.db-shm", "jobs.db-wal"]
    assert {receipt.verification for receipt in far.receipts()} == {"hash"}


def test_a_file_written_to_while_it_is_put_aside_and_replaced_at_once_keeps_both(
    near: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the moment before it is deleted: somebody who had it open writes, somebody else makes a new one."""
    path = lay_out(near)
    rename = Local._rename

    def and_disturb(self: Local, session: Any, source: str, target: str, replace: bool) -> None:
        rename(self, session, source, target, replace)
        if target.endswith(".aside") and source.endswith("/b"):
            with (near.data / target).open("ab") as file:
                file.write(b"late words")
            path.write_bytes(b"a newer one")

    with monkeypatch.context() as patch:
        patch.setattr(Local, "_rename", and_disturb)
        (result,) = near.run(delete_source=True)
    assert (result.state, result.failures, result.error, result.deleted) == ("unfinished", (), None, 2)
    (aside,) = (name for name in near.left() if name.endswith(".aside"))
    assert any(aside in line for line in result.late)
    assert near.left()[aside] == BIG + b"late words"
    (result,) = near.run(delete_source=True)
    assert (result.state, published(near)["b"]) == ("published", b"a newer one")
    assert near.left() == {aside: BIG + b"late words"}

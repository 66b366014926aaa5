"""The ledger is lost: what stands at the destination is taken for what it is, and nothing is sent or lost."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from datagw.files import is_own_name
from datagw.gateways.local import Local
from datagw.ledger import Ledger
from datagw_tests.publishing.disturbing import Meanwhile, published
from datagw_tests.publishing.station import DAY, NOW, Station
from datagw_tests.publishing.test_accidents import BIG, lay_out

WHOLE = {"a": b"a" * 1000, "b": BIG, "c": b"c" * 1000}
FREED = {"delete_source": True}


class Stop(BaseException):
    """The end of a process."""


def stop() -> None:
    raise Stop


def lose(station: Station) -> None:
    """Deletes the ledger, and opens another."""
    station.ledger.close()
    for path in station.folder.glob("jobs.db*"):
        path.unlink()
    station.ledger = Ledger.open(station.url)


def looks(station: Station) -> dict[str, tuple[int, int, int]]:
    """Inode, mtime and ctime of all that is at the archive."""
    root = Path(station.archive.root)
    found = {str(path.relative_to(root)): path.stat() for path in root.rglob("*") if path.is_file()}
    return {name: (one.st_ino, one.st_mtime_ns, one.st_ctime_ns) for name, one in found.items()}


def test_everything_is_adopted_nothing_sent_and_no_file_touched(station: Station) -> None:
    lay_out(station)
    station.write("20260201/deep/er/x y", b"x")
    station.write("20260201/empty", b"")
    station.run()
    before = looks(station)
    lose(station)
    (plan,) = station.due(**FREED)
    assert {action.kind for action in plan.actions} == {"adopt", "delete"}
    counting = Meanwhile(lambda: None)
    (result,) = station.run(world={"progress": counting})
    copy = result.copies["archive"]
    assert (result.state, copy.sent_files, copy.sent_bytes, copy.adopted, copy.files) == ("published", 0, 0, 5, 5)
    assert counting.bytes == 0
    assert looks(station) == before
    assert {receipt.verification for receipt in station.receipts()} <= {"hash", "readback"}
    (result,) = station.run(**FREED)
    assert (result.deleted, result.copies["archive"].sent_files) == (5, 0)
    assert list(station.data.iterdir()) == []


def test_what_differs_is_sent_and_what_is_missing_too(near: Station) -> None:
    path = lay_out(near)
    near.run()
    lose(near)
    near.archive.rm("days/20260201/a")
    path.write_bytes(BIG[::-1])
    (result,) = near.run(**FREED)
    copy = result.copies["archive"]
    assert (result.state, copy.sent_files, copy.adopted) == ("published", 2, 1)
    assert published(near) == WHOLE | {"b": BIG[::-1]}
    assert near.left() == {}


def test_what_nobody_remembers_is_not_replaced_where_that_is_forbidden(near: Station) -> None:
    path = lay_out(near)
    near.run(overwrite=False)
    lose(near)
    path.write_bytes(BIG[::-1])
    (result,) = near.run(overwrite=False, **FREED)
    assert [failure.source for failure in result.failures] == ["20260201/b"]
    assert published(near)["b"] == BIG
    assert near.left()["20260201/b"] == BIG[::-1]


def test_a_rename_that_no_ledger_knows_of_is_found(near: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between rename and receipt, and the ledger lost as well."""
    lay_out(near)
    with monkeypatch.context() as patch, pytest.raises(Stop):
        patch.setattr(Ledger, "write_receipts", lambda _self, _lease, new, *_: new and stop())
        near.run(**FREED)
    assert {name for name in published(near) if not name.startswith(".")} == set(WHOLE)
    lose(near)
    near.ledger.take("x", None, "x")
    (near.data / "20260201/.do-not-touch").unlink()  # its owner, this process, lives: a person has looked at it
    (result,) = near.run(**FREED)
    assert (result.copies["archive"].sent_files, result.copies["archive"].adopted) == (0, 3)
    assert near.left() == {}


# ---- hidden names that nobody remembers


def parts(station: Station) -> set[str]:
    return {name for name in published(station) if is_own_name(name)}


def half_sent(station: Station) -> set[str]:
    """A run stopped in the middle, its ledger lost; the parts that it left."""
    lay_out(station)
    with pytest.raises(Stop):
        station.run(marker=None, world={"progress": Meanwhile(stop, after=2_500_000)})
    lose(station)
    left = parts(station)
    assert left
    return left


def age(station: Station, names: set[str], seconds: float) -> None:
    for name in names:
        then = NOW.timestamp() - seconds
        os.utime(Path(station.archive.root) / "days/20260201" / name, (then, then))


def test_old_parts_that_nobody_knows_are_tidied_away(station: Station) -> None:
    left = half_sent(station)
    age(station, left, 3700)
    (result,) = station.run(marker=None)
    assert result.state == "published"
    assert published(station) == WHOLE


def test_young_parts_that_nobody_knows_may_be_anothers_and_stay(near: Station) -> None:
    left = half_sent(near)
    age(near, left, 3500)
    (result,) = near.run(marker=None)
    assert result.state == "published"
    assert parts(near) == left
    assert {name: content for name, content in published(near).items() if name not in left} == WHOLE


def test_only_names_of_ours_are_tidied_away(near: Station) -> None:
    lay_out(near)
    day = Path(near.archive.root) / "days/20260201"
    theirs = {".datagw-x.part", ".datagw-" + "0" * 31 + ".part", "x.part", ".datagw-" + "0" * 32 + ".part2"}
    for name in theirs:
        (day / name).parent.mkdir(parents=True, exist_ok=True)
        (day / name).write_bytes(b"theirs")
        os.utime(day / name, (0, 0))
    near.run()
    assert theirs <= set(published(near))


def test_parts_of_a_version_that_is_no_more_are_tidied_away_at_once(near: Station) -> None:
    """The ledger knows them: no need to wait."""
    path = lay_out(near)
    with pytest.raises(Stop):
        near.run(world={"progress": Meanwhile(stop, after=2_500_000)})
    assert len(parts(near)) == 2
    path.write_bytes(b"another version")
    (near.data / "20260201/a").unlink()
    (result,) = near.run(**FREED)
    assert result.state == "published"
    assert published(near) == {"b": b"another version", "c": b"c" * 1000}
    assert near.ledger.all_intents("readings") == []


def killed_before_the_delete(station: Station, monkeypatch: pytest.MonkeyPatch, **job: Any) -> None:
    """A run that ends after it has put its first file aside."""
    rm = Local._rm

    def killed(self: Local, session: Any, path: str) -> None:
        if path.endswith(".aside"):
            raise Stop
        rm(self, session, path)

    with monkeypatch.context() as patch, pytest.raises(Stop):
        patch.setattr(Local, "_rm", killed)
        station.run(**job, **FREED)


def test_a_file_put_aside_by_a_lost_ledger_is_reported_and_not_lost(
    near: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between putting it aside and deleting it; no ledger says what it was."""
    path = near.write("20260201/a", b"a")
    killed_before_the_delete(near, monkeypatch, marker=None)
    (aside,) = path.parent.iterdir()
    assert aside.name.endswith(".aside")
    lose(near)
    name = f"20260201/{aside.name}"
    near.write("20260201/b", b"b")
    assert any(
        note.startswith(f"{name}: put aside by a run that nobody remembers") for note in near.plan(**FREED).notes
    )
    (result,) = near.run(marker=None, **FREED)
    assert result.state == "published"
    assert any(note.startswith(f"{name}: put aside") for note in result.notes)
    assert near.left() == {name: b"a"}
    assert set(published(near)) == {"a", "b"}
    aside.rename(path)
    (result,) = near.run(marker=None, **FREED)
    assert (result.copies["archive"].sent_files, near.left()) == (0, {})


def test_with_its_ledger_a_file_put_aside_has_its_name_again(near: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same, and a newer file has taken the name meanwhile: both are looked at, neither is lost."""
    path = near.write("20260201/a", b"a")
    killed_before_the_delete(near, monkeypatch)
    assert not path.exists()
    path.write_bytes(b"a newer one")
    (result,) = near.run(**FREED)
    assert result.state == "published"
    assert published(near) == {"a": b"a newer one"}
    assert near.left() == {}


def test_a_file_put_aside_that_was_written_to_is_not_lost_nor_in_the_way(
    near: Station, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Killed in between; somebody had it open, and wrote; and a newer file has its name."""
    path = near.write("20260201/a", b"a")
    killed_before_the_delete(near, monkeypatch)
    (aside,) = (one for one in path.parent.iterdir() if one.name.endswith(".aside"))
    aside.write_bytes(b"written to meanwhile")
    path.write_bytes(b"a newer one")
    near.write("20260201/z", b"z")
    (result,) = near.run(**FREED)
    assert (result.state, published(near)) == ("published", {"a": b"a newer one", "z": b"z"})
    assert f"20260201/a: written to after it was put aside as 20260201/{aside.name}" in caplog.text
    assert near.left() == {f"20260201/{aside.name}": b"written to meanwhile"}
    for _ in range(2):
        (result,) = near.run(**FREED)
        assert any(note.startswith(f"20260201/{aside.name}: put aside") for note in result.notes)
    aside.rename(path)
    (result,) = near.run(**FREED)
    assert (published(near)["a"], near.left()) == (b"written to meanwhile", {})


def test_days_that_were_freed_before_the_loss_stay_published_at_the_destination(near: Station) -> None:
    lay_out(near)
    near.run(**FREED)
    before = looks(near)
    lose(near)
    assert near.due(**FREED) == []
    (result,) = near.run(DAY, **FREED)
    assert result.state == "missing"
    assert looks(near) == before

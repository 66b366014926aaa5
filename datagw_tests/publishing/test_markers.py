"""Markers tell the truth: what stands beside one is not complete yet, and what has none is."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import PrivateAttr

from datagw.gateways.base import Gateway
from datagw.gateways.local import Local
from datagw.ledger import Ledger, Owner
from datagw_tests.publishing.disturbing import Meanwhile, published
from datagw_tests.publishing.station import DAY, Station
from datagw_tests.publishing.test_accidents import lay_out

NAME = ".do-not-touch"
OURS = Owner.current()
DEAD = replace(OURS, started_ticks=OURS.started_ticks + 1)
FREED = {"delete_source": True}


def marker(owner: Owner, *, job: str = "readings", ledger: str = "another") -> bytes:
    """What a run of this owner would have written."""
    return json.dumps({"ledger": ledger, "job": job, "run": "theirs", **asdict(owner)}).encode()


def at_source(station: Station) -> Path:
    return station.data / "20260201" / NAME


def at_archive(station: Station) -> Path:
    return Path(station.archive.root) / "days/20260201" / NAME


def put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


class Watched(Local):
    """A disk that keeps a list of what was done on it; `names` by the first word of each entry."""

    _done: list[str] = PrivateAttr()
    _letter: str = PrivateAttr()

    @classmethod
    def at(cls, root: Path, letter: str, done: list[str]) -> Watched:
        place = cls(root=str(root))
        place._done, place._letter = done, letter
        return place

    def _note(self, what: str, path: str) -> None:
        self._done.append(f"{self._letter} {what} {path}")

    def _write(self, session: Any, reading: Any, sync: bool) -> None:
        self._note("write", reading.final)
        super()._write(session, reading, sync)

    def _rename(self, session: Any, source: str, target: str, replace: bool) -> None:
        self._note("rename", target)
        super()._rename(session, source, target, replace)

    def _rm(self, session: Any, path: str) -> None:
        super()._rm(session, path)
        self._note("rm", path)

    def _rmdir(self, session: Any, folder: str) -> None:
        super()._rmdir(session, folder)
        self._note("rmdir", folder)


# ---- where and when


def test_markers_come_before_the_first_byte_and_go_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Last proof, destination markers, source files, source marker, empty folders."""
    done: list[str] = []
    (tmp_path / "archive").mkdir()
    station = Station(tmp_path, Watched.at(tmp_path / "archive", "archive", done), copies=2)
    station.source = Watched.at(station.data, "source", done)
    station.write("20260201/x/a", b"a")
    station.write("20260201/x/b", b"b")
    write_receipts = Ledger.write_receipts

    def noted(self: Ledger, lease: Any, new: Any, *rest: Any) -> None:
        write_receipts(self, lease, new, *rest)
        done.extend(f"ledger receipt {receipt.destination}" for receipt in new)

    monkeypatch.setattr(Ledger, "write_receipts", noted)
    (result,) = station.run(**FREED)
    assert result.state == "published"
    names = {f"archive rename {folder}/20260201/{NAME}": "mark" for folder in ("days", "days1")}
    names |= {f"source rename 20260201/{NAME}": "mark source", f"source rm 20260201/{NAME}": "unmark source"}
    names |= {f"archive rm {folder}/20260201/{NAME}": "unmark" for folder in ("days", "days1")}
    names |= {f"archive write {d}/20260201/x/{f}": "send" for d in ("days", "days1") for f in "ab"}
    names |= {f"ledger receipt {d}/20260201/x/{f}": "prove" for d in ("days", "days1") for f in "ab"}
    names |= {f"source rename 20260201/x/{f}": "put back" for f in "ab"}
    told = [names[one] for one in done if one in names]
    removed = [one for one in done if one.startswith("source rm ") and ".aside" in one]
    assert told == ["mark source", *["mark"] * 2, *(["send"] * 2 + ["prove"] * 2) * 2, *["unmark"] * 2, "unmark source"]
    order = [done.index(one) for one in done if one.startswith(("archive rm", "source rm", "source rmdir"))]
    assert order == sorted(order)
    ends = [one for one in done if one.startswith(("archive rm ", "source rm ", "source rmdir "))]
    ends = [one for one in ends if ".part" not in one]
    assert ends == [
        f"archive rm days/20260201/{NAME}",
        f"archive rm days1/20260201/{NAME}",
        *removed,
        f"source rm 20260201/{NAME}",
        "source rmdir 20260201/x",
        "source rmdir 20260201",
    ]
    assert len(removed) == 2


def test_a_marker_says_whose_it_is(near: Station) -> None:
    lay_out(near)
    seen: list[bytes] = []
    look = Meanwhile(lambda: seen.extend([at_source(near).read_bytes(), at_archive(near).read_bytes()]), after=1)
    world = near.world(progress=look)
    from datagw.publishing import publish

    list(publish(near.job(**FREED), [DAY], world))
    for text in seen:
        held = json.loads(text)
        assert (held["ledger"], held["job"], held["run"]) == (near.ledger.id, "readings", world.run)
        assert (held["host"], held["pid"]) == (OURS.host, OURS.pid)
    assert len(seen) == 2


def test_a_source_that_is_not_deleted_from_gets_no_marker(near: Station) -> None:
    lay_out(near)
    seen: list[bool] = []
    look = Meanwhile(lambda: seen.extend([at_source(near).exists(), at_archive(near).exists()]), after=1)
    near.run(world={"progress": look})
    assert seen == [False, True]
    assert not at_archive(near).exists()


def test_a_job_that_switches_markers_off_writes_none(near: Station) -> None:
    lay_out(near)
    seen: list[bool] = []
    look = Meanwhile(lambda: seen.extend([at_source(near).exists(), at_archive(near).exists()]), after=1)
    (result,) = near.run(marker=None, world={"progress": look}, **FREED)
    assert (seen, result.state, near.left()) == ([False, False], "published", {})


def test_a_day_of_which_everything_is_adopted_needs_no_marker(tmp_path: Path) -> None:
    done: list[str] = []
    (tmp_path / "archive").mkdir()
    station = Station(tmp_path, Watched.at(tmp_path / "archive", "archive", done))
    station.source = Watched.at(station.data, "source", done)
    station.write("20260201/a", b"a")
    put(tmp_path / "archive/days/20260201/a", b"a")
    (result,) = station.run(**FREED)
    assert (result.state, result.copies["archive"].adopted, result.deleted) == ("published", 1, 1)
    assert not [one for one in done if NAME in one]


def test_a_failed_file_keeps_its_days_markers_and_the_other_files_are_freed(station: Station) -> None:
    lay_out(station)
    station.write("20260202/a", b"a")
    (Path(station.archive.root) / "days/20260201/b").mkdir(parents=True)
    first, second = station.run(DAY, DAY.replace(day=2), **FREED)
    assert (first.state, first.deleted) == ("failed", 2)
    assert second.state == "published"
    assert at_source(station).exists()
    assert at_archive(station).exists()
    assert set(station.left()) == {"20260201/b", f"20260201/{NAME}"}
    assert set(published(station, "days/20260202")) == {"a"}


def test_an_interrupted_run_leaves_its_markers_and_the_next_one_removes_them(station: Station) -> None:
    lay_out(station)

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        station.run(world={"progress": Meanwhile(interrupt, after=1_000_000)}, **FREED)
    assert at_source(station).exists()
    assert at_archive(station).exists()
    assert station.plan(**FREED).state == "due"
    assert [run.state for run in station.ledger.runs()] == ["cancelled"]
    (result,) = station.run(**FREED)
    assert result.state == "published"
    assert set(published(station)) == {"a", "b", "c"}
    assert station.left() == {}


# ---- markers of others in the source


@pytest.mark.parametrize(
    ("content", "whose"),
    [
        (b"", "somebody else"),
        (b"locked by circadian_scp_upload", "somebody else"),
        (b"[1, 2]", "somebody else"),
        (b'{"ledger": 3}', "somebody else"),
        (b"\xff\xfe\0", "somebody else"),
        (marker(OURS), f"job readings on {OURS.host}"),
        (marker(DEAD, job="other"), f"job other on {OURS.host}"),
        (marker(replace(DEAD, host="elsewhere")), "job readings on elsewhere"),
        (marker(replace(DEAD, boot=DEAD.boot.partition("/")[0] + "/1")), f"job readings on {OURS.host}"),
    ],
    ids=["empty", "circadian", "list", "half", "binary", "alive", "other job", "other host", "other container"],
)
def test_a_marker_in_the_source_that_is_not_ours_means_wait(near: Station, content: bytes, whose: str) -> None:
    lay_out(near)
    put(at_source(near), content)
    for options in (FREED, {}):
        plan = near.plan(**options)
        assert (plan.state, plan.due) == ("waiting", False)
        assert plan.notes == (f"20260201/{NAME}: a marker of {whose} stands in the source: not complete yet",)
        (result,) = near.run(**options)
        assert (result.state, result.failures, result.error) == ("waiting", (), None)
    assert published(near) == {}
    assert at_source(near).read_bytes() == content
    at_source(near).unlink()
    (result,) = near.run(**FREED)
    assert (result.state, near.left()) == ("published", {})


def test_a_marker_that_somebody_puts_into_the_source_meanwhile_stays_and_nothing_is_deleted(near: Station) -> None:
    lay_out(near)
    coming = Meanwhile(lambda: at_source(near).write_bytes(b"the station writes again"), files=3)
    (result,) = near.run(world={"progress": coming}, **FREED)
    assert (result.state, result.deleted) == ("unfinished", 0)
    assert at_source(near).read_bytes() == b"the station writes again"
    assert near.plan(**FREED).state == "waiting"
    at_source(near).unlink()
    (result,) = near.run(**FREED)
    assert (result.state, near.left()) == ("published", {})
    assert set(published(near)) == {"a", "b", "c"}


def test_a_job_without_markers_does_not_look_for_them(near: Station) -> None:
    lay_out(near)
    put(at_source(near), b"")
    (result,) = near.run(marker=None)
    assert result.state == "published"


# ---- markers of others at the destination


@pytest.mark.parametrize("content", [b"", b"theirs", marker(OURS, job="other")])
def test_a_foreign_marker_at_a_destination_stays_is_named_and_does_not_stop_the_day(
    station: Station, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    lay_out(station)
    put(at_archive(station), content)
    (result,) = station.run(**FREED)
    assert (result.state, result.deleted) == ("published", 3)
    assert at_archive(station).read_bytes() == content
    assert f"archive:days/20260201/{NAME}: a marker of somebody else" in caplog.text
    assert station.left() == {}
    assert station.ledger.markers("readings") == []


def test_a_marker_that_was_replaced_meanwhile_is_not_taken_away(near: Station) -> None:
    lay_out(near)
    near.run(world={"progress": Meanwhile(lambda: at_archive(near).write_bytes(b"theirs"), files=3)}, **FREED)
    assert at_archive(near).read_bytes() == b"theirs"
    assert near.left() == {}


# ---- the ledger was lost


def orphans(station: Station) -> None:
    """What a run whose process and ledger are gone has left."""
    put(at_source(station), marker(DEAD))
    put(at_archive(station), marker(DEAD))


def test_the_markers_of_a_lost_ledger_without_a_live_owner_are_taken_over(
    station: Station, caplog: pytest.LogCaptureFixture
) -> None:
    lay_out(station)
    orphans(station)
    assert station.plan(**FREED).state == "due"
    (result,) = station.run(**FREED)
    assert result.state == "published"
    assert caplog.text.count("taking over the marker of a lost ledger") == 2
    assert set(published(station)) == {"a", "b", "c"}
    assert station.left() == {}


def test_they_are_taken_over_as_well_where_nothing_is_left_to_send(
    station: Station, caplog: pytest.LogCaptureFixture
) -> None:
    """Killed after the last proof; the destination must not be told for ever that the day is not complete."""
    lay_out(station)
    station.run()
    station.ledger.close()
    for path in station.folder.glob("jobs.db*"):
        path.unlink()
    station.ledger = Ledger.open(station.url)
    orphans(station)
    (result,) = station.run(**FREED)
    assert (result.state, result.copies["archive"].sent_files, result.copies["archive"].adopted) == ("published", 0, 3)
    assert "taking over the marker of a lost ledger" in caplog.text
    assert set(published(station)) == {"a", "b", "c"}
    assert station.left() == {}
    assert list(station.data.iterdir()) == []


def test_the_copy_that_is_no_more_leaves_no_marker_and_keeps_no_day_open(tmp_path: Path) -> None:
    """Interrupted with two copies, then the job file has but one: the day comes to its end."""
    (tmp_path / "archive").mkdir()
    station = Station(tmp_path, Local(root=str(tmp_path / "archive")), copies=2)
    lay_out(station)

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        station.run(world={"progress": Meanwhile(interrupt, after=1_000_000)}, **FREED)
    station.copies = 1
    (result,) = station.run(**FREED)
    assert result.state == "published"
    assert station.plan(**FREED).state == "done"
    assert not [plan for plan in station.due(**FREED) if plan.due]
    assert [path for path in published(station, "") if NAME in path] == []
    assert station.left() == {}


def test_the_marker_at_a_gateway_that_is_no_more_does_not_end_the_run(tmp_path: Path) -> None:
    class Two(Station):
        @property
        def gateways(self) -> dict[str, Gateway]:
            return {**super().gateways, "elsewhere": Local(root=str(self.folder / "elsewhere"))}

        def job(self, **changed: Any) -> Any:
            job = super().job(**changed)
            far = job.to[0].model_copy(update={"name": "far", "gateway": "elsewhere"})
            return job.model_copy(update={"to": (*job.to, far)})

    for name in ("archive", "elsewhere"):
        (tmp_path / name).mkdir()
    station = Two(tmp_path, Local(root=str(tmp_path / "archive")))
    lay_out(station)

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        station.run(world={"progress": Meanwhile(interrupt, after=1_000_000)}, **FREED)
    after = Station(tmp_path, Local(root=str(tmp_path / "archive")))
    for _ in range(2):
        (result,) = after.run(**FREED)
        assert result.state == "published"
        assert after.plan(**FREED).state == "done"
    assert (after.left(), set(published(after))) == ({}, {"a", "b", "c"})

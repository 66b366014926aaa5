"""What circadian-scp-upload 0.5.2 does wrong, defect by defect; each test here is one that it would fail."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from datagw.errors import Aborted
from datagw.files import is_own_name
from datagw.gateways.sftp import Sftp
from datagw_tests.conftest import require_server
from datagw_tests.publishing.disturbing import Meanwhile, published
from datagw_tests.publishing.station import DAY, Station
from datagw_tests.publishing.test_accidents import BIG, lay_out
from datagw_tests.servers.asyncssh_server import PASSWORD, AsyncSSH
from datagw_tests.servers.chaos import Chaos
from datagw_tests.servers.openssh import OpenSSH, missing

FREED = {"delete_source": True}
WHOLE = {"a": b"a" * 1000, "b": BIG, "c": b"c" * 1000}


@pytest.fixture
def without_exec(tmp_path: Path) -> Iterator[Station]:
    """A station whose server runs nothing for anybody: SFTP only."""
    if lack := missing():
        require_server(*lack)
    with OpenSSH(tmp_path / "sshd", exec_allowed=False) as server:
        yield Station(tmp_path, Sftp(**server.fields()))


# ---- 1. dated files are deleted right after the put, without a checksum


def test_1_a_dated_file_that_arrived_spoilt_is_not_deleted(far: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server loses the content of every file on its way; the source must outlive that."""
    for day in ("20260201", "20260202"):
        far.write(f"obs-{day}.csv", day.encode() * 100)
    job = {"source": "obs-%Y%m%d.csv", "to": ["all/"], **FREED}
    send_many = Sftp._send_many

    def spoil(self: Sftp, session: Any, readings: Any, sync: bool) -> Iterator[Any]:
        for reading, error in send_many(self, session, readings, sync):
            if ".csv" in reading.final:
                part = Path(self.root) / reading.part
                part.write_bytes(b"?" * part.stat().st_size)
            yield reading, error

    with monkeypatch.context() as patch:
        patch.setattr(Sftp, "_send_many", spoil)
        results = far.run(date(2026, 2, 1), date(2026, 2, 2), **job)
    assert [result.state for result in results] == ["failed", "failed"]
    assert "differs from what was sent" in results[0].failures[0].error
    assert {name for name in far.left() if name.endswith(".csv")} == {"obs-20260201.csv", "obs-20260202.csv"}
    assert not [name for name in published(far, "all") if name.endswith(".csv")]
    results = far.run(date(2026, 2, 1), date(2026, 2, 2), **job)
    assert [result.state for result in results] == ["published", "published"]
    assert far.left() == {}


# ---- 2. files that come or change during the upload are removed un-uploaded


def test_2_files_added_or_changed_during_the_upload_are_not_removed(far: Station) -> None:
    path = lay_out(far)

    def change() -> None:
        far.write("20260201/new", b"new")
        path.write_bytes(b"changed")

    (result,) = far.run(world={"progress": Meanwhile(change, files=3)}, **FREED)
    assert result.state == "unfinished"
    assert {name: far.left()[name] for name in ("20260201/new", "20260201/b")} == {
        "20260201/new": b"new",
        "20260201/b": b"changed",
    }
    (result,) = far.run(**FREED)
    assert published(far) == {"a": b"a" * 1000, "b": b"changed", "c": b"c" * 1000, "new": b"new"}


# ---- 3. the local day goes before the remote marker


def test_3_no_crash_leaves_the_remote_day_locked_for_ever(near: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed at any delete at the end of the day: a next run, or no run, but never a marker that nobody removes."""
    from datagw.gateways.local import Local

    class Killed(BaseException):
        pass

    rm, deletes = Local._rm, 0
    for deadly in range(1, 9):
        lay_out(near)
        deletes = 0

        def counted(self: Local, session: Any, path: str, *, deadly: int = deadly) -> None:
            nonlocal deletes
            if not path.endswith(".part"):
                deletes += 1
            if deletes == deadly:
                raise Killed
            rm(self, session, path)

        with monkeypatch.context() as patch:
            patch.setattr(Local, "_rm", counted)
            with contextlib.suppress(Killed):
                near.run(**FREED)
        for plan in near.due(**FREED):
            if plan.due:
                near.run(plan.day, **FREED)
        assert ".do-not-touch" not in published(near), f"after delete {deadly}"
        assert near.left() == {}
        assert {name: content for name, content in published(near).items() if not is_own_name(name)} == WHOLE
    assert deletes < 8


# ---- 4. sub-folders of the first level are not made


@pytest.mark.parametrize("path", ["sub/file", "a/b/c/d/e/file", "sub/.hidden"])
def test_4_files_in_sub_folders_of_any_level_arrive(far: Station, path: str) -> None:
    far.write(f"20260201/{path}", b"x")
    (result,) = far.run(**FREED)
    assert (result.state, published(far)) == ("published", {path: b"x"})
    assert list(far.data.iterdir()) == []


# ---- 5. its mutual exclusion excludes nobody: see test_two_at_once.py, too


def test_5_two_runs_do_not_work_on_one_day_together(far: Station) -> None:
    from datagw.publishing import LeaseHeld

    lay_out(far)
    refused: list[LeaseHeld] = []

    def second() -> None:
        with pytest.raises(LeaseHeld) as held:
            far.run(asked={"wait": False}, **FREED)
        refused.append(held.value)

    (result,) = far.run(world={"progress": Meanwhile(second, after=1_000_000)}, **FREED)
    assert (len(refused), result.state, len(far.receipts())) == (1, "published", 3)


# ---- 6. one name with too many digits aborts the run


@pytest.mark.parametrize("odd", ["1234567890.bin", "2026020120260202", "20261399", "20260230", "00000000", "x20260201"])
def test_6_an_odd_name_beside_the_days_stops_nothing(near: Station, odd: str) -> None:
    lay_out(near)
    near.write(odd if "." in odd else f"{odd}/f", b"odd")
    (plan,) = near.due()
    assert plan.day == DAY
    (result,) = near.run(**FREED)
    assert result.state == "published"
    assert list(near.left().values()) == [b"odd"]


def test_6_two_days_in_one_name_are_no_riddle(near: Station) -> None:
    """`20260201-20260202` for a pattern of one date: no day; for a glob behind the date: the first is the day."""
    near.write("20260201-20260202.csv", b"x")
    assert near.due(source="%Y%m%d.csv", to=["all/"]) == []
    (plan,) = near.due(source="%Y%m%d-*.csv", to=["all/"])
    assert plan.day == DAY


# ---- 7. an abort is asked for once a minute, and skips the verification


def test_7_an_abort_is_heard_within_a_second_also_under_a_slow_limit(near: Station) -> None:
    near.write("20260201/slow", bytes(2_000_000))
    since: list[float] = []

    class Begun(Meanwhile):
        def plan(self, label: str, files: int, size: int) -> None:
            since.append(time.monotonic())

    def ended() -> bool:
        return bool(since) and time.monotonic() > since[0] + 0.3

    world = {"progress": Begun(lambda: None), "should_abort": ended}
    with pytest.raises(Aborted):
        near.run(bandwidth=100_000, world=world)
    assert time.monotonic() - since[0] < 3
    assert [run.state for run in near.ledger.runs()] == ["cancelled"]


def test_7_an_abort_is_heard_within_a_second_also_while_the_server_computes_a_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    since: list[float] = []

    async def for_ever(process: Any) -> None:
        since.append(time.monotonic())
        await process.stdout.channel.wait_closed()

    monkeypatch.setenv("ANNA_PASSWORD", PASSWORD)
    with AsyncSSH(tmp_path / "server", run=for_ever) as server:
        station = Station(tmp_path, Sftp(**server.fields(tmp_path)))
        station.write("20260201/a")
        with pytest.raises(Aborted):
            station.run(world={"should_abort": lambda: bool(since) and time.monotonic() > since[0] + 0.3})
    assert time.monotonic() - since[0] < 4


def test_7_an_abort_after_the_last_byte_loses_no_work(far: Station) -> None:
    lay_out(far)
    ended: list[bool] = []
    world = {
        "progress": Meanwhile(lambda: ended.append(True), after=len(BIG) + 2000),
        "should_abort": lambda: bool(ended),
    }
    with pytest.raises(Aborted):
        far.run(world=world, **FREED)
    assert set(far.left()) == {"20260201/a", "20260201/b", "20260201/c", "20260201/.do-not-touch"}
    counting = Meanwhile(lambda: None)
    (result,) = far.run(world={"progress": counting}, **FREED)
    assert result.state == "published"
    assert counting.bytes < len(BIG)
    assert (published(far), far.left()) == (WHOLE, {})


# ---- 8. remote commands are built from names; hosts are believed; passwords only


def test_8_names_are_never_a_command(far: Station) -> None:
    pwned = far.folder / "pwned"
    names = [
        f"$(touch {pwned})".replace("/", "$SLASH"),
        "`touch pwned`",
        "a b",
        "; touch pwned;",
        "&& touch pwned",
        "'",
    ]
    for name in names:
        far.write(f"20260201/{name}/{name}", name.encode())
    (result,) = far.run(**FREED)
    assert result.state == "published"
    assert set(published(far)) == {f"{name}/{name}" for name in names}
    assert {receipt.verification for receipt in far.receipts()} == {"hash"}
    assert not pwned.exists()
    assert not (Path(far.archive.root) / "pwned").exists()
    assert not list(Path(far.archive.root).parent.glob("pwned"))


def test_8_an_unknown_host_is_not_believed(far: Station, tmp_path: Path) -> None:
    lay_out(far)
    assert isinstance(far.archive, Sftp)
    far.archive = far.archive.model_copy(update={"known_hosts": str(tmp_path / "none")}).using()
    (result,) = far.run(**FREED)
    assert (result.state, published(far, "")) == ("failed", {})
    assert "datagw trust archive" in result.failures[0].error


# ---- 9. needs a shell, a folder that is there; no resume, no rename; local time without a zone


def test_9_a_server_without_a_shell_is_served_and_proven(without_exec: Station) -> None:
    lay_out(without_exec)
    (result,) = without_exec.run(**FREED)
    assert (result.state, result.copies["archive"].verification) == ("published", "readback")
    assert (published(without_exec), without_exec.left()) == (WHOLE, {})


def test_9_the_destination_is_made_where_it_is_not_there(far: Station) -> None:
    far.write("20260201/a", b"a")
    (result,) = far.run(to=["not/yet/there/%Y/%m/%d/"])
    assert result.state == "published"
    assert published(far, "") == {"not/yet/there/2026/02/01/a": b"a"}


def test_9_nobody_sees_a_file_before_it_is_whole(far: Station) -> None:
    path = lay_out(far)
    seen: list[set[str]] = []

    class Looking(Meanwhile):
        def moved(self, count: int) -> None:
            super().moved(count)
            if self.bytes:
                seen.append(set(published(far)))

    far.run(world={"progress": Looking(lambda: None)})
    assert len(seen) > 3
    assert all(is_own_name(name) or name == ".do-not-touch" for names in seen for name in names)
    assert published(far)["b"] == path.read_bytes()


def test_9_a_broken_line_is_tried_again_and_goes_on(sshd: OpenSSH, folder: Path, tmp_path: Path) -> None:
    with Chaos("127.0.0.1", sshd.port) as chaos:
        known = tmp_path / "known"
        known.write_text(sshd.host_line("ed25519").replace(str(sshd.port), str(chaos.port), 1))
        station = Station(tmp_path, Sftp(**sshd.fields(root=str(folder), port=chaos.port, known_hosts=str(known))))
        lay_out(station)
        (result,) = station.run(world={"progress": Meanwhile(chaos.reset_all, after=1_500_000)})
        assert (result.state, chaos.accepted > 1) == ("published", True)
    assert published(station) == WHOLE


def test_9_a_run_tells_what_it_did(far: Station) -> None:
    lay_out(far)
    (result,) = far.run()
    copy = result.copies["archive"]
    assert (result.day, result.state, copy.files, copy.bytes) == (DAY, "published", 3, len(BIG) + 2000)
    assert {row.source: row.done for row in copy.rows} == {f"20260201/{name}": "sent" for name in "abc"}


def test_9_the_hour_of_grace_the_zone_and_the_clock_change_are_settings(near: Station) -> None:
    """The day of 25 hours in Berlin ends at 23:00 UTC, and is sent an hour, or whatever was asked for, later."""
    near.write("20261025/a", b"a")
    near.now = datetime(2026, 10, 25, 23, 59, tzinfo=UTC)
    assert near.due(timezone="Europe/Berlin") == []
    assert [plan.day for plan in near.due(timezone="Europe/Berlin", grace=timedelta(0))] == [date(2026, 10, 25)]
    near.now += timedelta(minutes=1)
    assert [plan.day for plan in near.due(timezone="Europe/Berlin")] == [date(2026, 10, 25)]


# ---- 10. "no files found" cannot be reached; a special case for `upload-meta.json`


def test_10_an_empty_day_is_a_result_and_no_name_is_special(near: Station) -> None:
    (near.data / "20260201").mkdir()
    near.write("20260202/upload-meta.json", b"{}")
    empty, other = near.run(date(2026, 2, 1), date(2026, 2, 2), **FREED)
    assert (empty.state, empty.copies["archive"].files) == ("empty", 0)
    assert (other.state, other.copies["archive"].files) == ("published", 1)
    assert published(near, "days/20260202") == {"upload-meta.json": b"{}"}

"""What happens to disks, servers and lines while a day is published: told, not risked, and ended by the next run."""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from datagw.files import is_own_name
from datagw.gateways.local import Local
from datagw.gateways.sftp import Sftp
from datagw_tests.conftest import require_server
from datagw_tests.publishing.disturbing import Meanwhile, modes_obeyed, published
from datagw_tests.publishing.station import Station
from datagw_tests.publishing.test_accidents import BIG, lay_out, visible
from datagw_tests.servers.asyncssh_server import PASSWORD, AsyncSSH
from datagw_tests.servers.chaos import Chaos
from datagw_tests.servers.openssh import OpenSSH, missing

MB = 1_000_000
WHOLE = {"a": b"a" * 1000, "b": BIG, "c": b"c" * 1000}


@pytest.fixture
def own(tmp_path: Path) -> Iterator[OpenSSH]:
    """A server of this test alone, which it may kill."""
    if lack := missing():
        require_server(*lack)
    with OpenSSH(tmp_path / "sshd") as server:
        yield server


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Two megabytes and no more."""
    disk = tmp_path / "small"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("a small disk needs the right to mount one (root)")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def failed_files(result: Any) -> dict[str, str]:
    return {failure.source: failure.error for failure in result.failures}


# ---- something in the way


def test_a_folder_in_the_way_of_a_file_fails_this_file_alone(station: Station) -> None:
    lay_out(station)
    (Path(station.archive.root) / "days/20260201/b/theirs").mkdir(parents=True)
    (result,) = station.run(delete_source=True)
    assert result.state == "failed"
    assert set(failed_files(result)) == {"20260201/b"}
    assert "a folder stands at the destination" in failed_files(result)["20260201/b"]
    assert set(visible(station)) == {"a", "c"}
    assert ".do-not-touch" in published(station)
    assert set(station.left()) == {"20260201/b", "20260201/.do-not-touch"}
    assert [run.state for run in station.ledger.runs()] == ["partly"]
    (Path(station.archive.root) / "days/20260201/b/theirs").rmdir()
    (Path(station.archive.root) / "days/20260201/b").rmdir()
    (result,) = station.run(delete_source=True)
    assert result.state == "published"
    assert (published(station), station.left()) == (WHOLE, {})


def test_a_file_in_the_way_of_a_folder_fails_what_is_below_alone(station: Station) -> None:
    lay_out(station)
    station.write("20260201/sub/x", b"x")
    station.write("20260201/sub/deeper/y", b"y")
    day = Path(station.archive.root) / "days/20260201"
    day.mkdir(parents=True)
    (day / "sub").write_bytes(b"theirs")
    (result,) = station.run(delete_source=True)
    assert set(failed_files(result)) == {"20260201/sub/x", "20260201/sub/deeper/y"}
    assert all("stands in the way" in error for error in failed_files(result).values())
    assert visible(station) == WHOLE | {"sub": b"theirs"}
    assert set(station.left()) == {"20260201/sub/x", "20260201/sub/deeper/y", "20260201/.do-not-touch"}
    (day / "sub").unlink()
    (result,) = station.run(delete_source=True)
    assert result.state == "published"
    assert published(station) == WHOLE | {"sub/x": b"x", "sub/deeper/y": b"y"}


# ---- no right to write


def test_a_read_only_server_refuses_the_day_and_nothing_is_deleted(tmp_path: Path) -> None:
    if lack := missing():
        require_server(*lack)
    with OpenSSH(tmp_path / "sshd", config=["ForceCommand internal-sftp -R"]) as server:
        station = Station(tmp_path, Sftp(**server.fields()))
        lay_out(station)
        (result,) = station.run(delete_source=True)
        assert result.state == "failed"
        assert "permission denied" in str(result.failures[0].error)
        assert list(server.root.iterdir()) == []
        assert {path: content for path, content in station.left().items() if "touch" not in path} == {
            f"20260201/{name}": content for name, content in WHOLE.items()
        }


def test_a_read_only_disk_refuses_the_day_and_nothing_is_deleted(near: Station) -> None:
    lay_out(near)
    Path(near.archive.root).chmod(0o555)
    with modes_obeyed():
        (result,) = near.run(delete_source=True)
    assert result.state == "failed"
    assert "may this user read and write here?" in str(result.failures[0].error)
    assert set(near.left()) >= {"20260201/a", "20260201/b", "20260201/c"}
    Path(near.archive.root).chmod(0o755)
    (result,) = near.run(delete_source=True)
    assert (result.state, published(near), near.left()) == ("published", WHOLE, {})


def test_a_read_only_source_is_published_all_the_same_and_not_being_freed_is_a_failure(station: Station) -> None:
    lay_out(station)
    (station.data / "20260201").chmod(0o555)
    with modes_obeyed():
        (result,) = station.run(delete_source=True)
        assert result.state == "failed"
        assert "may this user read and write here?" in str(result.error)
        assert visible(station) == WHOLE
        assert len(station.receipts()) == 3
        assert set(station.left()) == {"20260201/a", "20260201/b", "20260201/c"}
        (again,) = station.run(delete_source=True)
        assert (again.state, again.copies["archive"].sent_files) == ("failed", 0)
    (station.data / "20260201").chmod(0o755)
    (result,) = station.run(delete_source=True)
    assert (result.state, result.deleted, result.copies["archive"].sent_files) == ("published", 3, 0)
    assert published(station) == WHOLE
    assert list(station.data.iterdir()) == []


def test_a_source_file_that_may_not_be_read_fails_alone(near: Station) -> None:
    lay_out(near).chmod(0)
    with modes_obeyed():
        (result,) = near.run(delete_source=True)
    assert set(failed_files(result)) == {"20260201/b"}
    assert set(visible(near)) == {"a", "c"}
    assert set(near.left()) == {"20260201/b", "20260201/.do-not-touch"}


# ---- no space


def fill(station: Station) -> None:
    for name in ("a", "z"):
        station.write(f"20260201/{name}", name.encode() * 1000)
    station.write("20260201/big", BIG)


def full(station: Station, disk: Path) -> None:
    fill(station)
    (result,) = station.run(delete_source=True)
    assert result.state == "failed"
    assert "no space left" in failed_files(result)["20260201/big"]
    assert "big" not in visible(station)
    assert (station.data / "20260201/big").read_bytes() == BIG
    subprocess.run(["mount", "-o", "remount,size=20m", str(disk)], check=True)
    (result,) = station.run(delete_source=True)
    assert result.state == "published"
    assert published(station) == {"a": b"a" * 1000, "big": BIG, "z": b"z" * 1000}
    assert station.left() == {}


def test_a_full_disk_fails_what_does_not_fit_and_the_next_run_goes_on(tmp_path: Path, small_disk: Path) -> None:
    full(Station(tmp_path, Local(root=str(small_disk))), small_disk)


def test_a_full_disk_of_a_server_is_told_as_such(tmp_path: Path, small_disk: Path, sshd: OpenSSH) -> None:
    full(Station(tmp_path, Sftp(**sshd.fields(root=str(small_disk)))), small_disk)


# ---- the line


def through(chaos: Chaos, server: OpenSSH, root: Path) -> Sftp:
    """The server, by way of the proxy."""
    key = server.host_line("ed25519").split(" ", 1)[1]
    known = root.parent / f"known-{chaos.port}"
    known.write_text(f"[127.0.0.1]:{chaos.port} {key}")
    return Sftp(**server.fields(root=str(root), port=chaos.port, known_hosts=str(known)))


def test_a_cut_in_the_middle_of_a_large_file_goes_on_from_there(
    sshd: OpenSSH, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "datagw.test")
    content = os.urandom(48 * MB)
    with Chaos("127.0.0.1", sshd.port) as chaos:
        station = Station(tmp_path, through(chaos, sshd, folder))
        station.write("20260201/large", content)
        chaos.cut_after = 30 * MB

        def mend() -> None:
            chaos.cut_after = None

        progress = Meanwhile(mend, after=48 * MB)
        (result,) = station.run(delete_source=True, world={"progress": progress})
        assert (result.state, result.failures) == ("published", ())
        assert chaos.carried < 60 * MB
    assert "going on behind" in caplog.text
    assert published(station) == {"large": content}
    assert [receipt.verification for receipt in station.receipts()] == ["hash"]


def test_what_a_dead_server_had_received_is_not_sent_again_by_the_next_run(own: OpenSSH, tmp_path: Path) -> None:
    content = os.urandom(40 * MB)
    station = Station(tmp_path, Sftp(**own.fields()))
    station.write("20260201/large", content)
    (result,) = station.run(delete_source=True, world={"progress": Meanwhile(own.kill, after=30 * MB)})
    assert result.state == "failed"
    assert [path for path in published(station) if not is_own_name(path)] == [".do-not-touch"]
    (part,) = [found for path, found in published(station).items() if is_own_name(path)]
    assert len(part) > MB
    own.start()
    counting = Meanwhile(lambda: None)
    (result,) = station.run(delete_source=True, world={"progress": counting})
    assert result.state == "published"
    assert counting.bytes <= 40 * MB - len(part)
    assert (published(station), station.left()) == ({"large": content}, {})


def test_a_server_that_dies_between_rename_and_receipt_leaves_nothing_to_send(
    own: OpenSSH, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    station = Station(tmp_path, Sftp(**own.fields()))
    lay_out(station)
    rename_many = Sftp._rename_many

    def and_die(self: Sftp, session: Any, renames: Any) -> Any:
        outcomes = list(rename_many(self, session, renames))
        if len(outcomes) == 3:
            own.kill()
        return iter(outcomes)

    with monkeypatch.context() as patch:
        patch.setattr(Sftp, "_rename_many", and_die)
        (result,) = station.run(delete_source=True)
    assert result.state == "failed"
    assert set(visible(station)) == {"a", "b", "c"}
    assert station.receipts() == []
    assert set(station.left()) == {"20260201/a", "20260201/b", "20260201/c", "20260201/.do-not-touch"}
    own.start()
    (result,) = station.run(delete_source=True)
    assert (result.state, result.copies["archive"].sent_files, result.deleted) == ("published", 0, 3)
    assert (published(station), station.left()) == (WHOLE, {})
    assert len(station.receipts()) == 3


def test_a_rename_whose_answer_was_lost_counts_once_it_is_seen(
    own: OpenSSH, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    station = Station(tmp_path, Sftp(**own.fields()))
    lay_out(station)
    rename_many, lost = Sftp._rename_many, []

    def and_lose(self: Sftp, session: Any, renames: Any) -> Any:
        outcomes = list(rename_many(self, session, renames))
        if len(outcomes) == 3 and not lost:
            lost.append(outcomes)
            session.close()
            raise ConnectionError("cut")
        return iter(outcomes)

    monkeypatch.setattr(Sftp, "_rename_many", and_lose)
    (result,) = station.run(delete_source=True)
    assert lost
    assert (result.state, result.failures) == ("published", ())
    assert (published(station), station.left()) == (WHOLE, {})


class Stop(BaseException):
    """The end of a process, in the middle of something."""


def stopped_in_the_middle(station: Station) -> Path:
    """A large file of which 2 MB are there; its path."""
    path = lay_out(station)

    def stop() -> None:
        raise Stop

    with pytest.raises(Stop):
        station.run(delete_source=True, world={"progress": Meanwhile(stop, after=2 * MB)})
    return path


def the_part_there(station: Station) -> Path:
    parts = [path for path in (Path(station.archive.root) / "days/20260201").iterdir() if is_own_name(path.name)]
    return max(parts, key=lambda path: path.stat().st_size)


def test_a_source_file_that_changes_while_its_part_is_looked_at_takes_no_other_down(near: Station) -> None:
    """The part of an earlier run is compared with the source before it is gone on with; the source changes there."""
    path = stopped_in_the_middle(near)
    assert the_part_there(near).stat().st_size > MB
    with path.open("ab"):
        (result,) = near.run(delete_source=True)
        assert (result.state, result.failures) == ("unfinished", ())
        assert set(visible(near)) == {"a", "c"}
        assert set(near.left()) == {"20260201/b", "20260201/.do-not-touch"}
    (result,) = near.run(delete_source=True)
    assert (result.state, published(near)) == ("published", WHOLE)


def test_a_part_that_vanishes_before_it_is_gone_on_with_is_sent_anew(station: Station) -> None:
    stopped_in_the_middle(station)

    class Vanishing(Meanwhile):
        def plan(self, label: str, files: int, size: int) -> None:
            self.act()

    (result,) = station.run(delete_source=True, world={"progress": Vanishing(lambda: the_part_there(station).unlink())})
    assert (result.state, result.failures) == ("published", ())
    assert published(station) == WHOLE


# ---- who is it


def test_an_unknown_host_key_is_refused_and_the_answer_named(far: Station, tmp_path: Path) -> None:
    lay_out(far)
    nobody = tmp_path / "nobody"
    nobody.touch()
    far.archive = far.archive.model_copy(update={"known_hosts": str(nobody)}).using()
    (result,) = far.run(delete_source=True)
    assert result.state == "failed"
    assert "datagw trust archive" in result.failures[0].error
    assert published(far) == {}
    assert set(far.left()) == {"20260201/a", "20260201/b", "20260201/c"}
    assert nobody.read_text() == ""


def test_a_changed_host_key_is_refused(own: OpenSSH, tmp_path: Path) -> None:
    station = Station(tmp_path, Sftp(**own.fields()))
    lay_out(station)
    own.kill()
    own.renew_host_keys()
    own.start()
    (result,) = station.run()
    assert "datagw trust archive --replace" in result.failures[0].error


def test_a_wrong_password_is_refused_once_in_a_run_of_many_days(tmp_path: Path) -> None:
    """A server locks those out who try too often."""
    secret = tmp_path / "password"
    secret.write_text("not " + PASSWORD)
    with AsyncSSH(tmp_path / "server") as server:
        station = Station(tmp_path, Sftp(**server.fields(tmp_path, password={"file": str(secret)})), copies=2)
        for n in range(1, 6):
            station.write(f"2026020{n}/a")
        results = station.run(*(date(2026, 2, n) for n in range(1, 6)))
        assert [result.state for result in results] == ["failed"] * 5
        assert "the server refuses anna" in results[4].failures[0].error
        assert server.attempts == [("anna", False)]
        assert PASSWORD not in " ".join(failure.error for result in results for failure in result.failures)
        secret.write_text(PASSWORD)
        assert [result.state for result in station.run(date(2026, 2, 1))] == ["published"]

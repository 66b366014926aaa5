"""Two runs of one day: from two processes, from one that was paused and overtaken, and with two ledgers."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from sqlalchemy import update

from datagw.files import is_own_name
from datagw.gateways.local import Local
from datagw.gateways.sftp import Sftp
from datagw.ledger import Owner
from datagw.ledger.lease import MARGIN
from datagw.ledger.tables import leases
from datagw.publishing import LeaseHeld
from datagw_tests.publishing.child import Child, Order
from datagw_tests.publishing.disturbing import Meanwhile, published
from datagw_tests.publishing.station import Station
from datagw_tests.publishing.test_accidents import BIG, lay_out
from datagw_tests.servers.openssh import OpenSSH

WHOLE = {"a": b"a" * 1000, "b": BIG, "c": b"c" * 1000}


@pytest.fixture
def order(sshd: OpenSSH, folder: Path, tmp_path: Path) -> Order:
    """A day of three files, to be published by the child."""
    order = Order(tmp_path, sshd.fields(root=str(folder)), {"delete_source": True}, hold_at=1_000_000)
    lay_out(order.station())
    return order


def test_a_second_run_waits_and_finds_nothing_to_do(order: Order, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    station = order.station()
    with Child(order) as first:
        assert [first.hear(), first.hear()] == ["started", "holding"]

        class Waiting:
            """Lets the first run go on as soon as the second says that it waits for it."""

            asked = 0

            def __call__(self) -> bool:
                self.asked += 1
                if "waiting for it" in caplog.text and self.asked > 1:
                    first.tell()
                    self.asked = -1_000_000
                return False

        (result,) = station.run(world={"should_abort": Waiting()})
        word, states, sent, _ = first.hear()
    assert (word, states, sent) == ("done", ["published"], 3)
    assert result.state == "published"
    assert (result.copies["archive"].sent_files, result.copies["archive"].files) == (0, 3)
    assert published(station) == WHOLE
    assert station.left() == {}
    assert len(station.receipts()) == 3


def test_a_run_that_does_not_wait_names_the_one_at_work(order: Order) -> None:
    station = order.station()
    with Child(order) as first:
        assert [first.hear(), first.hear()] == ["started", "holding"]
        with pytest.raises(LeaseHeld) as held:
            station.run(asked={"wait": False})
        (at_work,) = station.ledger.running()
        assert (held.value.run, held.value.owner.pid) == (at_work.id, first.pid)
        assert at_work.id in str(held.value)
        first.tell()
        assert first.hear()[:3] == ("done", ["published"], 3)
    assert published(station) == WHOLE


def test_other_days_and_other_jobs_are_not_held_up(order: Order) -> None:
    from datetime import date

    station = order.station()
    station.write("20260202/x", b"x")
    with Child(order) as first:
        assert [first.hear(), first.hear()] == ["started", "holding"]
        (result,) = station.run(date(2026, 2, 2), asked={"wait": False})
        assert result.state == "published"
        first.tell()
        assert first.hear()[0] == "done"


def test_a_killed_run_is_taken_over_at_once_and_is_on_record_as_lost(
    order: Order, caplog: pytest.LogCaptureFixture
) -> None:
    station = order.station()
    with Child(order) as first:
        assert [first.hear(), first.hear()] == ["started", "holding"]
        (lost,) = station.ledger.running()
        first.kill()
        (result,) = station.run(asked={"wait": False})
    assert result.state == "published"
    assert f"taking over from run {lost.id}" in caplog.text
    assert {run.state for run in station.ledger.runs() if run.id == lost.id} == {"lost"}
    assert published(station) == WHOLE
    assert station.left() == {}


def snapshot(root: Path) -> dict[str, tuple[int, int, int]]:
    """What stands on a disk, down to inodes and ctimes: nothing is written without a trace here."""
    found = {str(path.relative_to(root)): path.lstat() for path in sorted(root.rglob("*"))}
    return {name: (one.st_ino, one.st_size, one.st_ctime_ns) for name, one in found.items()}


@pytest.mark.parametrize("hold_at", [1000, 1_000_000, 2_000_000, 2_500_000, 3_000_000])
def test_a_run_that_was_paused_and_overtaken_writes_nothing_more(order: Order, hold_at: int) -> None:
    """Stopped by SIGSTOP; its lease has run out when it wakes, and another run has done its work."""
    order.hold_at = hold_at
    order.ttl = MARGIN  # so that it is never sure of its lease, and asks each time
    station = order.station()
    with Child(order) as paused:
        assert [paused.hear(), paused.hear()] == ["started", "holding"]
        paused.signal(signal.SIGSTOP)
        with station.ledger.writing() as connection:
            connection.execute(update(leases).values(expires=0.0))
        (result,) = station.run(asked={"wait": False})
        assert result.state == "published"
        assert published(station) == WHOLE
        assert station.left() == {}
        receipts = station.receipts()
        before = snapshot(Path(station.archive.root))
        paused.tell()
        paused.signal(signal.SIGCONT)
        word, error, text = paused.hear()
        assert (word, error) == ("error", "LeaseLost"), text
    assert snapshot(Path(station.archive.root)) == before
    assert list(station.data.iterdir()) == []
    assert station.receipts() == receipts
    assert [(row.state, row.files) for row in station.ledger.days("readings")] == [("published", 3)]


# ---- two ledgers


class Looker:
    """Looks at the files of a folder all the time, and keeps what it has seen under each final name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen: dict[str, set[bytes]] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        while not self._ended.is_set():
            for path in list(self.folder.glob("*")):
                if not path.name.startswith("."):
                    try:
                        self.seen.setdefault(path.name, set()).add(path.read_bytes())
                    except FileNotFoundError:
                        continue

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()


@pytest.fixture
def rivals(sshd: OpenSSH, folder: Path, tmp_path: Path) -> tuple[Station, Station]:
    """Two stations that share the source and the destination, and not the ledger."""
    first = Station(tmp_path, Sftp(**sshd.fields(root=str(folder))))
    second = Station(tmp_path, first.archive.using(), database=f"sqlite:///{tmp_path}/other.db")
    return first, second


def test_two_ledgers_on_one_destination_never_show_half_a_file(rivals: tuple[Station, Station], folder: Path) -> None:
    contents = {f"f{n}": random.Random(n).randbytes(300_000 + n) for n in range(6)}
    first, _ = rivals
    for name, content in contents.items():
        first.write(f"20260201/{name}", content)
    day = folder / "days/20260201"
    day.mkdir(parents=True)
    threads = []
    with Looker(day) as looker:
        for station in rivals:
            threads.append(threading.Thread(target=lambda one=station: [one.run(marker=None) for _ in range(2)]))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for name, seen in looker.seen.items():
        assert seen == {contents[name]}
    for station in rivals:
        (result,) = station.run(marker=None)
        assert result.state == "published"
    assert published(first) == contents


def test_a_rival_that_begins_anew_between_proof_and_rename_shows_no_half_file(
    rivals: tuple[Station, Station], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first has proven its part and is about to rename it; the second starts over with a part of the same file."""
    content = random.Random(1).randbytes(900_000)
    first, second = rivals
    first.write("20260201/f", content)
    final = folder / "days/20260201/f"
    seen: list[bytes] = []
    rename_many = Sftp._rename_many

    class Half(BaseException):
        pass

    def stop() -> None:
        raise Half

    def with_a_rival(self: Sftp, session: Any, renames: Any) -> Iterator[Any]:
        asked = list(renames)
        with monkeypatch.context() as patch:
            patch.setattr(Sftp, "_rename_many", rename_many)
            with pytest.raises(Half):
                second.run(marker=None, world={"progress": Meanwhile(stop, after=500_000)})
        outcomes = list(rename_many(self, session, iter(asked)))
        if final.exists():
            seen.append(final.read_bytes())
        return iter(outcomes)

    monkeypatch.setattr(Sftp, "_rename_many", with_a_rival)
    first.run(marker=None)
    assert set(seen) <= {content}
    monkeypatch.undo()
    for station in rivals:
        (result,) = station.run(marker=None)
        assert result.state == "published"
        assert published(first)["f"] == content
    assert all(is_own_name(name) for name in set(published(first)) - {"f"})


def test_the_markers_of_two_ledgers_do_not_take_each_other_away(tmp_path: Path) -> None:
    """The second, alive on the same host, sees a marker that is not its own, and waits; at a destination it goes on."""
    (tmp_path / "archive").mkdir()
    first = Station(tmp_path, Local(root=str(tmp_path / "archive")))
    second = Station(tmp_path, first.archive, database=f"sqlite:///{tmp_path}/other.db")
    lay_out(first)
    told: list[Any] = []
    seen: list[bool] = []

    def meanwhile() -> None:
        told.extend(second.run(delete_source=True))
        told.extend(second.run())
        seen.append((tmp_path / "archive/days/20260201/.do-not-touch").exists())

    (result,) = first.run(delete_source=True, world={"progress": Meanwhile(meanwhile, after=1)})
    assert [one.state for one in told] == ["waiting", "waiting"]
    assert seen == [True]
    assert result.state == "published"
    assert published(first) == WHOLE


def test_this_process_is_told_from_one_that_had_its_number(order: Order) -> None:
    """A lease of the same pid with another start is nobody's: pids are used again."""
    station = order.station()
    ours = Owner.current()
    with pytest.MonkeyPatch.context() as patch:
        dead = Owner(ours.host, ours.boot, os.getpid(), ours.started_ticks + 1)
        patch.setattr(Owner, "current", classmethod(lambda _cls: dead))
        station.ledger.take("readings", None, "elder")
        from datetime import date

        station.ledger.take("readings", date(2026, 2, 1), "elder")
    (result,) = station.run(asked={"wait": False})
    assert result.state == "published"

"""A run that dies at any of its calls, then a clean one: the end is that of the undisturbed run, and nothing was risked."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from datagw.files import is_own_name
from datagw.gateways.base import Gateway
from datagw.gateways.local import Local
from datagw.gateways.memory import Memory
from datagw.gateways.sftp import Sftp
from datagw.ledger import Ledger
from datagw_tests.conftest import require_server
from datagw_tests.gateways.shelf import Shelf
from datagw_tests.publishing.crashing import Counter, Crash, dying
from datagw_tests.publishing.station import Station
from datagw_tests.servers.openssh import OpenSSH, missing

LARGE = bytes(range(256)) * 10_000
FILES = {"a.csv": b"1;2;3\n", "deep/er/b c.txt": b"b" * 5000, "empty": b"", "large.bin": LARGE}
EXPECTED = {f"days/20260201/{name}": content for name, content in FILES.items()}


def lay_out(folder: Path, archive: Gateway) -> Station:
    shutil.copy(fresh_ledger(folder.parent), folder / "jobs.db")
    station = Station(folder, archive, options={"delete_source": True})
    for name, content in FILES.items():
        station.write(f"20260201/{name}", content)
    return station


def fresh_ledger(folder: Path) -> Path:
    """An empty ledger, made once: each case begins with a copy of it."""
    path = folder / "fresh.db"
    if not path.exists():
        Ledger.open(path).close()
    return path


def nothing_was_risked(station: Station) -> None:
    """No part under a final name; what is gone from the source stands whole at the archive."""
    there = station.there()
    for path, content in there.items():
        if not is_own_name(path) and not path.endswith(".do-not-touch"):
            assert content == EXPECTED[path], f"{path} is not whole"
    kept = station.left()
    for name, content in FILES.items():
        here = kept.get(f"20260201/{name}")
        aside = any(is_own_name(path) and held == content for path, held in kept.items())
        assert here == content or aside or there.get(f"days/20260201/{name}") == content, f"{name} is lost"


def the_end_is_as_undisturbed(station: Station) -> None:
    assert station.there() == EXPECTED
    assert station.left() == {}
    assert list(station.data.iterdir()) == []
    receipts = station.receipts()
    assert {receipt.destination for receipt in receipts} == set(EXPECTED)
    assert len({(receipt.destination, receipt.version) for receipt in receipts}) == len(receipts)
    assert [(row.state, row.files) for row in station.ledger.days("readings")] == [("published", len(FILES))]
    assert station.ledger.all_intents("readings") == []
    assert station.ledger.markers("readings") == []


def die_at_each_call(folder: Path, archive: Callable[[Path], Gateway], *, step: int = 1, first: int = 1) -> int:
    """Every `step`-th call from the `first` on; returns how many calls the undisturbed run makes."""
    k = first
    while True:
        case = folder / f"k{k}"
        case.mkdir()
        station = lay_out(case, archive(case))
        counter = Counter(k)
        with contextlib.suppress(Crash), dying(counter, station.ledger):
            station.run()
        if counter.count < k:
            the_end_is_as_undisturbed(station)
            station.ledger.close()
            return counter.count
        last = counter.names[k - 1]
        try:
            nothing_was_risked(station)
            (result,) = station.run()
            assert result.state == "published", result
            the_end_is_as_undisturbed(station)
        except BaseException as error:
            error.add_note(f"after a crash at call {k}, {last}")
            raise
        station.ledger.close()
        shutil.rmtree(case)
        k += step


def test_a_day_to_memory(tmp_path: Path) -> None:
    assert die_at_each_call(tmp_path, lambda _: Memory(), step=3, first=1) > 50


@pytest.mark.slow
def test_a_day_to_memory_at_every_call(tmp_path: Path) -> None:
    assert die_at_each_call(tmp_path, lambda _: Memory()) > 50


def shelf(case: Path, *, checks: bool = True) -> Gateway:
    (case / "archive").mkdir()
    return Shelf(folder=str(case / "archive"), checks=checks)


@pytest.mark.parametrize("checks", [True, False])
def test_a_day_to_a_place_that_publishes_in_one_request(tmp_path: Path, *, checks: bool) -> None:
    assert die_at_each_call(tmp_path, lambda case: shelf(case, checks=checks), step=7, first=2) > 50


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("checks", [True, False])
def test_a_day_to_a_place_of_one_request_at_every_call(tmp_path: Path, *, checks: bool) -> None:
    assert die_at_each_call(tmp_path, lambda case: shelf(case, checks=checks)) > 50


def disk(case: Path) -> Gateway:
    (case / "archive").mkdir()
    return Local(root=str(case / "archive"))


def test_a_day_to_a_disk(tmp_path: Path) -> None:
    assert die_at_each_call(tmp_path, disk, step=5, first=2) > 50


@pytest.mark.slow
def test_a_day_to_a_disk_at_every_call(tmp_path: Path) -> None:
    assert die_at_each_call(tmp_path, disk) > 50


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSSH]:
    if lack := missing():
        require_server(*lack)
    with OpenSSH(tmp_path_factory.mktemp("sshd")) as server:
        yield server


def on(server: OpenSSH) -> Callable[[Path], Gateway]:
    def place(case: Path) -> Gateway:
        root = server.root / case.name
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir()
        return Sftp(**server.fields(root=str(root)))

    return place


def test_a_day_to_an_ssh_server(server: OpenSSH, tmp_path: Path) -> None:
    assert die_at_each_call(tmp_path, on(server), step=23, first=3) > 100


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_day_to_an_ssh_server_at_every_call(server: OpenSSH, tmp_path: Path) -> None:
    assert die_at_each_call(tmp_path, on(server)) > 100

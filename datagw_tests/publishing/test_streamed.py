"""Large files of a remote source, read where they stand: nothing of them on this machine, and each place's faults its own."""

from __future__ import annotations

import contextlib
import os
import random
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from datagw import publish
from datagw.errors import Unavailable
from datagw.gateways.aws.bucket import Bucket
from datagw.gateways.front import streaming
from datagw.gateways.local import Local
from datagw.gateways.s3 import S3
from datagw.gateways.sftp import Sftp
from datagw.gateways.ssh.packets import FAILURE, Status
from datagw.gateways.ssh.wire import Wire
from datagw.publishing import NoProgress, staging
from datagw_tests.gateways.s3_stores import a_gateway, minio
from datagw_tests.publishing import crashing
from datagw_tests.publishing.disturbing import Meanwhile, published
from datagw_tests.publishing.station import Station
from datagw_tests.publishing.test_two_places import Two
from datagw_tests.servers.chaos import Chaos
from datagw_tests.servers.openssh import OpenSSH
from datagw_tests.servers.s3 import S3Server

__all__ = ["minio"]

MB = 1_000_000
LARGE = random.Random(9).randbytes(20 * MB)
WHOLE = {"a": b"a" * 1000, "large": LARGE, "z": b"z" * 1000}


@pytest.fixture
def line(sshd: OpenSSH) -> Iterator[Chaos]:
    """What the source is reached by."""
    with Chaos("127.0.0.1", sshd.port) as proxy:
        yield proxy


@pytest.fixture
def second(sshd: OpenSSH) -> Iterator[Chaos]:
    """What the destination is reached by."""
    with Chaos("127.0.0.1", sshd.port) as proxy:
        yield proxy


@pytest.fixture
def origin(sshd: OpenSSH, line: Chaos, folder: Path) -> Sftp:
    """A source on an SSH server, by a line that can be disturbed."""
    (folder / "origin").mkdir()
    return Sftp(**sshd.fields(port=line.port, root=str(folder / "origin"), insecure=True))


@pytest.fixture
def station(sshd: OpenSSH, second: Chaos, origin: Sftp, folder: Path, tmp_path: Path) -> Station:
    """From one folder of the server to another."""
    (folder / "archive").mkdir()
    archive = Sftp(**sshd.fields(port=second.port, root=str(folder / "archive"), insecure=True))
    return laid_out(Station(tmp_path, archive, source=origin))


def laid_out(station: Station) -> Station:
    station.data = Path(station.source.root)
    for name, content in WHOLE.items():
        station.write(f"20260201/{name}", content)
    return station


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the files that are fetched into a folder of this machine."""
    sizes, real = list[int](), staging._fetched

    def noted(world: Any, source: Any, claims: Any) -> Any:
        sizes.extend(claim.size for claim in claims)
        return real(world, source, claims)

    monkeypatch.setattr(staging, "_fetched", noted)
    return sizes


def test_a_large_file_goes_through_and_the_small_ones_are_staged(station: Station, fetched: list[int]):
    (result,) = station.run(delete_source=True)
    assert (result.state, result.failures, result.deleted) == ("published", (), 3)
    assert published(station) == WHOLE
    assert fetched == [1000, 1000]
    assert {receipt.verification for receipt in station.receipts()} == {"hash"}


def test_the_disk_need_not_have_room_for_it_and_progress_counts_it_once(station: Station, monkeypatch):
    class Counted(NoProgress):
        planned = sent = 0

        def plan(self, label: str, files: int, size: int) -> None:
            self.planned += size

        def moved(self, count: int) -> None:
            self.sent += count

    for name in ("a", "z"):
        (station.data / "20260201" / name).unlink()
    monkeypatch.setattr(staging, "space_left", lambda _: 0)
    (result,) = station.run(world={"progress": (counted := Counted())}, marker=None)
    assert (result.state, counted.planned, counted.sent) == ("published", len(LARGE), len(LARGE))


@pytest.mark.parametrize("to", ["disk", "s3"])
def test_other_places_take_it_as_well(to: str, origin: Sftp, minio: S3Server, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(S3, "part", 5 << 20)
    (tmp_path / "archive").mkdir()
    archive = a_gateway(minio, monkeypatch) if to == "s3" else Local(root=str(tmp_path / "archive"))
    station = laid_out(Station(tmp_path, archive, source=origin))
    (result,) = station.run()
    assert (result.state, result.failures) == ("published", ())
    assert station.there() == {f"days/20260201/{name}": content for name, content in WHOLE.items()}


def test_a_store_that_fails_one_of_several_frees_the_line_to_the_source(
    origin: Sftp, minio: S3Server, tmp_path: Path, monkeypatch
):
    """The source may have one connection, and the store takes many files at once."""
    station = Station(tmp_path, a_gateway(minio, monkeypatch), source=origin)
    station.data = Path(origin.root)
    for n in range(3):
        station.write(f"20260201/{n}", LARGE[: 9 * MB])
    real, failed = Bucket._put_plainly, list[Any]()

    def put(self: Bucket, key: str, reading: Any, facts: Any) -> Any:
        if not failed:
            failed.append(blocks := reading.blocks(1 << 20))
            next(blocks)
            raise Unavailable("the store is away")
        return real(self, key, reading, facts)

    monkeypatch.setattr(Bucket, "_put_plainly", put)
    (result,) = station.run(marker=None)
    assert (result.state, result.failures, len(failed)) == ("published", (), 1)


def test_a_server_that_refuses_one_of_several_frees_the_line_to_the_source(station: Station, monkeypatch):
    """Others follow on the same connection, before the outcome of the first is asked for."""
    station.write("20260201/b", LARGE[: 9 * MB])
    real, refused = Wire.write, list[int]()

    def write(self: Wire, handle: bytes, offset: int, data: Any) -> Any:
        if offset > 2 * MB and not refused:
            refused.append(offset)
            raise Status(FAILURE, "no more of it")
        return real(self, handle, offset, data)

    monkeypatch.setattr(Wire, "write", write)
    (result,) = station.run()
    assert [failure.source for failure in result.failures] == ["20260201/b"]
    assert published(station)["large"] == LARGE


def test_a_call_of_the_library_streams_as_well(origin: Sftp, tmp_path: Path, fetched: list[int]):
    path = Path(origin.root) / "large"
    path.write_bytes(LARGE)
    os.utime(path, (1_760_000_000, 1_760_000_000))
    result = publish(origin / "large", Local(root=str(tmp_path)) / "out/", ledger=tmp_path / "jobs.db")
    assert (result.files, (tmp_path / "out/large").read_bytes() == LARGE) == (1, True)
    assert fetched == []


def test_it_comes_from_s3_and_within_one_place(minio: S3Server, tmp_path: Path, monkeypatch):
    """Source and destination are one gateway: the stream has a connection of its own."""
    monkeypatch.setattr(S3, "_copies_from", lambda _self, _source: False, raising=False)
    lake = a_gateway(minio, monkeypatch)
    lake.session().client.put_object(Bucket=lake.bucket, Key="big.bin", Body=LARGE)
    station = Station(tmp_path, lake, source=lake)
    (result,) = station.run(None, source="big.bin", to=["there/"], marker=None)
    assert (result.state, result.failures) == ("published", ())
    assert lake.read("there/big.bin") == LARGE


def test_a_file_that_two_copies_want_is_fetched_once(origin: Sftp, tmp_path: Path, fetched: list[int]):
    (tmp_path / "archive").mkdir()
    station = Two(tmp_path, Local(root=str(tmp_path / "archive")), source=origin)
    laid_out(station)
    (result,) = station.run()
    assert (result.state, published(station), station.at_mirror()) == ("published", WHOLE, WHOLE)
    assert sorted(fetched) == [1000, 1000, len(LARGE)]


def test_a_file_that_changes_on_its_way_is_left_for_the_next_run(station: Station):
    path = station.data / "20260201/large"
    touch: Callable[[], None] = path.touch
    (result,) = station.run(world={"progress": Meanwhile(touch, after=5 * MB)})
    assert (result.state, result.failures) == ("unfinished", ())
    assert "large" not in published(station)
    (result,) = station.run()
    assert (result.state, published(station)) == ("published", WHOLE)


def test_a_source_that_is_cut_costs_the_destination_not_a_byte(station: Station, line: Chaos, second: Chaos):
    (result,) = station.run(world={"progress": Meanwhile(line.reset_all, after=5 * MB)})
    assert (result.state, result.failures, published(station)) == ("published", (), WHOLE)
    assert second.carried < len(LARGE) + 2 * MB
    assert line.accepted > 2


def test_a_source_that_is_gone_for_good_fails_that_file_alone_and_the_next_run_goes_on(
    station: Station, line: Chaos, second: Chaos
):
    class Gone(Meanwhile):
        def file_done(self) -> None:
            line.refuse = False  # it is back for the look at the end of the day

    def gone() -> None:
        line.refuse = True
        line.reset_all()

    (result,) = station.run(world={"progress": Gone(gone, after=9 * MB)})
    assert result.state == "failed"
    (failure,) = result.failures
    assert (failure.source, failure.unanswered) == ("20260201/large", "station")
    assert failure.error.startswith("station:")
    assert {"a", "z"} <= set(published(station))
    before = second.carried
    (result,) = station.run()
    assert (result.state, published(station)) == ("published", WHOLE)
    assert result.copies["archive"].sent_bytes < 14 * MB
    assert second.carried - before < 15 * MB


def test_a_destination_that_is_cut_is_gone_on_with(station: Station, line: Chaos, second: Chaos):
    (result,) = station.run(world={"progress": Meanwhile(second.reset_all, after=9 * MB)})
    assert (result.state, result.failures, published(station)) == ("published", (), WHOLE)
    assert second.carried < len(LARGE) + 8 * MB


def test_what_had_arrived_when_a_run_died_is_not_sent_again(station: Station, second: Chaos):
    def die() -> None:
        raise crashing.Crash("in the middle")

    with pytest.raises(crashing.Crash), crashing.dying(crashing.Counter(), station.ledger):
        station.run(world={"progress": Meanwhile(die, after=12 * MB)})
    before = second.carried
    (result,) = station.run()
    assert (result.state, published(station)) == ("published", WHOLE)
    assert result.copies["archive"].sent_bytes < 13 * MB
    assert second.carried - before < 14 * MB


def test_a_day_is_ended_whatever_call_a_crash_comes_at(tmp_path: Path, monkeypatch):
    """The file is streamed from one disk to another here, by a source that does not say that it is one."""

    class Far(Local):
        type = "far"

    monkeypatch.setattr(streaming, "STREAM_FROM", 1000)
    contents = {"a": b"a" * 500, "b": b"b" * 3 * MB, "c": b"c" * 2 * MB}

    def case() -> Station:
        home = tmp_path / uuid.uuid4().hex
        for name in ("origin", "archive"):
            (home / name).mkdir(parents=True)
        made = Station(home, Local(root=str(home / "archive")), source=Far(root=str(home / "origin")))
        made.data = home / "origin"
        for name, content in contents.items():
            made.write(f"20260201/{name}", content)
        return made

    counter = crashing.Counter()
    whole = case()
    with crashing.dying(counter, whole.ledger):
        whole.run(delete_source=True)
    assert counter.count > 60
    for limit in range(5, counter.count, 17):
        one = case()
        with contextlib.suppress(crashing.Crash), crashing.dying(crashing.Counter(limit), one.ledger):
            one.run(delete_source=True)
        (result,) = one.run(delete_source=True)
        assert (result.failures, published(one), one.left()) == ((), contents, {}), limit
        assert one.ledger.all_intents("readings") == []
        one.ledger.close()

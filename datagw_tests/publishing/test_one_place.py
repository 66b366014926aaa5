"""Places that are not what they seem: source and copy in one, two copies in one, a gateway that has moved."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from datagw.errors import NotFound, Unavailable
from datagw.gateways.base import Gateway
from datagw.gateways.front.retries import RetryPolicy
from datagw.gateways.local import Local
from datagw.gateways.memory import Memory
from datagw.gateways.sftp import Sftp
from datagw.publishing import due, plan_day, publish
from datagw_tests.conftest import require_server
from datagw_tests.publishing.station import DAY, NOW, Station
from datagw_tests.servers.openssh import OpenSSH, missing


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSSH]:
    if lack := missing():
        require_server(*lack)
    with OpenSSH(tmp_path_factory.mktemp("sshd")) as server:
        yield server


def on_disk(folder: Path) -> Gateway:
    folder.mkdir(exist_ok=True)
    return Local(root=str(folder))


def test_a_copy_that_is_the_source_through_a_link_costs_no_file(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to("data")
    station = Station(tmp_path, Local(root=str(tmp_path / "link")))
    station.write("20260201/a", b"the only one")
    (result,) = station.run(to=["%Y%m%d/"], delete_source=True)
    assert result.state == "failed"
    assert "one and the same file" in result.failures[0].error
    assert station.left()["20260201/a"] == b"the only one"


def test_a_copy_that_is_the_source_through_a_server_costs_no_file(server: OpenSSH, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    station = Station(tmp_path, Sftp(**server.fields(root=str(tmp_path / "data"))))
    station.write("20260201/a", b"the only one")
    (result,) = station.run(to=["%Y%m%d/"], delete_source=True)
    assert result.state == "failed"
    assert "one and the same file" in (result.error or "")
    assert station.left()["20260201/a"] == b"the only one"


def test_two_copies_that_are_one_file_free_nothing(tmp_path: Path) -> None:
    station = Station(tmp_path, on_disk(tmp_path / "archive"))
    station.write("20260201/a", b"a")
    (tmp_path / "archive" / "again").symlink_to(".")
    job = {"to": ["days/", "again/days/"]}
    station.run(**job)
    (result,) = station.run(delete_source=True, **job)
    assert result.deleted == 0
    assert "20260201/a" in station.left()


def test_a_gateway_that_has_moved_is_another_place(tmp_path: Path) -> None:
    station = Station(tmp_path, on_disk(tmp_path / "one"), options={"if_gone": "leave"})
    station.write("20260201/a", b"a")
    station.run()
    station.archive = on_disk(tmp_path / "two")
    (result,) = station.run(delete_source=True)
    assert (result.state, result.copies["archive"].sent_files, result.deleted) == ("published", 1, 1)
    assert station.there() == {"days/20260201/a": b"a"}


def test_what_was_left_and_touched_is_compared_with_its_receipt_and_freed(tmp_path: Path) -> None:
    station = Station(tmp_path, on_disk(tmp_path / "archive"), options={"if_gone": "leave"})
    path = station.write("20260201/a", b"a")
    station.run()
    station.archive.rm("days/20260201/a")
    path.chmod(0o600)
    (result,) = station.run(delete_source=True)
    assert (result.state, result.copies["archive"].sent_files, result.deleted) == ("published", 0, 1)
    assert station.there() == {}


def test_a_folder_that_days_share_is_left_standing(tmp_path: Path) -> None:
    station = Station(tmp_path, Memory())
    station.write("2026-02/01.csv", b"1")
    (station.data / "2026-02" / "incoming").mkdir()
    (result,) = station.run(source="%Y-%m/%d.csv", to=["all/%Y-%m/"], delete_source=True)
    assert result.deleted == 1
    assert (station.data / "2026-02" / "incoming").is_dir()


def test_a_plain_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    station = Station(tmp_path, Memory())
    job = {"source": "rna.zip", "to": ["rna.zip"], "marker": None}
    (result,) = station.run(None, **job)
    assert result.state == "failed"
    assert "the source file is not there" in (result.error or "")
    with pytest.raises(NotFound):
        station.plan(None, **job)


def test_a_file_named_as_the_marker_is_refused(tmp_path: Path) -> None:
    station = Station(tmp_path, Memory())
    station.write("20260201/flag", b"data")
    job = station.job()
    copies = (job.to[0].model_copy(update={"marker": "flag"}),)
    assert [a.kind for a in station.plan(DAY).actions] == ["send"]
    plan = plan_day(job.model_copy(update={"to": copies}), DAY, station.world())
    assert [(a.kind, "marker" in a.reason) for a in plan.actions] == [("refuse", True)]


def test_a_run_of_one_copy_leaves_the_books_of_the_others_alone(tmp_path: Path) -> None:
    station = Station(tmp_path, on_disk(tmp_path / "archive"), copies=2)
    station.write("20260201/a", b"a")
    station.write("20260201/b", b"b")
    (tmp_path / "archive/days1/20260201/a").mkdir(parents=True)
    (result,) = station.run(delete_source=True)
    assert result.state == "failed"
    markers = station.ledger.markers("readings")
    (result,) = station.run(delete_source=True, asked={"copies": ["archive"]})
    assert (result.state, set(result.copies), result.deleted) == ("published", {"archive"}, 0)
    assert station.ledger.markers("readings") == [row for row in markers if row.copy != "archive"]
    assert (tmp_path / "archive/days1/20260201/.do-not-touch").exists()
    assert "20260201/a" in station.left()


def test_one_destination_out_of_reach_does_not_hide_what_is_due_at_the_other(tmp_path: Path) -> None:
    station = Station(tmp_path, on_disk(tmp_path / "archive"))
    station.write("20260201/a", b"a")
    dead = Local(root=str(tmp_path / "unmounted"))
    job = station.job(retries=RetryPolicy(max=0))
    job = job.model_copy(update={"to": (*job.to, job.to[0].model_copy(update={"name": "dead", "gateway": "dead"}))})
    world = station.world()
    world = type(world)(**{**vars(world), "gateways": {**station.gateways, "dead": dead}})
    (plan,) = due(job, world)
    assert plan.due
    assert "dead: out of reach" in plan.notes[-1]
    (result,) = publish(job, [DAY], world)
    assert {name: copy.state for name, copy in result.copies.items()} == {"archive": "published", "dead": "failed"}
    assert due(job, world)[0].due
    alone = job.model_copy(update={"to": job.to[1:], "name": "alone"})
    with pytest.raises(Unavailable):
        due(alone, world)


def test_a_remote_file_that_changed_within_its_clock_waits(server: OpenSSH, tmp_path: Path) -> None:
    root = server.root / "restless"
    (root / "20260201").mkdir(parents=True)
    for name, age in (("fresh", 1), ("settled", 10)):
        (root / "20260201" / name).write_bytes(b"x")
        os.utime(root / "20260201" / name, (NOW.timestamp() - age,) * 2)
    station = Station(tmp_path, Memory(), source=Sftp(**server.fields(root=str(root))))
    assert {a.relative: a.kind for a in station.plan(date(2026, 2, 1)).actions} == {"fresh": "wait", "settled": "send"}
    (result,) = station.run(delete_source=True)
    assert (result.state, result.deleted) == ("unfinished", 1)
    assert (root / "20260201" / "fresh").exists()

"""Objects that a job deletes: only what was proven, as it is now, and never the one copy that there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from datagw.gateways.aws.bucket import Bucket
from datagw.gateways.local import Local
from datagw.gateways.memory import Memory
from datagw.gateways.paths.templates import Template
from datagw.gateways.s3 import S3
from datagw.jobs.models import Folder
from datagw.publishing.freeing import Freeing
from datagw_tests.gateways.s3_stores import a_gateway, minio
from datagw_tests.publishing.station import Station
from datagw_tests.servers.s3 import S3Server, VersityGateway

__all__ = ["minio"]

DAY = "20260201"


@pytest.fixture
def lake(minio: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3:
    return a_gateway(minio, monkeypatch, root="in")


def objects(lake: S3) -> dict[str, bytes]:
    found = lake.using()
    return {entry.path: found.read(entry.path) for entry in found.ls(recursive=True) if entry.name == "a.csv"}


def before_freeing(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], Any]) -> None:
    free = Freeing.free

    def later(self: Freeing, *args: Any) -> None:
        happens()
        free(self, *args)

    monkeypatch.setattr(Freeing, "free", later)


def test_an_object_that_is_replaced_right_after_it_was_compared_stays(lake, monkeypatch, tmp_path):
    station = Station(tmp_path, Memory(), source=lake)
    lake.put(b"old", f"{DAY}/a.csv")
    station.archive.put(b"old", f"days/{DAY}/a.csv")
    client, key = lake.session().client, lake.full(f"{DAY}/a.csv")
    before_freeing(monkeypatch, lambda: client.put_object(Bucket=lake.bucket, Key=key, Body=b"new"))
    (result,) = station.run(delete_source=True)
    assert (result.copies["archive"].adopted, result.deleted) == (1, 0)
    assert objects(lake) == {f"{DAY}/a.csv": b"new"}


@pytest.mark.parametrize(
    "way", [{"delete_source": True}, {"move_source": Folder(gateway="station", template=Template.parse("done/"))}]
)
def test_a_copy_that_is_the_source_under_another_address_of_the_store_costs_no_object(
    minio, lake, monkeypatch, tmp_path, way
):
    there = f"http://localhost:{minio.port}"
    archive = a_gateway(minio, monkeypatch, bucket=lake.bucket, endpoint_url=there)
    station = Station(tmp_path, archive, source=lake)
    lake.put(b"the only one", f"{DAY}/a.csv")
    (result,) = station.run(to=["in/%Y%m%d/"], **way)
    assert result.state == "failed"
    assert "the very same file" in (result.failures[0].error if result.failures else result.error or "")
    assert objects(lake) == {f"{DAY}/a.csv": b"the only one"}
    assert [entry.name for entry in lake.using().ls(DAY) if entry.name.startswith(".datagw")] == []


def test_objects_of_the_same_names_in_another_bucket_let_their_sources_go(minio, lake, monkeypatch, tmp_path):
    archive = a_gateway(minio, monkeypatch, endpoint_url=f"http://localhost:{minio.port}")
    station = Station(tmp_path, archive, source=lake)
    lake.put(b"one of two", f"{DAY}/a.csv")
    (result,) = station.run(to=["in/%Y%m%d/"], delete_source=True)
    assert (result.state, result.deleted) == ("published", 1)
    assert objects(lake) == {}
    assert station.there() == {f"in/{DAY}/a.csv": b"one of two"}


def test_an_object_that_is_replaced_while_others_are_deleted_stays(minio, monkeypatch, tmp_path):
    lake = a_gateway(minio, monkeypatch, connections=1)
    station = Station(tmp_path, Memory(), source=lake)
    for number in range(8):
        lake.put(b"old", f"{DAY}/{number}/a.csv")
    client, remove = lake.session().client, Bucket.remove

    def and_replace_the_last(self: Bucket, key: str) -> None:
        remove(self, key)
        if key.startswith(f"{DAY}/0"):
            client.put_object(Bucket=lake.bucket, Key=f"{DAY}/7/a.csv", Body=b"new")

    monkeypatch.setattr(Bucket, "remove", and_replace_the_last)
    (result,) = station.run(delete_source=True)
    assert (result.state, result.deleted, len(result.late)) == ("unfinished", 7, 1)
    assert objects(lake) == {f"{DAY}/7/a.csv": b"new"}


def test_a_copy_that_is_the_source_on_the_disk_below_the_store_costs_no_object(tmp_path, monkeypatch):
    with VersityGateway(tmp_path) as store:
        lake = a_gateway(store, monkeypatch)
        lake.put(b"the only one", f"{DAY}/a.csv")
        (below,) = (path.parents[1] for path in tmp_path.rglob("a.csv"))
        station = Station(tmp_path, Local(root=str(below)), source=lake)
        (result,) = station.run(to=["%Y%m%d/"], delete_source=True)
        assert result.state == "failed"
        assert "the very same file" in (result.error or "")
        assert objects(lake) == {f"{DAY}/a.csv": b"the only one"}

"""Objects that a job deletes: only what was proven, as it is now, and never the one copy that there is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from datagw.gateways.memory import Memory
from datagw.gateways.s3 import S3
from datagw.publishing.freeing import Freeing
from datagw_tests.gateways.s3_stores import a_gateway, minio
from datagw_tests.publishing.station import Station
from datagw_tests.servers.s3 import S3Server

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

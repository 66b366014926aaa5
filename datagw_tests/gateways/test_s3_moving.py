"""Objects that are moved once they are published, or have failed for good: copied by the store, then deleted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from datagw.gateways.aws.bucket import Bucket
from datagw.gateways.memory import Memory
from datagw.gateways.paths.templates import Template
from datagw.jobs.models import Folder
from datagw_tests.gateways.s3_stores import MIB, a_gateway, line, minio, store
from datagw_tests.gateways.test_s3_within import die_at_each_call, near
from datagw_tests.publishing.inbox import Inbox
from datagw_tests.servers.chaos import Chaos
from datagw_tests.servers.s3 import S3Server

__all__ = ["line", "minio", "store"]

MOVE = {"move_source": "done/"}
FAIL = {"failed_source": "failed/"}


@pytest.fixture
def inbox(store: S3Server, line: Chaos, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Inbox:
    """A prefix of a bucket whose new objects go into memory."""
    made = Inbox(tmp_path, Memory(), source=near(store, line, monkeypatch, root="lake"))
    made.now += timedelta(days=400)  # the store's clock is a real one
    return made


def objects(inbox: Inbox) -> dict[str, bytes]:
    lake = inbox.source.using()
    return {entry.path: lake.read(entry.path) for entry in lake.ls(recursive=True) if entry.kind == "file"}


def test_published_objects_are_moved_by_the_store_and_none_replaces_another(inbox, line):
    for content in (b"one", b"two", b"two"):
        inbox.source.put(content, "inbox/sub/a.csv")
        inbox.ticks(**MOVE)
        inbox.later()
    found = objects(inbox)
    assert sorted(found.values()) == [b"one", b"two"]
    assert found["done/sub/a.csv"] == b"one"
    assert {path.rpartition("/")[0] for path in found} == {"done/sub"}


def test_a_move_downloads_nothing(inbox, line):
    inbox.source.put(bytes(5 * MIB), "inbox/large")
    inbox.ticks()
    line.carried = 0
    inbox.ticks(**MOVE)
    assert line.carried < MIB
    assert objects(inbox) == {"done/large": bytes(5 * MIB)}


def test_what_is_put_there_while_its_forerunner_is_moved_stays(inbox, monkeypatch):
    copy: Callable[..., Any] = Bucket.copy

    def come(self: Bucket, origin: Any, *args: Any) -> Any:
        made = copy(self, origin, *args)
        self.client.put_object(Bucket=origin.bucket, Key=origin.key, Body=b"newer")
        return made

    inbox.source.put(b"older", "inbox/a.csv")
    with monkeypatch.context() as patch:
        patch.setattr(Bucket, "copy", come)
        result = inbox.tick(**MOVE)
    assert result is not None
    assert (result.deleted, len(result.late), result.failures) == (0, 1, ())
    assert objects(inbox) == {"inbox/a.csv": b"newer", "done/a.csv": b"older"}
    inbox.later()
    inbox.ticks(**MOVE)
    assert sorted(objects(inbox).values()) == [b"newer", b"older"]
    assert "inbox/a.csv" not in objects(inbox)


def test_a_copy_that_is_not_proven_costs_no_object(inbox, monkeypatch):
    copy: Callable[..., Any] = Bucket.copy

    def wrong(self: Bucket, origin: Any, key: str, *args: Any) -> Any:
        made = copy(self, origin, key, *args)
        self.client.put_object(Bucket=self.name, Key=key, Body=b"wrong")
        return made

    monkeypatch.setattr(Bucket, "copy", wrong)
    monkeypatch.setattr("datagw.gateways.aws.copies._proof", lambda *_: None)
    inbox.source.put(b"right", "inbox/a.csv")
    result = inbox.tick(**MOVE)
    assert result is not None
    assert result.deleted == 0
    assert objects(inbox)["inbox/a.csv"] == b"right"


def test_an_object_that_failed_for_good_is_set_apart_with_the_reason_beside_it(inbox):
    inbox.archive.mkdir("there/sub/bad.csv")
    inbox.source.put(b"bad", "inbox/sub/bad.csv")
    inbox.source.put(b"good", "inbox/sub/good.csv")
    result = inbox.tick(**FAIL)
    assert result is not None
    assert result.state == "failed"
    found = objects(inbox)
    assert b"a folder stands at the destination" in found.pop("failed/sub/bad.csv.error.txt")
    assert found == {"failed/sub/bad.csv": b"bad", "inbox/sub/good.csv": b"good"}


def test_an_object_set_apart_by_a_run_that_died_is_set_apart_once(inbox, monkeypatch):
    inbox.archive.mkdir("there/bad.csv")
    inbox.source.put(b"bad", "inbox/bad.csv")

    class Dies(BaseException):
        pass

    def die(*_: object) -> None:
        raise Dies

    with monkeypatch.context() as patch:
        patch.setattr(Bucket, "remove", die)
        with pytest.raises(Dies):
            inbox.run(**FAIL)
    assert objects(inbox).keys() == {"inbox/bad.csv", "failed/bad.csv", "failed/bad.csv.error.txt"}
    inbox.later(600)
    inbox.run(**FAIL)
    assert objects(inbox).keys() == {"failed/bad.csv", "failed/bad.csv.error.txt"}


def a_folder() -> Folder:
    return Folder(gateway="station", template=Template.parse("done/%Y%m%d/"))


def test_a_day_is_moved_whatever_call_a_crash_comes_at(minio, monkeypatch, tmp_path):
    gateways = a_gateway(minio, monkeypatch), a_gateway(minio, monkeypatch)
    assert die_at_each_call(tmp_path, *gateways, monkeypatch, 53, move_source=a_folder()) > 40


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_day_is_moved_whatever_call_a_crash_comes_at_one_in_four(minio, monkeypatch, tmp_path):
    gateways = a_gateway(minio, monkeypatch), a_gateway(minio, monkeypatch)
    assert die_at_each_call(tmp_path, *gateways, monkeypatch, 4, move_source=a_folder()) > 40

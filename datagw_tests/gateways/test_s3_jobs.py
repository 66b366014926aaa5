"""Jobs to and from real S3 stores: days, new files, deletion, crashes and kills."""

from __future__ import annotations

import contextlib
import re
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from datagw.gateways.aws import stale
from datagw.gateways.base import Gateway
from datagw.gateways.local import Local
from datagw.gateways.objects.place import Objects
from datagw.gateways.s3 import S3
from datagw.jobs import load
from datagw.publishing import publish
from datagw.publishing.tidying import Tidying
from datagw_tests.gateways.s3_stores import MIB, a_gateway, minio, store
from datagw_tests.publishing import crashing
from datagw_tests.publishing.station import Station
from datagw_tests.publishing.test_crash_points import die_at_each_call
from datagw_tests.servers.s3 import KEY, SECRET, S3Server

__all__ = ["minio", "store"]

CONTENTS = {"a.csv": b"1;2;3\n", "deep/er/b c.txt": b"b" * 5000, "empty": b"", "large": bytes(range(256)) * 20_000}


@pytest.fixture
def lake(store: S3Server, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    return a_gateway(store, monkeypatch, root="lake")


@pytest.fixture
def station(lake: Gateway, tmp_path: Path) -> Station:
    """To an S3 store."""
    made = Station(tmp_path, lake)
    for name, content in CONTENTS.items():
        made.write(f"20260201/{name}", content)
    return made


def test_a_day_is_published_with_its_proofs_and_freed(station):
    (result,) = station.run(delete_source=True)
    assert (result.state, result.deleted, result.failures) == ("published", 4, ())
    assert station.there() == {f"days/20260201/{name}": content for name, content in CONTENTS.items()}
    receipts = station.receipts()
    assert {receipt.verification for receipt in receipts} == {"hash"}
    for receipt in receipts:
        assert receipt.copy_etag == station.archive.stat(receipt.destination).etag
    assert station.left() == {}


def test_a_second_run_moves_nothing_and_what_changed_is_sent(station):
    station.run()
    (again,) = station.run()
    assert (again.copies["archive"].sent_files, again.copies["archive"].skipped) == (0, 4)
    station.write("20260201/a.csv", b"4;5;6\n", mtime=1_770_000_000)
    (third,) = station.run()
    assert third.copies["archive"].sent_files == 1
    assert station.archive.read("days/20260201/a.csv") == b"4;5;6\n"


def test_a_copy_that_somebody_replaced_or_took_away_is_sent_again(station):
    station.run()
    station.archive.put(b"theirs", "days/20260201/a.csv")
    station.archive.rm("days/20260201/large")
    (again,) = station.run()
    assert again.copies["archive"].sent_files == 2
    assert station.archive.read("days/20260201/a.csv") == CONTENTS["a.csv"]


def test_equal_objects_are_adopted_after_the_ledger_was_lost(station, tmp_path):
    station.run()
    station.ledger.close()
    (tmp_path / "jobs.db").unlink()
    (result,) = Station(tmp_path, station.archive).run()
    assert (result.copies["archive"].adopted, result.copies["archive"].sent_files) == (4, 0)


def test_days_that_are_prefixes_are_found_and_fetched(lake, tmp_path):
    for day in ("20260201", "20260203"):
        lake.put(day.encode(), f"data/{day}/readings.csv")
    (tmp_path / "archive").mkdir()
    one = Station(tmp_path, Local(root=str(tmp_path / "archive")), source=lake)
    plans = one.due(source="data/%Y%m%d/", start="first")
    assert [plan.day.isoformat() for plan in plans if plan.state == "due"] == ["2026-02-01", "2026-02-03"]
    assert [plan.state for plan in plans if plan.day is not None and plan.day.day == 2] in ([], ["missing"])
    (result,) = one.run(source="data/%Y%m%d/", delete_source=True)
    assert (result.state, result.deleted) == ("published", 1)
    assert one.there() == {"days/20260201/readings.csv": b"20260201"}
    assert [entry.path for entry in lake.ls("data")] == ["data/20260203"]


def inbox(one: Station, **changed: Any) -> Any:
    (result,) = one.run(None, source="inbox/**/*.csv", to=["in/"], when="new files", marker=None, **changed)
    return result


def test_new_objects_are_taken_once_and_an_empty_inbox_is_no_error(lake, tmp_path):
    (tmp_path / "archive").mkdir()
    one = Station(tmp_path, Local(root=str(tmp_path / "archive")), source=lake)
    assert inbox(one).failures == ()
    lake.put(b"1", "inbox/a.csv")
    lake.put(b"2", "inbox/deep/b.csv")
    lake.session().client.put_object(Bucket=lake.bucket, Key="lake/inbox/console/", Body=b"")
    one.now += timedelta(days=400)  # the store's clock is a real one
    assert inbox(one, delete_source=True).state == "published"
    assert one.there() == {"in/a.csv": b"1", "in/deep/b.csv": b"2"}
    assert inbox(one, delete_source=True).failures == ()
    assert [entry.path for entry in lake.ls(recursive=True) if entry.kind == "file"] == []


def test_a_bucket_that_is_not_there_is_an_error_and_no_empty_inbox(store, monkeypatch, tmp_path):
    (tmp_path / "archive").mkdir()
    gone = a_gateway(store, monkeypatch, bucket="never-made")
    one = Station(tmp_path, Local(root=str(tmp_path / "archive")), source=gone)
    result = inbox(one)
    assert result.state == "failed"
    assert "no such bucket" in str(result)


@pytest.fixture
def place(minio: S3Server, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Gateway]:
    """A new prefix for each case, its calls counted as those of other places are."""
    monkeypatch.setattr(crashing, "Shelf", Objects)
    monkeypatch.setattr(crashing, "HOOKS", ("_ls", "_stat", "_stat_many", "_put", "_read_many", "_rm_many", "pulse"))
    made = a_gateway(minio, monkeypatch)
    return lambda case: S3(**{**made.model_dump(exclude_none=True), "root": f"{case.name}-{uuid.uuid4().hex}"})


def test_a_day_is_ended_whatever_call_a_crash_comes_at(place, tmp_path):
    assert die_at_each_call(tmp_path, place, step=19, first=4) > 50


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_day_is_ended_whatever_call_a_crash_comes_at_every_one(place, tmp_path):
    assert die_at_each_call(tmp_path, place) > 50


@pytest.fixture
def large(store: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Station:
    """A station with one large file, whose run has died after two of its parts had arrived."""
    monkeypatch.setattr(S3, "part", 5 * MIB)
    one = Station(tmp_path, a_gateway(store, monkeypatch))
    one.write("20260201/large", uuid.uuid4().bytes * (22 * MIB // 16))
    answers: list[int] = []

    class Dies(S3):
        def _session(self) -> Any:
            session = super()._session()
            session.client.meta.events.register("after-call.s3.UploadPart", self.die)
            return session

        def die(self, **_: object) -> None:
            answers.append(1)
            if len(answers) == 2:
                raise crashing.Crash("in the middle")

    kept, one.archive = one.archive, Dies(**one.archive.model_dump(exclude_none=True))
    with contextlib.suppress(crashing.Crash), crashing.dying(crashing.Counter(), one.ledger):
        one.run()
    one.archive = kept
    assert len(answers) >= 2
    return one


def test_a_later_run_sends_only_the_parts_that_had_not_arrived(large):
    assert list(large.there()) == ["days/20260201/.do-not-touch"]
    (result,) = large.run()
    assert (result.state, result.failures) == ("published", ())
    assert 0 < result.copies["archive"].sent_bytes <= 17 * MIB
    assert large.there() == {"days/20260201/large": (large.data / "20260201/large").read_bytes()}
    assert [receipt.verification for receipt in large.receipts()] == ["hash"]


def test_an_upload_that_a_run_has_left_a_week_ago_is_aborted_by_the_janitor(large, monkeypatch):
    """Here `large` is a run that nobody comes back for."""
    client, bucket = large.archive.session().client, large.archive.bucket
    left = [upload["Key"] for upload in client.list_multipart_uploads(Bucket=bucket).get("Uploads", ())]
    assert left == ["days/20260201/large"]
    client.create_multipart_upload(Bucket=bucket, Key="days/20260201/large.of-others")
    assert large.archive.abandon(left) == 0, "by the store's clock it is new"
    monkeypatch.setattr(stale, "STALE", timedelta(days=-1))
    assert Tidying(large.world(), {"readings": large.job()}).run().uploads == 0, "the run may be gone on with"
    large.now += timedelta(days=8)
    assert Tidying(large.world(), {"readings": large.job()}).run().uploads == 1
    found = client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    assert [upload["Key"] for upload in found] == ["days/20260201/large.of-others"]
    assert large.ledger.all_intents("readings") == []


def test_the_jobs_of_the_page_run(minio, monkeypatch, tmp_path, project):
    """The first block of docs/s3.md, on a store of this machine, and with folders of this test."""
    (text,) = re.findall(r"\A# S3\n\n```toml\n(.*?)```", (project / "docs/s3.md").read_text("utf-8"), re.DOTALL)
    for old, new in {
        '"https://s3.gra.io.cloud.ovh.net"': f'"{minio.url}"',
        'region = "gra"': 'region = "us-east-1"',
        '"opendata"': f'"{minio.bucket()}"',
        "local:/data/": f"local:{tmp_path}/data/",
        '"local:inbox/"': f'"local:{tmp_path}/in/"',
    }.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    monkeypatch.setenv("LAKE_KEY", KEY)
    monkeypatch.setenv("LAKE_SECRET", SECRET)
    (tmp_path / "jobs.toml").write_text(text)
    (tmp_path / "in").mkdir()
    found = load(tmp_path / "jobs.toml")
    assert found.problems == ()
    day = tmp_path / "data/readings/20260201"
    day.mkdir(parents=True)
    (day / "a.csv").write_text("1;2")
    lake = found.gateways["lake"]
    station = Station(tmp_path, lake)
    world = replace(station.world(), gateways=found.gateways)
    (result,) = publish(found.jobs["readings"], [date(2026, 2, 1)], world)
    assert (result.state, result.deleted) == ("published", 1)
    assert lake.read("readings/2026/02/01/a.csv") == b"1;2"
    lake.put(b"new", "inbox/b.csv")
    monkeypatch.setattr(station, "now", station.now + timedelta(days=400))
    (result,) = publish(found.jobs["inbox"], [None], replace(station.world(), gateways=found.gateways))
    assert result.failures == ()
    assert (tmp_path / "in/b.csv").read_bytes() == b"new"

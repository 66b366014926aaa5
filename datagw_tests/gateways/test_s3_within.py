"""Copies within one S3 store: made and proven by the store, never downloaded."""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import threading
import uuid
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from datagw.gateways.aws.copies import Copy
from datagw.gateways.objects.place import Objects
from datagw.gateways.s3 import S3
from datagw_tests.gateways.s3_stores import MIB, a_gateway, line, minio, store
from datagw_tests.publishing import crashing
from datagw_tests.publishing.station import Station
from datagw_tests.publishing.test_crash_points import fresh_ledger
from datagw_tests.servers.chaos import Chaos
from datagw_tests.servers.s3 import S3Server

__all__ = ["line", "minio", "store"]

LARGE = random.Random(8).randbytes(3 * MIB)
PARTS = [random.Random(9).randbytes(5 * MIB), random.Random(10).randbytes(5 * MIB), b"the end"]
NAMES = ("a.csv", "deep/er/b c.txt", "plus+and%20per cent", "q?x#y", "día ' \"", "del\x7f", "uni\u2028sep", "empty")
CONTENTS = {name: name.encode() * 100 if name != "empty" else b"" for name in NAMES}
DAY = "20260201"


def near(server: S3Server, line: Chaos, monkeypatch: pytest.MonkeyPatch, **fields: Any) -> S3:
    """A gateway on a new bucket behind the line, on which bytes are counted."""
    return a_gateway(server, monkeypatch, endpoint_url=f"http://127.0.0.1:{line.port}", **fields)


@pytest.fixture
def station(store: S3Server, line: Chaos, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Station]:
    """From a folder of one bucket to a folder of another one."""
    source, archive = near(store, line, monkeypatch, root="in/coming"), near(store, line, monkeypatch, root="out")
    yield Station(tmp_path, archive, source=source)
    source.close()
    archive.close()


def lay(station: Station, contents: dict[str, bytes] = CONTENTS) -> None:
    for name, content in contents.items():
        station.source.put(content, f"{DAY}/{name}")


def lay_in_parts(station: Station, name: str, parts: list[bytes] = PARTS) -> bytes:
    """An object that somebody has sent in parts, which are not of equal size."""
    source = station.source
    client, named = source.session().client, {"Bucket": source.bucket, "Key": source.full(f"{DAY}/{name}")}
    upload = client.create_multipart_upload(**named, Metadata={"mtime": "1700000000.5"})["UploadId"]
    etags = [
        client.upload_part(**named, UploadId=upload, PartNumber=number, Body=part)["ETag"]
        for number, part in enumerate(parts, 1)
    ]
    listed = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)]
    client.complete_multipart_upload(**named, UploadId=upload, MultipartUpload={"Parts": listed})
    return b"".join(parts)


def expected(contents: dict[str, bytes]) -> dict[str, bytes]:
    return {f"days/{DAY}/{name}": content for name, content in contents.items()}


def test_a_day_is_copied_proven_and_freed_and_nothing_is_downloaded(station, line):
    contents = {**CONTENTS, **{f"large-{n}": LARGE for n in range(4)}}
    lay(station, contents)
    line.carried = 0
    (result,) = station.run(delete_source=True)
    assert (result.state, result.failures, result.deleted) == ("published", (), len(contents))
    assert line.carried < MIB, "twelve megabytes were to be copied"
    assert result.copies["archive"].sent_bytes == 0
    assert station.there() == expected(contents)
    assert list(station.source.using().ls(recursive=True)) == []
    receipts = {receipt.destination: receipt for receipt in station.receipts()}
    assert {receipt.verification for receipt in receipts.values()} == {"hash"}
    assert {path: receipt.sha256 for path, receipt in receipts.items()} == {
        path: hashlib.sha256(content).hexdigest() for path, content in expected(contents).items()
    }, "the store was asked for them"
    assert not station.world().tmp_dir.parent.exists()


def test_a_second_run_copies_nothing_and_what_changed_is_copied(station, line):
    lay(station)
    station.run()
    (again,) = station.run()
    assert (again.copies["archive"].sent_files, again.copies["archive"].skipped) == (0, len(CONTENTS))
    station.source.put(b"X" * len(CONTENTS["a.csv"]), f"{DAY}/a.csv")
    line.carried = 0
    (third,) = station.run()
    assert (third.copies["archive"].sent_files, third.failures) == (1, ())
    assert station.archive.read(f"days/{DAY}/a.csv") == b"X" * len(CONTENTS["a.csv"])


def test_what_was_sent_in_parts_is_copied_in_these_and_known_by_its_etag(station, line):
    content = lay_in_parts(station, "large")
    other = lay_in_parts(station, "odd", [PARTS[0] + b"more", *PARTS[1:]])
    line.carried = 0
    (result,) = station.run(delete_source=True)
    assert (result.state, result.failures, result.deleted) == ("published", (), 2)
    assert line.carried < MIB
    assert station.there() == expected({"large": content, "odd": other})
    for receipt in station.receipts():
        assert (receipt.verification, receipt.sha256, receipt.content) == ("hash", "", receipt.content_version)
        assert receipt.content_version == f"etag:{receipt.copy_etag}"
    assert station.archive.stat(f"days/{DAY}/large").mtime_ns == 1_700_000_000_500_000_000
    assert uploads(station.archive) == []


def uploads(gateway: S3) -> list[str]:
    found = gateway.session().client.list_multipart_uploads(Bucket=gateway.bucket)
    return [upload["Key"] for upload in found.get("Uploads", ())]


@pytest.mark.parametrize("calls", [2])
def test_a_copy_in_parts_that_was_interrupted_goes_on_with_them(station, monkeypatch, calls):
    content = lay_in_parts(station, "large")
    copied: list[str] = []

    def die(params: dict[str, Any], **_: object) -> None:
        if len(copied) == calls:
            raise crashing.Crash("in the middle")
        copied.append(params["CopySourceRange"])

    kept, monkeypatched = S3._session, monkeypatch

    def session(self: S3) -> Any:
        made = kept(self)
        made.client.meta.events.register("provide-client-params.s3.UploadPartCopy", die)
        return made

    monkeypatched.setattr("datagw.gateways.aws.copies._AT_ONCE", 1)
    with monkeypatch.context() as patch:
        patch.setattr(S3, "_session", session)
        with contextlib.suppress(crashing.Crash), crashing.dying(crashing.Counter(), station.ledger):
            station.run()
    assert len(copied) == calls
    assert list(station.there()) == [f"days/{DAY}/.do-not-touch"]
    again: list[str] = []
    count = Copy._complete
    monkeypatch.setattr(
        Copy, "_complete", lambda self, upload, etags: again.append(upload) or count(self, upload, etags)
    )
    made: list[str] = []
    station.archive.session().client.meta.events.register(
        "before-call.s3.CreateMultipartUpload", lambda **_: made.append("new")
    )
    (result,) = station.run()
    assert (result.state, result.failures) == ("published", ())
    assert station.there() == expected({"large": content})
    assert (len(again), made, uploads(station.archive)) == (1, [], [])


def test_a_manifest_tells_of_a_set_of_objects_with_their_versions(station):
    lay(station)
    (result,) = station.run(manifest="manifest.json", delete_source=True)
    assert (result.state, result.deleted) == ("published", len(CONTENTS))
    said = json.loads(station.archive.read(f"days/{DAY}/manifest.json"))
    assert {file["path"]: (file["size"], file["sha256"]) for file in said["files"]} == {
        name: (len(content), hashlib.sha256(content).hexdigest()) for name, content in CONTENTS.items()
    }
    for file in said["files"]:
        assert file["version"] == station.archive.stat(f"days/{DAY}/{file['path']}").etag


def test_a_pointer_follows_the_newest_day_and_an_older_one_leaves_it(station):
    days = [date(2026, 2, 2), date(2026, 2, 1)]
    for day in days:
        station.source.put(b"1", f"{day:%Y%m%d}/a.csv")
        (result,) = station.run(day, pointer="latest", delete_source=True)
        assert (result.state, result.deleted) == ("published", 1)
        assert station.archive.read("days/latest") == b"days/20260202\n"


def test_a_pointer_is_not_turned_back_after_the_ledger_was_lost(station, tmp_path):
    for day in (1, 2):
        station.source.put(b"1", f"2026020{day}/a.csv")
    station.run(date(2026, 2, 2), pointer="latest")
    station.ledger.close()
    (tmp_path / "jobs.db").unlink()
    again = Station(tmp_path, station.archive, source=station.source)
    again.run(date(2026, 2, 1), pointer="latest")
    assert station.archive.read("days/latest") == b"days/20260202\n"


def test_metadata_of_the_source_go_with_it_and_settings_stand_before_them(store, monkeypatch, tmp_path):
    source = a_gateway(store, monkeypatch)
    archive = a_gateway(store, monkeypatch, metadata={"license": "etalab"}, bucket=source.bucket, root="out")
    source.session().client.put_object(
        Bucket=source.bucket,
        Key=f"in/{DAY}/a.csv",
        Body=b"1",
        ContentType="text/csv; charset=latin-1",
        CacheControl="max-age=60",
        Metadata={"mtime": "1500000000.25", "license": "none", "who": "station 7"},
    )
    one = Station(tmp_path, archive, source=source)
    (result,) = one.run(source="in/%Y%m%d/")
    assert result.state == "published"
    head = source.session().client.head_object(Bucket=source.bucket, Key=f"out/days/{DAY}/a.csv")
    assert (head["ContentType"], head["CacheControl"]) == ("text/csv; charset=latin-1", "max-age=60")
    assert head["Metadata"] == {"mtime": "1500000000.25", "license": "etalab", "who": "station 7"}


def test_an_object_replaced_between_plan_and_copy_is_left_for_the_next_run(station, monkeypatch):
    lay(station, {"a.csv": b"old", "b.csv": b"still"})
    given = Copy._given
    come: list[int] = []

    def replaced(self: Copy, head: dict[str, Any]) -> dict[str, Any]:
        if self.key.endswith("a.csv") and not come:
            come.append(1)
            self.client.put_object(Bucket=self.origin.bucket, Key=self.origin.key, Body=b"new")
        return given(self, head)

    monkeypatch.setattr(Copy, "_given", replaced)
    (result,) = station.run(delete_source=True)
    assert result.state == "unfinished"
    assert [line for line in result.late if "a.csv" in line and "another one" in line]
    assert station.there()[f"days/{DAY}/b.csv"] == b"still"
    assert f"days/{DAY}/a.csv" not in station.there()
    assert station.source.read(f"{DAY}/a.csv") == b"new"
    (again,) = station.run(delete_source=True)
    assert (again.state, again.failures) == ("published", ())
    assert station.there() == expected({"a.csv": b"new", "b.csv": b"still"})


def test_an_object_that_is_gone_by_then_is_no_failure(station, monkeypatch):
    lay(station, {"a.csv": b"old", "b.csv": b"still"})
    given = Copy._given

    def gone(self: Copy, head: dict[str, Any]) -> dict[str, Any]:
        if self.key.endswith("a.csv"):
            self.client.delete_object(Bucket=self.origin.bucket, Key=self.origin.key)
        return given(self, head)

    monkeypatch.setattr(Copy, "_given", gone)
    (result,) = station.run()
    assert (result.state, result.failures) == ("unfinished", ())


def test_two_sources_of_one_name_are_an_error_and_neither_is_copied(station):
    station.source.put(b"1", f"{DAY}/x/a.csv")
    station.source.put(b"2", f"{DAY}/y/a.csv")
    (result,) = station.run(to=["days/%Y%m%d/{name}"])
    assert [failure for failure in result.failures if "two sources would get this name" in failure.error]
    assert f"days/{DAY}/a.csv" not in station.there()


def test_what_somebody_else_put_there_is_kept_unless_it_may_be_replaced(station):
    lay(station, {"a.csv": b"mine", "b.csv": b"same"})
    station.archive.put(b"their own", f"days/{DAY}/a.csv")
    station.archive.put(b"same", f"days/{DAY}/b.csv")
    (result,) = station.run(overwrite=False)
    assert (result.state, result.copies["archive"].adopted) == ("failed", 1)
    assert [failure.source for failure in result.failures] == [f"{DAY}/a.csv"]
    assert station.archive.read(f"days/{DAY}/a.csv") == b"their own"
    (result,) = station.run(overwrite=True)
    assert result.state == "published"
    assert station.archive.read(f"days/{DAY}/a.csv") == b"mine"


def test_what_comes_in_between_is_kept_as_well(station, monkeypatch):
    lay(station, {"a.csv": b"mine"})
    look = Objects._duplicate

    def come(self: Objects, session: Any, source: Any, wish: Any) -> Any:
        session.client.put_object(Bucket=self.bucket, Key=self.full(wish.final), Body=b"theirs")
        return look(self, session, source, wish)

    monkeypatch.setattr(Objects, "_duplicate", come)
    (result,) = station.run(overwrite=False)
    assert [failure for failure in result.failures if "stands there already" in failure.error]
    assert station.archive.read(f"days/{DAY}/a.csv") == b"theirs"


def test_an_object_that_would_be_its_own_copy_through_another_root_is_refused(store, monkeypatch, tmp_path):
    source = a_gateway(store, monkeypatch, root="lake/in")
    archive = a_gateway(store, monkeypatch, bucket=source.bucket, root="lake")
    source.put(b"the only one", f"{DAY}/a.csv")
    (result,) = Station(tmp_path, archive, source=source).run(to=["in/%Y%m%d/"], delete_source=True)
    assert "one and the same file" in result.failures[0].error
    assert source.read(f"{DAY}/a.csv") == b"the only one"


def test_equal_objects_are_adopted_without_a_download_after_the_ledger_was_lost(station, line, tmp_path):
    lay(station, {f"large-{n}": LARGE for n in range(3)})
    content = lay_in_parts(station, "parts")
    station.run()
    station.ledger.close()
    (tmp_path / "jobs.db").unlink()
    line.carried = 0
    again = Station(tmp_path, station.archive, source=station.source)
    (result,) = again.run()
    assert (result.copies["archive"].adopted, result.copies["archive"].sent_files) == (4, 0)
    assert line.carried < MIB
    assert station.archive.read(f"days/{DAY}/parts") == content


def test_where_the_store_has_nothing_to_compare_by_both_are_read(station, monkeypatch):
    lay(station)
    monkeypatch.setattr("datagw.gateways.aws.copies._proof", lambda *_: None)
    (result,) = station.run(delete_source=True)
    assert (result.state, result.failures) == ("published", ())
    assert {receipt.verification for receipt in station.receipts()} == {"readback"}
    assert {receipt.sha256 for receipt in station.receipts()} == {
        hashlib.sha256(content).hexdigest() for content in CONTENTS.values()
    }


def test_a_copy_that_differs_is_never_taken_for_proven(station, monkeypatch):
    lay(station, {"a.csv": b"right"})
    whole = Copy._whole

    def wrong(self: Copy, given: dict[str, Any]) -> str | None:
        whole(self, given)
        return self.client.put_object(Bucket=self.bucket.name, Key=self.key, Body=b"wrong")["ETag"].strip('"')

    monkeypatch.setattr(Copy, "_whole", wrong)
    (result,) = station.run(delete_source=True)
    assert [failure for failure in result.failures if "differs from its source" in failure.error]
    assert station.receipts() == []
    assert station.source.read(f"{DAY}/a.csv") == b"right"


def test_other_stores_and_other_accounts_are_not_copied_from(minio, monkeypatch):
    monkeypatch.setenv("S3_OTHER", "x")
    one = a_gateway(minio, monkeypatch)
    assert one.copies_from(a_gateway(minio, monkeypatch, root="else/where"))
    assert not one.copies_from(a_gateway(minio, monkeypatch, endpoint_url="http://127.0.0.1:9"))
    assert not one.copies_from(a_gateway(minio, monkeypatch, access_key_id="OTHERKEY"))
    assert not one.copies_from(a_gateway(minio, monkeypatch, secret_access_key={"env": "S3_OTHER"}))
    assert not one.copies_from(
        a_gateway(minio, monkeypatch, access_key_id=None, secret_access_key=None, anonymous=True)
    )


def test_two_runs_at_once_copy_each_object_once(station, tmp_path):
    lay(station)
    other = Station(tmp_path, station.archive.using(name="archive"), source=station.source.using(name="station"))
    results: list[Any] = []
    threads = [threading.Thread(target=lambda one=one: results.extend(one.run())) for one in (station, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [result.state for result in results] == ["published", "published"]
    assert sum(result.copies["archive"].sent_files for result in results) == len(CONTENTS)
    assert len(station.receipts()) == len(CONTENTS)
    other.ledger.close()


def die_at_each_call(
    folder: Path, source: S3, archive: S3, monkeypatch: pytest.MonkeyPatch, step: int, **job: Any
) -> int:
    """As for other days: a crash at any call, then a clean run; the end is that of an undisturbed one."""
    monkeypatch.setattr(crashing, "Shelf", Objects)
    hooks = ("_ls", "_stat", "_stat_many", "_duplicate", "_compare_many", "_read_many", "_rm_many", "_put", "pulse")
    monkeypatch.setattr(crashing, "HOOKS", hooks)
    contents = {name: CONTENTS[name] for name in ("a.csv", "deep/er/b c.txt", "empty")}
    k = 2
    while True:
        case = folder / f"k{k}"
        case.mkdir()
        (case / "jobs.db").write_bytes(fresh_ledger(folder).read_bytes())
        fields = {"root": f"{case.name}-{uuid.uuid4().hex}"}
        here = S3(**{**source.model_dump(exclude_none=True), **fields})
        there = S3(**{**archive.model_dump(exclude_none=True), **fields})
        one = Station(case, there, source=here, options=job)
        lay(one, contents)
        counter = crashing.Counter(k)
        with contextlib.suppress(crashing.Crash), crashing.dying(counter, one.ledger):
            one.run()
        standing = {entry.path for entry in here.using().ls(recursive=True) if entry.kind == "file"}
        for name, content in contents.items():
            copy = one.there().get(f"days/{DAY}/{name}")
            assert copy in (None, content)
            assert f"{DAY}/{name}" in standing or copy == content, f"{name} is lost after a crash at call {k}"
        ended = counter.count < k
        if not ended:
            (result,) = one.run()
            assert (result.state, result.failures) == ("published", ()), f"after a crash at call {k}"
        assert one.there() == expected(contents)
        left = {e.path: here.read(e.path) for e in here.using().ls(recursive=True) if e.kind == "file"}
        moved = {f"done/{DAY}/{name}": content for name, content in contents.items()}
        assert left == (moved if "move_source" in job else {}), f"after a crash at call {k}"
        assert {receipt.destination for receipt in one.receipts()} == set(expected(contents))
        assert one.ledger.all_intents("readings") == []
        one.ledger.close()
        if ended:
            return counter.count
        k += step


def test_a_copy_within_is_ended_whatever_call_a_crash_comes_at(minio, monkeypatch, tmp_path):
    gateways = a_gateway(minio, monkeypatch), a_gateway(minio, monkeypatch)
    assert die_at_each_call(tmp_path, *gateways, monkeypatch, 47, delete_source=True) > 40


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_copy_within_is_ended_whatever_call_a_crash_comes_at_one_in_four(minio, monkeypatch, tmp_path):
    gateways = a_gateway(minio, monkeypatch), a_gateway(minio, monkeypatch)
    assert die_at_each_call(tmp_path, *gateways, monkeypatch, 4, delete_source=True) > 40


def test_a_kept_copy_is_recognised_after_a_crash_though_its_source_is_another_one_by_then(station, monkeypatch):
    lay(station, {"a.csv": b"first"})
    duplicate = Objects._duplicate

    def dies(self: Objects, *args: Any) -> Any:
        duplicate(self, *args)
        raise crashing.Crash("before the receipt")

    with monkeypatch.context() as patch:
        patch.setattr(Objects, "_duplicate", dies)
        with contextlib.suppress(crashing.Crash), crashing.dying(crashing.Counter(), station.ledger):
            station.run(overwrite=False)
    assert station.receipts() == []
    station.source.put(b"and second", f"{DAY}/a.csv")
    (result,) = station.run(date(2026, 2, 1), overwrite=False)
    assert (result.state, result.failures) == ("published", ())
    assert station.archive.read(f"days/{DAY}/a.csv") == b"and second"

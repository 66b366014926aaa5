"""Large objects on real stores: sent in parts, gone on with, compared, and never mixed up."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError

from datagw.errors import Changed, Rejected, Unavailable
from datagw.gateways.aws import stale
from datagw.gateways.aws.account import Account
from datagw.gateways.aws.parts import InParts
from datagw.gateways.base import Sent, Upload
from datagw.gateways.front.retries import RetryPolicy
from datagw.gateways.s3 import S3
from datagw_tests.gateways.promise import hold
from datagw_tests.gateways.s3_stores import MIB, a_gateway, line, store
from datagw_tests.servers.chaos import Chaos
from datagw_tests.servers.s3 import S3Server

__all__ = ["line", "store"]

CONTENT = random.Random(6).randbytes(23 * MIB + 17)
TIME = 1_760_000_000_123_456_789


class Kept:
    """What a ledger would remember of an upload."""

    def __init__(self) -> None:
        self.note: str | None = None

    def upload(self, content: bytes = CONTENT, **more: object) -> Upload:
        return Upload(content, "part", "large.bin", TIME, note=self.note, keep=self.keep, **more)

    def keep(self, note: str | None) -> None:
        self.note = note


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(S3, "part", 5 * MIB)


def created_plainly(self: InParts) -> dict[str, Any]:
    return self.client.create_multipart_upload(**self.named, **self.bucket.given(self.facts))


@pytest.fixture(params=["sha256", "md5", "amazon"])
def compared(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the store does; by its ETags alone; and by Amazon's own rules, where these need not be MD5."""
    if request.param == "amazon":
        monkeypatch.setattr(Account, "at_aws", True)
    if request.param == "md5":
        monkeypatch.setattr(InParts, "_created", created_plainly)


@pytest.fixture
def gateway(store: S3Server, line: Chaos, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    with a_gateway(store, monkeypatch, endpoint_url=f"http://127.0.0.1:{line.port}") as made:
        yield made


def published(gateway: S3, upload: Upload) -> Sent:
    (sent,) = gateway.publish([upload])
    return sent


def cut_after_two_parts(gateway: S3, line: Chaos, *, refuse: bool) -> None:
    """The line is cut when the store has answered for two parts of this session's upload; the second answer is lost."""
    answers: list[int] = []

    def cut(**_: object) -> None:
        answers.append(1)
        if len(answers) == 2:
            line.refuse = refuse
            line.reset_all()
            raise ConnectionClosedError(endpoint_url=gateway.endpoint_url)

    gateway.session().client.meta.events.register("after-call.s3.UploadPart", cut)


def half_sent(gateway: S3, line: Chaos, kept: Kept) -> int:
    """Sends until the line is cut; how many bytes of parts have arrived."""
    cut_after_two_parts(gateway, line, refuse=True)
    sent = published(gateway, kept.upload())
    line.refuse = False
    assert isinstance(sent.error, Unavailable)
    assert kept.note is not None
    there = gateway.session().client.list_parts(
        Bucket=gateway.bucket, Key="large.bin", UploadId=json.loads(kept.note)["upload"]
    )
    return sum(part["Size"] for part in there["Parts"])


def uploads(gateway: S3) -> list[str]:
    found = gateway.session().client.list_multipart_uploads(Bucket=gateway.bucket)
    return [upload["Key"] for upload in found.get("Uploads", ())]


def test_a_large_object_arrives_whole_with_its_time_and_is_known_by_its_hash(gateway, compared):
    kept = Kept()
    sent = published(gateway, kept.upload())
    assert (sent.error, sent.published.proof) == (None, "hash")
    found = gateway.stat("large.bin")
    assert (found.size, found.mtime_ns, found.etag) == (
        len(CONTENT),
        1_760_000_000_123_456_789,
        sent.published.file.etag,
    )
    assert gateway.read("large.bin") == CONTENT
    assert (kept.note, uploads(gateway)) == (None, [])


def test_after_a_cut_only_what_had_not_arrived_is_sent_again(gateway, line, compared):
    kept = Kept()
    arrived = half_sent(gateway, line, kept)
    assert 10 * MIB <= arrived < len(CONTENT)
    assert [entry.path for entry in gateway.ls()] == []
    gateway.close()
    line.carried = 0
    sent = published(gateway, kept.upload())
    assert (sent.error, sent.published.proof) == (None, "hash")
    assert line.carried < len(CONTENT) - arrived + MIB
    assert gateway.read("large.bin") == CONTENT
    assert (kept.note, uploads(gateway)) == (None, [])


def test_within_a_run_a_cut_is_gone_on_with_too(gateway, line):
    patient = gateway.using(retries=RetryPolicy(max=2, backoff=0.01, cap=0.02))
    cut_after_two_parts(patient, line, refuse=False)
    line.carried = 0
    sent = published(patient, Kept().upload())
    assert (sent.error, sent.published.proof) == (None, "hash")
    assert sent.moved <= len(CONTENT) - 5 * MIB - 17, "two parts had been answered for"
    assert patient.read("large.bin") == CONTENT
    patient.close()


def test_a_file_that_changed_is_not_put_behind_the_parts_of_the_old_one(gateway, line, compared):
    kept = Kept()
    half_sent(gateway, line, kept)
    other = bytes(reversed(CONTENT))
    sent = published(gateway, kept.upload(other))
    assert (sent.error, sent.moved) == (None, len(other))
    assert gateway.read("large.bin") == other
    assert uploads(gateway) == []


def test_an_upload_that_somebody_ended_is_begun_again(gateway, line):
    kept = Kept()
    half_sent(gateway, line, kept)
    client = gateway.session().client
    for upload in client.list_multipart_uploads(Bucket=gateway.bucket)["Uploads"]:
        client.abort_multipart_upload(Bucket=gateway.bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    sent = published(gateway, kept.upload())
    assert (sent.error, sent.moved) == (None, len(CONTENT))
    assert gateway.read("large.bin") == CONTENT


def test_an_upload_whose_last_answer_was_lost_is_found_done(gateway, line):
    kept, first = Kept(), Kept()
    events = gateway.session().client.meta.events

    def lose(**_: object) -> None:
        kept.note = first.note
        raise ConnectionResetError("the answer was lost")

    events.register("after-call.s3.CompleteMultipartUpload", lose)
    with pytest.raises(ConnectionResetError):
        published(gateway, first.upload())
    gateway.close()
    assert kept.note is not None
    line.carried = 0
    sent = published(gateway, kept.upload())
    assert (sent.error, sent.moved, sent.published.proof) == (None, 0, "hash")
    assert line.carried < MIB
    assert kept.note is None


def test_a_source_that_changes_meanwhile_leaves_nothing_behind(gateway, tmp_path):
    staged = hold(tmp_path, "a", CONTENT)

    def touch(_count: int) -> None:
        if uploads(watcher) and not touched:
            touched.append((tmp_path / "a").write_bytes(b"b" * len(CONTENT)))

    touched: list[int] = []
    watcher = gateway.using()
    kept = Kept()
    (sent,) = gateway.using(moved=touch).publish([kept.upload(staged)])
    assert isinstance(sent.error, Changed)
    assert touched
    assert (uploads(gateway), [entry.path for entry in gateway.ls()], kept.note) == ([], [], None)


def test_what_stands_there_is_kept_where_it_is_not_to_be_replaced(gateway):
    gateway.put(b"theirs", "large.bin")
    sent = published(gateway, Kept().upload(replace=False))
    assert isinstance(sent.error, Rejected)
    assert gateway.read("large.bin") == b"theirs"


def test_somebody_who_comes_in_between_is_not_replaced_either(gateway):
    def come(_count: int) -> None:
        if uploads(other) and not came:
            came.append(other.put(b"theirs", "large.bin"))

    came: list[object] = []
    other = gateway.using()
    (sent,) = gateway.using(moved=come).publish([Kept().upload(replace=False)])
    assert came
    assert isinstance(sent.error, Rejected)
    assert gateway.read("large.bin") == b"theirs"
    assert uploads(gateway) == []


def test_what_nobody_went_on_with_for_a_week_is_aborted_and_no_other_upload(gateway, line, monkeypatch):
    half_sent(gateway, line, Kept())
    client = gateway.session().client
    client.create_multipart_upload(Bucket=gateway.bucket, Key="large.bin.of-others")
    monkeypatch.setattr(stale, "STALE", timedelta(days=-1))
    end = time.monotonic() + 30
    while True:
        sent = published(gateway, Kept().upload())
        assert sent.error is None
        if uploads(gateway) == ["large.bin.of-others"]:
            break  # else a piece that was on its way when the line was cut has come in behind the end of its upload
        assert time.monotonic() < end, uploads(gateway)


def test_the_store_is_told_what_was_asked_for_of_large_and_small_alike(store, monkeypatch):
    with a_gateway(store, monkeypatch, metadata={"license": "etalab"}, storage_class="STANDARD") as gateway:
        for name, content in (("large.csv", CONTENT), ("middling.csv", CONTENT[: 4 * MIB + 1]), ("small.csv", b"1;2")):
            (sent,) = gateway.publish([Upload(content, "part", name, 1_000_000_001)])
            assert sent.error is None
            head = gateway.session().client.head_object(Bucket=gateway.bucket, Key=name)
            assert head["ContentType"] == "text/csv"
            assert head["Metadata"] == {"license": "etalab", "mtime": "1.000000001"}

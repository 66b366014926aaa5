"""Stores that do not know CopyObject: what would have been copied within them is downloaded and sent."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from datagw.files import RemoteFile
from datagw.gateways.front.duplicates import Duplicate
from datagw.gateways.front.retries import RetryPolicy
from datagw.gateways.s3 import S3
from datagw_tests.publishing.station import Station
from datagw_tests.servers.s3_misbehaving import Answer, Asked, MisbehavingStore, refusal

DAY = "20260201"
CONTENTS = {f"{n}.csv": b"%d" % n * 100 for n in range(5)}


@pytest.fixture(params=[(501, "NotImplemented"), (405, "MethodNotAllowed")], ids=["501", "405"])
def store(request: pytest.FixtureRequest) -> Iterator[MisbehavingStore]:
    status, code = request.param
    with MisbehavingStore() as made:
        made.says = lambda asked: refusal(status, code) if is_a_copy(asked) else None
        for name, content in CONTENTS.items():
            made.objects[f"in/{DAY}/{name}"] = content
        yield made


def is_a_copy(asked: Asked) -> bool:
    return "x-amz-copy-source" in asked.headers


@pytest.fixture
def station(store: MisbehavingStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Station]:
    monkeypatch.setenv("S3_SECRET", "s3cret-of-station7")

    def gateway(root: str) -> S3:
        made = S3(
            bucket="bucket",
            root=root,
            endpoint_url=store.url,
            addressing_style="path",
            access_key_id="KEY",
            secret_access_key={"env": "S3_SECRET"},  # type: ignore[arg-type]
        )
        return made.using(name="lake", retries=RetryPolicy(max=0))

    with gateway("in") as source, gateway("out") as archive:
        yield Station(tmp_path, archive, source=source)


def published(store: MisbehavingStore) -> dict[str, bytes]:
    """What stands in the day's folder, markers too."""
    prefix = f"out/days/{DAY}/"
    return {key.removeprefix(prefix): content for key, content in store.objects.items() if key.startswith(prefix)}


def test_files_are_downloaded_and_sent_and_one_line_says_so(store, station, caplog):
    assert station.archive.copies_from(station.source)
    with caplog.at_level(logging.WARNING):
        (result,) = station.run(delete_source=True)
    assert (result.state, result.failures, result.deleted) == ("published", (), len(CONTENTS))
    assert (result.copies["archive"].sent_files, result.copies["archive"].sent_bytes) == (5, 500)
    assert published(store) == CONTENTS
    assert [line for line in caplog.messages if "does not copy by itself" in line] == [
        "archive: the place does not copy by itself: downloaded and sent, this time: 5 of 5 files"
    ]
    assert station.ledger.intents("readings", None) == []
    (again,) = station.run()
    assert again.copies["archive"].sent_files == 0


def test_the_store_is_not_asked_for_each_file(store, station):
    many = {f"many-{n}": b"m" for n in range(200)}
    store.objects.update({f"in/{DAY}/{name}": content for name, content in many.items()})
    (result,) = station.run()
    assert (result.state, published(store)) == ("published", {**CONTENTS, **many})
    assert 1 <= len([asked for asked in store.asked if is_a_copy(asked)]) < 100, "16 connections, twice each at most"


def test_only_what_it_refuses_is_sent(store, station):
    store.says = lambda asked: (
        refusal(501, "NotImplemented") if is_a_copy(asked) and "3" in asked.key else copied(asked)
    )

    def copied(asked: Asked) -> Answer | None:
        if not is_a_copy(asked):
            return None
        content = store.objects[asked.headers["x-amz-copy-source"].removeprefix("bucket/")]
        store.objects[asked.key] = content
        tag = store.etag(content)
        return Answer(200, f'<CopyObjectResult><ETag>"{tag}"</ETag></CopyObjectResult>'.encode())

    (result,) = station.run()
    assert (result.state, published(store)) == ("published", CONTENTS)
    assert result.copies["archive"].sent_files == 5


def test_after_an_outage_in_between_the_next_run_goes_on(store, station, monkeypatch):
    put: Callable[..., object] = MisbehavingStore.plainly

    def refuse(self: MisbehavingStore, asked: Asked) -> Answer:
        if asked.method == "PUT" and asked.key.endswith("2.csv"):
            return refusal(503, "SlowDown")
        return put(self, asked)  # type: ignore[return-value]

    with monkeypatch.context() as patch:
        patch.setattr(MisbehavingStore, "plainly", refuse)
        (result,) = station.run(delete_source=True)
    assert (result.state, result.deleted) == ("failed", 0)
    (result,) = station.run(delete_source=True)
    assert (result.state, published(store)) == ("published", CONTENTS)


def test_a_copy_for_another_purpose_says_what_the_store_does_not_do(store, station):
    name = f"{DAY}/0.csv"
    (done,) = station.archive.copy_within(station.source, [Duplicate(RemoteFile(name, 100), "elsewhere")])
    assert "the store does not copy by itself" in str(done.error)
    assert "out/elsewhere" not in store.objects

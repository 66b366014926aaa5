"""Places that ask to be left alone for a while (429, SlowDown, Retry-After), and are: in looks, gets and publications."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from datagw.errors import Unavailable
from datagw.files import StagedFile
from datagw.gateways.datagouv import Datagouv
from datagw.gateways.front import tries
from datagw.gateways.front.retries import RetryPolicy
from datagw.gateways.http import Http
from datagw.gateways.s3 import S3
from datagw_tests.gateways.promise import handed, hold, upload
from datagw_tests.gateways.test_datagouv_refusals import Canned, canned
from datagw_tests.servers.http_misbehaving import Misbehaving, file, status
from datagw_tests.servers.s3_misbehaving import MisbehavingStore, refusal

__all__ = ["canned"]

PATIENT = RetryPolicy(max=2, backoff=0.5, cap=60, jitter=False)
BODY = b"1;2\n" * 500


class Pauses(list[float]):
    """The pauses that were made, in seconds; nobody really sleeps. `then` happens in each of them."""

    then: Callable[[], object] = staticmethod(lambda: None)

    def pause(self, seconds: float, _fence: object) -> None:
        self.append(seconds)
        self.then()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Pauses:
    made = Pauses()
    monkeypatch.setattr(tries, "wait", made.pause)
    return made


@pytest.fixture
def store() -> Iterator[MisbehavingStore]:
    with MisbehavingStore() as store:
        yield store


@pytest.fixture
def lake(store: MisbehavingStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    monkeypatch.setenv("S3_SECRET", "s3cret-of-station7")
    account = {"access_key_id": "KEY", "secret_access_key": {"env": "S3_SECRET"}}
    with S3(bucket="bucket", endpoint_url=store.url, timeout=5, **account).using(retries=PATIENT) as gateway:
        gateway.session()
        yield gateway


def busy(store: MisbehavingStore, pauses: Pauses, status: int, code: str) -> None:
    """The store refuses everything until it was left alone."""
    store.says = lambda _asked: refusal(status, code, ("Retry-After", "7"))

    def rested() -> None:
        store.says = lambda _asked: None

    pauses.then = rested


def test_a_web_server_is_left_alone_for_as_long_as_it_asks(pauses: Pauses, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with Misbehaving() as server, Http(url=server.url, timeout=5).using(retries=PATIENT) as gateway:
        server.head("/f", status(503, Retry_After="3"), file(BODY, ETag='"1"'))
        server.get("/f", status(429, Retry_After="7"), file(BODY, ETag='"1"'))
        assert gateway.get(gateway.stat("f"), tmp_path / "in").local.read_bytes() == BODY
    assert pauses == [3.0, 7.0]


@pytest.mark.parametrize("answer", [(503, "SlowDown"), (429, "TooManyRequests")], ids=lambda answer: answer[1])
@pytest.mark.parametrize("content", [BODY, BODY * 2500], ids=["small", "large"])
def test_a_store_is_left_alone_for_as_long_as_it_asks(
    store: MisbehavingStore, lake: S3, pauses: Pauses, tmp_path: Path, content: bytes, answer: tuple[int, str]
) -> None:
    (tmp_path / "in").mkdir()
    busy(store, pauses, *answer)
    (sent,) = handed(lake, [upload(hold(tmp_path, "a", content), "f")])
    assert (sent.error, pauses, store.objects["f"] == content) == (None, [7.0], True)
    claim = lake.stat("f")
    busy(store, pauses, *answer)
    (found,) = lake.get_many([claim], tmp_path / "in")
    assert isinstance(found, StagedFile)
    assert (pauses, found.local.read_bytes() == content) == ([7.0, 7.0], True)
    busy(store, pauses, *answer)
    assert lake.stat("f").size == len(content)
    busy(store, pauses, *answer)
    assert [file.path for file in lake.ls()] == ["f"]
    assert pauses == [7.0] * 4


def test_data_gouv_is_left_alone_for_as_long_as_it_asks(
    canned: Datagouv, pauses: Pauses, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gateway = canned.using(name="gouv", retries=PATIENT)
    monkeypatch.setattr(Canned, "answer", (429, {"Retry-After": "17"}, b'{"message": "Doucement"}'))
    with pytest.raises(Unavailable, match="Doucement"):
        gateway.stat("stock/a.csv")
    (sent,) = handed(gateway, [upload(hold(tmp_path, "a", BODY), "stock/a.csv")])
    assert isinstance(sent.error, Unavailable)
    assert pauses == [17.0] * 4

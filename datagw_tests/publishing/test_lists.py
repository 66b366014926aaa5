"""A source that is a list: what it names is published when it changed, and one failing item stops no other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from datagw.errors import Rejected, Unavailable
from datagw.gateways.http import Http
from datagw.gateways.local import Local
from datagw.gateways.web.items import Items
from datagw.publishing import DayPlan, DayResult, plan_day
from datagw.publishing.listed import only_items
from datagw_tests.conftest import require_server
from datagw_tests.publishing.station import Station
from datagw_tests.servers import nginx
from datagw_tests.servers.http_misbehaving import Misbehaving, file, raw, status, told

NAMES = {"Stock_utf8.zip": "stock.zip", "Events_utf8.zip": "events.zip", "Units_utf8.zip": "units.zip"}
ITEMS = Items(path="list.json", at="files", url="url", name="id", names=NAMES)
LIST = {"source": "/", "to": ["mirror/"], "marker": None, "source_options": {"items": ITEMS}}
FILES = {"mirror/stock.zip": b"stock 1", "mirror/events.zip": b"events 1", "mirror/units.zip": b"units 1"}


class Depot:
    """The server of a list, and the station that publishes what it names."""

    def __init__(self, server: Misbehaving, station: Station) -> None:
        self.server = server
        self.station = station
        self.names(*NAMES)
        for name, content in zip(NAMES, FILES.values(), strict=True):
            self.holds(name, content)

    def names(self, *names: str, **urls: str) -> None:
        """What the list names."""
        items = [{"id": name, "url": urls.get(name, f"get/{name}")} for name in names]
        self.server.get("/list.json", file(json.dumps({"files": items}).encode()))

    def holds(self, name: str, content: bytes, version: int = 1) -> None:
        self.server.both(f"/get/{name}", file(content, ETag=f'"{version}"'))

    def run(self, **changed: Any) -> DayResult:
        (result,) = self.station.run(None, **{**LIST, **changed})
        return result

    def plan(self, **changed: Any) -> Any:
        return self.station.plan(None, **{**LIST, **changed})


@pytest.fixture
def depot(tmp_path: Path) -> Iterator[Depot]:
    (tmp_path / "archive").mkdir()
    with Misbehaving() as server:
        source = Http(url=server.url, timeout=5)
        yield Depot(server, Station(tmp_path, Local(root=str(tmp_path / "archive")), source=source))


def test_the_first_run_publishes_all_the_second_nothing_and_a_change_alone(depot: Depot):
    result = depot.run()
    assert (result.state, result.copies["archive"].sent_files) == ("published", 3)
    assert depot.station.there() == FILES
    assert depot.plan().state == "done"
    result = depot.run()
    assert (result.state, result.copies["archive"].sent_files, result.copies["archive"].skipped) == ("published", 0, 3)
    depot.holds("Events_utf8.zip", b"events 2", 2)
    result = depot.run()
    assert (result.state, result.copies["archive"].sent_files) == ("published", 1)
    assert depot.station.there() == {**FILES, "mirror/events.zip": b"events 2"}
    assert [row.source for row in depot.station.receipts()] == ["events.zip", "stock.zip", "units.zip", "events.zip"]


def test_a_look_at_an_unchanged_list_asks_for_no_content(depot: Depot):
    depot.run()
    before = len(depot.server.asked)
    assert depot.plan().state == "done"
    asked = [one.method for one in depot.server.asked[before:]]
    assert asked == ["GET", "HEAD", "HEAD", "HEAD"]


@pytest.mark.parametrize(
    ("broken", "what"),
    [
        (status(500), "answers 500"),
        (status(401), "are username and password"),
        (status(404), "the list names it, but"),
    ],
)
def test_an_item_that_fails_stops_no_other_and_is_the_one_that_is_tried_again(depot: Depot, broken: Any, what: str):
    depot.server.both("/get/Events_utf8.zip", broken)
    result = depot.run()
    (failure,) = result.failures
    assert (result.state, failure.source) == ("failed", "events.zip")
    assert what in failure.error
    assert depot.station.there() == {path: FILES[path] for path in ("mirror/stock.zip", "mirror/units.zip")}
    depot.holds("Events_utf8.zip", b"events 1")
    result = depot.run()
    assert (result.state, result.copies["archive"].sent_files, result.copies["archive"].skipped) == ("published", 1, 2)
    assert depot.station.there() == FILES


@pytest.mark.parametrize("how", ["500", "truncated", "stale"])
def test_content_that_fails_stops_no_other(depot: Depot, how: str):
    depot.run()
    for number, name in enumerate(NAMES):
        depot.holds(name, f"new {number}".encode(), 2)
    whole = {"Content-Length": 5, "ETag": '"2"'}
    broken = {"500": status(500), "truncated": raw(told(200, whole), b"ne"), "stale": file(b"events 1", ETag='"1"')}
    depot.server.get("/get/Events_utf8.zip", broken[how])
    result = depot.run()
    assert result.state == ("unfinished" if how == "stale" else "failed")
    assert [failure.source for failure in result.failures] == ([] if how == "stale" else ["events.zip"])
    assert how != "stale" or "events.zip" in str(result.late)
    there = depot.station.there()
    assert there == {"mirror/stock.zip": b"new 0", "mirror/events.zip": b"events 1", "mirror/units.zip": b"new 2"}


@pytest.mark.parametrize("how", ["500", "truncated"])
def test_content_that_fails_while_it_is_compared_stops_no_other(depot: Depot, how: str):
    depot.run()
    for name, content in zip(NAMES, FILES.values(), strict=True):
        depot.holds(name, content.replace(b"1", b"2"), 2)  # of equal size, so that it is compared first
    whole = {"Content-Length": 8, "ETag": '"2"'}
    broken = {"500": status(500), "truncated": raw(told(200, whole), b"ev")}
    depot.server.get("/get/Events_utf8.zip", broken[how])
    result = depot.run()
    assert (result.state, [failure.source for failure in result.failures]) == ("failed", ["events.zip"])
    new = {path: content.replace(b"1", b"2") for path, content in FILES.items()}
    assert depot.station.there() == {**new, "mirror/events.zip": b"events 1"}


def test_an_item_that_has_left_the_list_keeps_its_copy_and_is_told(depot: Depot, caplog: pytest.LogCaptureFixture):
    depot.run()
    depot.names("Stock_utf8.zip", "Units_utf8.zip", "New_utf8.zip")
    plan = depot.plan()
    assert plan.state == "done"
    assert [note.partition("list.json: ")[2] for note in plan.notes] == [
        "1 item of the list is not in `names`, and skipped: New_utf8.zip",
        "missing in the list: Events_utf8.zip",
    ]
    caplog.clear()
    assert depot.run().state == "published"
    assert depot.station.there() == FILES
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert [text.partition("list.json: ")[2].partition(":")[0] for text in warned] == [
        "1 item of the list is not in `names`, and skipped",
        "missing in the list",
    ]


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (status(500), Unavailable),
        (file(b'{"filez": []}'), Rejected),
        (file(b"<html>Log in</html>"), Rejected),
        (file(b'{"files": []}'), Rejected),
        (status(404), Rejected),
    ],
)
def test_a_list_that_cannot_be_read_is_never_nothing_to_do(depot: Depot, reply: Any, error: type[Exception]):
    depot.run()
    depot.server.get("/list.json", reply)
    with pytest.raises(error):
        depot.plan()
    result = depot.run()
    assert result.state == "failed"
    assert result.error is not None
    assert "list.json" in result.error
    assert depot.station.there() == FILES


def test_without_names_every_item_is_taken_under_its_own(depot: Depot):
    every = Items(path="list.json", at="files", url="url")
    result = depot.run(source_options={"items": every})
    assert result.state == "published"
    assert sorted(depot.station.there()) == [f"mirror/{name}" for name in sorted(NAMES)]


def test_two_items_of_one_name_are_refused_before_a_byte_of_them(depot: Depot):
    depot.names("Stock_utf8.zip", "Stock_utf8.zip", "Units_utf8.zip")
    result = depot.run()
    (failure,) = result.failures
    assert (failure.source, "2 items of the list have this name" in failure.error) == ("stock.zip", True)
    assert depot.station.there() == {"mirror/units.zip": b"units 1"}


def test_each_version_is_published_under_its_name_and_its_date(depot: Depot):
    to = ["mirror/", "mirror/{date:%Y-%m-%d}-{name}"]
    assert depot.run(to=to).state == "published"
    assert depot.plan(to=to).state == "done"
    dated = {f"mirror/2026-03-01-{path.rpartition('/')[2]}": content for path, content in FILES.items()}
    assert depot.station.there() == {**FILES, **dated}


def test_items_that_are_not_asked_for_are_left_alone(depot: Depot):
    job = only_items(depot.station.job(**LIST), ["stock.zip"])
    assert job.fingerprint == depot.station.job(**LIST).fingerprint
    items = job.source.items
    result = depot.run(source_options={"items": items})
    assert (result.state, depot.station.there()) == ("published", {"mirror/stock.zip": b"stock 1"})
    plan = depot.plan()
    assert sorted(action.source.path for action in plan.of("send")) == ["events.zip", "units.zip"]


def test_a_switch_leaves_an_item_alone_that_failed_a_moment_ago_and_takes_the_others(depot: Depot):
    def look() -> DayPlan:
        return plan_day(depot.station.job(**LIST), None, depot.station.world(), patient=True)

    depot.server.both("/get/Events_utf8.zip", status(500))
    assert depot.run().state == "failed"
    assert look().state == "waiting"
    depot.holds("Stock_utf8.zip", b"stock 2", 2)
    plan = look()
    assert [action.source.path for action in plan.of("send")] + [action.source.path for action in plan.of("adopt")] == [
        "stock.zip"
    ]
    assert [action.source.path for action in plan.of("wait")] == ["events.zip"]
    depot.holds("Events_utf8.zip", b"events 1")
    assert [action.source.path for action in look().of("send")] == ["events.zip"]


def test_a_list_behind_a_password_on_nginx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    if lack := nginx.missing():
        require_server(*lack)
    monkeypatch.setenv("PORTAL_PASSWORD", "s3cret")
    (tmp_path / "archive").mkdir()
    with nginx.Nginx(tmp_path / "nginx", users={"station7": "s3cret"}) as server:
        (server.root / "a b.csv").write_bytes(bytes(3_000_000))
        (server.root / "list.json").write_text('{"files": [{"url": "a%20b.csv"}]}')
        login = {"username": "station7", "password": {"env": "PORTAL_PASSWORD"}}
        source = Http.model_validate({"url": server.url, **login})
        depot = Station(tmp_path, Local(root=str(tmp_path / "archive")), source=source)
        job = {**LIST, "source_options": {"items": Items(path="list.json", at="files", url="url")}}
        (result,) = depot.run(None, **job)
        assert (result.state, depot.there()) == ("published", {"mirror/a b.csv": bytes(3_000_000)})
        depot.source = Http(url=server.url)
        (result,) = depot.run(None, **job)
        assert (result.state, "401" in str(result.error)) == ("failed", True)


def test_addresses_in_the_job_file_are_published_each_when_it_changed(tmp_path: Path):
    (tmp_path / "archive").mkdir()
    with Misbehaving() as server, Misbehaving() as other:
        server.both("/exports/a.csv", file(b"one", ETag='"1"'))
        other.both("/export", file(b"two", ETag='"1"'))
        addresses = {"a.csv": "a.csv", "b.csv": f"{other.url}/export?id=5"}
        items = Items(path="exports", names={name: name for name in addresses}, addresses=addresses)
        depot = Station(tmp_path, Local(root=str(tmp_path / "archive")), source=Http(url=server.url))
        job = {**LIST, "source_options": {"items": items}}
        (result,) = depot.run(None, **job)
        assert (result.state, depot.there()) == ("published", {"mirror/a.csv": b"one", "mirror/b.csv": b"two"})
        other.both("/export", file(b"three", ETag='"2"'))
        before = server.count("GET")
        (result,) = depot.run(None, **job)
        assert depot.there() == {"mirror/a.csv": b"one", "mirror/b.csv": b"three"}
        assert server.count("GET") == before
        server.both("/exports/a.csv", status(404))
        (result,) = depot.run(None, **job)
        assert (result.state, len(depot.there())) == ("failed", 2)

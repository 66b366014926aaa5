"""A source on a web server: mirrored when it changes, whole or not at all, whatever the server does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from datagw.errors import NotFound, Unavailable
from datagw.gateways.http import Http
from datagw.gateways.local import Local
from datagw_tests.conftest import require_server
from datagw_tests.publishing.disturbing import Meanwhile
from datagw_tests.publishing.station import Station
from datagw_tests.servers import nginx
from datagw_tests.servers.http_misbehaving import Misbehaving, file, raw, status, told

OLD = 1_760_000_000
MIRROR = {"source": "data/file.csv", "to": ["mirror/"], "marker": None}
DAILY = {"source": "data/%Y-%m-%d.csv", "to": ["days/"], "start": date(2026, 2, 1)}
BIG = bytes(range(256)) * 60_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[nginx.Nginx]:
    if lack := nginx.missing():
        require_server(*lack)
    with nginx.Nginx(tmp_path_factory.mktemp("nginx")) as server:
        yield server


@pytest.fixture
def station(server: nginx.Nginx, tmp_path: Path) -> Iterator[Station]:
    """Its files are written to the server's disk, and published to one of this machine's."""
    (tmp_path / "archive").mkdir()
    (server.root / tmp_path.name).mkdir()
    source = Http(url=f"{server.url}/{tmp_path.name}", timeout=20)
    station = Station(tmp_path, Local(root=str(tmp_path / "archive")), source=source)
    station.data = server.root / tmp_path.name
    yield station
    if not server.running:
        server.start()


def test_a_file_is_mirrored_once_and_again_when_it_changed(station: Station):
    station.write("data/file.csv", b"one")
    (result,) = station.run(None, **MIRROR)
    assert (result.state, station.there()) == ("published", {"mirror/file.csv": b"one"})
    assert station.archive.stat("mirror/file.csv").mtime_ns == OLD * 10**9
    assert station.plan(None, **MIRROR).state == "done"
    station.write("data/file.csv", b"two!", mtime=OLD + 100)
    assert station.plan(None, **MIRROR).state == "due"
    station.run(None, **MIRROR)
    assert station.there() == {"mirror/file.csv": b"two!"}
    first, second = station.receipts()
    assert first.content_version != second.content_version
    assert {row.verification for row in (first, second)} <= {"hash", "readback"}


def test_an_unchanged_file_costs_one_head_a_look(station: Station, server: nginx.Nginx):
    station.write("data/file.csv", b"one")
    station.run(None, **MIRROR)
    before = len(server.asked())
    assert station.plan(None, **MIRROR).state == "done"
    (asked,) = server.asked()[before:]
    assert asked == f"200 HEAD /{station.data.name}/data/file.csv"


def test_a_new_version_of_the_same_content_is_compared_and_not_sent(station: Station):
    station.write("data/file.csv", b"one")
    station.run(None, **MIRROR)
    station.write("data/file.csv", b"one", mtime=OLD + 100)
    (result,) = station.run(None, **MIRROR)
    copy = result.copies["archive"]
    assert (result.state, copy.sent_files) == ("published", 0)
    assert station.plan(None, **MIRROR).state == "done"


def test_a_line_that_is_cut_is_gone_on_with_and_nothing_is_left_in_staging(station: Station, server: nginx.Nginx):
    station.write("data/file.csv", BIG)

    (result,) = station.run(None, world={"progress": Meanwhile(server.cut, after=2_000_000)}, **MIRROR)
    assert (result.state, station.there()) == ("published", {"mirror/file.csv": BIG})
    assert any(line.startswith("206 GET") for line in server.asked())
    assert [path for path in (station.folder / "staging").rglob("*") if path.is_file() and path.name[0] != "."] == []


def test_a_server_that_is_away_is_an_outage_and_an_absent_file_is_named(station: Station, server: nginx.Nginx):
    with pytest.raises(NotFound, match="the source file is not there"):
        station.plan(None, **MIRROR)
    server.kill()
    with pytest.raises(Unavailable, match="refused"):
        station.plan(None, **MIRROR)
    (result,) = station.run(None, **MIRROR)
    assert (result.state, station.there()) == ("failed", {})
    server.start()
    station.write("data/file.csv", b"one")
    (result,) = station.run(None, **MIRROR)
    assert result.state == "published"


def test_a_file_that_the_server_takes_away_leaves_its_copy(station: Station):
    path = station.write("data/file.csv", b"one")
    station.run(None, **MIRROR)
    path.unlink()
    assert station.plan(None, **MIRROR).state == "done"
    assert station.there() == {"mirror/file.csv": b"one"}


def test_dated_files_are_found_by_their_names(station: Station):
    station.now = datetime(2026, 2, 5, 12, tzinfo=UTC)
    for day in ("2026-01-31", "2026-02-01", "2026-02-03", "2026-02-05"):
        station.write(f"data/{day}.csv", day.encode())
    plans = {plan.day: plan.state for plan in station.due(**DAILY)}
    assert plans == {
        date(2026, 2, 1): "due",
        date(2026, 2, 2): "missing",
        date(2026, 2, 3): "due",
        date(2026, 2, 4): "missing",
    }
    states = [result.state for result in station.run(*plans, **DAILY)]
    assert states == ["published", "missing", "published", "missing"]
    there = {path: content for path, content in station.there().items() if not path.endswith(".do-not-touch")}
    assert there == {f"days/{day}.csv": day.encode() for day in ("2026-02-01", "2026-02-03")}


def test_a_file_in_a_folder_of_its_day_is_missing_and_not_empty_where_it_is_not(station: Station):
    job = {"source": "%Y%m%d/file.csv", "to": ["days/%Y%m%d/"], "start": date(2026, 2, 1)}
    (result,) = station.run(date(2026, 2, 1), **job)
    assert result.state == "missing"
    station.write("20260201/file.csv", b"late")
    (result,) = station.run(date(2026, 2, 1), **job)
    assert (result.state, result.copies["archive"].files) == ("published", 1)


def test_a_web_address_is_published_under_the_name_that_it_stands_for(tmp_path: Path):
    (tmp_path / "archive").mkdir()
    with Misbehaving() as server:
        server.both("/get/a%20b.csv", file(b"content", ETag='"1"'))
        station = Station(tmp_path, Local(root=str(tmp_path / "archive")), source=Http(url="http://"))
        address = f"127.0.0.1:{server.port}/get/a%%20b.csv[?]id=5"
        (result,) = station.run(None, source=address, to=["mirror/"], marker=None)
        assert (result.state, station.there()) == ("published", {"mirror/a b.csv": b"content"})
        assert {one.target for one in server.asked} == {"/get/a%20b.csv?id=5"}


def test_a_file_that_changes_while_it_is_fetched_is_left_for_the_next_run(tmp_path: Path):
    (tmp_path / "archive").mkdir()
    with Misbehaving() as server:
        station = Station(tmp_path, Local(root=str(tmp_path / "archive")), source=Http(url=server.url))
        server.head("/f", file(b"old", ETag='"1"'))
        server.get("/f", file(b"new", ETag='"2"'))
        (result,) = station.run(None, source="f", to=["mirror/"], marker=None)
        assert (result.state, station.there()) == ("unfinished", {})
        server.head("/f", file(b"new", ETag='"2"'))
        (result,) = station.run(None, source="f", to=["mirror/"], marker=None)
        assert (result.state, station.there()) == ("published", {"mirror/f": b"new"})


@pytest.mark.parametrize(
    "get",
    [
        raw(told(200, {"Content-Length": 3, "ETag": '"1"'}), b"ne"),
        status(503),
        status(401),
        file(b"news", ETag='"1"', length=False),
    ],
    ids=["cut", "away", "refused", "longer"],
)
def test_what_a_server_does_not_send_whole_replaces_nothing(tmp_path: Path, get):
    (tmp_path / "archive" / "mirror").mkdir(parents=True)
    (tmp_path / "archive" / "mirror" / "f").write_bytes(b"the old one")
    with Misbehaving() as server:
        station = Station(tmp_path, Local(root=str(tmp_path / "archive")), source=Http(url=server.url))
        server.head("/f", file(b"new", ETag='"1"'))
        server.get("/f", get)
        (result,) = station.run(None, source="f", to=["mirror/"], marker=None)
        assert (result.state, station.there()) == ("failed", {"mirror/f": b"the old one"})
        server.get("/f", file(b"new", ETag='"1"'))
        (result,) = station.run(None, source="f", to=["mirror/"], marker=None)
        assert (result.state, station.there()) == ("published", {"mirror/f": b"new"})


def test_a_file_without_a_version_is_sent_when_its_content_changed(tmp_path: Path):
    (tmp_path / "archive").mkdir()
    with Misbehaving() as server:
        station = Station(tmp_path, Local(root=str(tmp_path / "archive")), source=Http(url=server.url))
        job = {"source": "f", "to": ["mirror/"], "marker": None}
        server.both("/f", file(b"one"))
        station.run(None, **job)
        assert (station.there(), station.plan(None, **job).state) == ({"mirror/f": b"one"}, "done")
        server.both("/f", file(b"eno"))
        assert station.plan(None, **job).state == "due"
        station.run(None, **job)
        assert (station.there(), station.plan(None, **job).state) == ({"mirror/f": b"eno"}, "done")

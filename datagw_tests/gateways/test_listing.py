"""Lists on web servers: each item is a file that stands alone, and a list that cannot be read is never an empty one."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from datagw.errors import Aborted, Denied, GatewayError, NotFound, Rejected, Unavailable
from datagw.files import StagedFile
from datagw.gateways import kinds
from datagw.gateways.front.retries import RetryPolicy
from datagw.gateways.http import Http
from datagw.gateways.web.items import Items
from datagw.gateways.web.listing import Listing
from datagw_tests.servers.http_misbehaving import Misbehaving, file, raw, status, told
from datagw_tests.servers.ports import free_port

ONCE = RetryPolicy(max=0)
QUICK = RetryPolicy(max=2, backoff=0.01, cap=0.02)
BODY = bytes(range(256)) * 40


@pytest.fixture
def server() -> Iterator[Misbehaving]:
    with Misbehaving() as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    return folder


def listing(server: Misbehaving, items: list[Any], *, retries: RetryPolicy = ONCE, **more: Any) -> Listing:
    """A place whose list holds these items, at `/d/list.json`."""
    server.get("/d/list.json", file(json.dumps({"files": items}).encode()))
    fields = {"path": "d/list.json", "at": "files", "url": "url"}
    read = {key: more.pop(key) for key in ("at", "url", "name", "names", "only") if key in more}
    place = Http(url=server.url, timeout=5, **more).using(name="portal")
    return Listing.of(place, Items(**{**fields, **read})).using(name="portal", retries=retries)


def there(gateway: Listing) -> dict[str, int | str]:
    """What is listed: sizes by name, or why an item cannot be looked at."""
    found = {one.path: one.size for one in gateway.ls()}
    return {
        path: str(gateway.live.unseen[path].message) if path in gateway.live.unseen else size
        for path, size in found.items()
    }


def got(gateway: Listing, folder: Path) -> dict[str, bytes | GatewayError]:
    """The items as they are listed now, in hand, or what became of them."""
    listed = [one for one in gateway.ls() if one.path not in gateway.live.unseen]
    found = zip(listed, gateway.get_many(listed, folder), strict=True)
    return {one.path: got.local.read_bytes() if isinstance(got, StagedFile) else got for one, got in found}


def test_a_list_is_no_type_of_gateway():
    assert "listing" not in kinds()


def test_each_item_is_a_file_wherever_its_address_leads(server: Misbehaving, folder: Path):
    with Misbehaving() as other:
        urls = [
            "a%20b.csv",
            "/x/b.csv?sig=1",
            f"{other.url}/c.csv",
            f"//127.0.0.1:{server.port}/e.csv",
            "../d.csv#part",
        ]
        for path in ("/d/a%20b.csv", "/x/b.csv", "/d.csv", "/e.csv"):
            server.both(path, file(BODY, ETag='"1"'))
        other.both("/c.csv", file(BODY, ETag='"1"'))
        with listing(server, [{"url": url} for url in urls]) as gateway:
            names = ["a b.csv", "b.csv", "c.csv", "d.csv", "e.csv"]
            assert there(gateway) == dict.fromkeys(names, len(BODY))
            assert got(gateway, folder) == dict.fromkeys(names, BODY)


def test_addresses_are_relative_to_where_the_list_was_found(server: Misbehaving):
    server.get("/d/list.json", raw(told(302, {"Location": "/moved/list.json", "Content-Length": 0})))
    server.both("/moved/a.csv", file(BODY, ETag='"1"'))
    with listing(server, []) as gateway:
        server.get("/d/list.json", raw(told(302, {"Location": "/moved/list.json", "Content-Length": 0})))
        server.get("/moved/list.json", file(b'{"files": [{"url": "a.csv"}]}'))
        assert there(gateway) == {"a.csv": len(BODY)}


def test_credentials_go_to_the_servers_own_items_alone(
    server: Misbehaving, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PORTAL", "s3cret")
    secret = {"env": "PORTAL"}
    with Misbehaving() as other:
        server.both("/d/a.csv", file(BODY, ETag='"1"'))
        other.both("/b.csv", file(BODY, ETag='"1"'))
        items = [{"url": "a.csv?v=1"}, {"url": f"{other.url}/b.csv"}]
        login = {"username": "u", "password": secret, "headers": {"X-Key": secret}, "params": {"token": secret}}
        with listing(server, items, **login) as gateway:
            assert got(gateway, folder) == {"a.csv": BODY, "b.csv": BODY}
        assert {one.target for one in server.asked} == {"/d/list.json?token=s3cret", "/d/a.csv?v=1&token=s3cret"}
        assert all(one.headers["authorization"].startswith("Basic") for one in server.asked)
        assert all(one.headers["x-key"] == "s3cret" for one in server.asked)
        assert other.asked
        assert "s3cret" not in str(other.asked)
        assert [one for one in other.asked if {"authorization", "x-key"} & one.headers.keys()] == []


def test_known_items_are_published_under_their_names_and_the_others_are_told(server: Misbehaving):
    server.both("/d/1", file(BODY, ETag='"1"'))
    items = [{"id": "Stock_utf8.zip", "url": "1"}, {"id": "../evil", "url": "file:///x"}, {"id": "new.zip", "url": "2"}]
    names = {"Stock_utf8.zip": "stock.zip", "Gone_utf8.zip": "gone.zip"}
    with listing(server, items, name="id", names=names) as gateway:
        assert there(gateway) == {"stock.zip": len(BODY)}
        unknown, lacking = gateway.live.notes
    assert "2 items of the list are not in `names`, and skipped: ../evil, new.zip" in unknown
    assert "missing in the list: Gone_utf8.zip" in lacking


def test_a_list_with_none_of_the_known_items_is_not_taken_for_an_empty_one(server: Misbehaving):
    with (
        listing(server, [{"id": "b.zip", "url": "b"}], name="id", names={"a.zip": "a.zip"}) as gateway,
        pytest.raises(Rejected, match=r"none of the 1 items of `names`, but b.zip"),
    ):
        there(gateway)


def test_only_the_items_that_are_asked_for_are_looked_at(server: Misbehaving):
    server.both("/d/a.zip", file(BODY, ETag='"1"'))
    names = {"a.zip": "a.zip", "b.zip": "b.zip", "c.zip": "c.zip"}
    with listing(
        server, [{"url": "a.zip"}, {"url": "b.zip"}], names=names, only=frozenset(["a.zip", "c.zip"])
    ) as gateway:
        assert there(gateway) == {"a.zip": len(BODY)}
        assert gateway.live.notes == ["portal:d/list.json: missing in the list: c.zip"]
    assert server.count("HEAD", "/d/b.zip") == 0


@pytest.mark.parametrize(
    ("item", "what"),
    [
        ({"url": "file:///etc/passwd"}, r"no web address \(file:\)"),
        ({"url": "ftp://h/a"}, r"no web address \(ftp:\)"),
        ({"url": "javascript:alert(1)"}, "no web address"),
        ({"url": "http://"}, "no web address"),
        ({"url": "http://h:x/a"}, "no web address"),
        ({"url": "http://u:p@h/a"}, "credentials"),
        ({"url": "a\r\nHost: evil"}, "what no address can hold"),
        ({"url": 5}, "has no `url`"),
        ({"url": None}, "has no `url`"),
        ({"name": "a"}, "has no `url`"),
        ("a", "has no `url`"),
        ({"url": "/"}, "ends with no name of a file"),
        ({"url": "a%2Fb"}, "a file's name is no path"),
        ({"url": "%2e%2e%2f"}, "a file's name is no path"),
        ({"url": ".do-not-touch"}, "datagw calls files of its own so"),
        ({"url": f".datagw-{'0' * 32}.part"}, "datagw calls files of its own so"),
        ({"url": "a%00b"}, "control characters"),
        ({"url": "a" * 300}, "more than 255 bytes"),
    ],
)
def test_what_can_be_no_file_is_refused_for_that_item_alone(server: Misbehaving, item: object, what: str):
    server.both("/d/good.csv", file(BODY, ETag='"1"'))
    with listing(server, [item, {"url": "good.csv"}]) as gateway:
        found = there(gateway)
        assert found.pop("good.csv") == len(BODY)
        assert list(found) == ["item 1"]
    assert re.search(what, str(found["item 1"]))


@pytest.mark.parametrize("name", ["../a", "a/b", "..", ".", "", "a\\b", "a\nb", "\ud800", None, {"a": "b"}, True])
def test_a_name_that_is_no_files_is_refused(server: Misbehaving, name: object):
    with listing(server, [{"url": "x", "id": name}], name="id") as gateway:
        assert list(there(gateway)) == ["item 1"]


def test_two_items_with_one_name_are_refused_and_the_others_are_not(server: Misbehaving):
    for path in ("/d/a.csv", "/e/a.csv", "/d/b.csv"):
        server.both(path, file(BODY, ETag='"1"'))
    with listing(server, [{"url": "a.csv"}, {"url": "../e/a.csv"}, {"url": "b.csv"}]) as gateway:
        assert there(gateway) == {"a.csv": "2 items of the list have this name", "b.csv": len(BODY)}


def test_an_item_that_fails_does_not_keep_the_others_away(server: Misbehaving, folder: Path):
    server.both("/d/a.csv", status(500))
    server.both("/d/b.csv", status(401))
    server.both("/d/c.csv", status(404))
    server.both("/d/d.csv", file(BODY, ETag='"1"'))
    with listing(server, [{"url": f"{one}.csv"} for one in "abcd"]) as gateway:
        found = there(gateway)
        assert found.pop("d.csv") == len(BODY)
        assert [type(gateway.live.unseen[path]) for path in sorted(found)] == [Unavailable, Denied, Rejected]
        assert "the list names it, but" in str(found["c.csv"])


def test_content_that_fails_does_not_keep_the_others_away(server: Misbehaving, folder: Path):
    whole = {"Content-Length": len(BODY), "ETag": '"1"'}
    for one in "abcd":
        server.both(f"/d/{one}.csv", file(BODY, ETag='"1"'))
    server.get("/d/a.csv", status(500))
    server.get("/d/b.csv", raw(told(200, whole), BODY[:100]))  # cut short
    server.get("/d/c.csv", file(BODY, ETag='"2"'))  # stale, or newer than the look
    with listing(server, [{"url": f"{one}.csv"} for one in "abcd"], retries=QUICK) as gateway:
        found = got(gateway, folder)
    assert found.pop("d.csv") == BODY
    assert [type(error).__name__ for error in found.values()] == ["Unavailable", "Unavailable", "Changed"]
    assert server.count("GET", "/d/a.csv") == 3
    assert server.count("GET", "/d/b.csv") == 1  # tries that are used up are not taken again until something succeeds
    assert len(list(folder.iterdir())) == 1


def test_an_item_that_answers_in_the_end_gives_the_next_its_tries_again(server: Misbehaving, folder: Path):
    for one in "abc":
        server.both(f"/d/{one}.csv", status(503), status(503), file(BODY, ETag='"1"'))
    with listing(server, [{"url": f"{one}.csv"} for one in "abc"], retries=QUICK) as gateway:
        assert got(gateway, folder) == {f"{one}.csv": BODY for one in "abc"}


def test_a_server_that_is_silent_is_asked_once_a_look(server: Misbehaving):
    server.both("/d/z.csv", file(BODY, ETag='"1"'))
    silent = f"http://127.0.0.1:{free_port()}"
    with listing(server, [{"url": f"{silent}/{number}"} for number in range(50)] + [{"url": "z.csv"}]) as gateway:
        found = there(gateway)
    assert found.pop("z.csv") == len(BODY)
    assert sorted({text.partition(" ")[0] for text in map(str, found.values())}) == [silent[7:], "the"]
    assert sum("does not answer" in str(text) for text in found.values()) == 49


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (status(500), Unavailable),
        (status(401), Denied),
        (status(404), Rejected),
        (raw(told(200, {"Content-Length": 500}), b'{"files": []}'), Unavailable),
        (file(b"<html>Log in</html>"), Rejected),
        (file(b'{"filez": []}'), Rejected),
        (file(b"{}", Content_Encoding="gzip"), Rejected),
    ],
)
def test_a_list_that_cannot_be_read_is_never_an_empty_one(server: Misbehaving, reply: Any, error: type[GatewayError]):
    with listing(server, []) as gateway:
        assert there(gateway) == {}
        server.get("/d/list.json", reply)
        with pytest.raises(error) as caught:
            there(gateway)
        assert "portal:d/list.json" in str(caught.value)


def test_an_item_that_left_the_list_is_not_there(server: Misbehaving):
    with listing(server, []) as gateway, pytest.raises(NotFound, match="does not name it"):
        gateway.stat("a.csv")


def test_a_new_connection_still_knows_the_list(server: Misbehaving, folder: Path):
    server.head("/d/a.csv", file(BODY, ETag='"1"'))
    server.get("/d/a.csv", status(503), file(BODY, ETag='"1"'))
    with listing(server, [{"url": "a.csv"}], retries=QUICK) as gateway:
        assert got(gateway, folder) == {"a.csv": BODY}
    assert server.count("GET", "/d/list.json") == 1


def test_a_look_at_many_items_ends_when_it_is_asked_to(server: Misbehaving):
    over = threading.Event()

    def fence() -> None:
        if over.is_set():
            raise Aborted("enough")

    def last(asked: object, line: Any) -> None:
        over.set()
        file(BODY, ETag='"1"')(asked, line)  # type: ignore[arg-type]

    server.head("/d/b.csv", last)
    server.head("/d/a.csv", file(BODY, ETag='"1"'))
    with (
        listing(server, [{"url": f"{one}.csv"} for one in "abc"]).using(fence=fence) as gateway,
        pytest.raises(Aborted),
    ):
        there(gateway)
    assert server.count("HEAD", "/d/c.csv") == 0


# ---- addresses that stand in the job file


def written(server: Misbehaving, addresses: dict[str, str], path: str = "d", **more: Any) -> Listing:
    items = Items(path=path, names={name: name for name in addresses}, addresses=addresses, only=more.pop("only", None))
    place = Http(url=server.url, timeout=5, **more).using(name="portal")
    return Listing.of(place, items).using(name="portal", retries=ONCE)


def test_addresses_of_the_job_file_are_files_and_nobody_is_asked_for_a_list(server: Misbehaving, folder: Path):
    with Misbehaving() as other:
        for path in ("/d/a%20b.csv", "/x.csv"):
            server.both(path, file(BODY, ETag='"1"'))
        other.both("/export", file(BODY, ETag='"1"'))
        addresses = {"b.csv": "a%20b.csv", "c.csv": f"{other.url}/export?id=5", "a.csv": f"{server.url}/x.csv"}
        with written(server, addresses, token=SecretStr("hunter2"), params={"key": SecretStr("k")}) as gateway:
            assert list(there(gateway).items()) == [(name, len(BODY)) for name in ("a.csv", "b.csv", "c.csv")]
            assert got(gateway, folder) == dict.fromkeys(["a.csv", "b.csv", "c.csv"], BODY)
            assert gateway.stat("c.csv").version == 'etag:"1"'
            assert gateway.shown("c.csv") == f"{other.url}/export?id=…"
        assert {one.target for one in server.asked} == {"/d/a%20b.csv?key=k", "/x.csv?key=k"}
        assert all("authorization" not in one.headers for one in other.asked)


def test_an_address_of_the_job_file_that_fails_keeps_no_other_away(server: Misbehaving, folder: Path):
    server.both("/d/a", file(BODY, ETag='"1"'))
    server.both("/d/c", status(500))
    with written(server, {"a": "a", "b": "b", "c": "c"}) as gateway:
        found = there(gateway)
        assert (found["a"], list(found)) == (len(BODY), ["a", "b", "c"])
        assert "no such file" in str(found["b"])
        assert "500" in str(found["c"])
        assert got(gateway, folder) == {"a": BODY}


def test_of_addresses_those_alone_are_looked_at_that_are_asked_for(server: Misbehaving):
    server.both("/d/a", file(BODY, ETag='"1"'))
    with written(server, {"a": "a", "b": "b"}, only=frozenset(["a", "other"])) as gateway:
        assert there(gateway) == {"a": len(BODY)}
    assert {one.target for one in server.asked} == {"/d/a"}

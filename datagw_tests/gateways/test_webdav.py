"""WebDAV as it goes wrong: answers that are none, refusals, lines that are cut; and what one server alone can do."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from datagw.errors import Denied, Full, GatewayError, NotFound, Rejected, Unavailable, Unsupported
from datagw.files import part_name
from datagw.gateways.base import Rename, Upload
from datagw.gateways.front.retries import RetryPolicy
from datagw.gateways.webdav import Webdav
from datagw.jobs import load
from datagw_tests.conftest import require_server
from datagw_tests.gateways.promise import QUICK, hold, publish
from datagw_tests.servers import apache
from datagw_tests.servers.apache import Apache
from datagw_tests.servers.chaos import Chaos
from datagw_tests.servers.http_misbehaving import Misbehaving, Reply, raw, status

ONCE = RetryPolicy(max=0)


@pytest.fixture
def odd() -> Iterator[Misbehaving]:
    with Misbehaving() as server:
        yield server


@pytest.fixture
def gateway(odd: Misbehaving) -> Iterator[Webdav]:
    with Webdav(url=odd.url, timeout=3).using(name="cloud", retries=ONCE) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def httpd() -> Iterator[Apache]:
    if lack := apache.missing():
        require_server(*lack)
    with Apache() as server:
        yield server


def fields(server: Apache, port: int, **changed: Any) -> dict[str, Any]:
    told = {"url": f"http://127.0.0.1:{port}", "username": "station7", "password": {"env": "PASSWORD"}, "timeout": 5}
    return {**told, **changed}


def multistatus(*responses: str, head: str = "") -> Reply:
    body = f'<?xml version="1.0"?>{head}<x:multistatus xmlns:x="DAV:">{"".join(responses)}</x:multistatus>'.encode()
    return raw(f"HTTP/1.1 207 Multi\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)


def entry(href: str, *, size: int = 3, etag: str = '"1"', kind: str = "") -> str:
    return (
        f"<x:response><x:href>{href}</x:href><x:propstat><x:prop><x:resourcetype>{kind}</x:resourcetype>"
        f"<x:getcontentlength>{size}</x:getcontentlength><x:getetag>{etag}</x:getetag></x:prop>"
        "<x:status>HTTP/1.1 200 OK</x:status></x:propstat><x:propstat><x:prop><x:getlastmodified/></x:prop>"
        "<x:status>HTTP/1.1 404 Not Found</x:status></x:propstat></x:response>"
    )


def propfind(odd: Misbehaving, path: str, *replies: Reply) -> None:
    odd._replies["PROPFIND", path] = list(replies)


@pytest.mark.parametrize(
    ("code", "kind", "says"),
    [
        (401, Denied, "username"),
        (403, Denied, "may not"),
        (404, NotFound, "no such"),
        (405, Rejected, "no WebDAV"),
        (200, Rejected, "no WebDAV"),
        (301, Rejected, "leads elsewhere"),
        (423, Rejected, "locked"),
        (429, Unavailable, "429"),
        (503, Unavailable, "503"),
        (507, Full, "space"),
    ],
)
def test_each_refusal_says_what_it_means(odd: Misbehaving, gateway: Webdav, code: int, kind: type, says: str):
    propfind(odd, "/f", status(code))
    with pytest.raises(kind, match=says) as error:
        gateway.stat("f")
    assert type(error.value) is kind


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (multistatus(entry("/f"), head='<!DOCTYPE x [<!ENTITY a "b">]>'), Rejected),
        (multistatus("<x:response>"), Rejected),
        (multistatus("<x:response><x:href>/f</x:href><x:status>HTTP/1.1 403 No</x:status></x:response>"), Denied),
        (multistatus("<x:response><x:href>/f</x:href><x:status>HTTP/1.1 500 No</x:status></x:response>"), Unavailable),
        (multistatus("<x:response><x:href>/f</x:href><x:status>HTTP/1.1 404 No</x:status></x:response>"), NotFound),
        (multistatus(), Rejected),
        (multistatus(entry("/f").replace("200 OK", "500 No")), Unavailable),
        (multistatus(entry("/f").replace("200 OK", "403 No")), Denied),
        (raw(b"HTTP/1.1 207 Multi\r\nContent-Length: 900\r\n\r\n", b"<x:multistatus xmlns:x='DAV:'>"), Unavailable),
    ],
)
def test_an_answer_that_is_none_is_never_an_absence(odd: Misbehaving, gateway: Webdav, answer: Reply, kind: type):
    propfind(odd, "/f", answer)
    with pytest.raises(GatewayError) as error:
        gateway.stat("f")
    assert type(error.value) is kind


def test_a_listing_is_of_its_folder_and_names_stay_names(odd: Misbehaving, gateway: Webdav):
    folder = entry("/a%20b/", kind="<x:collection/>")
    propfind(odd, "/a%20b/", multistatus(folder, entry("/a%20b/%C3%A9%2Bx", etag='W/"7"'), entry("/a%20b/c", etag="8")))
    assert [(one.path, one.size, one.etag) for one in gateway.ls("a b")] == [("a b/c", 3, '"8"'), ("a b/é+x", 3, '"7"')]
    propfind(odd, "/a%20b/", multistatus(folder, entry("/a%20b/%2E%2E")))
    with pytest.raises(Rejected, match="no file"):
        list(gateway.ls("a b"))
    propfind(odd, "/f/", multistatus(entry("/f")))
    with pytest.raises(NotFound, match="not a folder"):
        list(gateway.ls("f"))


@pytest.mark.parametrize("told", [(), (entry("/elsewhere/", kind="<x:collection/>"),), (entry("/d/x"),)])
def test_a_listing_that_does_not_speak_of_its_folder_is_no_empty_folder(
    odd: Misbehaving, gateway: Webdav, told: tuple[str, ...]
):
    propfind(odd, "/d/", multistatus(*told))
    with pytest.raises(Rejected):
        list(gateway.ls("d"))


@pytest.mark.parametrize("classes", ["1", "1, 3, extended-mkcol"])
def test_a_folder_stays_where_no_lock_keeps_others_out_of_it(odd: Misbehaving, gateway: Webdav, classes: str):
    folder = multistatus(entry("/d/", kind="<x:collection/>"))
    propfind(odd, "/d/", folder)
    propfind(odd, "/d", folder)
    odd._replies["OPTIONS", "/"] = [raw(f"HTTP/1.1 200 OK\r\nDAV: {classes}\r\nContent-Length: 0\r\n\r\n".encode())]
    odd._replies["DELETE", "/d/"] = [status(204)]
    assert not gateway.rmdir("d")
    assert odd.count("DELETE") == 0


@pytest.mark.parametrize("said", ["SHA256", "MD5"])
def test_a_nextcloud_is_asked_for_its_own_hash_and_what_it_does_not_compute_is_read_back(
    odd: Misbehaving, gateway: Webdav, tmp_path: Path, said: str
):
    """A stand-in: it answers as Nextcloud's source says."""
    content = b"content"
    staged = hold(tmp_path, "a", content)
    part = part_name(staged.origin.content_version, "a")
    digest = hashlib.new(said, content).hexdigest()
    odd._replies["PUT", f"/{part}"] = [raw(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")]
    odd._replies["OPTIONS", "/"] = [
        raw(b"HTTP/1.1 200 OK\r\nDAV: 1, nextcloud-checksum-update\r\nContent-Length: 0\r\n\r\n")
    ]
    head = f"HTTP/1.1 204 No\r\nOC-Checksum: {said}:{digest}\r\nConnection: close\r\n\r\n"
    odd._replies["PATCH", f"/{part}"] = [raw(head.encode())]
    odd.get(f"/{part}", raw(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", content))
    (sent,) = gateway.send([Upload(staged, part, "a", mtime_ns=1_700_000_000_000_000_000)])
    assert sent.error is None
    assert gateway.verify([sent], "content") == ["hash" if said == "SHA256" else "readback"]
    (asked,) = [one for one in odd.asked if one.method == "PATCH"]
    assert asked.headers["x-recalculate-hash"] == "sha256"
    (put,) = [one for one in odd.asked if one.method == "PUT"]
    assert put.headers["x-oc-mtime"] == "1700000000"


def test_a_place_that_is_full_is_no_fault_of_the_file(odd: Misbehaving, gateway: Webdav, tmp_path: Path):
    staged = hold(tmp_path, "a", b"content")
    part = part_name(staged.origin.content_version, "a")
    odd._replies["PUT", f"/{part}"] = [status(507)]
    (sent,) = gateway.send([Upload(staged, part, "a")])
    assert isinstance(sent.error, Full)


def test_permissions_are_refused_as_webdav_has_none(gateway: Webdav, tmp_path: Path):
    staged = hold(tmp_path, "a", b"content")
    (sent,) = gateway.send([Upload(staged, ".p", "a", mode=0o640)])
    assert isinstance(sent.error, Unsupported)


def test_a_server_that_falls_silent_in_the_middle_of_an_upload_is_an_outage(
    httpd: Apache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PASSWORD", "right-password")
    with Chaos("127.0.0.1", httpd.port) as line:

        def hush(_count: int) -> None:
            line.silent = True

        gateway = Webdav(**fields(httpd, line.port, timeout=1)).using(retries=ONCE, moved=hush)
        (sent,) = gateway.send([Upload(hold(tmp_path, "a", b"x" * 40_000_000), ".part", "a")])
        line.silent = False
    assert isinstance(sent.error, Unavailable)


def test_a_large_file_goes_on_in_a_later_run_behind_the_pieces_that_arrived(
    httpd: Apache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PASSWORD", "right-password")
    content = bytes(range(256)) * 300_000  # 77 MB, three pieces
    staged = hold(tmp_path, "a", content)
    part = part_name(staged.origin.content_version, "large")
    with Chaos("127.0.0.1", httpd.port) as line:
        line.cut_after = 40_000_000
        first = Webdav(**fields(httpd, line.port)).using(retries=ONCE)
        (cut,) = first.send([Upload(staged, part, "large")])
        assert isinstance(cut.error, Unavailable)
        line.cut_after = None
        end = time.monotonic() + 20
        while sum(f" PUT /{part}" in one for one in httpd.asked()) < 2:  # Apache may still be writing what has arrived
            assert time.monotonic() < end
        with Webdav(**fields(httpd, line.port)).using(retries=QUICK) as second:
            (sent,) = second.send([Upload(staged, part, "large", resume=True)])
            assert sent.error is None
            assert len(content) - 40_000_000 <= sent.moved <= len(content) - (1 << 25)
            assert second.verify([sent], "content") == ["readback"]
            assert second.rename_many([Rename(part, "large", True)]) == [None]
            second.rm("large")


def test_a_folder_that_somebody_has_locked_is_not_removed_and_nothing_in_it(
    httpd: Apache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PASSWORD", "right-password")
    with Webdav(**fields(httpd, httpd.port)).using(retries=ONCE) as gateway:
        gateway.mkdir("busy")
        session: Any = gateway.session()
        lock = gateway._locked(session, "busy")
        assert lock
        assert not gateway.rmdir("busy")
        assert gateway.stat("busy").kind == "folder"
        gateway._do(session, "UNLOCK", "busy", headers={"Lock-Token": lock}, folder=True)
        assert gateway.rmdir("busy")
        with pytest.raises(NotFound):
            gateway.stat("busy")
        assert gateway.rmdir("busy"), "it is gone, which is what was wanted"
        assert list(gateway.ls()) == [], "and to ask for that has made nothing"


def test_what_replaces_a_file_tells_of_the_gap_and_what_is_new_has_none(
    httpd: Apache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PASSWORD", "right-password")
    with Webdav(**fields(httpd, httpd.port)).using(retries=ONCE) as gateway:
        publish(gateway, hold(tmp_path, "one", b"one"), "g")
        assert gateway.live.gaps == set()
        publish(gateway, hold(tmp_path, "two", b"two"), "g")
        assert gateway.live.gaps == {"g"}
        gateway.rm("g")


def test_a_job_file_is_told_what_is_no_server(tmp_path: Path):
    (tmp_path / "jobs.toml").write_text('[gateways.cloud]\ntype = "webdav"\nurl = "https://"\n')
    (problem,) = load(tmp_path / "jobs.toml").problems
    assert "one server" in str(problem)

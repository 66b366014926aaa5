"""Web servers that misbehave: whatever they say, a file is whole and of the version that was looked at, or it is none."""

from __future__ import annotations

import hashlib
import socket
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from datagw.errors import Aborted, Changed, Denied, GatewayError, NotFound, Rejected, Unavailable
from datagw.files import StagedFile
from datagw.gateways.front.retries import RetryPolicy
from datagw.gateways.http import Http
from datagw_tests.servers.http_misbehaving import Asked, Line, Misbehaving, Reply, chunks, file, raw, status, told

ONCE = RetryPolicy(max=0)
QUICK = RetryPolicy(max=2, backoff=0.01, cap=0.02)
BODY = bytes(range(256)) * 400
BIG = bytes(range(256)) * 12_000
NEVER = "Thu, 01 Jan 2026 00:00:00 GMT"
LATER = "Fri, 02 Jan 2026 00:00:00 GMT"


@pytest.fixture
def server() -> Iterator[Misbehaving]:
    with Misbehaving() as server:
        yield server


@pytest.fixture
def gateway(server: Misbehaving) -> Iterator[Http]:
    with Http(url=server.url, timeout=5).using(name="portal", retries=ONCE) as gateway:
        yield gateway


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    return folder


def got(gateway: Http, folder: Path, path: str = "f") -> StagedFile | GatewayError:
    """The file as it is told now, in hand; a failure must leave nothing behind."""
    (found,) = gateway.get_many([gateway.stat(path)], folder)
    if isinstance(found, GatewayError):
        assert list(folder.iterdir()) == []
    else:
        assert found.sha256 == hashlib.sha256(found.local.read_bytes()).hexdigest()
    return found


# ---- statuses


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (401, Denied, "are username and password"),
        (402, Rejected, "402 Payment Required"),
        (403, Denied, "may not read it"),
        (404, NotFound, "no such file"),
        (407, Denied, "407"),
        (408, Unavailable, "408"),
        (410, NotFound, "no such file"),
        (418, Rejected, "418"),
        (425, Unavailable, "425"),
        (429, Unavailable, "429 Too Many Requests"),
        (500, Unavailable, "500 Internal Server Error"),
        (503, Unavailable, "503"),
        (599, Unavailable, "599"),
        (202, Unavailable, "202 Accepted"),
        (204, Rejected, "204"),
        (304, Rejected, "304"),
        (206, Rejected, "206"),
    ],
)
def test_the_status_is_looked_at_before_anything_else(
    server: Misbehaving, gateway: Http, folder: Path, code: int, kind: type[GatewayError], words: str
):
    server.both("/f", status(code, ETag='"1"'))
    with pytest.raises(kind, match=words) as error:
        gateway.stat("f")
    assert str(error.value).startswith("portal:f: ")
    server.head("/f", file(BODY, ETag='"1"'))
    found = got(gateway, folder)
    assert type(found) is kind


def test_what_failed_for_a_moment_is_tried_again_and_what_is_refused_is_not(server: Misbehaving, gateway: Http):
    server.head("/f", status(500), status(503), file(BODY, ETag='"1"'))
    assert gateway.using(retries=QUICK).stat("f").size == len(BODY)
    assert server.count("HEAD") == 3
    server.head("/refused", status(401))
    with pytest.raises(Denied):
        gateway.using(retries=QUICK).stat("refused")
    assert (server.count("HEAD", "/refused"), server.count("GET", "/refused")) == (1, 0)


def test_retry_after_is_heeded_up_to_the_cap(server: Misbehaving, gateway: Http, monkeypatch: pytest.MonkeyPatch):
    from datagw.gateways.front import tries

    pauses = list[float]()
    monkeypatch.setattr(tries, "wait", lambda pause, _fence: pauses.append(pause))
    date = "Fri, 01 Jan 2100 00:00:00 GMT"
    server.head("/f", *[status(429, Retry_After=said) for said in ("7", date, "soon", "-1")], file(BODY, ETag='"1"'))
    patient = gateway.using(retries=RetryPolicy(max=5, backoff=0.5, cap=60, jitter=False))
    assert patient.stat("f").size == len(BODY)
    assert pauses == [7.0, 60, 2.0, 4.0]


# ---- looks


def test_the_version_is_the_etag_else_the_time_and_the_size(server: Misbehaving, gateway: Http):
    server.head("/etag", file(BODY, ETag='"abc"', Last_Modified=NEVER))
    server.head("/weak", file(BODY, ETag='W/"abc"'))
    server.head("/time", file(BODY, Last_Modified=NEVER))
    assert gateway.stat("etag").version == 'etag:"abc"'
    assert gateway.stat("etag").mtime_ns == 1_767_225_600 * 10**9
    assert gateway.stat("weak").version == 'etag:W/"abc"'
    assert gateway.stat("time").version == f"size:{len(BODY)} mtime:{1_767_225_600 * 10**9}"
    assert server.count("GET") == 0


@pytest.mark.parametrize("refused", [400, 403, 405, 501])
def test_a_server_that_knows_no_head_is_asked_by_get_whose_content_is_not_read(
    server: Misbehaving, gateway: Http, refused: int
):
    server.head("/f", status(refused))
    server.get("/f", raw(told(200, {"Content-Length": 10**12, "ETag": '"1"'}), b"x" * 1000, then=["hold"]))
    for _ in range(3):
        assert gateway.stat("f").size == 10**12
    assert (server.count("HEAD"), server.count("GET")) == (1, 3)


def test_a_size_that_head_does_not_tell_is_told_by_get(server: Misbehaving, gateway: Http):
    for number, said in enumerate([{}, {"Content-Length": 0}, {"Content-Length": "many"}]):
        server.head(f"/{number}", raw(told(200, {"ETag": '"1"', **said})))
        server.get(f"/{number}", file(BODY, ETag='"1"'))
        assert gateway.stat(str(number)).size == len(BODY)


def test_a_size_that_nobody_tells_is_counted_once_for_each_version(server: Misbehaving, gateway: Http, folder: Path):
    server.both("/f", file(BODY, ETag='"1"', length=False))
    staged = got(gateway, folder)
    assert isinstance(staged, StagedFile)
    assert staged.local.read_bytes() == BODY
    assert server.count("GET") == 2
    with gateway.using() as another:
        assert another.stat("f").size == len(BODY)
    assert server.count("GET") == 2
    server.both("/f", file(BODY + b"more", ETag='"2"', length=False))
    assert gateway.stat("f").size == len(BODY) + 4


def test_an_empty_file_is_no_error(server: Misbehaving, gateway: Http, folder: Path):
    server.both("/f", file(b"", ETag='"1"'))
    found = got(gateway, folder)
    assert isinstance(found, StagedFile)
    assert found.local.read_bytes() == b""


def test_without_a_version_the_content_is_the_version(
    server: Misbehaving, gateway: Http, folder: Path, caplog: pytest.LogCaptureFixture
):
    server.both("/f", file(BODY))
    first = gateway.stat("f")
    assert first.version == f"etag:sha256:{hashlib.sha256(BODY).hexdigest()}"
    assert gateway.stat("f") == first
    assert caplog.text.count("neither ETag nor Last-Modified") == 1
    gets = server.count("GET")
    assert isinstance(gateway.get(first, folder), StagedFile)
    assert server.count("GET") == gets + 1, "the read is the look that follows it"
    server.both("/f", file(BODY[::-1]))
    (found,) = gateway.get_many([first], folder)
    assert isinstance(found, Changed)
    assert gateway.stat("f").version != first.version


@pytest.mark.parametrize("said", ["never", "Thu, 99 Foo 2026 00:00:00 GMT", "0"])
def test_a_time_that_is_none_is_as_good_as_none(server: Misbehaving, gateway: Http, said: str):
    server.both("/f", file(BODY, Last_Modified=said))
    assert gateway.stat("f").version.startswith("etag:sha256:")


# ---- content


@pytest.mark.parametrize(
    ("words", "reply"),
    [
        ("end", raw(told(200, {"Content-Length": len(BODY), "ETag": '"1"'}), BODY[:-1])),
        ("connection", raw(told(200, {"Content-Length": len(BODY), "ETag": '"1"'}), BODY[:-1], then=["reset"])),
        ("end", raw(told(200, {"Content-Length": len(BODY), "ETag": '"1"'}))),
        ("end", raw(told(200, {"Transfer-Encoding": "chunked", "ETag": '"1"'}), chunks(BODY)[:-5])),
        ("end", raw(told(200, {"Transfer-Encoding": "chunked", "ETag": '"1"'}), chunks(BODY)[:-500])),
        ("after 102399 of 102400", raw(told(200, {"Transfer-Encoding": "chunked", "ETag": '"1"'}), chunks(BODY[:-1]))),
        ("after 102399 of 102400", raw(told(200, {"ETag": '"1"'}), BODY[:-1])),
        ("connection", raw(b"", then=["reset"])),
        ("connection", raw(b"nonsense\r\n\r\n")),
    ],
    ids=range(9),
)
def test_a_body_that_ends_too_early_is_an_outage_and_no_file(
    server: Misbehaving, gateway: Http, folder: Path, words: str, reply: Reply
):
    server.head("/f", file(BODY, ETag='"1"'))
    server.get("/f", reply)
    found = got(gateway, folder)
    assert isinstance(found, Unavailable)
    assert words in str(found)
    server.get("/f", reply, file(BODY, ETag='"1"'))
    assert isinstance(got(gateway.using(retries=QUICK), folder), StagedFile)


def test_more_than_was_told_is_refused(server: Misbehaving, gateway: Http, folder: Path):
    server.head("/f", file(BODY, ETag='"1"'))
    server.get("/f", file(BODY + b"!", ETag='"1"', length=False))
    found = got(gateway, folder)
    assert isinstance(found, Rejected)
    assert "more than the 102400 bytes" in str(found)


def test_bytes_behind_the_end_of_an_answer_belong_to_no_file(server: Misbehaving, gateway: Http, folder: Path):
    server.head("/f", file(BODY, ETag='"1"'))
    server.get("/f", raw(told(200, {"Content-Length": len(BODY), "ETag": '"1"'}), BODY + b"HTTP/1.1 500 No\r\n\r\n"))
    for _ in range(3):
        found = got(gateway, folder)
        assert isinstance(found, StagedFile)
        assert found.local.read_bytes() == BODY


@pytest.mark.parametrize(
    "now",
    [
        file(BODY, ETag='"2"', Last_Modified=NEVER),
        file(BODY, Last_Modified=LATER),
        file(BODY + b"!", ETag='"1"'),
        file(BODY[:-1], ETag='"1"'),
    ],
    ids=["etag", "time", "longer", "shorter"],
)
def test_a_file_that_changed_since_the_look_is_not_got(server: Misbehaving, gateway: Http, folder: Path, now: Reply):
    server.head("/f", file(BODY, ETag='"1"', Last_Modified=NEVER))
    server.get("/f", now)
    assert isinstance(got(gateway, folder), Changed)


def test_a_file_that_changes_while_it_is_read_is_not_got(server: Misbehaving, gateway: Http, folder: Path):
    server.head("/f", file(BODY, ETag='"1"'), file(BODY, ETag='"2"'))
    server.get("/f", file(BODY, ETag='"1"'))
    assert isinstance(got(gateway, folder), Changed)


# ---- going on


def cut(content: bytes, after: int, **headers: object) -> Reply:
    """The whole file, cut after so many bytes."""
    return raw(told(200, {"Content-Length": len(content), **headers}), content[:after])


@pytest.mark.parametrize("validator", [{"ETag": '"1"'}, {"Last-Modified": NEVER}], ids=["etag", "time"])
def test_a_large_file_goes_on_behind_what_is_in_hand(
    server: Misbehaving, gateway: Http, folder: Path, validator: dict[str, str]
):
    good = file(BIG, **{name.replace("-", "_"): value for name, value in validator.items()})
    server.head("/f", good)

    def cut_there(asked: Asked, line: Line) -> None:
        """Another million each time, then the end."""
        head = {"Content-Length": len(BIG) - asked.first, **validator}
        if asked.first:
            head["Content-Range"] = f"bytes {asked.first}-{len(BIG) - 1}/{len(BIG)}"
        line.send(told(206 if asked.first else 200, head) + BIG[asked.first :][:1_000_001])

    server.get("/f", cut_there)
    moved = list[int]()
    staged = got(gateway.using(retries=RetryPolicy(max=1, backoff=0.01), moved=moved.append), folder)
    assert isinstance(staged, StagedFile)
    assert staged.local.read_bytes() == BIG
    assert sum(moved) == len(BIG)
    firsts = [one.first for one in server.asked if one.method == "GET"]
    assert firsts == [0, 1_000_001, 2_000_002, 3_000_003]
    assert {one.headers.get("if-range") for one in server.asked if one.first} == set(validator.values())


def test_a_server_without_ranges_sends_all_again_and_what_is_in_hand_is_not_written_twice(
    server: Misbehaving, gateway: Http, folder: Path
):
    server.head("/f", file(BIG, ETag='"1"'))
    server.get("/f", cut(BIG, 2_000_000, ETag='"1"'), file(BIG, ETag='"1"', ranges=False))
    staged = got(gateway.using(retries=QUICK), folder)
    assert isinstance(staged, StagedFile)
    assert staged.local.read_bytes() == BIG


def test_another_range_than_was_asked_for_is_not_taken(server: Misbehaving, gateway: Http, folder: Path):
    def wrong(asked: Asked, line: Line) -> None:
        start = asked.first + 7 if asked.first else 0
        head = {"Content-Length": len(BIG) - start, "ETag": '"1"'}
        if asked.first:
            head["Content-Range"] = f"bytes {start}-{len(BIG) - 1}/{len(BIG)}"
        line.send(told(206 if start else 200, head) + BIG[start:])

    server.head("/f", file(BIG, ETag='"1"'))
    server.get("/f", cut(BIG, 2_000_000, ETag='"1"'), wrong)
    staged = got(gateway.using(retries=QUICK), folder)
    assert isinstance(staged, StagedFile)
    assert staged.local.read_bytes() == BIG


@pytest.mark.parametrize(
    "then",
    [
        status(416, Content_Range="bytes */5"),
        file(BIG[::-1], ETag='"2"'),
        file(BIG[::-1], ETag='"2"', ranges=False),
        raw(told(206, {"Content-Length": 1_072_000, "ETag": '"1"', "Content-Range": "bytes 2000000-3071999/4000000"})),
    ],
    ids=["416", "whole", "no ranges", "longer"],
)
def test_a_file_that_changed_while_the_line_was_cut_is_left_for_later(
    server: Misbehaving, gateway: Http, folder: Path, then: Reply
):
    server.head("/f", file(BIG, ETag='"1"'))
    server.get("/f", cut(BIG, 2_000_000, ETag='"1"'), then)
    assert isinstance(got(gateway.using(retries=QUICK), folder), Changed)


@pytest.mark.parametrize("headers", [{"ETag": 'W/"1"'}, {}], ids=["weak", "none"])
def test_a_file_whose_bytes_have_no_name_starts_again(
    server: Misbehaving, gateway: Http, folder: Path, headers: dict[str, str]
):
    server.head("/f", file(BIG, **headers))
    if headers:
        server.get("/f", cut(BIG, 2_000_000, **headers), file(BIG, **headers))
    else:
        server.get("/f", file(BIG), cut(BIG, 2_000_000), file(BIG))
    staged = got(gateway.using(retries=QUICK), folder)
    assert isinstance(staged, StagedFile)
    assert staged.local.read_bytes() == BIG
    assert {one.headers.get("range") for one in server.asked} == {None}


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_file_takes_no_more_memory_than_a_small_one(
    server: Misbehaving, gateway: Http, folder: Path, chunked: bool
):
    block, count = bytes(1_000_000), 100
    kind = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": count * len(block)}

    def large(asked: Asked, line: Line) -> None:
        line.send(told(200, {"ETag": '"1"', **kind}))
        for _ in range(count if asked.method == "GET" else 0):
            line.send(b"%x\r\n%s\r\n" % (len(block), block) if chunked else block)
        if chunked:
            line.send(b"0\r\n\r\n")

    server.both("/f", large)
    tracemalloc.start()
    try:
        staged = gateway.get(gateway.stat("f"), folder)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert staged.local.stat().st_size == count * len(block)
    assert peak < 12_000_000


def test_a_server_that_never_gets_further_is_given_up(server: Misbehaving, gateway: Http, folder: Path):
    server.head("/f", file(BIG, ETag='"1"'))
    server.get("/f", cut(BIG, 2_000_000, ETag='"1"'))
    assert isinstance(got(gateway.using(retries=QUICK), folder), Unavailable)
    assert server.count("GET") == 1 + QUICK.max


# ---- waiting


def drip(asked: Asked, line: Line) -> None:
    """A byte of the head now and then, for ever."""
    while not line.over.wait(0.05):
        line.send(b"X")


def drip_body(asked: Asked, line: Line) -> None:
    line.send(told(200, {"Content-Length": len(BODY), "ETag": '"1"'}))
    while not line.over.wait(0.05):
        line.send(b"X")


@pytest.mark.parametrize(
    "slow",
    [
        raw(b"", then=["hold"]),
        drip,
        raw(told(200, {"Content-Length": len(BODY), "ETag": '"1"'}), BODY[:-1], then=["hold"]),
        drip_body,
    ],
    ids=["silent", "dripping head", "silent body", "dripping body"],
)
def test_a_server_that_only_keeps_the_line_open_is_out_of_reach(server: Misbehaving, folder: Path, slow: Reply):
    server.head("/f", file(BODY, ETag='"1"'))
    server.get("/f", slow)
    with Http(url=server.url, timeout=0.4).using(name="portal", retries=ONCE) as gateway:
        found = got(gateway, folder)
    assert isinstance(found, Unavailable)
    assert "no answer from 127.0.0.1" in str(found)


@pytest.mark.parametrize(
    "slow",
    [raw(b"", then=["hold"]), raw(told(200, {"Content-Length": len(BODY)}), BODY[:9], then=["hold"])],
    ids=["head", "body"],
)
def test_whoever_is_told_to_end_does_not_wait_for_the_server(server: Misbehaving, slow: Reply):
    server.get("/f", slow)
    asked = threading.Event()

    def fence() -> None:
        if server.count("GET"):
            asked.set()
            raise Aborted("told to end")

    with Http(url=server.url, timeout=100).using(fence=fence) as gateway, pytest.raises(Aborted):
        gateway.read("f")
    assert asked.is_set()


def test_nobody_at_home_is_an_outage():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    urls: dict[str, Callable[[str], bool]] = {
        f"http://127.0.0.1:{port}": lambda said: "refused" in said,
        "http://nobody.invalid": lambda said: "cannot be found" in said,
    }
    for url, says in urls.items():
        with Http(url=url, timeout=5).using(retries=ONCE) as gateway, pytest.raises(Unavailable) as error:
            gateway.stat("f")
        assert says(str(error.value)), str(error.value)


def test_check_reaches_the_server_and_is_let_in(server: Misbehaving, gateway: Http):
    for code in (200, 302, 400, 403, 404, 405):
        server.head("/", status(code))
        gateway.check(write=False)
    for code, kind in ((401, Denied), (407, Denied), (500, Unavailable)):
        server.head("/", status(code))
        with pytest.raises(kind):
            gateway.check(write=False)


def test_without_its_library_it_says_what_to_type(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "requests", None)
    with Http(url="http://127.0.0.1").using() as gateway, pytest.raises(Denied, match=r"pip install 'datagw\[http\]'"):
        gateway.stat("f")

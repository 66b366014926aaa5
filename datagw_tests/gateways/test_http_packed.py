"""Files that a server packs on their way though asked not to: size and hash are those of the file, or there is none."""

from __future__ import annotations

import gzip
import hashlib
import random
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagw.errors import Changed, GatewayError, Rejected, Unavailable
from datagw.files import StagedFile
from datagw.gateways.front.retries import RetryPolicy
from datagw.gateways.http import Http
from datagw.gateways.web.packing import unpacked
from datagw_tests.conftest import require_server
from datagw_tests.servers import nginx
from datagw_tests.servers.http_misbehaving import Asked, Line, Misbehaving, Reply, file, raw, told

ONCE = RetryPolicy(max=0)
BODY = bytes(range(256)) * 400
BIG = random.Random(5).randbytes(3_000_000)
NEVER = "Thu, 01 Jan 2026 00:00:00 GMT"


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


def packed(content: bytes, *, length: bool = True, **headers: object) -> Reply:
    """A server that packs whatever it is asked for; ranges would be those of what it has packed."""
    return file(gzip.compress(content, 1, mtime=0), length=length, Content_Encoding="gzip", **headers)


def got(gateway: Http, folder: Path, path: str = "f") -> StagedFile | GatewayError:
    (found,) = gateway.get_many([gateway.stat(path)], folder)
    if isinstance(found, GatewayError):
        assert list(folder.iterdir()) == []
    return found


def content(found: StagedFile | GatewayError) -> bytes:
    assert isinstance(found, StagedFile)
    read = found.local.read_bytes()
    found.local.unlink()
    assert (found.sha256, found.origin.size) == (hashlib.sha256(read).hexdigest(), len(read))
    return read


@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize("version", [{"ETag": '"1"'}, {"Last_Modified": NEVER}, {}], ids=["etag", "time", "none"])
def test_what_is_packed_on_its_way_is_unpacked_and_size_and_hash_are_those_of_the_file(
    server: Misbehaving, gateway: Http, folder: Path, length: bool, version: dict[str, str]
):
    server.both("/f", packed(BODY, length=length, **version))
    assert gateway.stat("f").size == len(BODY)
    assert content(got(gateway, folder)) == BODY
    assert gateway.read("f") == BODY
    assert {one.headers["accept-encoding"] for one in server.asked} == {"identity"}


def test_the_size_of_a_packed_file_is_counted_once_for_each_version(server: Misbehaving, gateway: Http):
    server.both("/f", packed(BODY, ETag='"1"'))
    assert [gateway.stat("f").size for _ in range(3)] == [len(BODY)] * 3
    assert server.count("GET") == 1
    server.both("/f", packed(BODY + b"x", ETag='"2"'))
    assert [gateway.stat("f").size for _ in range(3)] == [len(BODY) + 1] * 3
    assert server.count("GET") == 2


def test_a_look_that_is_not_packed_tells_the_size_of_what_is_packed_afterwards(
    server: Misbehaving, gateway: Http, folder: Path
):
    server.head("/f", file(BODY, ETag='"1"'))
    server.get("/f", packed(BODY, ETag='"1"'))
    assert content(got(gateway, folder)) == BODY
    for other in (BODY + b"x", BODY[:-1]):
        server.get("/f", packed(other, ETag='"1"'))
        assert isinstance(got(gateway, folder), Rejected if other > BODY else Unavailable)
    server.get("/f", packed(BODY, ETag='"2"'))
    assert isinstance(got(gateway, folder), Changed)


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip"])
@pytest.mark.parametrize("name", ["f.gz", "f.tgz", "f.tar.gz"])
def test_what_is_stored_packed_is_not_unpacked(
    server: Misbehaving, gateway: Http, folder: Path, name: str, encoding: str
):
    stored = gzip.compress(BODY)
    server.both(f"/{name}", file(stored, ETag='"1"', Content_Encoding=encoding))
    assert content(got(gateway, folder, name)) == stored
    assert server.count("GET") == 1


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "gzip, gzip", "nonsense"])
def test_another_packing_is_refused(server: Misbehaving, gateway: Http, folder: Path, encoding: str):
    server.both("/f", file(BODY, ETag='"1"', Content_Encoding=encoding))
    with pytest.raises(Rejected, match=f"Content-Encoding {encoding}"):
        gateway.stat("f")
    server.head("/f", file(BODY, ETag='"1"'))
    assert isinstance(got(gateway, folder), Rejected)


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (BODY, Rejected, "which is no gzip"),
        (gzip.compress(BODY)[:-1], Unavailable, "before the end of its gzip"),
        (gzip.compress(BODY)[:-8] + bytes(8), Rejected, "which is no gzip"),
        (gzip.compress(BODY) + b"more", Rejected, "which is no gzip"),
        (zlib.compress(BODY), Rejected, "which is no gzip"),
    ],
    ids=["plain", "short", "sum", "more", "zlib"],
)
def test_a_packing_that_is_none_is_no_file(
    server: Misbehaving, gateway: Http, folder: Path, body: bytes, kind: type[GatewayError], words: str
):
    server.head("/f", file(BODY, ETag='"1"'))
    server.get("/f", file(body, ETag='"1"', Content_Encoding="gzip"))
    found = got(gateway, folder)
    assert type(found) is kind
    assert words in str(found)


def test_a_packed_file_whose_line_is_cut_is_put_together_of_one_version(
    server: Misbehaving, gateway: Http, folder: Path
):
    """Its ranges would be those of the packed bytes."""
    body = gzip.compress(BIG, 1)
    server.head("/f", file(BIG, ETag='"1"'))

    def cut_once(asked: Asked, line: Line) -> None:
        first = server.count("GET") == 1
        packed(BIG, ETag='"1"')(asked, line) if not first else line.send(
            told(200, {"Content-Length": len(body), "ETag": '"1"', "Content-Encoding": "gzip"}) + body[:2_000_000]
        )

    server.get("/f", cut_once)
    with gateway.using(retries=RetryPolicy(max=1, backoff=0.01)) as patient:
        assert content(got(patient, folder)) == BIG
    assert [one.first for one in server.asked if one.method == "GET"] == [0, 0]


def test_a_part_of_what_is_packed_is_not_taken_for_a_part_of_the_file(server: Misbehaving, gateway: Http, folder: Path):
    server.head("/f", file(BIG, ETag='"1"'))
    cut = raw(told(200, {"Content-Length": len(BIG), "ETag": '"1"'}), BIG[:2_000_000])
    server.get("/f", cut, packed(BIG, ETag='"1"'))
    with gateway.using(retries=RetryPolicy(max=1, backoff=0.01)) as patient:
        assert content(got(patient, folder)) == BIG
    assert [one.first for one in server.asked if one.method == "GET"] == [0, 2_000_000, 0]


def test_what_unpacks_to_any_size_takes_no_memory(server: Misbehaving, gateway: Http, folder: Path):
    server.head("/f", file(BODY, ETag='"1"'))
    server.get("/f", packed(bytes(100_000_000), ETag='"1"'))
    tracemalloc.start()
    try:
        assert isinstance(got(gateway, folder), Rejected)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20_000_000


def test_nginx_that_packs_all_the_same(tmp_path: Path, folder: Path):
    """Its tags become weak then, and its answers have no length."""
    if lack := nginx.missing():
        require_server(*lack)
    behind = nginx.Nginx(tmp_path / "behind", server="gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any;")
    front = f"location / {{ proxy_pass {behind.url}; proxy_http_version 1.1; proxy_set_header Accept-Encoding gzip; }}"
    with behind, nginx.Nginx(tmp_path / "nginx", server=front) as server:
        (behind.root / "f").write_bytes(BODY)
        with Http(url=server.url, timeout=5).using(name="portal", retries=ONCE) as gateway:
            assert gateway.stat("f").size == len(BODY)
            assert str(gateway.stat("f").etag).startswith("W/")
            assert content(got(gateway, folder)) == BODY
    assert behind.asked() == ["200 HEAD /f", "200 GET /f", "200 HEAD /f", "200 HEAD /f", "200 GET /f", "200 HEAD /f"]


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=3), st.integers(1, 50), st.integers(0, 3))
def test_any_gzip_is_unpacked_however_it_is_cut(members: list[bytes], size: int, padding: int):
    whole = b"".join(gzip.compress(one) for one in members) + bytes(padding)
    blocks = (whole[at : at + size] for at in range(0, len(whole), size))
    assert b"".join(unpacked((one for one in blocks), "host")) == b"".join(members)

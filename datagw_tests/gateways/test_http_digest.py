"""Digest authentication: the password is never sent, nonces may be over at any moment, and other servers get nothing."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from datagw.errors import Denied, Unavailable
from datagw.files import StagedFile
from datagw.gateways.front.retries import RetryPolicy
from datagw.gateways.http import Http
from datagw_tests.servers.http_misbehaving import Asked, Line, Misbehaving, Reply, file, raw, status, told

ONCE = RetryPolicy(max=0)
BIG = bytes(range(256)) * 12_000
GOOD = file(b"content", ETag='"1"')


class Guard:
    """Lets only those in who know the password, by RFC 7616; a nonce holds for `uses` requests, each with a count."""

    def __init__(self, *, uses: int = 1000, algorithm: str = "SHA-256") -> None:
        self.uses = uses
        self.algorithm = algorithm
        self.refused = 0
        self.let_in = 0
        self._nonces = 0
        self._left = 0
        self._seen: set[str] = set()

    def before(self, reply: Reply) -> Reply:
        """The reply, for those who are let in."""

        def guarded(asked: Asked, line: Line) -> None:
            if self._knows(asked):
                self.let_in += 1
                reply(asked, line)
                return
            self.refused += 1
            page = b"who are you?" if asked.method == "GET" else b""
            line.send(told(401, {"WWW-Authenticate": self.challenge(), "Content-Length": 12}) + page)

        return guarded

    def challenge(self) -> str:
        """What is asked of whoever wants to be let in; older nonces are over."""
        self._nonces, self._left = self._nonces + 1, self.uses
        told = f'realm="re,alm", nonce="n{self._nonces}", qop="auth,auth-int", opaque="op"'
        return f"Digest {told}, algorithm={self.algorithm}, stale=true"

    def _knows(self, asked: Asked) -> bool:
        said = dict(re.findall(r'(\w+)="?([^",]*)"?', asked.headers.get("authorization", "").removeprefix("Digest ")))
        if said.get("nonce") != f"n{self._nonces}" or self._left <= 0 or said["nc"] in self._seen:
            return False
        self._left -= 1
        made = hashlib.sha256 if self.algorithm == "SHA-256" else hashlib.md5
        one = made(b"station7:re,alm:hunter2").hexdigest()
        two = made(f"{asked.method}:{asked.target}".encode()).hexdigest()
        whole = f"{one}:{said['nonce']}:{said['nc']}:{said['cnonce']}:auth:{two}"
        return said["response"] == made(whole.encode()).hexdigest()


@pytest.fixture
def server() -> Iterator[Misbehaving]:
    with Misbehaving() as server:
        yield server


def portal(server: Misbehaving, password: str = "hunter2", **fields: Any) -> Http:
    secret = SecretStr(password)
    return Http(url=server.url, timeout=5, username="station7", password=secret, auth="digest", **fields).using(
        name="portal", retries=ONCE
    )


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_who_knows_the_password_is_let_in_and_asked_once(server: Misbehaving, algorithm: str):
    guard = Guard(algorithm=algorithm)
    server.both("/a b/ü", guard.before(GOOD))
    server.both("/a%20b/%C3%BC", guard.before(GOOD))
    with portal(server, params={"format": "csv"}) as gateway:
        assert gateway.stat("a b/ü").size == 7
        assert gateway.read("a b/ü") == gateway.read("a b/ü") == b"content"
    assert (guard.refused, guard.let_in) == (1, 3)
    assert all("hunter2" not in str(one) for one in server.asked)


def test_a_nonce_that_is_over_is_replaced_at_every_request(server: Misbehaving):
    guard = Guard(uses=1)
    server.both("/f", guard.before(GOOD))
    with portal(server) as gateway:
        for _ in range(3):
            assert gateway.stat("f").size == 7
            assert gateway.read("f") == b"content"
    assert (guard.refused, guard.let_in) == (6, 6)


def test_a_large_file_goes_on_after_its_line_was_cut_with_another_nonce(server: Misbehaving, tmp_path: Path):
    guard = Guard(uses=1)
    server.head("/f", guard.before(file(BIG, ETag='"1"')))
    cut = raw(told(200, {"Content-Length": len(BIG), "ETag": '"1"'}), BIG[:1_500_000])
    once, then = guard.before(cut), guard.before(file(BIG, ETag='"1"'))
    server.get("/f", lambda asked, line: (then if asked.first else once)(asked, line))
    with portal(server).using(retries=RetryPolicy(max=1, backoff=0.01)) as gateway:
        (found,) = gateway.get_many([gateway.stat("f")], tmp_path)
    assert isinstance(found, StagedFile)
    assert found.local.read_bytes() == BIG
    assert [one.first for one in server.asked if one.method == "GET" and "authorization" in one.headers][
        -1
    ] == 1_500_000


def test_the_wrong_password_is_told_once(server: Misbehaving):
    guard = Guard()
    server.both("/f", guard.before(GOOD))
    with (
        portal(server, "hunter3") as gateway,
        pytest.raises(Denied, match="are username and password, token or headers right. It asks for Digest"),
    ):
        gateway.stat("f")
    assert guard.let_in == 0
    assert len(server.asked) == 2


def test_who_says_a_name_in_the_clear_to_a_server_that_wants_a_digest_is_told_what_it_wants(server: Misbehaving):
    server.both("/f", Guard().before(GOOD))
    with (
        Http(url=server.url, username="u", password="p").using(retries=ONCE) as gateway,
        pytest.raises(Denied, match="It asks for Digest"),
    ):
        gateway.read("f")


@pytest.mark.parametrize(
    "challenge",
    [
        "Digest",
        "Digest nonsense",
        'Digest realm="r"',
        'Digest realm="r", nonce',
        'Digest realm="r", nonce="n", algorithm=SHA-3',
        'Digest realm="r", nonce="n", qop="auth-int"',
        'Basic realm="digest"',
    ],
)
def test_a_challenge_that_is_none_is_a_refusal(server: Misbehaving, challenge: str):
    server.both("/f", status(401, WWW_Authenticate=challenge))
    with portal(server) as gateway, pytest.raises(Denied, match="401"):
        gateway.read("f")
    assert server.count("GET") <= 2


def test_the_page_of_a_challenge_is_not_read_to_its_end(server: Misbehaving):
    guard = Guard()

    def endless(asked: Asked, line: Line) -> None:
        if "authorization" in asked.headers:
            guard.before(GOOD)(asked, line)
            return
        line.send(told(401, {"WWW-Authenticate": guard.challenge(), "Content-Length": 10**12}) + bytes(100_000))
        line.hold()

    server.get("/f", endless)
    with portal(server) as gateway:
        assert gateway.read("f") == b"content"


def test_a_server_that_is_silent_after_its_challenge_is_an_outage(server: Misbehaving):
    guard = Guard()
    server.get("/f", guard.before(raw(b"", then=["hold"])))
    place = Http(url=server.url, timeout=0.3, username="station7", password="hunter2", auth="digest")
    with place.using(retries=ONCE) as gateway, pytest.raises(Unavailable, match=r"within 0\.3 s"):
        gateway.read("f")
    assert guard.let_in == 1


def test_another_server_is_told_nothing_whatever_it_asks_also_after_a_way_back(server: Misbehaving):
    guard = Guard()
    with Misbehaving() as elsewhere:
        server.both("/f", guard.before(raw(told(302, {"Location": f"{elsewhere.url}/back", "Content-Length": 0}))))
        elsewhere.both("/back", raw(told(302, {"Location": f"{server.url}/g", "Content-Length": 0})))
        server.both("/g", guard.before(raw(told(307, {"Location": f"{elsewhere.url}/asks", "Content-Length": 0}))))
        elsewhere.both("/asks", Guard().before(GOOD))
        with portal(server) as gateway, pytest.raises(Denied, match=f"127.0.0.1:{elsewhere.port} answers 401"):
            gateway.read("f")
        assert [one.target for one in elsewhere.asked] == ["/back", "/asks"]
        assert all("authorization" not in one.headers for one in elsewhere.asked)
    assert (guard.refused, guard.let_in) == (1, 2)


@pytest.mark.parametrize("username", ['sta"tion', "a\\b", "a\nb", "ü", ""])
def test_a_name_that_the_header_cannot_carry_is_refused(server: Misbehaving, username: str):
    fields = {"url": server.url, "username": username, "password": "hunter2", "auth": "digest"}
    with Http(**fields).using(name="portal", retries=ONCE) as gateway, pytest.raises(Denied, match="cannot carry"):
        gateway.read("f")
    assert server.connections == 0

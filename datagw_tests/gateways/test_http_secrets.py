"""Credentials of web servers: they go where they belong and nowhere else, and nobody is told of them."""

from __future__ import annotations

import base64
import logging
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from datagw.errors import Denied, GatewayError, Rejected
from datagw.gateways.front.retries import RetryPolicy
from datagw.gateways.http import Http
from datagw_tests.servers.certificates import Authority
from datagw_tests.servers.http_misbehaving import Misbehaving, file, raw, status, told

ONCE = RetryPolicy(max=0)
QUICK = RetryPolicy(max=2, backoff=0.01, cap=0.02)
GOOD = file(b"content", ETag='"1"')
SECRETS = {
    "username": "station7",
    "password": SecretStr("hunter2-password"),
    "headers": {"X-Api-Key": SecretStr("hunter2-key"), "Accept": "text/csv"},
    "params": {"token": SecretStr("hunter2 token&"), "format": "csv"},
}


@pytest.fixture
def server() -> Iterator[Misbehaving]:
    with Misbehaving() as server:
        yield server


@pytest.fixture
def elsewhere() -> Iterator[Misbehaving]:
    with Misbehaving() as server:
        server.both("/f", GOOD)
        yield server


def portal(server: Misbehaving, **fields: Any) -> Http:
    return Http(url=server.url, timeout=5, **fields).using(name="portal", retries=ONCE)


def moved(url: str, code: int = 302) -> Any:
    return raw(told(code, {"Location": url, "Content-Length": 0}))


@pytest.mark.parametrize(
    ("fields", "header", "value"),
    [
        (
            {"username": "u", "password": SecretStr("pä:ss")},
            "authorization",
            "Basic " + base64.b64encode("u:pä:ss".encode()).decode(),
        ),
        ({"token": SecretStr("t0ken")}, "authorization", "Bearer t0ken"),
        ({"headers": {"X-Api-Key": SecretStr("k")}}, "x-api-key", "k"),
        ({"headers": {"Accept": "text/csv"}}, "accept", "text/csv"),
        ({"user_agent": "curl/8"}, "user-agent", "curl/8"),
    ],
)
def test_credentials_are_sent_as_they_are_known(server: Misbehaving, fields: dict[str, Any], header: str, value: str):
    server.both("/f", GOOD)
    with portal(server, **fields) as gateway:
        assert gateway.read("f") == b"content"
    assert [one.headers[header] for one in server.asked] == [value]


def test_params_are_added_to_each_address(server: Misbehaving):
    server.both("/f", GOOD)
    with portal(server, **SECRETS) as gateway:
        assert gateway.stat("f").size == 7
        assert gateway.read("f") == b"content"
    assert {one.target for one in server.asked} == {"/f?token=hunter2+token%26&format=csv"}


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_another_server_gets_no_credentials(server: Misbehaving, elsewhere: Misbehaving, code: int):
    server.both("/f", moved("/again", code))
    server.both("/again", moved(f"{elsewhere.url}/f?signature=theirs", code))
    with portal(server, **SECRETS) as gateway:
        assert gateway.stat("f").version == 'etag:"1"'
        assert gateway.read("f") == b"content"
    assert all("authorization" in one.headers and "x-api-key" in one.headers for one in server.asked)
    assert [one.target for one in elsewhere.asked] == ["/f?signature=theirs"] * 2
    for one in elsewhere.asked:
        assert one.headers.keys() <= {"host", "user-agent", "accept", "accept-encoding", "connection"}
        assert "hunter2" not in str(one)


def test_who_comes_back_from_another_server_is_let_in_again(server: Misbehaving, elsewhere: Misbehaving):
    server.both("/f", moved(f"{elsewhere.url}/back"))
    elsewhere.both("/back", moved(f"{server.url}/home"))
    server.both("/home", GOOD)
    with portal(server, token=SecretStr("t")) as gateway:
        assert gateway.read("f") == b"content"
    assert [one.headers.get("authorization") for one in (*server.asked, *elsewhere.asked)] == [
        "Bearer t",
        "Bearer t",
        None,
    ]


def test_cookies_of_a_server_go_back_to_it(server: Misbehaving):
    server.both("/f", raw(told(302, {"Location": "/g", "Set-Cookie": "id=5", "Content-Length": 0})))
    server.both("/g", GOOD)
    with portal(server) as gateway:
        assert gateway.read("f") == b"content"
    assert server.asked[1].headers["cookie"] == "id=5"


def test_cookies_of_a_server_do_not_go_to_another_host(server: Misbehaving, elsewhere: Misbehaving):
    far = f"http://localhost:{elsewhere.port}"
    server.both("/f", raw(told(302, {"Location": f"{far}/back", "Set-Cookie": "id=5", "Content-Length": 0})))
    elsewhere.both("/back", raw(told(302, {"Location": f"{server.url}/g", "Set-Cookie": "no=6", "Content-Length": 0})))
    server.both("/g", moved(f"{far}/f"))
    with portal(server, headers={"Cookie": SecretStr("own=1")}) as gateway:
        assert gateway.read("f") == b"content"
    assert "own=1" in server.asked[0].headers["cookie"]
    assert [one.headers.get("cookie") for one in elsewhere.asked] == [None, "no=6"]


def test_params_are_for_the_address_that_was_asked_and_not_for_where_it_leads(
    server: Misbehaving, elsewhere: Misbehaving
):
    server.both("/f", moved(f"{elsewhere.url}/back"))
    elsewhere.both("/back", moved(f"{server.url}/g?theirs=1"))
    server.both("/g", GOOD)
    with portal(server, params={"token": SecretStr("hunter2")}) as gateway:
        assert gateway.read("f") == b"content"
    assert [one.target for one in server.asked] == ["/f?token=hunter2", "/g?theirs=1"]
    assert [one.target for one in elsewhere.asked] == ["/back"]
    assert "hunter2" not in str(elsewhere.asked)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("/f", "leads on for ever"),
        ("ftp://127.0.0.1/f", "no web address"),
        ("http://[x", "no web address"),
    ],
)
def test_redirects_that_lead_nowhere_are_refused(server: Misbehaving, target: str, words: str):
    server.both("/f", moved(target))
    with portal(server) as gateway, pytest.raises(Rejected, match=words):
        gateway.stat("f")


def test_the_page_that_comes_with_a_redirect_is_not_read(server: Misbehaving):
    server.both("/f", raw(told(302, {"Location": "/g", "Content-Length": 10**12}), b"x" * 1000, then=["hold"]))
    server.both("/g", GOOD)
    with portal(server) as gateway:
        assert gateway.read("f") == b"content"


def test_no_netrc_is_read(server: Misbehaving, home: Path):
    (home / ".netrc").write_text("machine 127.0.0.1 login me password mine\n")
    (home / ".netrc").chmod(0o600)
    server.both("/f", GOOD)
    with portal(server) as gateway:
        gateway.read("f")
    assert "authorization" not in server.asked[0].headers


TROUBLES = {
    "401": status(401),
    "404": status(404),
    "500": status(500),
    "cut": raw(told(200, {"Content-Length": 100, "ETag": '"1"'}), b"c"),
    "reset": raw(b"", then=["reset"]),
    "nonsense": raw(b"nonsense\r\n\r\n"),
    "silent": raw(b"", then=["hold"]),
    "loop": moved("/f?signature=hunter2-signature"),
    "away": moved("http://127.0.0.1:1/f?signature=hunter2-signature"),
}


@pytest.mark.parametrize("name", TROUBLES)
def test_no_secret_is_told_whatever_goes_wrong(server: Misbehaving, name: str, caplog: pytest.LogCaptureFixture):
    server.both("/f", TROUBLES[name])
    caplog.set_level(logging.DEBUG, "datagw")
    with Http(url=server.url, timeout=0.3, **SECRETS).using(name="portal", retries=QUICK) as gateway:
        with pytest.raises(GatewayError) as error:
            gateway.read("f")
        told_of = "".join(traceback.format_exception(error.value)) + repr(error.value) + str(error.value)
        told_of += (
            repr(gateway) + str(gateway.model_dump()) + gateway.model_dump_json() + gateway.place + gateway.link("f")
        )
    assert "hunter2" not in told_of + caplog.text
    assert str(error.value).startswith("portal:f: ")


def test_a_secret_that_no_header_can_carry_is_refused_and_not_shown(server: Misbehaving):
    for value in ("hunter2\n", "hunter2\r\nX: y", "hunter2 \u20ac", "hunter2\x00"):
        for fields in ({"token": SecretStr(value)}, {"headers": {"X-Api-Key": SecretStr(value)}}):
            with portal(server, **fields) as gateway, pytest.raises(Denied, match="the value of the header") as error:
                gateway.read("f")
            assert "hunter2" not in "".join(traceback.format_exception(error.value))
    assert server.asked == []


def test_a_secret_that_is_missing_is_named(server: Misbehaving, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("THE_KEY", raising=False)
    with portal(server, headers={"X-Api-Key": {"env": "THE_KEY"}}) as gateway, pytest.raises(Denied, match="THE_KEY"):
        gateway.read("f")


# ---- certificates


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """Known to us, as a company's own would be."""
    found = Authority(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(found.file))
    return found


def test_a_certificate_of_a_known_authority_is_believed(authority: Authority):
    with Misbehaving(authority.signed()) as server:
        server.both("/f", GOOD)
        with portal(server, token=SecretStr("t")) as gateway:
            assert gateway.read("f") == b"content"


@pytest.mark.parametrize("wrong", ["authority", "name", "time"])
def test_a_certificate_that_is_not_right_is_refused_once_and_gets_no_credentials(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, wrong: str
):
    if wrong == "authority":
        monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    certificate = authority.signed("127.0.0.2" if wrong == "name" else "127.0.0.1", days=-1 if wrong == "time" else 1)
    with Misbehaving(certificate) as server:
        server.both("/f", GOOD)
        believing = Http(url=server.url, token=SecretStr("t")).using(name="portal", retries=QUICK)
        with believing, pytest.raises(Denied, match=r"certificate of 127\.0\.0\.1:\d+ is not to be trusted") as error:
            believing.stat("f")
        assert {"authority": "issuer", "name": "IP address mismatch", "time": "expired"}[wrong] in str(error.value)
        assert "REQUESTS_CA_BUNDLE" in str(error.value)
        assert (server.connections, server.asked) == (1, [])


def test_a_redirect_from_https_to_http_is_warned_of_and_gets_no_credentials(
    authority: Authority, elsewhere: Misbehaving, caplog: pytest.LogCaptureFixture
):
    with Misbehaving(authority.signed()) as server:
        server.both("/f", moved(f"{elsewhere.url}/f"))
        with portal(server, token=SecretStr("t")) as gateway:
            assert gateway.read("f") == gateway.read("f") == b"content"
    assert caplog.text.count("redirects from https to http") == 1
    assert {one.headers.get("authorization") for one in elsewhere.asked} == {None}

"""How web servers are reached: certificates that are believed and shown, and proxies, whose errors are theirs."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from datagw.errors import ConfigError, DatagwError, Denied, GatewayError, Rejected, Unavailable
from datagw.gateways.front.retries import RetryPolicy
from datagw.gateways.http import Http
from datagw_tests.conftest import require_server
from datagw_tests.servers import nginx
from datagw_tests.servers.certificates import Authority
from datagw_tests.servers.forward_proxy import ForwardProxy
from datagw_tests.servers.http_misbehaving import Misbehaving, file, raw, told
from datagw_tests.servers.ports import free_port

ONCE = RetryPolicy(max=0)
GOOD = file(b"content", ETag='"1"')


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "requests_ca_bundle", "curl_ca_bundle"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def server() -> Iterator[Misbehaving]:
    with Misbehaving() as server:
        server.both("/f", GOOD)
        yield server


@pytest.fixture
def safe(authority: Authority) -> Iterator[Misbehaving]:
    with Misbehaving(authority.signed()) as server:
        server.both("/f", GOOD)
        yield server


@pytest.fixture
def proxy() -> Iterator[ForwardProxy]:
    with ForwardProxy() as proxy:
        yield proxy


def portal(server: Misbehaving, **fields: Any) -> Http:
    return Http(url=server.url, **{"timeout": 5, **fields}).using(name="portal", retries=ONCE)


def moved(url: str) -> Any:
    return raw(told(302, {"Location": url, "Content-Length": 0}))


# ---- certificates that are believed


def test_an_authority_of_ones_own_is_believed_and_no_other(safe: Misbehaving, authority: Authority, tmp_path: Path):
    with portal(safe, ca_file=str(authority.file)) as gateway:
        assert gateway.read("f") == b"content"
    (tmp_path / "other").mkdir()
    with (
        portal(safe, ca_file=str(Authority(tmp_path / "other").file)) as gateway,
        pytest.raises(Denied, match="is not to be trusted.*`ca_file`"),
    ):
        gateway.read("f")


def test_ca_file_goes_before_the_environment(
    safe: Misbehaving, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "other").mkdir()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(Authority(tmp_path / "other").file))
    with portal(safe, ca_file=str(authority.file)) as gateway:
        assert gateway.read("f") == b"content"
    with portal(safe, insecure=True) as gateway:
        assert gateway.read("f") == b"content"


def test_insecure_takes_any_certificate_and_says_so_once(
    safe: Misbehaving, caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
):
    with portal(safe, insecure=True) as gateway:
        assert gateway.read("f") == gateway.read("f") == b"content"
        gateway.close()
        assert gateway.read("f") == b"content"
    assert [line.message for line in caplog.records if line.levelno >= logging.WARNING] == [
        f"portal: the certificate of {safe.url} is not checked (insecure = true)"
    ]
    assert not [one for one in recwarn if "Unverified" in str(one.message)]


def test_insecure_is_for_the_server_itself_and_for_none_that_it_redirects_to(safe: Misbehaving, server: Misbehaving):
    server.both("/away", moved(f"{safe.url}/f"))
    with portal(server, insecure=True) as gateway, pytest.raises(Denied, match="is not to be trusted"):
        gateway.read("away")
    assert safe.asked == []


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"ca_file": "none.pem"}, r"the certificates in .*none\.pem cannot be read: no such file"),
        ({"ca_file": "nonsense.pem"}, r"the certificates in .*nonsense\.pem cannot be read"),
        ({"client_cert": "none.pem"}, r"the certificate and the key in .*none\.pem cannot be used: no such file"),
        ({"client_cert": "me.pem"}, r"the certificate and the key in .*me\.pem cannot be used"),
        ({"client_cert": "me.pem", "client_key": "other.key"}, r"me\.pem and .*other\.key cannot be used: key values"),
        ({"client_cert": "me.pem", "client_key": "locked.key"}, r"locked\.key cannot be used"),
    ],
)
def test_a_file_that_holds_no_certificate_is_told_before_any_server_is_asked(
    safe: Misbehaving, authority: Authority, tmp_path: Path, fields: dict[str, str], words: str
):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    (tmp_path / "nonsense.pem").write_text("nonsense")
    authority.client("me")
    authority.client("other")
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    locked = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "locked.key").write_bytes(
        locked.private_bytes(pem, form, serialization.BestAvailableEncryption(b"word"))
    )
    paths = {key: str(tmp_path / name) for key, name in fields.items()}
    with portal(safe, **paths) as gateway, pytest.raises((ConfigError, Denied), match=words):
        gateway.read("f")
    assert safe.connections == 0


# ---- certificates that are shown


def test_nginx_lets_in_who_shows_the_right_certificate(authority: Authority, tmp_path: Path):
    if lack := nginx.missing():
        require_server(*lack)
    cert, key = authority.client("station7")
    both = tmp_path / "both.pem"
    both.write_bytes(cert.read_bytes() + key.read_bytes())
    (tmp_path / "other").mkdir()
    stranger, its_key = Authority(tmp_path / "other").client("stranger")
    with nginx.Nginx(tmp_path / "nginx", certificate=authority.signed(), clients=authority.file) as server:
        (server.root / "f").write_bytes(b"content")
        url, ca_file = server.url, str(authority.file)
        for shown in ({"client_cert": str(cert), "client_key": str(key)}, {"client_cert": str(both)}):
            with Http(url=url, ca_file=ca_file, **shown).using(retries=ONCE) as gateway:
                gateway.check(write=False)
                assert gateway.stat("f").size == 7
                assert gateway.read("f") == b"content"
        for shown in ({}, {"client_cert": str(stranger), "client_key": str(its_key)}):
            with (
                Http(url=url, ca_file=ca_file, **shown).using(retries=ONCE) as gateway,
                pytest.raises(Rejected, match="400 Bad Request"),
            ):
                gateway.read("f")


def test_who_shows_no_certificate_or_the_wrong_one_is_refused_and_told_so(authority: Authority, tmp_path: Path):
    (tmp_path / "other").mkdir()
    stranger, its_key = Authority(tmp_path / "other").client("stranger")
    with Misbehaving(authority.signed(), clients=authority.file) as server:
        server.both("/f", GOOD)
        for shown in ({}, {"client_cert": str(stranger), "client_key": str(its_key)}):
            with (
                portal(server, ca_file=str(authority.file), **shown) as gateway,
                pytest.raises(Denied, match="does not take this client's certificate"),
            ):
                gateway.read("f")
        assert server.asked == []


def test_a_certificate_is_shown_to_its_own_server_alone_also_after_a_way_back(authority: Authority):
    cert, key = authority.client("station7")
    fields = {"client_cert": str(cert), "client_key": str(key), "ca_file": str(authority.file)}
    with (
        Misbehaving(authority.signed(), clients=authority.file, must=False) as home,
        Misbehaving(authority.signed(), clients=authority.file, must=False) as away,
    ):
        home.both("/f", moved(f"{away.url}/back"))
        away.both("/back", moved(f"{home.url}/g"))
        home.both("/g", GOOD)
        with portal(home, **fields) as gateway:
            assert gateway.read("f") == b"content"
        assert (home.shown, away.shown) == (["station7", "station7"], [""])


# ---- proxies


def test_a_proxy_leads_to_servers_in_the_clear_and_under_tls(
    server: Misbehaving, safe: Misbehaving, proxy: ForwardProxy, authority: Authority
):
    with portal(server, proxy=proxy.url, token=SecretStr("t")) as gateway:
        assert gateway.stat("f").size == 7
        assert gateway.read("f") == b"content"
    with portal(safe, proxy=proxy.url, ca_file=str(authority.file), token=SecretStr("hunter2")) as gateway:
        assert gateway.read("f") == b"content"
    assert [(one.method, one.target) for one in proxy.asked] == [
        ("HEAD", f"{server.url}/f"),
        ("GET", f"{server.url}/f"),
        ("CONNECT", f"127.0.0.1:{safe.port}"),
    ]
    assert "hunter2" not in str(proxy.asked)


@pytest.mark.parametrize("tls", [False, True])
def test_a_proxy_is_told_its_credentials_and_the_server_is_not(
    server: Misbehaving, safe: Misbehaving, authority: Authority, tls: bool, monkeypatch: pytest.MonkeyPatch
):
    there = safe if tls else server
    with ForwardProxy(user="station7:p@ss/word") as proxy:
        monkeypatch.setenv("PROXY", f"http://station7:p%40ss%2Fword@{proxy.host}")
        with portal(there, proxy={"env": "PROXY"}, ca_file=str(authority.file)) as gateway:
            assert gateway.read("f") == b"content"
        assert "proxy-authorization" not in there.asked[0].headers
        with (
            portal(there, proxy=proxy.url, ca_file=str(authority.file)) as gateway,
            pytest.raises(Denied, match=f"the proxy {proxy.host} answers 407.*are the credentials in its address"),
        ):
            gateway.read("f")
    assert len(there.asked) == 1


def test_servers_in_no_proxy_are_asked_directly(
    server: Misbehaving, proxy: ForwardProxy, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("NO_PROXY", "example.org,127.0.0.0/8")
    with portal(server, proxy=proxy.url) as gateway:
        assert gateway.read("f") == b"content"
    assert (proxy.asked, len(server.asked)) == ([], 1)


def test_the_proxy_of_the_environment_is_used_and_a_declared_one_goes_before_it(
    server: Misbehaving, proxy: ForwardProxy, monkeypatch: pytest.MonkeyPatch
):
    with ForwardProxy() as usual:
        monkeypatch.setenv("http_proxy", usual.url)
        with portal(server) as gateway:
            assert gateway.read("f") == b"content"
        with portal(server, proxy=proxy.url) as gateway:
            assert gateway.read("f") == b"content"
        assert (len(usual.asked), len(proxy.asked)) == (1, 1)


@pytest.mark.parametrize(
    ("refuse", "kind", "words"),
    [
        (403, Denied, "the proxy {proxy} answers 403 Forbidden: it leads nobody to {there}"),
        (407, Denied, "the proxy {proxy} answers 407 Proxy Authentication Required: are the credentials"),
        (502, Unavailable, "the proxy {proxy} answers 502 Bad Gateway: it does not reach {there}"),
        (503, Unavailable, "the proxy {proxy} answers 503"),
    ],
)
def test_what_a_proxy_refuses_is_told_as_its_own(
    safe: Misbehaving, proxy: ForwardProxy, refuse: int, kind: type[GatewayError], words: str
):
    proxy.refuse = refuse
    with portal(safe, proxy=proxy.url, insecure=True) as gateway, pytest.raises(kind) as error:
        gateway.read("f")
    assert words.format(proxy=proxy.host, there=f"127.0.0.1:{safe.port}") in str(error.value)


def test_a_server_that_a_proxy_does_not_reach_is_an_outage_and_the_proxy_is_named(proxy: ForwardProxy):
    for scheme in ("http", "https"):
        gone = f"127.0.0.1:{free_port()}"
        with (
            Http(url=f"{scheme}://{gone}", proxy=proxy.url, timeout=5).using(retries=ONCE) as gateway,
            pytest.raises(Unavailable, match=f"502.*|{gone}") as error,
        ):
            gateway.read("f")
        assert proxy.host in str(error.value)
        assert gone in str(error.value)


@pytest.mark.parametrize("tls", [False, True])
def test_a_proxy_that_is_not_there_is_an_outage_of_its_own(server: Misbehaving, safe: Misbehaving, tls: bool):
    there, gone = safe if tls else server, f"127.0.0.1:{free_port()}"
    with portal(there, proxy=f"http://station7:hunter2@{gone}") as gateway, pytest.raises(Unavailable) as error:
        gateway.read("f")
    assert str(error.value) == (
        f"portal:f: the proxy does not work: the connection to {gone} failed: connection refused"
    )
    told_of = "".join(traceback.format_exception(error.value)) + repr(gateway) + gateway.model_dump_json()
    assert "hunter2" not in told_of
    assert there.connections == 0


def test_a_proxy_that_says_nothing_is_an_outage(server: Misbehaving, proxy: ForwardProxy):
    proxy.mute = True
    for there in (server.url, f"https://127.0.0.1:{server.port}"):
        with (
            Http(url=there, proxy=proxy.url, timeout=0.3).using(retries=ONCE) as gateway,
            pytest.raises(Unavailable, match=rf"within 0\.3 s \(by way of the proxy {proxy.host}\)"),
        ):
            gateway.read("f")


def test_a_secret_that_is_no_address_of_a_proxy_is_refused_and_not_shown(
    server: Misbehaving, monkeypatch: pytest.MonkeyPatch
):
    for value in ("socks5://hunter2@h:1", "hunter2", "http://u:hunter2@h:x"):
        monkeypatch.setenv("PROXY", value)
        with portal(server, proxy={"env": "PROXY"}) as gateway, pytest.raises(DatagwError, match="proxy: is ") as error:
            gateway.read("f")
        assert "hunter2" not in "".join(traceback.format_exception(error.value))
    assert server.connections == 0

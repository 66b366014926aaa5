"""FTP under TLS: whom it believes, and what it says before."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from datagw.errors import Denied, Unavailable, Unsupported
from datagw.gateways.front.retries import RetryPolicy
from datagw.gateways.ftp import Ftp
from datagw.gateways.ftp_wire.control import Control
from datagw.gateways.ftps import Ftps
from datagw_tests.conftest import require_server
from datagw_tests.servers import vsftpd
from datagw_tests.servers.certificates import Authority
from datagw_tests.servers.ftp_pyftpdlib import PASSWORD, Pyftpd

ONCE = RetryPolicy(max=0)
BIG = bytes(range(256)) * 12_000


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", PASSWORD)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def server(tmp_path: Path, authority: Authority) -> Iterator[Pyftpd]:
    with Pyftpd(tmp_path / "ftp", certificate=authority.signed()) as server:
        yield server


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Pyftpd]:
    with Pyftpd(tmp_path / "plain") as server:
        yield server


def on(server: Any, **changed: Any) -> Ftps:
    return Ftps(**server.fields(**changed)).using(name="institute", retries=ONCE)


def real(folder: Path, authority: Authority, **settings: str) -> vsftpd.Vsftpd:
    if lack := vsftpd.missing():
        require_server(*lack)
    return vsftpd.Vsftpd(folder / "vsftpd", certificate=authority.signed(), settings=settings)


def test_an_unknown_certificate_is_refused_before_anything_secret_is_said(server: Pyftpd) -> None:
    with pytest.raises(Denied, match="not to be trusted.*`ca_file`"):
        on(server).stat("")
    assert "PASS" not in server.asked


def test_a_certificate_of_another_host_or_of_another_day_is_refused(tmp_path: Path, authority: Authority) -> None:
    for name, certificate in (("a", authority.signed("127.0.0.2")), ("b", authority.signed(days=-1))):
        with (
            Pyftpd(tmp_path / name, certificate=certificate) as server,
            pytest.raises(Denied, match="not to be trusted"),
        ):
            on(server, ca_file=str(authority.file)).stat("")


def test_any_certificate_is_taken_if_that_is_asked_for_and_it_is_told(
    server: Pyftpd, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = on(server, insecure=True)
    gateway.put(b"x", "a")
    assert gateway.read("a") == b"x"
    assert "is not checked (insecure = true)" in caplog.text


def test_a_file_of_authorities_that_is_none_is_told(server: Pyftpd, tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("")
    for path in ("nothing", "empty"):
        with pytest.raises(Denied, match=f"{path} cannot be read"):
            on(server, ca_file=str(tmp_path / path)).stat("")


def test_a_server_without_tls_gets_no_password(plain: Pyftpd) -> None:
    with pytest.raises(Denied, match="offers no TLS"):
        on(plain).stat("")
    assert {"AUTH TLS", "USER station7", "PASS"} & set(plain.asked) <= {"AUTH TLS"}


def test_a_server_that_insists_on_tls_refuses_the_other_type(server: Pyftpd) -> None:
    with pytest.raises(Denied, match="required"):
        Ftp(**server.fields()).using(retries=ONCE).stat("")


class TalksAhead:
    """Somebody in between puts a reply behind the one to AUTH."""

    def ftp_AUTH(self, line: str) -> None:  # noqa: N802
        self.push("234 AUTH TLS successful.\r\n230 You are welcome.\r\n")  # type: ignore[attr-defined]


def test_what_is_said_before_tls_begins_is_not_believed_after(tmp_path: Path, authority: Authority) -> None:
    with (
        Pyftpd(tmp_path / "ftp", certificate=authority.signed(), mixin=TalksAhead) as server,
        pytest.raises(Denied, match="more than it was asked"),
    ):
        on(server, ca_file=str(authority.file)).stat("")


class KeepsDataInTheClear:
    def ftp_PROT(self, line: str) -> None:  # noqa: N802
        self.respond("536 PROT P is not supported.")  # type: ignore[attr-defined]


def test_a_server_that_does_not_encrypt_data_is_refused(tmp_path: Path, authority: Authority) -> None:
    with (
        Pyftpd(tmp_path / "ftp", certificate=authority.signed(), mixin=KeepsDataInTheClear) as server,
        pytest.raises(Denied, match="does not encrypt data"),
    ):
        on(server, ca_file=str(authority.file)).stat("")


def test_implicit_tls_begins_with_the_connection(tmp_path: Path, authority: Authority) -> None:
    with real(tmp_path, authority, implicit_ssl="YES") as server:
        gateway = on(server, tls="implicit", ca_file=str(authority.file))
        gateway.put(BIG, "a")
        assert gateway.read("a") == BIG
        with pytest.raises(Unavailable):
            on(server, timeout=0.5, ca_file=str(authority.file)).stat("")


def test_implicit_tls_on_a_port_that_greets_first_is_told(plain: Pyftpd) -> None:
    with pytest.raises(Unavailable, match='tls = "explicit"'):
        on(plain, tls="implicit").stat("")


def test_implicit_tls_has_a_port_of_its_own() -> None:
    assert Ftps(host="h").port == 21
    assert Ftps(host="h", tls="implicit").port == 990
    assert Ftps(host="h", tls="implicit", port=2121).port == 2121


def test_data_goes_in_the_session_of_the_control_connection(
    tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """vsftpd wants it, as ProFTPD and FileZilla Server do: without it, nothing would pass."""
    with real(tmp_path, authority) as server:
        gateway = on(server, ca_file=str(authority.file))
        gateway.put(BIG, "a")
        assert gateway.read("a") == BIG
        monkeypatch.setattr(Control, "tls_session", None)
        with pytest.raises((Denied, Unavailable), match="522|TLS"):
            gateway.put(BIG, "b")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=str)
def test_sessions_are_taken_up_again_under_each_version_of_tls(
    tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch, version: ssl.TLSVersion
) -> None:
    def of_this_version(gateway: Ftps) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=gateway.ca_file)
        context.minimum_version = context.maximum_version = version
        return context

    monkeypatch.setattr(Ftps, "_context", of_this_version)
    with real(tmp_path, authority) as server:
        gateway = on(server, ca_file=str(authority.file))
        for number in range(5):
            gateway.put(BIG, f"a{number}")
        assert [gateway.read(f"a{number}") for number in range(5)] == [BIG] * 5


def test_a_server_of_yesterday_is_told_and_not_asked_again(tmp_path: Path, authority: Authority) -> None:
    with real(tmp_path, authority, ssl_ciphers="AES256-SHA256") as server:
        gateway = on(server, ca_file=str(authority.file))
        context = gateway._context()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.MonkeyPatch.context() as patch, pytest.raises(Unsupported, match="in common"):
            patch.setattr(Ftps, "_context", lambda _gateway: context)
            gateway.stat("")

"""Who is believed, and how we show who we are."""

from __future__ import annotations

import base64
import contextlib
import getpass
import logging
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from datagw.errors import ConfigError, Denied, Unsupported
from datagw.gateways.front.retries import RetryPolicy
from datagw.gateways.secrets import Secret
from datagw.gateways.sftp import Sftp
from datagw.gateways.ssh.hosts import HostKey, pin
from datagw.gateways.ssh.keys import fetch_host_key
from datagw_tests.gateways.conftest import ONCE, an_sshd
from datagw_tests.servers.asyncssh_server import PASSWORD, AsyncSSH
from datagw_tests.servers.chaos import Chaos
from datagw_tests.servers.openssh import OpenSSH, make_key

EAGER = RetryPolicy(max=4, backoff=0.01)


def reached(gateway: Sftp) -> bool:
    with gateway.using(name="institute", retries=EAGER) as place:
        return place.stat("").kind == "folder"


@pytest.fixture(scope="module")
def many_keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSSH]:
    with an_sshd(tmp_path_factory.mktemp("keys"), host_keys=("ed25519", "ecdsa", "rsa")) as server:
        yield server


@pytest.fixture
def anna(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AsyncSSH]:
    monkeypatch.setenv("ANNA_PASSWORD", PASSWORD)
    with AsyncSSH(tmp_path / "files") as server:
        yield server


# ---- the server's key


def test_an_unknown_server_is_refused_with_its_fingerprint_and_the_remedy(many_keys: OpenSSH, tmp_path: Path) -> None:
    gateway = Sftp(**many_keys.fields(known_hosts=str(tmp_path / "none")))
    with pytest.raises(Denied) as refused:
        reached(gateway)
    assert "datagw trust institute" in str(refused.value)
    assert "--replace" not in str(refused.value)
    shown = fetch_host_key("127.0.0.1", many_keys.port, 10)
    assert shown.fingerprint in str(refused.value)


def test_an_unknown_server_hears_of_no_password(anna: AsyncSSH, tmp_path: Path) -> None:
    with pytest.raises(Denied, match="datagw trust"):
        reached(Sftp(**anna.fields(tmp_path, known_hosts=str(tmp_path / "none"))))
    assert anna.attempts == []


def test_a_changed_key_is_refused_and_trusted_only_after_replacing(tmp_path: Path) -> None:
    with an_sshd(tmp_path / "sshd") as server:
        gateway = Sftp(**server.fields())
        assert reached(gateway)
        server.kill()
        server.renew_host_keys()
        server.start()
        with pytest.raises(Denied, match="datagw trust institute --replace") as refused:
            reached(gateway)
        assert "SHA256:" in str(refused.value)
        key = fetch_host_key("127.0.0.1", server.port, 10)
        with pytest.raises(Denied, match="--replace"):
            pin(str(server.known_hosts), "127.0.0.1", server.port, key)
        pin(str(server.known_hosts), "127.0.0.1", server.port, key, replace=True)
        assert reached(gateway)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
@pytest.mark.parametrize("hashed", [False, True])
def test_one_known_key_of_several_is_enough(many_keys: OpenSSH, tmp_path: Path, kind: str, hashed: bool) -> None:
    known = tmp_path / "known_hosts"
    known.write_text(many_keys.host_line(kind))
    if hashed:
        subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(known)], check=True, capture_output=True)
    assert reached(Sftp(**many_keys.fields(known_hosts=str(known))))


def test_a_pinned_server_is_known(many_keys: OpenSSH, tmp_path: Path) -> None:
    known = tmp_path / "made" / "known_hosts"
    pin(str(known), "127.0.0.1", many_keys.port, fetch_host_key("127.0.0.1", many_keys.port, 10))
    assert reached(Sftp(**many_keys.fields(known_hosts=str(known))))


def test_a_revoked_key_is_refused(many_keys: OpenSSH, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    known.write_text(
        many_keys.host_line("ed25519") + "@revoked " + many_keys.host_line("ed25519").replace("[127", "*,[127")
    )
    with pytest.raises(Denied, match="revoked"):
        reached(Sftp(**many_keys.fields(known_hosts=str(known))))


def test_insecure_takes_anybody_and_says_so(
    many_keys: OpenSSH, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert reached(Sftp(**many_keys.fields(known_hosts=str(tmp_path / "none"), insecure=True)))
    warning = next(record for record in caplog.records if record.levelno == logging.WARNING)
    assert "not checked" in warning.getMessage()
    assert "SHA256:" in warning.getMessage()


def test_the_key_that_is_fetched_is_the_one_of_the_server(many_keys: OpenSSH) -> None:
    key = fetch_host_key("127.0.0.1", many_keys.port, 10)
    kind, blob = many_keys.host_line("ed25519").split()[1:]
    assert key == HostKey(kind, base64.b64decode(blob))


# ---- our keys


@pytest.mark.parametrize("passphrase", ["", "a long secret 42"])
@pytest.mark.parametrize(
    "kind", [("ed25519",), ("ecdsa",), ("rsa", "-b", "2048"), ("rsa", "-b", "2048", "-m", "PEM")], ids=" ".join
)
def test_keys_of_all_kinds_are_accepted(
    many_keys: OpenSSH, tmp_path: Path, kind: tuple[str, ...], passphrase: str
) -> None:
    key = make_key(tmp_path / "key", kind[0], passphrase, *kind[1:])
    with many_keys.authorized.open("a") as authorized:
        authorized.write((tmp_path / "key.pub").read_text())
    secret = Secret(value=SecretStr(passphrase)) if passphrase else None
    assert reached(Sftp(**many_keys.fields(private_key=str(key), passphrase=secret)))


@pytest.mark.parametrize("kind", [("ed25519",), ("rsa", "-b", "2048", "-m", "PEM")], ids=" ".join)
def test_an_encrypted_key_says_what_to_set(many_keys: OpenSSH, tmp_path: Path, kind: tuple[str, ...]) -> None:
    key = make_key(tmp_path / "key", kind[0], "a long secret 42", *kind[1:])
    with pytest.raises(Denied, match="encrypted: set passphrase"):
        reached(Sftp(**many_keys.fields(private_key=str(key))))
    wrong = Secret(value=SecretStr("another secret 43"))
    with pytest.raises(Denied, match="the passphrase does not open it") as refused:
        reached(Sftp(**many_keys.fields(private_key=str(key), passphrase=wrong)))
    assert "another secret" not in str(refused.value)


def test_a_key_that_is_no_key_or_not_there_is_named(many_keys: OpenSSH, tmp_path: Path) -> None:
    (tmp_path / "rubbish").write_text("rubbish\n")
    with pytest.raises(Denied, match="rubbish holds no private key"):
        reached(Sftp(**many_keys.fields(private_key=str(tmp_path / "rubbish"))))
    with pytest.raises(Denied, match="missing cannot be read: No such file"):
        reached(Sftp(**many_keys.fields(private_key=str(tmp_path / "missing"))))


def test_a_refused_key_is_shown_once(many_keys: OpenSSH, tmp_path: Path) -> None:
    stranger = make_key(tmp_path / "stranger")
    with Chaos("127.0.0.1", many_keys.port) as line:
        gateway = Sftp(**many_keys.fields(port=line.port, insecure=True, private_key=str(stranger)))
        with pytest.raises(Denied, match="refuses .* tried: the key .*stranger"):
            reached(gateway)
        assert line.accepted == 1


def test_without_a_key_the_usual_files_are_tried(many_keys: OpenSSH, home: Path) -> None:
    (home / ".ssh").mkdir()
    make_key(home / ".ssh" / "id_ed25519", "ed25519", "locked")
    (home / ".ssh" / "id_rsa").write_bytes(many_keys.user_key.read_bytes())  # whatever its name says
    assert reached(Sftp(**many_keys.fields(private_key=None)))
    (home / ".ssh" / "id_rsa").unlink()
    with pytest.raises(Denied, match="id_ed25519 is encrypted: set passphrase"):
        reached(Sftp(**many_keys.fields(private_key=None)))


def test_the_path_of_a_key_may_start_at_home(many_keys: OpenSSH, home: Path) -> None:
    (home / "key").write_bytes(many_keys.user_key.read_bytes())
    assert reached(Sftp(**many_keys.fields(private_key="~/key")))


def test_with_nothing_to_show_the_error_says_what_to_set(many_keys: OpenSSH, home: Path) -> None:
    with pytest.raises(Denied, match="set private_key or password"):
        reached(Sftp(**many_keys.fields(private_key=None)))


def test_an_agent_is_asked(many_keys: OpenSSH, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = subprocess.run(["ssh-agent", "-s"], check=True, capture_output=True, text=True).stdout
    found = dict(re.findall(r"(SSH_\w+)=([^;]+);", told))
    try:
        monkeypatch.setenv("SSH_AUTH_SOCK", found["SSH_AUTH_SOCK"])
        subprocess.run(["ssh-add", "-q", str(many_keys.user_key)], check=True, capture_output=True)
        assert reached(Sftp(**many_keys.fields(private_key=None)))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(found["SSH_AGENT_PID"]), 15)


# ---- passwords


def test_a_password_is_accepted(anna: AsyncSSH, tmp_path: Path) -> None:
    assert reached(Sftp(**anna.fields(tmp_path)))
    assert anna.attempts == [("anna", True)]


def test_a_wrong_password_is_tried_once_and_never_told(
    anna: AsyncSSH, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("ANNA_PASSWORD", "wrong horse 7")
    gateway = Sftp(**anna.fields(tmp_path))
    with pytest.raises(Denied, match="refuses anna; tried: the password") as refused:
        reached(gateway)
    assert anna.attempts == [("anna", False)]
    ours = " ".join(record.getMessage() for record in caplog.records if not record.name.startswith("asyncssh"))
    assert "wrong horse" not in f"{refused.value} {gateway!r} {gateway.model_dump()} {ours}"


def test_a_missing_password_is_named_before_anything_is_tried(
    anna: AsyncSSH, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANNA_PASSWORD")
    with pytest.raises((ConfigError, Denied), match="ANNA_PASSWORD"):
        reached(Sftp(**anna.fields(tmp_path)))
    assert anna.attempts == []


def test_a_password_where_only_keys_are_taken_says_what_is(many_keys: OpenSSH, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_PASSWORD", "s3cret s3cret")
    with pytest.raises(Denied, match="takes only publickey"):
        reached(Sftp(**many_keys.fields(private_key=None, password={"env": "SOME_PASSWORD"})))


def test_a_password_itself_in_the_job_file_is_refused_and_not_shown() -> None:
    with pytest.raises(ValidationError) as error:
        Sftp.model_validate({"host": "h", "password": "plain s3cret"}, context={"base": Path.cwd()})
    assert "env" in str(error.value)
    assert "plain s3cret" not in str(error.value)


# ---- what is no SFTP server


def test_a_server_without_sftp_is_named_as_such(tmp_path: Path) -> None:
    server = an_sshd(tmp_path / "sshd")
    server.subsystem = "something /bin/true"
    with server, Sftp(**server.fields()).using(retries=ONCE) as gateway, pytest.raises(Unsupported, match="no SFTP"):
        gateway.stat("")


def test_a_server_that_says_something_else_is_named_as_such(tmp_path: Path) -> None:
    server = an_sshd(tmp_path / "sshd")
    server.subsystem = "sftp /bin/echo Welcome to our server"
    with (
        server,
        Sftp(**server.fields()).using(retries=EAGER) as gateway,
        pytest.raises(Unsupported, match="speak SFTP"),
    ):
        gateway.stat("")


def test_the_user_is_the_current_one_and_the_port_22() -> None:
    gateway = Sftp(host="sftp.example.org")
    assert (gateway.username, gateway.port, gateway.known_hosts) == (getpass.getuser(), 22, "~/.ssh/known_hosts")

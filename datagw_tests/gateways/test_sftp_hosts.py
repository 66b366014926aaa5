"""Known hosts: what is believed, and what `datagw trust` writes."""

from __future__ import annotations

import base64
import shutil
import subprocess
from pathlib import Path

import pytest

from datagw.errors import Denied
from datagw.gateways.ssh.hosts import HostKey, judge, known_kinds, pin
from datagw_tests.conftest import require_server
from datagw_tests.servers.openssh import INSTALL

ED = HostKey("ssh-ed25519", b"\0\0\0\x0bssh-ed25519" + b"e" * 36)
RSA = HostKey("ssh-rsa", b"\0\0\0\x07ssh-rsa" + b"r" * 40)
OTHER = HostKey("ssh-ed25519", b"\0\0\0\x0bssh-ed25519" + b"o" * 36)


def line(names: str, key: HostKey, marker: str = "") -> str:
    return f"{marker}{names} {key.kind} {base64.b64encode(key.blob).decode()} a comment\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ssh" / "known_hosts"


def write(file: Path, *lines: str) -> str:
    file.parent.mkdir(exist_ok=True)
    file.write_text("".join(lines))
    return str(file)


def test_a_file_that_is_not_there_knows_nobody(file: Path) -> None:
    assert judge(str(file), "h", 22, ED) == "unknown"
    assert known_kinds(str(file), "h", 22) == []


@pytest.mark.parametrize(
    ("names", "host", "port", "verdict"),
    [
        ("sftp.example.org", "sftp.example.org", 22, "known"),
        ("sftp.example.org", "SFTP.Example.org", 22, "known"),
        ("a,sftp.example.org,192.0.2.1", "192.0.2.1", 22, "known"),
        ("*.example.org", "sftp.example.org", 22, "known"),
        ("*.example.org,!sftp.example.org", "sftp.example.org", 22, "unknown"),
        ("sftp?.example.org", "sftp.example.org", 22, "unknown"),
        ("[sftp.example.org]:2222", "sftp.example.org", 2222, "known"),
        ("[sftp.example.org]:2222", "sftp.example.org", 22, "unknown"),
        ("sftp.example.org", "sftp.example.org", 2222, "known"),
        ("[::1]:2222", "::1", 2222, "known"),
    ],
)
def test_names_are_matched_as_ssh_does(file: Path, names: str, host: str, port: int, verdict: str) -> None:
    assert judge(write(file, line(names, ED)), host, port, ED) == verdict


def test_another_key_under_the_name_is_a_change(file: Path) -> None:
    path = write(file, line("h", RSA), line("h", ED))
    assert judge(path, "h", 22, OTHER) == "changed"
    assert judge(path, "h", 22, RSA) == "known"


def test_another_key_under_the_bare_name_says_nothing_of_another_port(file: Path) -> None:
    assert judge(write(file, line("h", OTHER)), "h", 2222, ED) == "unknown"


def test_a_revoked_key_is_never_believed(file: Path) -> None:
    assert judge(write(file, line("h", ED), line("*", ED, "@revoked ")), "h", 22, ED) == "revoked"


def test_authorities_comments_and_rubbish_are_passed_over(file: Path) -> None:
    path = write(
        file, "# a comment\n", "\n", "h ssh-ed25519\n", "h ssh-ed25519 ???\n", line("h", ED, "@cert-authority ")
    )
    assert judge(path, "h", 22, ED) == "unknown"


def test_the_types_that_are_known_are_told_in_their_order(file: Path) -> None:
    path = write(file, line("h", RSA), line("h", ED), line("[h]:2222", OTHER))
    assert known_kinds(path, "h", 22) == ["ssh-rsa", "ssh-ed25519"]
    assert known_kinds(path, "h", 2222) == ["ssh-ed25519"]


def test_a_file_that_cannot_be_read_is_no_empty_one(tmp_path: Path) -> None:
    with pytest.raises(Denied, match="cannot be read"):
        judge(str(tmp_path), "h", 22, ED)


def test_the_fingerprint_is_the_one_that_openssh_shows(tmp_path: Path) -> None:
    if shutil.which("ssh-keygen") is None:
        require_server("no ssh-keygen on this machine", INSTALL)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "k")], check=True)
    kind, blob, *_ = (tmp_path / "k.pub").read_text().split()
    shown = subprocess.run(["ssh-keygen", "-lf", str(tmp_path / "k.pub")], check=True, capture_output=True, text=True)
    assert HostKey(kind, base64.b64decode(blob)).fingerprint == shown.stdout.split()[1]


def test_a_pinned_key_is_known_to_us_and_to_openssh(file: Path) -> None:
    pin(str(file), "h", 2222, ED)
    assert judge(str(file), "h", 2222, ED) == "known"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    if shutil.which("ssh-keygen") is None:
        require_server("no ssh-keygen on this machine", INSTALL)
    found = subprocess.run(
        ["ssh-keygen", "-F", "[h]:2222", "-f", str(file)], check=True, capture_output=True, text=True
    )
    assert base64.b64encode(ED.blob).decode() in found.stdout


def test_pinning_twice_adds_one_line_and_keeps_the_others(file: Path) -> None:
    path = write(file, line("other", RSA).rstrip("\n"))
    pin(path, "h", 22, ED)
    pin(path, "h", 22, ED)
    assert file.read_text().count("\n") == 2
    assert judge(path, "other", 22, RSA) == judge(path, "h", 22, ED) == "known"


def test_a_changed_key_is_pinned_only_where_that_was_asked_for(file: Path) -> None:
    path = write(file, line("h", OTHER))
    with pytest.raises(Denied, match="--replace"):
        pin(path, "h", 22, ED)
    assert judge(path, "h", 22, OTHER) == "known"
    pin(path, "h", 22, ED, replace=True)
    assert (judge(path, "h", 22, ED), judge(path, "h", 22, OTHER)) == ("known", "changed")


def test_replacing_takes_a_name_out_of_the_lines_it_shares(file: Path) -> None:
    path = write(file, line("a,h,b", OTHER), line("h", RSA), line("*.org", RSA))
    pin(path, "h", 22, ED, replace=True)
    assert judge(path, "a", 22, OTHER) == judge(path, "b", 22, OTHER) == judge(path, "x.org", 22, RSA) == "known"
    assert judge(path, "h", 22, OTHER) == judge(path, "h", 22, RSA) == "changed"


def test_replacing_does_not_guess_what_a_pattern_was_meant_for(file: Path) -> None:
    path = write(file, line("*.org,h.org", OTHER))
    before = file.read_text()
    with pytest.raises(Denied, match="by a pattern"):
        pin(path, "h.org", 22, ED, replace=True)
    assert file.read_text() == before


def test_hashed_names_are_known_and_replaced(file: Path) -> None:
    if shutil.which("ssh-keygen") is None:
        require_server("no ssh-keygen on this machine", INSTALL)
    path = write(file, line("[h]:2222", OTHER), line("other", RSA))
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", path], check=True, capture_output=True)
    assert "[h]" not in file.read_text()
    assert judge(path, "h", 2222, OTHER) == "known"
    pin(path, "h", 2222, ED, replace=True)
    assert (judge(path, "h", 2222, ED), judge(path, "h", 2222, OTHER)) == ("known", "changed")
    assert judge(path, "other", 22, RSA) == "known"


def test_a_linked_file_stays_a_link(file: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "elsewhere" / "hosts", line("a", RSA))
    file.parent.mkdir()
    file.symlink_to(path)
    pin(str(file), "h", 22, ED)
    assert file.is_symlink()
    assert judge(path, "h", 22, ED) == "known"

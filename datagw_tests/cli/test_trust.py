"""`datagw trust`, on the server that the demo brings."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from datagw.demo.keys import make_keys
from datagw.demo.place import Place
from datagw_tests.cli.conftest import Cli


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """The demo's server and job file; nobody's key is known yet."""
    monkeypatch.chdir(tmp_path)
    with Place(tmp_path, builtin=True) as place:
        (tmp_path / "keys" / "known_hosts").unlink()
        yield place


def fingerprint(place: Place) -> str:
    told = subprocess.run(
        ["ssh-keygen", "-l", "-f", place.folder / "keys" / "host.pub"], capture_output=True, text=True, check=True
    )
    return told.stdout.split()[1]


def test_an_unknown_host_is_refused_until_it_is_trusted(place: Place, cli: Cli):
    said = cli("ls", "institute:")
    assert said.code == 1
    assert "datagw trust institute" in said.err
    said = cli("trust", "institute", "--yes")
    assert (said.code, said.err) == (0, "")
    assert fingerprint(place) in said.out
    assert cli("ls", "institute:").code == 0
    assert "already known" in cli("trust", "institute").out


def test_without_a_terminal_nothing_is_pinned_unless_yes_is_said(
    place: Place, cli: Cli, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("sys.stdin", io.StringIO())
    said = cli("trust", "institute")
    assert said.code == 1
    assert fingerprint(place) in said.out
    assert "--yes" in said.err
    assert not (place.folder / "keys" / "known_hosts").exists()


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 1)])
def test_on_a_terminal_it_asks(place: Place, answer: str, code: int):
    script = (
        "import os, pty, sys\n"
        f"os.chdir({str(place.folder)!r})\n"
        "pid, fd = pty.fork()\n"
        "if pid == 0:\n"
        "    os.execv(sys.executable, [sys.executable, '-m', 'datagw', 'trust', 'institute'])\n"
        "seen = b''\n"
        "while b'?' not in seen:\n"
        "    seen += os.read(fd, 1024)\n"
        f"os.write(fd, {answer!r}.encode())\n"
        "try:\n"
        "    while block := os.read(fd, 1024):\n"
        "        seen += block\n"
        "except OSError:\n"
        "    pass\n"
        "_, status = os.waitpid(pid, 0)\n"
        "print(os.waitstatus_to_exitcode(status))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == (f"{code}\n", "")
    assert (place.folder / "keys" / "known_hosts").exists() == (code == 0)


def test_a_changed_key_needs_replace(place: Place, cli: Cli):
    make_keys(place.folder / "others")
    kind, key, *_ = (place.folder / "others" / "host.pub").read_text().split()
    known = place.folder / "keys" / "known_hosts"
    known.write_text(f"[127.0.0.1]:{place.sftp.port} {kind} {key}\n")
    before = known.read_text()
    said = cli("trust", "institute", "--yes")
    assert said.code == 1
    assert "--replace" in said.err
    assert known.read_text() == before
    assert cli("trust", "institute", "--yes", "--replace").code == 0
    assert key not in known.read_text()
    assert cli("ls", "institute:").code == 0


def test_the_result_can_be_json(place: Place, cli: Cli):
    said = cli("trust", "institute", "--yes", "--json")
    assert said.code == 0
    assert said.json == {
        "gateway": "institute",
        "host": "127.0.0.1",
        "port": place.sftp.port,
        "key": "ssh-ed25519",
        "fingerprint": fingerprint(place),
        "known_hosts": str(place.folder / "keys" / "known_hosts"),
        "was": "unknown",
        "pinned": True,
    }
    assert json.loads(cli("--json", "trust", "institute").out)["was"] == "known"


def test_only_ssh_hosts_have_a_key(place: Place, cli: Cli):
    said = cli("trust", "local")
    assert (said.code, said.out) == (2, "")
    assert "type local" in said.err


def test_a_host_that_does_not_answer_is_exit_1(place: Place, cli: Cli):
    place.close()
    said = cli("trust", "institute", "--yes")
    assert (said.code, said.out) == (1, "")
    assert str(place.sftp.port) in said.err

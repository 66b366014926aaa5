"""Hashes by exec, on servers that answer in every way but the right one."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from datagw.files import RemoteFile
from datagw.gateways.front.retries import RetryPolicy
from datagw.gateways.sftp import Sftp
from datagw_tests.gateways.conftest import ONCE, an_sshd
from datagw_tests.servers.asyncssh_server import PASSWORD, AsyncSSH

NAMES = [
    "plain",
    "with space",
    "new\nline",
    "back\\slash",
    "carriage\rreturn",
    b"\xff\xfe".decode("utf-8", "surrogateescape"),
]
WRONG = "0" * 64


class Machine:
    """What the server does with commands: answers as `answer` says, or runs them for real."""

    def __init__(self) -> None:
        self.commands: list[str] = []
        self.answer: Callable[[str, bytes], tuple[bytes, int | None]] = self.really
        self.root = Path("/")

    async def run(self, process: Any) -> None:
        self.commands.append(process.command)
        if self.answer == self.hangs:
            await asyncio.get_running_loop().create_future()
        stdin = await process.stdin.read()
        output, status = await asyncio.to_thread(self.answer, process.command, stdin)
        process.stdout.write(output)
        if status is None:
            process.close()
        else:
            process.exit(status)

    def really(self, command: str, stdin: bytes) -> tuple[bytes, int]:
        """Runs it; the paths that SFTP shows begin at the server's root."""
        real = b"".join(os.fsencode(self.root) + name + b"\0" for name in stdin.split(b"\0")[:-1])
        done = subprocess.run(command.split(), input=real, capture_output=True, check=False)
        return done.stdout.replace(os.fsencode(self.root), b""), done.returncode

    def without_z(self, command: str, stdin: bytes) -> tuple[bytes, int]:
        return (b"", 123) if " -z" in command else self.really(command, stdin)

    def without_openssl(self, command: str, stdin: bytes) -> tuple[bytes, int]:
        return (b"", 127) if "openssl" in command else self.really(command, stdin)

    def hangs(self, command: str, stdin: bytes) -> tuple[bytes, int]:
        raise AssertionError


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def server(tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Iterator[AsyncSSH]:
    monkeypatch.setenv("ANNA_PASSWORD", PASSWORD)
    with AsyncSSH(tmp_path / "files", run=machine.run) as place:
        machine.root = place.root
        for name in NAMES:
            (place.root / name).write_bytes(os.fsencode(name))
        yield place


@pytest.fixture
def gateway(server: AsyncSSH, tmp_path: Path) -> Iterator[Sftp]:
    with Sftp(**server.fields(tmp_path)).using(retries=ONCE) as place:
        yield place


def hashes(gateway: Sftp, names: list[str] | None = None) -> list[str | None]:
    return gateway._hash(gateway.session(), [RemoteFile(name, 10) for name in names or NAMES])


RIGHT = [hashlib.sha256(os.fsencode(name)).hexdigest() for name in NAMES]


def test_one_command_hashes_them_all_and_holds_no_name(gateway: Sftp, machine: Machine) -> None:
    assert hashes(gateway) == RIGHT
    assert machine.commands == ["xargs -0 -n 500 sha256sum -z --"]


def test_without_z_the_escapes_are_understood(gateway: Sftp, machine: Machine) -> None:
    machine.answer = machine.without_z
    assert hashes(gateway) == RIGHT
    assert hashes(gateway) == RIGHT
    assert machine.commands == [
        "xargs -0 -n 500 sha256sum -z --",
        "xargs -0 -n 500 sha256sum --",
        "xargs -0 -n 500 sha256sum --",
    ]


def test_a_missing_file_has_no_hash_and_the_others_have_theirs(gateway: Sftp) -> None:
    assert hashes(gateway, ["plain", "gone", "with space"]) == [RIGHT[0], None, RIGHT[1]]
    assert hashes(gateway, ["gone"]) == [None]
    assert hashes(gateway, ["plain"]) == [RIGHT[0]]


def test_large_files_are_hashed_by_openssl_or_where_it_is_missing_by_sha256sum(
    gateway: Sftp, server: AsyncSSH, machine: Machine
) -> None:
    sizes = [16 * 1024 * 1024, 17_000_000, 18_000_000]
    for n, size in enumerate(sizes):
        with (server.root / f"large {n}").open("wb") as file:
            file.truncate(size)
    files = [RemoteFile(f"large {n}", size) for n, size in enumerate(sizes)]
    right = [hashlib.sha256(bytes(size)).hexdigest() for size in sizes]
    assert gateway._hash(gateway.session(), files) == right
    assert machine.commands == ["xargs -0 -n 1 openssl dgst -sha256 -r"] * 3
    machine.answer = machine.without_openssl
    assert gateway._hash(gateway.session(), files) == right
    assert gateway._hash(gateway.session(), files) == right
    assert sum("openssl" in command for command in machine.commands[3:]) <= 2  # two may have been asked at once


@pytest.mark.parametrize(
    "answer",
    [
        lambda _command, _stdin: (b"", 0),
        lambda _command, _stdin: (b"", None),
        lambda _command, _stdin: (b"not implemented\n", 1),
        lambda _command, _stdin: (b"This account is not available.\n", 1),
        lambda _command, _stdin: (b"\xff\0\xff" * 1000, 0),
        lambda _command, _stdin: (b"xargs: sha256sum: No such file or directory\n", 127),
        lambda _command, stdin: (WRONG[:-1].encode() + b"  " + stdin, 0),
        lambda _command, stdin: (WRONG.encode().replace(b"0", b"g") + b"  " + stdin, 0),
        lambda _command, _stdin: (WRONG.encode() + b"  /another/name\0", 0),
        lambda _command, _stdin: (b"x" * 20_000_000, 0),
    ],
    ids=[
        "nothing",
        "no status",
        "rclone",
        "nologin",
        "rubbish",
        "no sha256sum",
        "short",
        "no hex",
        "other name",
        "endless",
    ],
)
def test_what_is_no_answer_is_none_and_is_not_asked_for_again(
    gateway: Sftp, machine: Machine, answer: Callable[[str, bytes], tuple[bytes, int | None]]
) -> None:
    machine.answer = answer
    assert hashes(gateway) == [None] * len(NAMES)
    asked = len(machine.commands)
    assert 1 <= asked <= 2
    assert hashes(gateway) == [None] * len(NAMES)
    assert len(machine.commands) == asked


def test_words_of_a_login_script_cost_one_answer_not_all(gateway: Sftp, machine: Machine) -> None:
    machine.answer = lambda command, stdin: (b"Welcome!\n" + machine.really(command, stdin)[0], 0)
    assert hashes(gateway) == [None, *RIGHT[1:]]


def test_a_command_that_hangs_is_given_up(server: AsyncSSH, machine: Machine, tmp_path: Path) -> None:
    machine.answer = machine.hangs
    with Sftp(**server.fields(tmp_path, timeout=0.5)).using(retries=ONCE) as gateway:
        assert hashes(gateway) == [None] * len(NAMES)
        assert gateway.stat("plain").size == 5
        assert hashes(gateway) == [None] * len(NAMES)
    assert len(machine.commands) == 1


def test_a_shell_that_sees_another_tree_is_found_out(server: AsyncSSH, machine: Machine, tmp_path: Path) -> None:
    machine.answer = lambda _command, stdin: (
        b"".join(WRONG.encode() + b"  " + name + b"\0" for name in stdin.split(b"\0")[:-1]),
        0,
    )
    with Sftp(**server.fields(tmp_path)).using(retries=RetryPolicy(max=0)) as gateway:
        assert hashes(gateway) == [WRONG] * len(NAMES)
        assert gateway.hashes([gateway.stat("plain")]) == [(RIGHT[0], "readback")]


def test_a_server_without_exec_has_no_hashes(tmp_path: Path) -> None:
    with an_sshd(tmp_path / "sshd", exec_allowed=False) as place, Sftp(**place.fields()).using(retries=ONCE) as gateway:
        gateway.put(b"x", "x")
        assert hashes(gateway, ["x"]) == [None]
        assert gateway.hashes([gateway.stat("x")]) == [(hashlib.sha256(b"x").hexdigest(), "readback")]


def test_a_server_that_grants_one_channel_has_no_hashes(tmp_path: Path) -> None:
    with (
        an_sshd(tmp_path / "sshd", config=["MaxSessions 1"]) as place,
        Sftp(**place.fields()).using(retries=ONCE) as gateway,
    ):
        gateway.put(b"x", "x")
        assert hashes(gateway, ["x"]) == [None]
        assert gateway.stat("x").size == 1


def test_thousands_of_names_go_in_several_commands(sshd: Any, root: Path) -> None:
    names = [f"{n:05}-{'n' * 90}" for n in range(4_500)]
    for name in names:
        (root / name).write_bytes(name.encode())
    with Sftp(**sshd.fields(root=str(root))).using(retries=ONCE) as gateway:
        assert hashes(gateway, names) == [hashlib.sha256(name.encode()).hexdigest() for name in names]

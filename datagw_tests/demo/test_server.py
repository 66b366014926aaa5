"""The demo's own SFTP server: a folder, and nothing outside of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from datagw.demo.place import Place
from datagw.demo.sftp_folder import Packet, SftpFolder


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with Place(tmp_path_factory.mktemp("place"), builtin=True) as place:
        yield place


@pytest.fixture
def transport(place: Place) -> Iterator[paramiko.Transport]:
    transport = paramiko.Transport(("127.0.0.1", place.sftp.port))
    transport.connect(
        username="anybody", pkey=paramiko.Ed25519Key.from_private_key_file(str(place.folder / "keys" / "client"))
    )
    yield transport
    transport.close()


@pytest.fixture
def sftp(transport: paramiko.Transport) -> paramiko.SFTPClient:
    client = paramiko.SFTPClient.from_transport(transport)
    assert client is not None
    return client


def test_a_file_comes_back_as_it_was_sent(sftp: paramiko.SFTPClient, place: Place):
    content = os.urandom(1_000_001)
    with sftp.open("big", "wb") as file:
        file.set_pipelined(True)
        file.write(content)
    sftp.utime("big", (1_000_000_000, 1_000_000_001))
    sftp.chmod("big", 0o640)
    assert (place.served / "big").read_bytes() == content
    with sftp.open("/big", "rb") as file:
        file.prefetch()
        assert file.read() == content
    found = sftp.stat("big")
    assert (found.st_size, found.st_mtime, (found.st_mode or 0) & 0o777) == (1_000_001, 1_000_000_001, 0o640)


def test_a_file_can_be_gone_on_with(sftp: paramiko.SFTPClient, place: Place):
    (place.served / "half").write_bytes(b"first ")
    with sftp.open("half", "r+b") as file:
        file.seek(6)
        file.write(b"second")
    assert (place.served / "half").read_bytes() == b"first second"


def test_a_rename_refuses_what_is_there_and_a_posix_rename_replaces_it(sftp: paramiko.SFTPClient, place: Place):
    (place.served / "new").write_bytes(b"new")
    (place.served / "old").write_bytes(b"old")
    with pytest.raises(OSError, match="exists"):
        sftp.rename("new", "old")
    assert (place.served / "old").read_bytes() == b"old"
    sftp.posix_rename("new", "old")
    assert (place.served / "old").read_bytes() == b"new"
    assert not (place.served / "new").exists()
    sftp.rename("old", "elsewhere")
    assert (place.served / "elsewhere").read_bytes() == b"new"


def test_folders_are_made_listed_and_removed(sftp: paramiko.SFTPClient, place: Place):
    sftp.mkdir("folder")
    for number in range(300):
        (place.served / "folder" / str(number)).touch()
    assert sorted(sftp.listdir("folder"), key=int) == [str(number) for number in range(300)]
    with pytest.raises(OSError, match="not empty"):
        sftp.rmdir("folder")
    for number in range(300):
        sftp.remove(f"folder/{number}")
    sftp.rmdir("folder")
    with pytest.raises(FileNotFoundError):
        sftp.listdir("folder")
    assert sftp.normalize("a/../b/.") == "/b"


@pytest.mark.parametrize("path", ["../secret", "/../../secret", "out/secret"])
def test_nothing_outside_of_the_folder_can_be_reached(sftp: paramiko.SFTPClient, place: Place, path: str):
    secret = place.folder / "secret"
    secret.write_text("secret")
    link = place.served / "out"
    if not link.is_symlink():
        link.symlink_to(place.folder)
    for attempt in (sftp.stat, sftp.lstat, sftp.remove, sftp.open, lambda path: sftp.chmod(path, 0o777)):
        with pytest.raises(OSError, match="denied|No such file"):
            attempt(path)
    with pytest.raises(OSError, match="denied"):
        sftp.listdir("out")
    assert sftp.listdir("..") == sftp.listdir(".")
    assert (secret.read_text(), secret.stat().st_mode & 0o777 != 0o777) == ("secret", True)


def test_nothing_but_sftp_is_offered(transport: paramiko.Transport, place: Place):
    channel = transport.open_session()
    with pytest.raises(paramiko.SSHException):
        channel.exec_command("touch pwned")
    with pytest.raises(paramiko.SSHException):
        transport.open_session().invoke_shell()
    with pytest.raises(paramiko.ChannelException):
        transport.open_channel("direct-tcpip", ("127.0.0.1", place.sftp.port), ("127.0.0.1", 1))


def test_nobody_comes_in_without_the_key(place: Place):
    for way in ({"password": "guess"}, {"pkey": paramiko.ECDSAKey.generate()}):
        transport = paramiko.Transport(("127.0.0.1", place.sftp.port))
        with pytest.raises(paramiko.SSHException):
            transport.connect(username="anybody", **way)  # type: ignore[arg-type]
        transport.close()


def test_names_are_bytes(tmp_path: Path):
    folder = SftpFolder(os.fsencode(tmp_path))
    name = b"caf\xe9 \n$(touch pwned)"
    path = len(name).to_bytes(4, "big") + name
    answer = folder.answer(3, 7, Packet(path + (0x2 | 0x8 | 0x20).to_bytes(4, "big") + bytes(4)))
    assert answer[0] == 102
    assert os.listdir(os.fsencode(tmp_path)) == [name]
    folder.close()


@pytest.mark.parametrize("kind", [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 200, 99])
@pytest.mark.parametrize("data", [b"", b"\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\x01", b"\0\0\0\x09x"])
def test_a_broken_request_is_answered_and_no_more(tmp_path: Path, kind: int, data: bytes):
    answer = SftpFolder(os.fsencode(tmp_path)).answer(kind, 7, Packet(data))
    assert answer[0] == 101
    assert answer[1:5] == (7).to_bytes(4, "big")
    assert list(tmp_path.iterdir()) == []


def test_the_server_ends_when_whoever_started_it_is_gone(tmp_path: Path):
    script = (
        "import sys, os\n"
        "from pathlib import Path\n"
        "from datagw.demo.place import Place\n"
        "place = Place(Path(sys.argv[1]), builtin=True)\n"
        "print(place.sftp.process.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    started = subprocess.run(
        [sys.executable, "-c", script, tmp_path], capture_output=True, text=True, timeout=60, check=False
    )
    server = os.pidfd_open(int(started.stdout)) if os.path.exists(f"/proc/{int(started.stdout)}") else None
    if server is not None:
        import select

        assert select.select([server], [], [], 10)[0], "it still runs"
        os.close(server)
    assert started.returncode == -9

"""`python -m datagw.demo.server`: an SFTP server on loopback, for one folder, one user and one key.

It is OpenSSH's sshd where that is installed and starts; else one made of paramiko, which offers SFTP and nothing else.
It tells which, its port and the root to use, as one JSON line on stdout, and ends when its stdin does.
"""

from __future__ import annotations

import json
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import paramiko  # noqa: TID253 - this module is a server made of it
from paramiko import common  # noqa: TID253
from typing_extensions import override

from datagw.demo.sftp_folder import Packet, SftpFolder

_PATIENCE = 5.0  # seconds that sshd has to answer


def serve(folder: Path, keys: Path, *, builtin: bool = False) -> None:
    """Serves `folder` until stdin ends. `keys` holds `host` (the server's own key) and `client.pub` (who may come)."""
    sshd = None if builtin else _start_sshd(keys)
    if sshd is not None:
        process, port = sshd
        told = {"kind": "OpenSSH", "port": port, "root": str(folder)}
    else:
        process = None
        told = {"kind": "built-in", "port": _start_builtin(folder, keys), "root": "/"}
    print(json.dumps(told), flush=True)  # noqa: T201
    try:
        sys.stdin.buffer.read()
    finally:
        if process is not None:
            process.terminate()
            process.wait()


# ---- OpenSSH


def _start_sshd(keys: Path) -> tuple[subprocess.Popen[bytes], int] | None:
    """sshd and its port, once it answers; None where there is none, or none that works here."""
    program = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/sbin:/usr/bin")
    if program is None:
        return None
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    settings = keys / "sshd_config"
    settings.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {keys / 'host'}\nPidFile none\nStrictModes no\n"
        f"AuthorizedKeysFile {keys / 'client.pub'}\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        "UsePAM no\nPermitRootLogin prohibit-password\nSubsystem sftp internal-sftp\n"
    )
    with (keys / "sshd.log").open("wb") as log:
        process = subprocess.Popen(
            [program, "-D", "-e", "-f", settings], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    until = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < until:
        if _lets_in(keys, port):
            return process, port
        time.sleep(0.05)
    process.kill()
    process.wait()
    return None


def _lets_in(keys: Path, port: int) -> bool:
    """Whether the server lets the demo's user in and speaks SFTP: an account that is locked, for one, is refused."""
    import getpass

    try:
        with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE) as connection:
            transport = paramiko.Transport(connection)
            try:
                transport.connect(
                    username=getpass.getuser(), pkey=paramiko.Ed25519Key.from_private_key_file(str(keys / "client"))
                )
                client = paramiko.SFTPClient.from_transport(transport)
                return client is not None and bool(client.listdir("/") or True)
            finally:
                transport.close()
    except (OSError, paramiko.SSHException, EOFError):
        return False


# ---- the built-in one


class _Door(paramiko.ServerInterface):
    """Lets in who has the key, to SFTP alone."""

    def __init__(self, key: paramiko.PKey) -> None:
        self.key = key

    @override
    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    @override
    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return common.AUTH_SUCCESSFUL if key == self.key else common.AUTH_FAILED

    @override
    def check_channel_request(self, kind: str, chanid: int) -> int:
        return common.OPEN_SUCCEEDED if kind == "session" else common.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED


class _Sftp(paramiko.SubsystemHandler):
    """Carries packets between a channel and the folder."""

    def __init__(self, channel: paramiko.Channel, name: str, server: paramiko.ServerInterface, root: bytes) -> None:
        super().__init__(channel, name, server)
        self.root = root
        self.daemon = True

    @override
    def start_subsystem(self, name: str, transport: paramiko.Transport, channel: paramiko.Channel) -> None:
        folder = SftpFolder(self.root)
        stream = channel.makefile("rb", 1 << 16)
        try:
            while (head := stream.read(4)) and len(head) == 4:
                (size,) = struct.unpack(">I", head)
                data = stream.read(size)
                if len(data) < size or size < 5:
                    return
                packet = Packet(data[1:])
                number = packet.number()
                answer = folder.version() if data[0] == 1 else folder.answer(data[0], number, packet)
                channel.sendall(struct.pack(">I", len(answer)) + answer)
        except (OSError, EOFError):
            return  # the client has gone
        finally:
            folder.close()


def _start_builtin(folder: Path, keys: Path) -> int:
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_accept, args=(listener, folder, keys), daemon=True).start()
    return int(listener.getsockname()[1])


def _accept(listener: socket.socket, folder: Path, keys: Path) -> None:
    host_key = paramiko.Ed25519Key.from_private_key_file(str(keys / "host"))
    client_key = paramiko.Ed25519Key.from_private_key_file(str(keys / "client"))
    while True:
        connection, _ = listener.accept()
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            transport = paramiko.Transport(connection)
            transport.add_server_key(host_key)
            transport.set_subsystem_handler("sftp", _Sftp, str(folder).encode("utf-8", "surrogateescape"))
            transport.start_server(event=threading.Event(), server=_Door(client_key))  # on a thread of its own
        except (OSError, EOFError, paramiko.SSHException):
            connection.close()  # whoever that was: the next one is served


if __name__ == "__main__":
    serve(Path(sys.argv[1]), Path(sys.argv[2]), builtin="--builtin" in sys.argv[3:])

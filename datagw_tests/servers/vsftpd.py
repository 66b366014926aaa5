"""A real vsftpd of the test's own: no MLSD, no hashes, hidden names only on demand; under TLS, one session for all.

It runs as the current user, root or not, and so lets only `anonymous` in, with a password all the same.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any, Self

from datagw_tests.servers.ports import free_port

INSTALL = "apt-get install -y --no-install-recommends vsftpd"
VSFTPD = shutil.which("vsftpd", path="/usr/sbin:/usr/local/sbin:/usr/bin:" + os.environ.get("PATH", ""))
PASSWORD = "right-password"


def missing() -> tuple[str, str] | None:
    """What keeps the server from being started, and the command that brings it; None where all is there."""
    return ("no vsftpd on this machine", INSTALL) if VSFTPD is None else None


class Vsftpd:
    """A vsftpd on `root`. `certificate` (PEM, with its key) makes it one of TLS, which it then insists on.

    `settings` are further lines of its configuration. As a context manager it is started at entry, stopped at exit.
    """

    def __init__(
        self, folder: Path, *, certificate: Path | None = None, settings: dict[str, str] | None = None
    ) -> None:
        self.folder = folder
        self.root = folder / "root"
        self.root.mkdir(parents=True)
        self.port = free_port()
        self.log = folder / "vsftpd.log"
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "passwords").write_text(f"{PASSWORD}\n")
        yes = "listen run_as_launching_user anonymous_enable write_enable anon_upload_enable anon_mkdir_write_enable"
        yes += (
            " anon_other_write_enable allow_writeable_chroot secure_email_list_enable xferlog_enable log_ftp_protocol"
        )
        no = "background local_enable anon_world_readable_only seccomp_sandbox isolate isolate_network"
        no += " connect_from_port_20 xferlog_std_format use_localtime"
        found = dict.fromkeys(yes.split(), "YES") | dict.fromkeys(no.split(), "NO")
        found |= {
            "listen_address": "127.0.0.1",
            "listen_port": str(self.port),
            "anon_root": str(self.root),
            "anon_umask": "022",
            "email_password_file": str(folder / "passwords"),
            "vsftpd_log_file": str(self.log),
        }
        if certificate is not None:
            yes = "ssl_enable allow_anon_ssl force_anon_data_ssl force_anon_logins_ssl require_ssl_reuse strict_ssl_read_eof"
            found |= dict.fromkeys(yes.split(), "YES")
            found |= {
                "rsa_cert_file": str(certificate),
                "rsa_private_key_file": str(certificate),
                "ssl_ciphers": "HIGH",
            }
        found |= settings or {}
        (folder / "vsftpd.conf").write_text("".join(f"{name}={value}\n" for name, value in found.items()))

    def fields(self, **changed: Any) -> dict[str, Any]:
        """Keyword arguments for a gateway on it; its password is in the environment, as PASSWORD."""
        told = {"host": "127.0.0.1", "port": self.port, "username": "anonymous", "password": {"env": "PASSWORD"}}
        return {**told, "root": str(self.root), "timeout": 20, **changed}

    def logins(self) -> int:
        """How many have been tried."""
        return (
            self.log.read_text(errors="replace").count('FTP command: Client "127.0.0.1", "PASS')
            if self.log.exists()
            else 0
        )

    def at(self, folder: str) -> str:
        """The path of a folder below `root`, as the server's clients see it."""
        return str(self.root / folder)

    @property
    def running(self) -> bool:
        """Whether it has been started and not killed."""
        return self._process is not None

    def start(self) -> None:
        """Starts the server, again on the same port; returns once it answers."""
        assert VSFTPD is not None
        with (self.folder / "said").open("ab") as said:
            command = [VSFTPD, str(self.folder / "vsftpd.conf")]
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
            )
        end = time.monotonic() + 10
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise RuntimeError(f"vsftpd did not start: {(self.folder / 'said').read_text()}")
            time.sleep(0.01)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def sessions(self) -> list[int]:
        """The processes of the sessions that are open."""
        assert self._process is not None
        found: list[int] = []
        with contextlib.suppress(FileNotFoundError):
            for task in Path(f"/proc/{self._process.pid}/task").iterdir():
                found += [int(pid) for pid in (task / "children").read_text().split()]
        return found

    def cut(self) -> None:
        """Ends every session that is open now, without a word."""
        for pid in self.sessions():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def kill(self) -> None:
        """SIGKILL to the server and to its sessions."""
        process = self._process
        if process is None:
            return
        sessions = self.sessions()
        process.kill()
        for pid in sessions:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait(10)
        self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

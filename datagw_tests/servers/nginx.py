"""A real nginx of the test's own: a free port on 127.0.0.1, a prefix folder of its own, never the system's service."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Self

from datagw_tests.servers.ports import free_port

INSTALL = "apt-get install -y --no-install-recommends nginx-light"
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:" + os.environ.get("PATH", ""))


def missing() -> tuple[str, str] | None:
    """What keeps the server from being started, and the command that brings it; None where all is there."""
    return ("no nginx on this machine", INSTALL) if NGINX is None else None


class Nginx:
    """An nginx in `folder`; `root` is what it serves. `server` are further lines for its server block.

    With `users` (name to password) it asks for basic authentication; with a `certificate` (and its key, in one PEM file)
    it speaks TLS, and with `clients`, an authority, it asks for its clients' certificates. As a context manager it is started at entry and
    stopped at exit.
    """

    def __init__(
        self,
        folder: Path,
        *,
        users: dict[str, str] | None = None,
        certificate: Path | None = None,
        clients: Path | None = None,
        server: str = "",
    ) -> None:
        self.folder = folder
        self.root = folder / "root"
        self.root.mkdir(parents=True)
        self.port = free_port()
        self.log = folder / "access.log"
        self._process: subprocess.Popen[bytes] | None = None
        auth = ""
        if users:
            lines = [f"{name}:{{PLAIN}}{password}\n" for name, password in users.items()]
            (folder / "users").write_text("".join(lines))
            auth = f'auth_basic "datagw test"; auth_basic_user_file {folder}/users;'
        self._scheme, tls = "http", ""
        if certificate is not None:
            self._scheme, tls = "https", "ssl"
            server += f" ssl_certificate {certificate}; ssl_certificate_key {certificate};"
        if clients is not None:
            server += f" ssl_client_certificate {clients}; ssl_verify_client on;"
        who = "user root;" if os.geteuid() == 0 else ""
        temporary = " ".join(
            f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (folder / "nginx.conf").write_text(
            f"""
            daemon off; {who} worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
            events {{ worker_connections 64; }}
            http {{
                {temporary}
                log_format short '$status $request_method $request_uri';
                access_log {self.log} short;
                default_type application/octet-stream;
                server {{ listen 127.0.0.1:{self.port} {tls} sndbuf=128k; root {self.root}; {auth} {server} }}
            }}
            """
        )

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{self._scheme}://127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        """Whether it has been started and not killed."""
        return self._process is not None

    def asked(self) -> list[str]:
        """The requests so far: status, method and path of each."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    def start(self) -> None:
        """Starts the server, again on the same port; returns once it answers."""
        assert NGINX is not None
        command = [NGINX, "-p", str(self.folder), "-c", str(self.folder / "nginx.conf"), "-e", "stderr"]
        with (self.folder / "said").open("ab") as said:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said, start_new_session=True
            )
        end = time.monotonic() + 10
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise RuntimeError(f"nginx did not start: {(self.folder / 'said').read_text()}")
            time.sleep(0.01)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def workers(self) -> list[int]:
        """The processes that serve; the master starts another one for each that is killed."""
        assert self._process is not None
        found: list[int] = []
        with contextlib.suppress(FileNotFoundError):
            for task in Path(f"/proc/{self._process.pid}/task").iterdir():
                found += [int(pid) for pid in (task / "children").read_text().split()]
        return found

    def kill(self) -> None:
        """SIGKILL to the master and its workers."""
        process = self._process
        if process is None:
            return
        workers = self.workers()
        process.kill()
        for pid in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait(10)
        self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

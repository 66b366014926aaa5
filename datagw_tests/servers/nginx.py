"""A real nginx of the test's own: a free port on 127.0.0.1, a prefix folder of its own, never the system's service."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from datagw_tests.servers.process import Process

INSTALL = "apt-get install -y --no-install-recommends nginx-light"
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:" + os.environ.get("PATH", ""))


def missing() -> tuple[str, str] | None:
    """What keeps the server from being started, and the command that brings it; None where all is there."""
    return ("no nginx on this machine", INSTALL) if NGINX is None else None


class Nginx(Process):
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
        super().__init__(folder)
        self.root = folder / "root"
        self.root.mkdir(parents=True)
        self.log = folder / "access.log"
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

    def asked(self) -> list[str]:
        """The requests so far: status, method and path of each."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    def command(self) -> list[str]:
        assert NGINX is not None
        return [NGINX, "-p", str(self.folder), "-c", str(self.folder / "nginx.conf"), "-e", "stderr"]

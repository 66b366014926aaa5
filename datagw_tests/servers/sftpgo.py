"""A real SFTPGo of the test's own, for its FTP, the one server here that computes hashes (HASH, XSHA256), or for its WebDAV."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from datagw_tests.servers.built import program
from datagw_tests.servers.ports import free_port
from datagw_tests.servers.process import Process, listens

USERNAME, PASSWORD = "station7", "right-password"


class Sftpgo(Process):
    """An SFTPGo on `root`, by `service` (ftpd, webdav); `certificate` (PEM, with its key) offers TLS. Started at entry, stopped at exit."""

    logins: Callable[[], int] | None = None
    """It writes them down some time later."""

    def __init__(self, folder: Path, *, certificate: Path | None = None, service: str = "ftpd") -> None:
        super().__init__(folder)
        self.root = folder / "root"
        self.root.mkdir(parents=True)
        self.ssh_port = free_port()
        self.log = folder / "sftpgo.log"
        self._certificate = certificate
        self._service = service

    def fields(self, **changed: Any) -> dict[str, Any]:
        """Keyword arguments for a gateway on it; its password is in the environment, as PASSWORD."""
        told = {"host": "127.0.0.1", "port": self.port, "username": USERNAME, "password": {"env": "PASSWORD"}}
        return {**told, "root": "/", "timeout": 20, **changed}

    def at(self, folder: str) -> str:
        """The path of a folder below `root`, as the server's clients see it."""
        return f"/{folder}"

    def command(self) -> list[str]:
        given = ["-d", str(self.root), "-s", str(self.ssh_port), "-g", "*", "-l", str(self.log)]
        given += ["-u", USERNAME, "-p", PASSWORD, f"--{self._service}-port", str(self.port)]
        if self._certificate is not None:
            given += [f"--{self._service}-{what}={self._certificate}" for what in ("cert", "key")]
        return [program("sftpgo"), "portable", *given]

    def environment(self) -> dict[str, str]:
        local = {f"SFTPGO_{kind}__BINDINGS__0__ADDRESS": "127.0.0.1" for kind in ("SFTPD", "FTPD", "WEBDAVD")}
        return {**os.environ, **local, "SFTPGO_FTPD__HASH_SUPPORT": "1", "SFTPGO_COMMON__MAX_PER_HOST_CONNECTIONS": "0"}

    def answers(self) -> bool:
        return self.log.exists() and listens(self.ssh_port) and super().answers()

    def cut(self) -> None:
        """Ends it, with every session that is open, and starts it again."""
        self.kill()
        self.start()

"""A real SFTPGo of the test's own, for its FTP: the one server here that computes hashes (HASH, XSHA256)."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from datagw_tests.servers.built import program
from datagw_tests.servers.ports import free_port

USERNAME, PASSWORD = "station7", "right-password"


class Sftpgo:
    """An SFTPGo on `root`; `certificate` (PEM, with its key) offers TLS. Started at entry, stopped at exit."""

    logins: Callable[[], int] | None = None
    """It writes them down some time later."""

    def __init__(self, folder: Path, *, certificate: Path | None = None) -> None:
        self.folder = folder
        self.root = folder / "root"
        self.root.mkdir(parents=True)
        self.port = free_port()
        self.log = folder / "sftpgo.log"
        self._certificate = certificate
        self._process: subprocess.Popen[bytes] | None = None

    def fields(self, **changed: Any) -> dict[str, Any]:
        """Keyword arguments for a gateway on it; its password is in the environment, as PASSWORD."""
        told = {"host": "127.0.0.1", "port": self.port, "username": USERNAME, "password": {"env": "PASSWORD"}}
        return {**told, "root": "/", "timeout": 20, **changed}

    def at(self, folder: str) -> str:
        """The path of a folder below `root`, as the server's clients see it."""
        return f"/{folder}"

    @property
    def running(self) -> bool:
        """Whether it has been started and not killed."""
        return self._process is not None

    def start(self) -> None:
        """Starts the server, again on the same port; returns once it answers."""
        local = {f"SFTPGO_{kind}__BINDINGS__0__ADDRESS": "127.0.0.1" for kind in ("SFTPD", "FTPD", "WEBDAVD")}
        hashing = {"SFTPGO_FTPD__HASH_SUPPORT": "1"}
        command = [
            program("sftpgo"),
            "portable",
            "-d",
            str(self.root),
            "-s",
            str(free_port()),
            "-g",
            "*",
            "-l",
            str(self.log),
        ]
        command += ["-u", USERNAME, "-p", PASSWORD, "--ftpd-port", str(self.port)]
        if self._certificate is not None:
            command += ["--ftpd-cert", str(self._certificate), "--ftpd-key", str(self._certificate)]
        with (self.folder / "said").open("ab") as said:
            self._process = subprocess.Popen(
                command,
                cwd=self.folder,
                env={**os.environ, **local, **hashing},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        end = time.monotonic() + 20
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise RuntimeError(f"sftpgo did not start: {(self.folder / 'said').read_text()}")
            time.sleep(0.02)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def cut(self) -> None:
        """Ends it, with every session that is open, and starts it again."""
        self.kill()
        self.start()

    def kill(self) -> None:
        """SIGKILL."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGKILL)
            process.wait(10)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

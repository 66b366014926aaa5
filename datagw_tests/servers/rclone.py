"""A real `rclone serve` of the test's own, by FTP or SFTP: a server whose files are those of rclone's own file system."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from datagw_tests.servers.built import program
from datagw_tests.servers.process import Process

USERNAME, PASSWORD = "station7", "right-password"


class Rclone(Process):
    """What is below `root`, served by `protocol` ("ftp" or "sftp"); `certificate` is of no use: its TLS is implicit."""

    logins = None
    """It counts none."""

    def __init__(self, folder: Path, protocol: str, *options: str) -> None:
        super().__init__(folder)
        self.root = folder / "root"
        self.root.mkdir(parents=True)
        self._protocol = protocol
        self._options = options

    def fields(self, **changed: Any) -> dict[str, Any]:
        """Keyword arguments for a gateway on it; its password is in the environment, as PASSWORD."""
        told = {"host": "127.0.0.1", "port": self.port, "username": USERNAME, "password": {"env": "PASSWORD"}}
        return {**told, "root": "/", "timeout": 20, **changed}

    def at(self, folder: str) -> str:
        """The path of a folder below `root`, as the server's clients see it."""
        return f"/{folder}"

    def command(self) -> list[str]:
        where = [self._protocol, str(self.root), "--addr", f"127.0.0.1:{self.port}", "--config", ""]
        cached = ["--dir-cache-time", "1ms"]  # tests change files behind its back; at 0 it gets stuck in its timers
        return [program("rclone"), "serve", *where, "--user", USERNAME, "--pass", PASSWORD, *cached, *self._options]

    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder)}

    def cut(self) -> None:
        """Ends it, with every session that is open, and starts it again."""
        self.kill()
        self.start()

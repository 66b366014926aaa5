"""A server program of the tests' own: on a free port of 127.0.0.1, with a folder for what it keeps and says."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Self

from datagw_tests.servers.ports import free_port


class Process:
    """As a context manager it is started at entry and killed at exit, its sessions with it."""

    patience = 30.0
    """Seconds in which it must have come up."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.said = folder / "said"
        """What it writes to stdout and stderr."""
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        """What starts it."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """All of its environment variables."""
        return dict(os.environ)

    def answers(self) -> bool:
        """Whether it is up."""
        return listens(self.port)

    @property
    def running(self) -> bool:
        """Whether it has been started and not killed."""
        return self._process is not None

    def start(self) -> None:
        """Starts the server, again on the same port; returns once it answers."""
        with self.said.open("ab") as said:
            self._process = subprocess.Popen(
                self.command(),
                env=self.environment(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        end = time.monotonic() + self.patience
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > end:
                self.kill()
                told = self.said.read_text(errors="replace")
                raise RuntimeError(f"{type(self).__name__} did not start: {told[-3000:]}")
            time.sleep(0.01)

    def children(self) -> list[int]:
        """The processes below it: of a server that forks, its sessions."""
        assert self._process is not None
        return _descendants(self._process.pid)

    def cut(self) -> None:
        """Ends every session that is open now, without a word."""
        _kill(self.children())

    def kill(self) -> None:
        """SIGKILL to the server and to all its sessions, at once."""
        process, self._process = self._process, None
        if process is not None:
            _kill([process.pid, *_descendants(process.pid)])
            process.wait(10)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def listens(port: int) -> bool:
    """Whether somebody does at that port of 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _kill(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _descendants(pid: int) -> list[int]:
    try:
        children = [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [one for child in children for one in (child, *_descendants(child))]

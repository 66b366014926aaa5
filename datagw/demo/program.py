"""A server that is a program of somebody else's, as a process beside the demo."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from datagw.demo.running import DemoFailed

_PATIENCE = 120.0  # seconds that it may take to answer
_PR_SET_PDEATHSIG = 1


class Program:
    """Started, with a log and a HOME of its own in `folder`; it ends with whoever started it, however that went."""

    def __init__(
        self, name: str, command: Sequence[str | Path], folder: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self._said = folder / "said"
        with self._said.open("wb") as said:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env={"HOME": str(folder), "PATH": os.defpath, "NO_PROXY": "*", "no_proxy": "*", **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,  # Ctrl-C is ours to handle
                preexec_fn=_end_with_parent,  # noqa: PLW1509 - before any thread of ours
            )

    def wait(self, answers: Callable[[], bool]) -> None:
        """Returns once it answers; DemoFailed, with the end of its log, where it never does."""
        until = time.monotonic() + _PATIENCE
        while not answers():
            if self.process.poll() is not None or time.monotonic() > until:
                self.close()
                raise DemoFailed(f"{self.name} did not start:\n{self.said()[-3000:]}")
            time.sleep(0.05)  # a poll: it tells nobody

    def said(self) -> str:
        """Its log so far."""
        return self._said.read_text(errors="replace")

    def close(self) -> None:
        """SIGKILL: what it keeps goes with the demo."""
        self.process.kill()
        self.process.wait()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody has at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Whether somebody does, on 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _end_with_parent() -> None:
    """In the child: SIGKILL once its parent is gone."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))

"""Watching a program: its output as it comes, its time, and whether somebody wants the end."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import time
from collections.abc import Callable

from datagw.pipelines.commands import keeper
from datagw.pipelines.commands.ending import Ended
from datagw.pipelines.commands.keeper import Gone
from datagw.pipelines.commands.output import Output
from datagw.pipelines.commands.starting import Keeping, Start

_LOOK = 0.25  # seconds between two looks at whether it is to end
_BLOCK = 1 << 16
_FULL_PIPE = 64  # blocks, at most, that a pipe holds once nobody writes


class _Watch:
    """One program, from its start to the end of its output."""

    def __init__(self, keeping: Keeping, output: Output) -> None:
        self._keeping = keeping
        self._output = output
        self._selector = selectors.DefaultSelector()
        self._open: list[int] = []
        self.ended: Ended | None = None
        self._late = False

    def begin(self, start: Start) -> int:
        """Starts it; its process id."""
        ends: list[int] = []
        try:
            for stream in (0, 1):
                mine, its = os.pipe2(os.O_CLOEXEC)
                self._open.append(mine)
                ends.append(its)
                os.set_blocking(mine, False)
                self._selector.register(mine, selectors.EVENT_READ, stream)
            pid = self._keeping.start(start, *ends)
        finally:
            for descriptor in ends:
                os.close(descriptor)
        self._selector.register(self._keeping.line, selectors.EVENT_READ, None)
        return pid

    def step(self, seconds: float) -> None:
        """Takes what comes within this time, if anything does."""
        for key, _ in self._selector.select(seconds):
            if key.data is not None:
                self._read(key.fd, key.data)
            else:
                said = self._keeping.hear()
                if "ended" in said:
                    self.ended = Ended(said["ended"], self._late, said["left"], said["alive"])

    def end(self, *, late: bool) -> None:
        """Asks for its end."""
        self._late = late
        self._keeping.end()

    def drain(self) -> None:
        """Takes what is left in the pipes; waits for nobody who still holds them."""
        for key in list(self._selector.get_map().values()):
            stream: int | None = key.data
            for _ in range(_FULL_PIPE):
                if stream is None or not self._read(key.fd, stream):
                    break
        self._output.end()

    def close(self) -> None:
        """Lets go of the pipes."""
        self._selector.close()
        for descriptor in self._open:
            os.close(descriptor)

    def _read(self, descriptor: int, stream: int) -> bool:
        try:
            block = os.read(descriptor, _BLOCK)
        except BlockingIOError:
            return False
        if block:
            self._output.feed(stream, block)
        else:
            self._selector.unregister(descriptor)
        return bool(block)


def watch(keeping: Keeping, start: Start, output: Output, *, limit: float | None, look: Callable[[], None]) -> Ended:
    """Runs a program to its end, and that of all that it started.

    `limit` is in seconds. `look` is called several times a second; what it raises is raised once nothing runs any more.
    """
    watching = _Watch(keeping, output)
    pid = 0
    try:
        pid = watching.begin(start)
        _until_ended(watching, limit, look)
        watching.drain()
    except Gone:
        if pid:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)  # what the kernel did not end with its parent
        raise keeping.lost() from None
    finally:
        watching.close()
    if watching.ended is None:  # pragma: no cover - the loop ends when there is one
        raise keeping.lost()
    return watching.ended


def _until_ended(watching: _Watch, limit: float | None, look: Callable[[], None]) -> None:
    begin = looked = time.monotonic()
    try:
        while watching.ended is None:
            watching.step(_LOOK)
            now = time.monotonic()
            if now - looked >= _LOOK:
                looked = now
                look()
            if limit is not None and now - begin > limit and watching.ended is None:
                watching.end(late=True)
                limit = None
    except Gone:
        raise
    except BaseException:
        with contextlib.suppress(Gone):
            watching.end(late=False)
            patience = time.monotonic() + keeper.LINGERING + keeper.PATIENCE + keeper.IN_VAIN
            while watching.ended is None and time.monotonic() < patience:
                watching.step(_LOOK)
        watching.drain()
        raise

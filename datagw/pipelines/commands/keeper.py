"""The keeper: a small process between datagw and the programs that it starts, which outlives datagw when need be.

It runs alone (`python -I -S keeper.py`, the standard library only) with one end of a socket as its standard input, and
keeps one program at a time. To Linux it is the parent of whatever its programs leave without one (prctl(2),
PR_SET_CHILD_SUBREAPER), in whatever session that may be; and when datagw has ended, or was killed, it ends them all:
SIGTERM, some seconds later SIGKILL. If the keeper itself is killed, the kernel kills the program (PR_SET_PDEATHSIG).

A message is its length in four bytes, then JSON; texts are as in the names of files (PEP 383). To the keeper: `start`
(with two open files, for standard output and error), `end`. From it: `started` or `refused`, and then `ended`.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

PATIENCE = 5.0  # seconds between SIGTERM and SIGKILL
LINGERING = 1.0  # seconds that what a program has left running may take to end on its own
IN_VAIN = 5.0  # seconds after which what survives SIGKILL is left alone: another user's, or stuck in the kernel

_SUBREAPER, _PARENT_DEATH = 36, 1  # linux/prctl.h
_ENDINGS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


class Gone(Exception):
    """Nobody is at the other end of the socket."""


def tell(line: socket.socket, message: dict[str, Any], files: tuple[int, ...] = ()) -> None:
    """Sends one message, with open files; raises Gone where nobody listens."""
    body = json.dumps(message).encode("ascii")
    try:
        if files:
            socket.send_fds(line, [struct.pack("!I", len(body))], files)
            line.sendall(body)
        else:
            line.sendall(struct.pack("!I", len(body)) + body)
    except OSError as error:
        raise Gone from error


def hear(line: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """The next message, whole, and the open files that came with it; raises Gone where none will come."""
    try:
        head, files, _, _ = socket.recv_fds(line, 4, 2)
        head += _exactly(line, 4 - len(head)) if head else b""
        (length,) = struct.unpack("!I", head)
        return json.loads(_exactly(line, length)), files
    except (OSError, struct.error) as error:
        raise Gone from error


def _exactly(line: socket.socket, length: int) -> bytes:
    found = bytearray()
    while len(found) < length:
        block = line.recv(min(length - len(found), 1 << 20))
        if not block:
            raise Gone
        found += block
    return bytes(found)


def descendants(parent: int) -> list[int]:
    """The processes that come from `parent`, by proc(5); those that have ended and wait to be noticed are left out."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError, IndexError):  # it ended meanwhile
                with open(f"/proc/{name}/stat", "rb") as file:
                    state, above = file.read().rpartition(b")")[2].split()[:2]
                children.setdefault(int(above), []).extend([int(name)] if state not in (b"Z", b"X") else [])
    found: list[int] = []
    todo = [parent]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found


class _Tree:
    """A program and all that it started: `status` once it has ended itself, `alone` once nothing of it is left."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.status: int | None = None
        self.alone = False

    def look(self) -> None:
        """Takes note of what has ended."""
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                if pid == self.pid:
                    self.status = os.waitstatus_to_exitcode(status)
        except ChildProcessError:
            self.alone = True

    def send(self, number: signal.Signals) -> int:
        """Sends a signal to all of it; returns how many processes that were."""
        found = descendants(os.getpid())
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # ended; or it became another user's
                os.kill(pid, number)
        return len(found)


def _nothing(_number: int, _frame: object) -> None:
    """A signal that only has to wake somebody."""


class _Keeper:
    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._libc = ctypes.CDLL(None)
        self._libc.prctl(_SUBREAPER, 1, 0, 0, 0)
        self._ears = [line.fileno()]
        with contextlib.suppress(OSError):  # an old kernel: then the socket alone says it
            self._ears.append(os.pidfd_open(os.getppid()))
        self._wake, wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _nothing)
        for number in _ENDINGS:
            signal.signal(number, signal.SIG_IGN)  # datagw has it as well, and says when to end

    def serve(self) -> None:
        """Keeps what it is given, until there is nobody who could give."""
        while True:
            message, files = hear(self._line)
            if "start" not in message:
                continue  # to be ended, but it had ended
            try:
                program = self._started(message["start"], files)
            except OSError as error:
                tell(self._line, {"refused": error.errno, "filename": os.fsdecode(error.filename or "")})
                continue
            finally:
                for file in files:
                    os.close(file)
            with contextlib.suppress(Gone):
                tell(self._line, {"started": program.pid})
            tell(self._line, self._kept(program))

    def _started(self, wish: dict[str, Any], files: list[int]) -> subprocess.Popen[bytes]:
        keeper = os.getpid()

        def prepare() -> None:
            for number in (*_ENDINGS, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            self._libc.prctl(_PARENT_DEATH, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != keeper:
                os._exit(255)

        return subprocess.Popen(
            wish["arguments"],
            executable=wish["program"],
            env=wish["environment"],
            cwd=wish["folder"],
            stdin=subprocess.DEVNULL,
            stdout=files[0],
            stderr=files[1],
            start_new_session=True,
            preexec_fn=prepare,  # noqa: PLW1509 - this process has one thread
        )

    def _kept(self, program: subprocess.Popen[bytes]) -> dict[str, Any]:
        """Sees a program to its end, and all that it started; says what became of it."""
        tree = _Tree(program.pid)
        self._wait(tree, lambda: tree.status is not None)
        asked, left = tree.status is None, 0
        if not asked:
            self._wait(tree, seconds=LINGERING)
        if not tree.alone:
            left = tree.send(signal.SIGTERM)
            self._wait(tree, seconds=PATIENCE, listening=False)
        in_vain = time.monotonic() + IN_VAIN
        while not tree.alone and time.monotonic() < in_vain:
            tree.send(signal.SIGKILL)
            self._wait(tree, seconds=0.05, listening=False)
        program.returncode = tree.status
        alive = 0 if tree.alone else len(descendants(os.getpid()))
        return {"ended": tree.status, "left": 0 if asked else left, "alive": alive}

    def _wait(
        self,
        tree: _Tree,
        until: Callable[[], bool] = lambda: False,
        seconds: float | None = None,
        *,
        listening: bool = True,
    ) -> None:
        """Until it is so, nothing of the program is left, the time is over, datagw wants its end, or is gone."""
        end = None if seconds is None else time.monotonic() + seconds
        ears = self._ears if listening else []
        while True:
            tree.look()
            rest = None if end is None else end - time.monotonic()
            if tree.alone or until() or (rest is not None and rest <= 0):
                return
            ready, _, _ = select.select([self._wake, *ears], [], [], rest)
            if self._wake in ready:
                os.read(self._wake, 1 << 10)
            if any(ear in ready for ear in ears):
                if self._line.fileno() in ready:
                    with contextlib.suppress(Gone):
                        hear(self._line)
                return


if __name__ == "__main__":
    with contextlib.suppress(Gone):
        _Keeper(socket.socket(fileno=sys.stdin.fileno())).serve()

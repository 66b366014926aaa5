"""Starting a program: which file it is, what it finds in its environment, and the keeper that starts it."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from datagw.errors import Denied, GatewayError, Unavailable
from datagw.pipelines.commands import keeper
from datagw.pipelines.commands.ending import Stopped
from datagw.pipelines.commands.keeper import Gone

_CANNOT_START = "could not be started"


@dataclass(frozen=True, slots=True)
class Start:
    """One start: the file of the program, its arguments from the zeroth on, its whole environment, its folder."""

    program: str
    arguments: list[str]
    environment: dict[str, str]
    folder: Path


def program_of(name: str, folder: Path, path: str | None) -> str:
    """The file that is meant by the first word of a command.

    With a slash in it, it is a path that starts at `folder`, that of the job file; else it is looked for in `path`, as
    a shell does. Raises Stopped, which says what was looked for and where.
    """
    if "/" in name:
        found = os.path.normpath(os.path.join(folder, os.path.expanduser(name)))
        _check(found, name)
        return found
    searched = [os.path.join(folder, part) for part in (os.defpath if path is None else path).split(os.pathsep)]
    denied: str | None = None
    for part in searched:
        found = os.path.join(part, name)
        if os.path.isfile(found):
            if os.access(found, os.X_OK):
                return found
            denied = denied or found
    if denied is not None:
        raise Stopped(f"the program `{name}` is not executable; try `chmod +x`", path=denied)
    beside = f'; one stands beside the job file: write "./{name}"' if os.path.isfile(os.path.join(folder, name)) else ""
    raise Stopped(f"there is no program `{name}` in PATH, which is {os.pathsep.join(searched)}{beside}")


def _check(found: str, name: str) -> None:
    if os.path.isdir(found):
        raise Stopped(f"the program `{name}` is a folder", path=found)
    if not os.path.exists(found):
        raise Stopped(f"there is no program `{name}` here", path=found)
    if not os.access(found, os.X_OK):
        raise Stopped(f"the program `{name}` is not executable; try `chmod +x`", path=found)


def environment_of(added: Mapping[str, str]) -> dict[str, str]:
    """Our own environment, and what is added to it."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("DAGSTER_PIPES_")}
    return {**ours, **added}


class Keeping:
    """A keeper, which ends with whoever has it: programs one after the other, and none of them left behind."""

    def __enter__(self) -> Self:
        self.line, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", keeper.__file__],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.line.close()
        try:
            self._process.wait(keeper.PATIENCE + keeper.IN_VAIN + 5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def start(self, wish: Start, out: int, err: int) -> int:
        """Starts a program, with its two streams; returns its process id, which is that of its group as well.

        Raises GatewayError where it cannot be.
        """
        message = {
            "program": wish.program,
            "arguments": wish.arguments,
            "environment": wish.environment,
            "folder": str(wish.folder),
        }
        try:
            keeper.tell(self.line, {"start": message}, (out, err))
            answer = self.hear()
        except Gone:
            raise self.lost() from None
        if "refused" in answer:
            raise _refusal(wish, answer["refused"], answer["filename"])
        return int(answer["started"])

    def hear(self) -> dict[str, Any]:
        """The next thing that the keeper has to say; raises Gone where it is no more."""
        return keeper.hear(self.line)[0]

    def end(self) -> None:
        """Asks for the end of the program and of all that it started; it is heard when that is done."""
        keeper.tell(self.line, {"end": True})

    def lost(self) -> GatewayError:
        """What to say when the keeper is no more."""
        return Unavailable("the process that keeps the program was killed, and the program with it")


def _refusal(wish: Start, number: int, filename: str) -> GatewayError:
    """Why execve(2) started nothing, in words."""
    program, reason = wish.program, os.strerror(number)
    if filename == str(wish.folder) != program:
        return Stopped(f"the folder to start programs in: {reason}", path=filename)
    if number == errno.E2BIG:
        arguments = [os.fsencode(argument) for argument in wish.arguments]
        variables = [os.fsencode(f"{name}={value}") for name, value in wish.environment.items()]
        given, around = sum(map(len, arguments)), sum(map(len, variables))
        longest = max(map(len, (*arguments, *variables)))
        size = f"{given:,} bytes of arguments and {around:,} of environment, the longest piece of {longest:,}"
        return Denied(f"{_CANNOT_START}: {size}, are more than this machine takes; smaller batches have fewer files")
    if number == errno.ENOEXEC:
        return Stopped(
            f"{_CANNOT_START}: it begins with no `#!` line, as in `#!/bin/sh`, and is no program", path=program
        )
    if number == errno.ENOENT:
        return Stopped(f"{_CANNOT_START}: {_interpreter(program)}", path=program)
    if number in (errno.EAGAIN, errno.ENOMEM, errno.ETXTBSY, errno.EMFILE, errno.ENFILE):
        return Unavailable(f"{_CANNOT_START}: {reason}", path=program)
    return Stopped(f"{_CANNOT_START}: {reason}", path=program)


def _interpreter(program: str) -> str:
    """What is missing, where a program is there and yet is not."""
    try:
        with open(program, "rb") as file:
            first = file.readline(256)
    except OSError as error:
        return error.strerror or str(error)
    if not first.startswith(b"#!"):
        return "what it needs to be loaded is not on this machine"
    if first.endswith(b"\r\n"):
        return "its first line ends as on Windows; try `dos2unix`"
    name = first[2:].decode("utf-8", "backslashreplace").strip()
    return f"its first line names {name}, which is not on this machine"

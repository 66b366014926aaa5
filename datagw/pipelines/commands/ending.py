"""How a program ended, in the words of errors: what fails its files for good, and what is only for now."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass

from typing_extensions import override

from datagw.errors import Denied, GatewayError, Rejected, Unavailable, printable

TEMPORARY = 75  # EX_TEMPFAIL of sysexits.h


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended: its exit status, or minus the number of the signal; None where it could not be ended.

    `late`: it had no time left. `left` processes it left running; `alive` are those that could not be ended.
    """

    status: int | None
    late: bool = False
    left: int = 0
    alive: int = 0


class Stopped(Denied):
    """No file is at fault, and no other one would fare better: the rest is not tried.

    `path` is one of this machine, for the message; the place knows nothing of it.
    """

    def __init__(self, message: str, *, path: str | None = None) -> None:
        super().__init__(message if path is None else f"{path}: {message}")


class Failed(Rejected):
    """A program that is against its file; the last lines of what it said stand below, one a line."""

    def __init__(self, message: str, last: Sequence[str] = (), *, path: str | None = None) -> None:
        super().__init__(message, path=path)
        self.last = tuple(last)

    @override
    def __str__(self) -> str:
        return "\n    ".join([super().__str__(), *map(printable, self.last)])


def problem_of(
    ended: Ended, program: str, last: Sequence[str], limit: str, path: str | None = None
) -> GatewayError | None:
    """What went wrong, for the file at `path`; None where nothing did. `limit` is the time it had, in words."""
    said = ", and said last:" if last else ", and said nothing"
    if ended.late:
        return Failed(f"`{program}` took longer than {limit} and was ended{said}", last, path=path)
    if ended.status is None:
        return Failed(f"`{program}` could not be ended; it runs as another user{said}", last, path=path)
    if ended.status == 0:
        return None
    if ended.status == TEMPORARY:
        more = f"; it said last: {last[-1]}" if last else ""
        return Unavailable(f"`{program}` asks for another try later (exit status {TEMPORARY}){more}", path=path)
    if ended.status < 0:
        return Failed(f"`{program}` was ended by {_signal(-ended.status)}{said}", last, path=path)
    return Failed(f"`{program}` ended with exit status {ended.status}{said}", last, path=path)


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"

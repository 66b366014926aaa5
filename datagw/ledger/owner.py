"""The process that runs a job: its machine, that machine's boot, its pid and when it was started."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Owner:
    """A process, told apart from every other one, also from a later one with the same pid.

    `boot` is the kernel's boot id, a slash, and the number of the pid namespace, so that containers of one machine are
    not taken for one another; `""` where the kernel tells neither. `started_ticks` is the start of the process in clock
    ticks since that boot, 0 where unknown.
    """

    host: str
    boot: str
    pid: int
    started_ticks: int = 0

    @classmethod
    def current(cls) -> Owner:
        """The process that asks."""
        pid = os.getpid()
        found = _state_and_ticks(pid)
        return cls(socket.gethostname(), _boot(), pid, found[1] if found else 0)

    def alive(self) -> bool | None:
        """Whether the process still runs; None where that cannot be known from here: another host or container."""
        if self.host != socket.gethostname():
            return None
        boot, _, namespace = self.boot.partition("/")
        boot_now, _, namespace_now = _boot().partition("/")
        if boot and boot_now and boot != boot_now:
            return False
        if namespace != namespace_now:
            return None
        return _runs(self.pid, self.started_ticks)


def _runs(pid: int, started_ticks: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is there, and somebody else's
        pass
    found = _state_and_ticks(pid)
    if found is None:  # /proc is not mounted, or hides the processes of other users
        return True
    state, ticks = found
    return state not in "ZX" and started_ticks in (0, ticks)


def _boot() -> str:
    try:
        boot = _BOOT_ID.read_text(encoding="ascii").strip()
        return f"{boot}/{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return ""


def _state_and_ticks(pid: int) -> tuple[str, int] | None:
    """Fields 3 and 22 of /proc/PID/stat; the second field, a name, may hold spaces and brackets."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    fields = stat.rpartition(b")")[2].split()
    return fields[0].decode("ascii"), int(fields[19])

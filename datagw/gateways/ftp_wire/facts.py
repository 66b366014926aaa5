"""What MLSD and MLST tell of an entry (RFC 3659): `type=file;size=12;modify=20260131120000; name`. Times are UTC."""

from __future__ import annotations

import calendar
import re
import stat
from dataclasses import dataclass

from datagw.errors import Rejected
from datagw.files import RemoteFile, type_of_entry

SECOND = 1_000_000_000
_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.\d+)?\Z")
_KINDS: dict[str, type_of_entry] = {"file": "file", "dir": "folder", "cdir": "folder", "pdir": "folder"}
_HERE = {"cdir", "pdir"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a listing. `size` is None where it is not told."""

    name: str
    kind: type_of_entry
    size: int | None
    mtime_ns: int | None
    mode: int | None = None
    clock: int = SECOND

    def at(self, path: str) -> RemoteFile:
        """As a claim."""
        return RemoteFile(path, self.size or 0, self.mtime_ns, self.kind, mode=self.mode, clock=self.clock)


def entry(line: str) -> Entry | None:
    """The entry that a line of facts tells of; None for the folder itself and the one above it."""
    told, space, name = line.partition(" ")
    facts = dict(_fact(one) for one in told.split(";") if one)
    kind = facts.get("type", "")
    if not space or not name or not kind:
        raise Rejected(f"the server lists what cannot be read: {line!r}")
    if kind.lower() in _HERE or name in (".", ".."):
        return None
    size = facts.get("size", "")
    return Entry(name, _kind(kind), int(size) if size.isascii() and size.isdigit() else None, *_dated(facts))


def itself(line: str) -> Entry:
    """The entry that MLST tells of, whatever it calls it."""
    told = line.strip().partition(" ")[0]
    facts = dict(_fact(one) for one in told.split(";") if one)
    if "type" not in facts:
        raise Rejected(f"the server tells what cannot be read: {line!r}")
    size = facts.get("size", "")
    return Entry("", _kind(facts["type"]), int(size) if size.isascii() and size.isdigit() else None, *_dated(facts))


def moment(text: str) -> int | None:
    """A time of FTP, `YYYYMMDDHHMMSS`, in ns since the epoch; None for anything else. Fractions are left out."""
    found = _TIME.match(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in found.groups())
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour <= 23 and minute <= 59 and second <= 60):
        return None
    return calendar.timegm((year, month, day, hour, minute, second)) * SECOND


def _fact(one: str) -> tuple[str, str]:
    key, _, value = one.partition("=")
    return key.lower(), value


def _kind(told: str) -> type_of_entry:
    low = told.lower()
    if low in _KINDS:
        return _KINDS[low]
    return "symlink" if low.startswith(("os.unix=slink", "os.unix=symlink")) else "special"


def _dated(facts: dict[str, str]) -> tuple[int | None, int | None]:
    """Time and permissions."""
    mode = facts.get("unix.mode", "")
    permissions = stat.S_IMODE(int(mode, 8)) if re.fullmatch("[0-7]{3,6}", mode) else None
    return moment(facts.get("modify", "")), permissions

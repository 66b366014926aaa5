"""What LIST tells (no standard does): lines as `ls -l` writes them, or as MS-DOS does.

Times are the server's local ones, without a zone; taken for UTC they are at least the same at each look. They tell
minutes for about six months, then days.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from datagw.errors import Rejected
from datagw.files import type_of_entry
from datagw.gateways.ftp_wire.facts import SECOND, Entry

MINUTE = 60 * SECOND
DAY = 1440 * MINUTE

_MONTHS = {name: number + 1 for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split())}
_KINDS: dict[str, type_of_entry] = {"-": "file", "d": "folder", "l": "symlink"}
_UNIX = re.compile(
    r"(?P<kind>[-dlbcpsDw])(?P<mode>[-rwxsStTlL]{9})[.+@]?\s+"
    r"(?:\d+\s+)?(?:.*?\s)??(?P<size>\d+)\s+"
    r"(?:(?P<month>[A-Za-z]{3})\s+(?P<day>\d{1,2})|(?P<dom>\d{1,2})\.?\s+(?P<mon>[A-Za-z]{3}))\s+"
    r"(?:(?P<hour>\d{1,2}):(?P<minute>\d\d)|(?P<year>\d{4}))"
    r" (?P<name>.+)\Z",
    re.DOTALL,
)
_ISO = re.compile(
    r"(?P<kind>[-dlbcpsDw])(?P<mode>[-rwxsStTlL]{9})[.+@]?\s+(?:\d+\s+)?(?:.*?\s)??(?P<size>\d+)\s+"
    r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)\s+(?P<hour>\d\d):(?P<minute>\d\d)(?::\d\d(?:\.\d+)?)?"
    r"(?: [+-]\d{4})? (?P<name>.+)\Z",
    re.DOTALL,
)
_DOS = re.compile(
    r"(?P<month>\d\d)[-/](?P<day>\d\d)[-/](?P<year>\d{4}|\d\d)\s+(?P<hour>\d\d):(?P<minute>\d\d)\s*(?P<half>[AaPp][Mm])?\s+"
    r"(?:(?P<size>[\d,]+) |<(?P<kind>DIR|JUNCTION|SYMLINKD?)>(?: {10}|\s+))(?P<name>.+)\Z",
    re.DOTALL,
)
_TOTAL = re.compile(r"total\s+\d+\S*\s*\Z", re.IGNORECASE)


def entries(lines: list[str], now: datetime) -> Iterator[Entry]:
    """The entries, without the folder itself and the one above it; Rejected for a line that cannot be read."""
    for line in lines:
        if not line.strip() or _TOTAL.match(line):
            continue
        found = _unix(line, now) or _iso(line) or _dos(line)
        if found is None:
            raise Rejected(f"the server lists what cannot be read: {line!r}")
        if found.name not in (".", ".."):
            yield found


def _unix(line: str, now: datetime) -> Entry | None:
    found = _UNIX.match(line)
    month = _MONTHS.get((found["month"] or found["mon"]).lower()) if found else None
    if found is None or month is None:
        return None
    day = int(found["day"] or found["dom"])
    if found["year"]:
        mtime, clock = _moment(int(found["year"]), month, day, 0, 0), DAY
    else:
        mtime, clock = _latest(month, day, int(found["hour"]), int(found["minute"]), now), MINUTE
    return _of_mode(found, mtime, clock)


def _iso(line: str) -> Entry | None:
    found = _ISO.match(line)
    if found is None:
        return None
    parts = (int(found[part]) for part in ("year", "month", "day", "hour", "minute"))
    return _of_mode(found, _moment(*parts), MINUTE)


def _of_mode(found: re.Match[str], mtime: int | None, clock: int) -> Entry | None:
    if mtime is None:
        return None
    kind = _KINDS.get(found["kind"], "special")
    name = found["name"].partition(" -> ")[0] if kind == "symlink" else found["name"]
    return Entry(name, kind, int(found["size"]), mtime, _permissions(found["mode"]), clock)


def _dos(line: str) -> Entry | None:
    found = _DOS.match(line)
    if found is None:
        return None
    year, hour = int(found["year"]), int(found["hour"])
    if year < 100:
        year += 2000 if year < 70 else 1900
    if found["half"]:
        hour = hour % 12 + (12 if found["half"].upper() == "PM" else 0)
    mtime = _moment(year, int(found["month"]), int(found["day"]), hour, int(found["minute"]))
    if mtime is None:
        return None
    if found["size"]:
        return Entry(found["name"], "file", int(found["size"].replace(",", "")), mtime, None, MINUTE)
    kind: type_of_entry = "folder" if found["kind"] == "DIR" else "symlink"
    name = found["name"].partition(" [")[0] if kind == "symlink" else found["name"]
    return Entry(name, kind, None, mtime, None, MINUTE)


def _latest(month: int, day: int, hour: int, minute: int, now: datetime) -> int | None:
    """The last time that it was so, on a clock that may be a day ahead."""
    limit = (now + timedelta(days=1)).astimezone(UTC)
    limit_ns = calendar.timegm(limit.timetuple()) * SECOND
    for year in range(limit.year, limit.year - 9, -1):  # eight years lie between some 29ths of February
        found = _moment(year, month, day, hour, minute)
        if found is not None and found <= limit_ns:
            return found
    return None


def _moment(year: int, month: int, day: int, hour: int, minute: int) -> int | None:
    try:
        return calendar.timegm(datetime(year, month, day, hour, minute, tzinfo=UTC).timetuple()) * SECOND
    except ValueError:
        return None


def _permissions(text: str) -> int:
    mode = 0
    for at, letter in enumerate(text):
        if letter in "rwxst":
            mode |= 1 << (8 - at)
        if letter in "sStT" and at in (2, 5, 8):
            mode |= {2: 0o4000, 5: 0o2000, 8: 0o1000}[at]
    return mode

"""Sizes, durations, counts and moments as people read them."""

from __future__ import annotations

from datetime import UTC, datetime


def size_of(count: float) -> str:
    """Bytes: `0 B`, `999 B`, `1.0 kB`, `30.0 MB`; powers of 1000."""
    if count < 1000:
        return f"{int(count)} B"
    units = ["kB", "MB", "GB", "TB"]
    count /= 1000
    while count >= 999.95 and len(units) > 1:
        count /= 1000
        del units[0]
    return f"{count:.1f} {units[0]}"


def files_of(count: int) -> str:
    """`1 file`, `2 files`."""
    return f"{count:,} file{'' if count == 1 else 's'}"


def days_of(count: int) -> str:
    """`1 day`, `2 days`."""
    return f"{count:,} day{'' if count == 1 else 's'}"


def seconds_of(seconds: float) -> str:
    """`0.3 s`, `12 s`, `3 min`, `2 h 05 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def moment(when: datetime | None) -> str | None:
    """ISO 8601 in UTC, as in JSON results."""
    return None if when is None else when.astimezone(UTC).isoformat().replace("+00:00", "Z")


def moment_of_ns(ns: int | None) -> str | None:
    """Nanoseconds since the epoch as ISO 8601 in UTC, with as many digits as there are."""
    if ns is None:
        return None
    whole, rest = divmod(ns, 1_000_000_000)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}{fraction}Z"

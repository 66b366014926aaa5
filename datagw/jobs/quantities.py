"""Durations, sizes, rates and permissions as a job file writes them."""

from __future__ import annotations

import re
from datetime import timedelta

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {
    "B": 1,
    **{f"{letter}B": 1000**power for power, letter in enumerate("kMGT", 1)},
    **{f"{letter}iB": 1024**power for power, letter in enumerate("KMGT", 1)},
}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")


def duration(text: object) -> timedelta:
    """`"10s"`, `"500ms"`, `"1h30m"`, `"180d"` as a length of time; raises ValueError that shows how it is written."""
    if isinstance(text, timedelta):
        return text
    if not isinstance(text, str) or not re.fullmatch(rf"\s*({_DURATION.pattern}\s*)+", text):
        raise ValueError(f'a length of time has a unit, as in "10s" "500ms" "2m" "1h" "180d"; not {shown(text)}')
    try:
        return timedelta(seconds=sum(float(number) * _SECONDS[unit] for number, unit in _DURATION.findall(text)))
    except OverflowError:
        raise ValueError(f"{text} is too long") from None


def period(text: object) -> timedelta:
    """As `duration`, but not nothing."""
    found = duration(text)
    if not found:
        raise ValueError("is more than 0")
    return found


def size(text: object) -> int:
    """`"5MB"` (a power of 1000), `"5MiB"` (of 1024), or a number of bytes; raises ValueError that shows the forms."""
    if isinstance(text, int) and not isinstance(text, bool) and text >= 0:
        return text
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*", text) if isinstance(text, str) else None
    if found is None or found[2] not in _BYTES:
        raise ValueError(
            f'a size is written "500kB" "2MB" "1GB" (powers of 1000) or "1MiB" (of 1024); not {shown(text)}'
        )
    return round(float(found[1]) * _BYTES[found[2]])


def rate(text: object) -> int:
    """`"2MB/s"` in bytes per second; raises ValueError that shows how it is written."""
    if isinstance(text, list):
        raise ValueError("a timetable of bandwidths is not in this version")  # noqa: TRY004 - pydantic listens to ValueError
    if isinstance(text, int) and not isinstance(text, bool) and text > 0:
        return text
    if not isinstance(text, str) or not text.rstrip().endswith("/s"):
        raise ValueError(f'a bandwidth is written "2MB/s" or "500KiB/s"; not {shown(text)}')
    found = size(text.rstrip().removesuffix("/s"))
    if found <= 0:
        raise ValueError("a bandwidth of nothing would never end; leave the key out for no limit")
    return found


def flag(value: object) -> bool:
    """`true` or `false`; as a text too, for the environment's sake."""
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return value == "true"
    raise ValueError(f"is true or false; not {shown(value)}")


def octal(text: object) -> int:
    """`"0640"` as permissions; raises ValueError that shows how it is written."""
    if not isinstance(text, str) or not re.fullmatch(r"(0o?)?[0-7]{3,4}", text):
        raise ValueError(f'permissions are octal digits in quotes, as in "0640"; not {shown(text)}')
    return int(text, 8)


def spelled(length: timedelta) -> str:
    """A length of time as a job file writes it, in the largest unit that needs no fraction."""
    milliseconds = length // timedelta(milliseconds=1)
    for unit in ("d", "h", "m", "s"):
        if milliseconds and milliseconds % round(_SECONDS[unit] * 1000) == 0:
            return f"{milliseconds // round(_SECONDS[unit] * 1000)}{unit}"
    return f"{milliseconds}ms" if milliseconds else "0s"


def shown(value: object) -> str:
    """A value of a job file, short enough for a message."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    text = str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:60]}…"

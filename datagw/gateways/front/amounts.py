"""Sizes and rates as people write them."""

from __future__ import annotations

import re

_BYTES = {
    "B": 1,
    **{f"{letter}B": 1000**power for power, letter in enumerate("kMGT", 1)},
    **{f"{letter}iB": 1024**power for power, letter in enumerate("KMGT", 1)},
}
_TIME_FIRST = re.compile(r"\s*\d{1,2}:\d{2}\b")


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
    if isinstance(text, int) and not isinstance(text, bool) and text > 0:
        return text
    if isinstance(text, str) and _TIME_FIRST.match(text):
        raise ValueError(f'a timetable is a list, as in ["08:00 2MB/s", "20:00 off"]; not {shown(text)}')
    if not isinstance(text, str) or not text.rstrip().endswith("/s"):
        raise ValueError(f'a bandwidth is written "2MB/s" or "500KiB/s"; not {shown(text)}')
    found = size(text.rstrip().removesuffix("/s"))
    if found <= 0:
        raise ValueError("a bandwidth of nothing would never end; leave the key out for no limit")
    return found


def shown(value: object) -> str:
    """A value of a job file, short enough for a message."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return "a list"
    text = str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:60]}…"

"""Durations and permissions as a job file writes them, beside the sizes that gateways know as well."""

from __future__ import annotations

import re
from datetime import timedelta

from datagw.gateways.front.amounts import shown, size

__all__ = ["duration", "flag", "octal", "period", "shown", "size", "spelled"]

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
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

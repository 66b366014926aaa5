"""Timetables of bandwidth: how much a second, by the time of day."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from datagw.gateways.front.amounts import rate, shown

_ENTRY = re.compile(r"\s*(?P<time>\d{1,2}:\d{2})\s+(?P<rate>\S.*?)\s*")
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_FORM = '"08:00 2MB/s" or "20:00 off"'


@dataclass(frozen=True, slots=True)
class Timetable:
    """Bytes per second by the clock on the wall of a time zone; None for no limit.

    Entries are `("HH:MM", rate)`, sorted. Each holds until the next one, the last of a day over midnight until the
    first. On a day when the clock is changed it is what the clock shows that counts: an entry at a time that is skipped
    holds from the end of the gap, one at a time that comes twice begins twice.
    """

    entries: tuple[tuple[str, int | None], ...]
    timezone: str = "UTC"

    def rate_at(self, moment: datetime) -> int | None:
        """What holds at an aware moment."""
        shows = moment.astimezone(ZoneInfo(self.timezone)).strftime("%H:%M")
        return next((rate for time, rate in reversed(self.entries) if time <= shows), self.entries[-1][1])

    @property
    def least(self) -> int | None:
        """The lowest rate of the day; None where there is never a limit."""
        return min((rate for _, rate in self.entries if rate is not None), default=None)

    def in_zone(self, timezone: str) -> Timetable:
        """The same by the clocks of another time zone."""
        return replace(self, timezone=timezone)


Pace = int | Timetable
"""Bytes per second: always the same, or by the time of day."""


def pace(value: object, timezone: str = "UTC") -> Pace | None:
    """`"2MB/s"`, a number of bytes per second, or a timetable `["08:00 2MB/s", "20:00 off"]` in a time zone.

    Raises ValueError that tells all that is wrong, and what to write.
    """
    if value is None or isinstance(value, Timetable):
        return value
    if not isinstance(value, (list, tuple)):
        return rate(value)
    given = cast("Sequence[object]", value)
    if not given:
        raise ValueError(f"a timetable has at least one entry, {_FORM}; leave the key out for no limit")
    found: dict[str, int | None] = {}
    wrong: list[str] = []
    for entry in given:
        try:
            time, its = _entry(entry)
        except ValueError as error:
            wrong.append(str(error))
            continue
        if time in found:
            wrong.append(f"there are two entries for {time}; write one")
        found[time] = its
    if wrong:
        raise ValueError("; ".join(dict.fromkeys(wrong)))
    return Timetable(tuple(sorted(found.items())), timezone)


def pace_of_dump(table: dict[str, object]) -> Pace | None:
    """As `pace`, of what `dumped` has written; raises ValueError."""
    zone, entries = table.get("timezone"), table.get("entries")
    if table.keys() != {"entries", "timezone"} or not isinstance(zone, str) or not isinstance(entries, (list, tuple)):
        raise ValueError('a bandwidth is written "2MB/s", or as a list ["08:00 2MB/s", "20:00 off"]; not a table')
    try:
        return pace(cast("object", entries), ZoneInfo(zone).key)
    except (OSError, ZoneInfoNotFoundError):
        raise ValueError(f"there is no time zone {shown(zone)}") from None


def dumped(value: Pace | None) -> object:
    """Plain values, from which `pace` or `pace_of_dump` makes the same again."""
    if not isinstance(value, Timetable):
        return value
    entries = [f"{time} {'off' if rate is None else f'{rate}B/s'}" for time, rate in value.entries]
    return {"entries": entries, "timezone": value.timezone}


def _entry(entry: object) -> tuple[str, int | None]:
    found = _ENTRY.fullmatch(entry) if isinstance(entry, str) else None
    if found is None:
        raise ValueError(f"an entry of a timetable is written {_FORM}; not {shown(entry)}")
    time, text = found["time"], found["rate"]
    if not _TIME.fullmatch(time):
        if time == "24:00":
            raise ValueError("midnight is written 00:00; not 24:00")
        if _TIME.fullmatch(f"0{time}"):
            raise ValueError(f"a time has four digits: 0{time}; not {time}")
        raise ValueError(f"a time of day is from 00:00 to 23:59; not {time}")
    if text == "off":
        return time, None
    if text.lower() in ("off", "none", "unlimited", "no limit", "max"):
        raise ValueError(f"{time}: no limit is written off; not {text}")
    if re.fullmatch(r"0+(\.0*)?\s*\w*(/s)?", text):
        raise ValueError(f"{time}: a bandwidth of nothing would never end; no limit is written off")
    try:
        return time, rate(text)
    except ValueError as error:
        raise ValueError(f"{time}: {error}") from None

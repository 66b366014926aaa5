"""The days that a call asks for, as Python code says them."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from datetime import date, datetime
from typing import TypeAlias

from datagw.publishing.asking import Asked

Day: TypeAlias = date | str
"""A day, or its date as in `"2026-01-31"`."""


def asked_of(day: object, days: Collection[object] | None, first: object, last: object, wrong: list[str]) -> Asked:
    """The days; what is wrong with them is added to `wrong`."""
    ways = {"day": day, "days": days, "first": first if first is not None else last}
    said = [key for key, given in ways.items() if given is not None]
    if len(said) > 1:
        wrong.append(f"{said[0]}: say {', '.join(said[:-1])} or {said[-1]}, one of them")
    start, end = _day("first", first, wrong), _day("last", last, wrong)
    if start is not None and end is not None and start > end:
        wrong.append(f"first: {start} lies after {end}, the last one")
    some = None if days is None else [found for one in days if (found := _day("days", one, wrong)) is not None]
    return Asked(_day("day", day, wrong), start, end, some)


def _day(key: str, given: object, wrong: list[str]) -> date | None:
    if given is None or (isinstance(given, date) and not isinstance(given, datetime)):
        return given
    with contextlib.suppress(ValueError):  # what it is not, is said below
        if isinstance(given, str):
            return date.fromisoformat(given)
    wrong.append(f'{key}: a day is a date, or written "2026-01-31"; not {given!r}')
    return None

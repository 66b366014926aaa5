"""Months as people have them on the wall: weeks in rows, a colour and a sign for the state of each day."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import zip_longest
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from datagw.publishing.calendar import StateOfDay

SIGNS: dict[StateOfDay, str] = {
    "published": "+",
    "empty": "e",
    "missing": "M",
    "failed": "F",
    "late": "L",
    "unfinished": "U",
    "waiting": "W",
    "due": "d",
    "unknown": "?",
    "not over yet": " ",
    "before start": " ",
}
"""One sign for each state, so that nothing hangs on the colour alone."""

_COLOURS: dict[StateOfDay, str] = {
    "published": "green",
    "empty": "cyan",
    "missing": "yellow",
    "failed": "red",
    "late": "magenta",
    "unfinished": "blue",
    "waiting": "blue",
    "due": "cyan",
}
_WEEK = "Mo  Tu  We  Th  Fr  Sa  Su "
_CELL = 4
_GAP = "   "


def drawn(states: Mapping[date, StateOfDay], *, width: int | None = None, coloured: bool | None = None) -> list[str]:
    """The lines of the calendar, as many months beside each other as go into the width; days without a state are
    numbers alone. By default as the terminal is, and 80 wide elsewhere.
    """
    if not states:
        return []
    colours = _may_colour() if coloured is None else coloured
    columns = shutil.get_terminal_size((80, 24)).columns if width is None else width
    beside = max(1, min(4, (columns + len(_GAP)) // (len(_WEEK) + len(_GAP))))
    months = [_month(first, states, coloured=colours) for first in _months(min(states), max(states))]
    lines: list[str] = []
    for at in range(0, len(months), beside):
        rows = zip_longest(*months[at : at + beside], fillvalue=" " * len(_WEEK))
        lines += ["", *(_GAP.join(row).rstrip() for row in rows)]
    return lines[1:]


def legend(counts: Mapping[StateOfDay, int], *, coloured: bool | None = None) -> str:
    """The signs that are in use, what they mean, and how many days have them."""
    colours = _may_colour() if coloured is None else coloured
    return "   ".join(
        f"{_painted(SIGNS[state], state, coloured=colours)} {state} {counts[state]:,}" for state in counts
    )


def _months(first: date, last: date) -> list[date]:
    numbers = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    return [date(number // 12, number % 12 + 1, 1) for number in numbers]


def _month(first: date, states: Mapping[date, StateOfDay], *, coloured: bool) -> Sequence[str]:
    rows = [f"{first:%B %Y}".center(len(_WEEK)), _WEEK]
    cells = [" " * _CELL] * first.weekday()
    day = first
    while day.month == first.month:
        state = states.get(day)
        text = f"{day.day:>2}{SIGNS[state] if state else ' '}"
        cells.append((_painted(text, state, coloured=coloured) if state else text) + " ")
        if day == date.max:
            break
        day += timedelta(days=1)
    cells += [" " * _CELL] * (-len(cells) % 7)
    rows += ["".join(cells[at : at + 7])[:-1] for at in range(0, len(cells), 7)]
    return rows


def _may_colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _painted(text: str, state: StateOfDay, *, coloured: bool) -> str:
    if not coloured:
        return text
    return click.style(
        text, fg=_COLOURS.get(state), bold=state in ("failed", "late", "missing"), dim=state == "unknown"
    )

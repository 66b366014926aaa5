"""A year of days as a small picture: a column for each week, a row for each day of the week, a colour for each state.

It is an SVG inside of Markdown, and is drawn to be short, because each run keeps one for each copy and Dagster's pages
show it in place only below a thousand characters: days of one state that stand in a row are one dashed line.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, timedelta
from urllib.parse import quote

from datagw.publishing.calendar import StateOfDay

WEEKS = 53
Place = tuple[int, int]
"""A week, and a day of it, from 0."""

_CELL = 7  # of which 6 are filled; 53 weeks are as wide as the column of values on Dagster's page
_TOP = 10
_LOOKS: Mapping[StateOfDay, tuple[str, str]] = {
    "failed": ("red", "F"),
    "late": ("purple", "L"),
    "unfinished": ("blue", "U"),
    "waiting": ("navy", "W"),
    "unknown": ("gray", "?"),
    "due": ("teal", "d"),
    "missing": ("darkorange", "M"),
    "published": ("seagreen", ""),
    "empty": ("olive", "e"),
}
_KEPT = "/:,='!;@$&+-_.~"  # characters that a data URI may hold as they are


def picture(states: Mapping[date, StateOfDay]) -> str:
    """The Markdown of the picture of the last 53 weeks of these days; nothing for no days."""
    if not states:
        return ""
    monday = max(states) - timedelta(days=max(states).weekday())
    first = max(monday - timedelta(days=7 * (WEEKS - 1)), min(states) - timedelta(days=min(states).weekday()))
    weeks = (monday - first).days // 7 + 1
    places: dict[Place, StateOfDay] = {}
    for day, state in states.items():
        if day >= first and state in _LOOKS:
            places[divmod((day - first).days, 7)] = state
    svg = (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{weeks * _CELL}' height='{_TOP + 7 * _CELL}'"
        f" font-family='monospace' font-size='7'>{_months(first, weeks)}"
        f"<g stroke-width='6' stroke-dasharray='6,1'>{_squares(places)}</g>{_letters(places)}</svg>"
    )
    used = [f"{_LOOKS[state][1]} {state}" for state in _LOOKS if state in places.values() and _LOOKS[state][1]]
    return f"![days](data:image/svg+xml,{quote(svg, safe=_KEPT)})" + (f"\n\n{', '.join(used)}" if used else "")


def _squares(places: Mapping[Place, StateOfDay]) -> str:
    """A path for each state; that of the most days lies beneath the others, unbroken."""
    found: dict[StateOfDay, set[Place]] = {}
    for place, state in places.items():
        found.setdefault(state, set()).add(place)
    lowest = max(found, key=lambda state: len(found[state]), default=None)
    found = {state: {*places} if state == lowest else those for state, those in found.items()}
    return "".join(
        f"<path stroke='{_LOOKS[state][0]}' d='{_lines(found[state])}'/>"
        for state in sorted(found, key=lambda state: state != lowest)
    )


def _lines(places: Collection[Place]) -> str:
    """Places (week, day of the week) as horizontal lines, one for each stretch of weeks."""
    lines: list[str] = []
    for row in range(7):
        weeks = sorted(week for week, day in places if day == row)
        while weeks:
            length = next((n for n, week in enumerate(weeks) if week != weeks[0] + n), len(weeks))
            lines.append(f"M{weeks[0] * _CELL},{_TOP + row * _CELL + 3}h{length * _CELL - 1}")
            del weeks[:length]
    return "".join(lines)


def _letters(places: Mapping[Place, StateOfDay]) -> str:
    """The letter of each state within its squares, for those who do not tell the colours apart."""
    told = [(at, letter) for at, state in places.items() if (letter := _LOOKS[state][1])]
    if not told:
        return ""
    x = ",".join(str(week * _CELL + 1) for (week, _), _ in told)
    y = ",".join(str(_TOP + day * _CELL + 5) for (_, day), _ in told)
    return f"<text x='{x}' y='{y}' fill='white'>{''.join(letter for _, letter in told)}</text>"


def _months(first: date, weeks: int) -> str:
    """The first letters of the months, each above the week in which it begins."""
    starts = [week for week in range(weeks) if (first + timedelta(days=7 * week + 6)).day <= 7]
    if not starts:
        return ""
    letters = "".join("JFMAMJJASOND"[(first + timedelta(days=7 * week + 6)).month - 1] for week in starts)
    places = ",".join(str(week * _CELL) for week in starts)
    return f"<text x='{places}' y='7' fill='gray'>{letters}</text>"

"""Draws `states.svg`: five weeks in which each state of a day occurs, as on Dagster's pages, three times as large.

python docs/pictures/draw.py
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from urllib.parse import unquote

from datagw.assets.picture import picture
from datagw.publishing.calendar import StateOfDay

MONDAY = date(2026, 1, 5)
STATES: dict[int, StateOfDay] = {
    3: "empty",
    8: "missing",
    9: "missing",
    15: "failed",
    18: "unfinished",
    22: "late",
    24: "waiting",
    29: "unknown",
    30: "due",
}


def draw(folder: Path) -> None:
    """Writes the picture into the folder."""
    days: dict[date, StateOfDay] = {MONDAY + timedelta(days=n): STATES.get(n, "published") for n in range(31)}
    markdown = picture(days)
    svg = unquote(markdown[markdown.index(",") + 1 : markdown.rindex("svg%3E)") + 6])
    svg = svg.replace("width='35' height='59'", "viewBox='0 0 35 59' width='105' height='177'")
    (folder / "states.svg").write_text(svg + "\n", encoding="utf-8")


if __name__ == "__main__":
    draw(Path(__file__).parent)

"""The picture of a year of days: small, right, and for those who do not tell colours apart."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from datetime import date, timedelta
from urllib.parse import unquote

from hypothesis import given, settings
from hypothesis import strategies as st

from datagw.assets.picture import WEEKS, picture
from datagw.publishing.calendar import NO_DAYS, STATES, StateOfDay, span

LAST = date(2026, 11, 20)
SVG = "{http://www.w3.org/2000/svg}"


def year(**others: StateOfDay) -> dict[date, StateOfDay]:
    days: dict[date, StateOfDay] = dict.fromkeys(span(LAST - timedelta(days=400), LAST), "published")
    return days | {LAST - timedelta(days=int(ago.removeprefix("ago"))): state for ago, state in others.items()}


def svg_of(markdown: str) -> ET.Element:
    found = re.match(r"!\[days\]\(data:image/svg\+xml,([^\s()<>\"#]+)\)", markdown)  # nothing that ends a link
    assert found is not None, markdown[:100]
    return ET.fromstring(unquote(found[1]))


def squares(svg: ET.Element) -> dict[tuple[int, int], str]:
    """The colour of each square by its week and day, as a browser would paint them."""
    painted: dict[tuple[int, int], str] = {}
    for path in svg.iter(f"{SVG}path"):
        for x, y, length in re.findall(r"M(\d+),(\d+)h(\d+)", path.attrib["d"]):
            for week in range((int(length) + 1) // 7):
                painted[int(x) // 7 + week, (int(y) - 13) // 7] = path.attrib["stroke"]
    return painted


def test_a_quiet_year_is_shown_in_place_because_it_is_short():
    assert len(picture(year())) < 500
    assert len(picture(year(ago3="missing", ago50="failed", ago51="failed", ago200="late", ago201="empty"))) < 1000


def test_the_worst_year_is_small_all_the_same():
    states = [state for state in STATES if state not in NO_DAYS]
    mixed = {day: states[number % len(states)] for number, day in enumerate(year())}
    assert len(picture(mixed)) < 10_000


def test_letters_tell_what_colours_tell():
    svg = svg_of(picture(year(ago3="missing", ago50="failed")))
    letters = [text for text in svg.iter(f"{SVG}text") if text.attrib["fill"] == "white"]
    assert [text.text for text in letters] == ["FM"]
    assert picture(year(ago3="missing", ago50="failed")).endswith("\n\nF failed, M missing")


@settings(max_examples=50, deadline=None)
@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.lists(st.sampled_from(STATES), min_size=1, max_size=500))
def test_each_day_of_the_last_weeks_has_a_square_of_the_colour_of_its_state(last: date, listed: list[StateOfDay]):
    days = span(last - timedelta(days=len(listed) - 1), last)
    states = dict(zip(days, listed, strict=True))
    markdown = picture(states)
    monday = last - timedelta(days=last.weekday())
    first = max(monday - timedelta(days=7 * (WEEKS - 1)), days[0] - timedelta(days=days[0].weekday()))
    shown = {divmod((day - first).days, 7): state for day, state in states.items() if day >= first}
    painted = squares(svg_of(markdown))
    assert painted.keys() == {place for place, state in shown.items() if state not in NO_DAYS}
    colours = {(shown[place], colour) for place, colour in painted.items()}
    assert len(colours) == len({state for state, _ in colours}) == len({colour for _, colour in colours})


def test_no_days_are_no_picture():
    assert picture({}) == ""

"""`datagw days`: a calendar that is read without colours, and what to do about the days that need a hand."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from datagw.cli.calendars import SIGNS, drawn, legend
from datagw.publishing.calendar import STATES, StateOfDay
from datagw_tests.cli.conftest import JOBS, Cli, published_by_the_library, write

WINTER = ("--from", "2026-01-01", "--to", "2026-01-05")


def february(**states: StateOfDay) -> dict[date, StateOfDay]:
    return {date(2026, 2, int(day.removeprefix("d"))): state for day, state in states.items()}


# ---- drawing


def test_weeks_are_rows_that_begin_on_monday_and_each_day_has_its_sign():
    lines = drawn(february(d1="published", d2="missing", d3="failed", d28="empty"), width=40, coloured=False)
    assert [line.rstrip() for line in lines] == [
        "       February 2026",
        "Mo  Tu  We  Th  Fr  Sa  Su",
        "                         1+",
        " 2M  3F  4   5   6   7   8",
        " 9  10  11  12  13  14  15",
        "16  17  18  19  20  21  22",
        "23  24  25  26  27  28e",
    ]


def test_as_many_months_stand_beside_each_other_as_the_width_has_room_for():
    year: dict[date, StateOfDay] = {date(2026, 1, 1) + timedelta(days=n): "published" for n in range(365)}
    for width, months in ((30, 1), (80, 2), (87, 3), (400, 4)):
        lines = drawn(year, width=width, coloured=False)
        assert lines[0].count("2026") == months
        assert max(map(len, lines)) <= max(width, 27)
        assert "\n".join(lines).count("+") == 365


def test_signs_differ_where_the_states_do_and_a_colour_says_no_more():
    needy = [SIGNS[state] for state in STATES if state not in ("not over yet", "before start")]
    assert len({*needy}) == len(needy)
    states = february(d1="failed", d2="published", d3="before start")
    coloured = "\n".join(drawn(states, width=40, coloured=True))
    assert "\x1b[" in coloured
    import click

    assert click.unstyle(coloured) == "\n".join(drawn(states, width=40, coloured=False))


def test_the_last_and_the_first_of_all_days_can_be_drawn():
    assert "December 9999" in drawn({date.max: "published"}, width=40, coloured=False)[0]
    assert drawn({}, width=40) == []


def test_the_legend_counts_what_is_there():
    assert legend({"failed": 1, "published": 1200}, coloured=False) == "F failed 1   + published 1,200"


# ---- the command


def test_what_is_published_missing_and_late_is_told_of_each_day(station: Path, cli: Cli):
    published_by_the_library(station)
    write(station / "station/20260104", b"a")
    said = cli("days", "readings", *WINTER)
    assert (said.code, said.err) == (0, "")
    assert "1+  2+  3M  4L" in said.out
    assert "L late 1   M missing 2   + published 2" in said.out
    assert "`datagw run readings` sends it" in said.out


def test_the_document_has_each_day_and_copy(station: Path, cli: Cli):
    published_by_the_library(station)
    (station / "station/20260105").mkdir()
    found = cli("days", "readings", "--json", *WINTER).json
    assert (found["job"], found["timezone"], found["source_listed"]) == ("readings", "UTC", True)
    assert found["counts"] == {"late": 1, "missing": 2, "published": 2}
    assert [day["state"] for day in found["days"]] == ["published", "published", "missing", "missing", "late"]
    (copy,) = found["days"][0]["copies"]
    assert (copy["copy"], copy["state"], copy["files"]) == ("institute", "published", 3)
    assert copy["updated"].endswith("Z")


def test_a_failed_day_is_shown_with_its_error_and_what_to_do(station: Path, cli: Cli):
    (station / "institute/readings/20260102/c.csv").mkdir(parents=True)
    published_by_the_library(station)
    said = cli("days", "readings", *WINTER)
    assert " 2F" in said.out
    assert "a folder stands at the destination" in said.out
    assert "`datagw run readings --day 2026-01-02`" in said.out
    day = cli("days", "readings", "--json", *WINTER).json["days"][1]
    assert "a folder stands" in day["error"]


def test_a_marker_that_is_not_ours_is_told(station: Path, cli: Cli):
    write(station / "station/20260102", b".do-not-touch", b"")
    found = cli("days", "readings", "--json", *WINTER).json
    assert [day["state"] for day in found["days"]] == ["late", "waiting", "missing", "missing", "missing"]


def test_where_the_source_cannot_be_listed_the_ledger_is_shown_and_nothing_is_missing(station: Path, cli: Cli):
    published_by_the_library(station)
    shutil.move(station / "station", station / "elsewhere")
    said = cli("days", "readings", *WINTER)
    assert said.code == 1
    assert "cannot be looked at" in said.err
    assert "1+  2+  3?  4?" in said.out
    assert cli("days", "readings", "--json", *WINTER).json["source_listed"] is False


def test_by_default_there_are_three_months_and_none_before_the_start(station: Path, cli: Cli):
    today = datetime.now(UTC).date()
    write(station / f"station/{today - timedelta(days=9):%Y%m%d}", b"a")
    days = cli("days", "readings", "--json").json["days"]
    assert days[-1]["day"] == today.isoformat()
    assert days[0]["day"] == max(date.fromisoformat(days[0]["day"]), date(2026, 1, 1)).isoformat()
    assert 28 + 28 < len(days) <= 93
    (station / "jobs.toml").write_text(JOBS + f"start = {today - timedelta(days=2)}\n")
    assert len(cli("days", "readings", "--json").json["days"]) == 3


def test_saturday_and_sunday_need_no_hand_where_only_weekdays_are_expected(station: Path, cli: Cli):
    (station / "jobs.toml").write_text(JOBS + 'expect = "weekdays"\n')
    published_by_the_library(station)
    said = cli("days", "readings", *WINTER)  # the 3rd and the 4th are Saturday and Sunday
    assert "3M  4M" in said.out
    assert "in need of a look: 1 day\n" in said.out
    assert "2026-01-05" in said.out.rpartition("what to do")[2]


def test_a_job_without_days_is_a_wrong_call(station: Path, cli: Cli):
    (station / "jobs.toml").write_text(JOBS.replace("%Y%m%d/", "").replace('when   = "daily"', ""))
    said = cli("days", "readings")
    assert said.code == 2
    assert "has no days" in said.err
    assert cli("days", "nobody").code == 2
    assert cli("days", "readings", "--from", "2026-02-01", "--to", "2026-01-01").code == 2


def test_before_anything_is_known_it_says_so(station: Path, cli: Cli):
    shutil.rmtree(station / "station")
    (station / "station").mkdir()
    said = cli("days", "readings")
    assert (said.code, said.out) == (0, "readings: no day is known yet\n")


def test_looking_at_days_keeps_nothing(station: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch):
    from datagw.ledger.ledger import Ledger

    kept: list[str] = []
    monkeypatch.setattr(Ledger, "set_position", lambda _, job, key, value: kept.append(f"{job} {key} {value}"))
    assert cli("days", "readings").code == 0
    assert kept == []

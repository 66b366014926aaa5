"""What commands say where a pattern matches nothing in a folder that is not empty."""

from __future__ import annotations

from pathlib import Path

import pytest

from datagw_tests.cli.conftest import JOBS, Cli

WANTED = "nothing in local:{}/station matches %Y-%m-%d/: there are 20260101/, 20260102/; %Y%m%d/ would match"


@pytest.fixture
def note(station: Path) -> str:
    """What is to be said of a job whose pattern is not that of its folder."""
    (station / "jobs.toml").write_text(JOBS.replace("station/%Y%m%d/", "station/%Y-%m-%d/"))
    return WANTED.format(station)


def test_plan_says_what_would_match(note: str, cli: Cli) -> None:
    assert f"  {note}\n" in cli("plan").out
    document = cli("plan", "readings", "--json").json
    assert (document["plans"], document["notes"]) == ([], {"readings": note})


def test_run_says_it_and_ends_well_for_there_was_nothing_to_do(note: str, cli: Cli) -> None:
    said = cli("run", "readings")
    assert (said.code, f"readings: {note}" in said.err) == (0, True)
    assert cli("run", "readings", "--dry-run", "--json").json["notes"] == {"readings": note}
    assert note in cli("run", "readings", "--day", "2026-01-01").err


def test_check_connect_says_it(note: str, station: Path, cli: Cli) -> None:
    said = cli("check", "--connect")
    assert (said.code, f"readings: {note}\n" in said.out) == (0, True)
    assert cli("check", "--connect", "--json").json["unmatched"] == {"readings": note}
    assert cli("check").code == 0
    (station / "jobs.toml").write_text(JOBS)
    assert cli("check", "--connect", "--json").json["unmatched"] == {}
    assert "notes" not in cli("plan", "--json").json

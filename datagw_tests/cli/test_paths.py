"""Paths in tables are those that one would write; in JSON they are relative to the gateway's root."""

from __future__ import annotations

from pathlib import Path

import pytest

from datagw_tests.cli.conftest import JOBS, Cli, published_by_the_library


@pytest.fixture
def whole(station: Path) -> Path:
    """The station with copies on two gateways that start at `/`, a link at its source, and a folder in the way."""
    text = JOBS.replace('[gateways.institute]\ntype = "local"\nroot = "institute"', '[gateways.disk]\ntype = "local"')
    copies = f'"local:{station}/institute/%Y%m%d/", "disk:{station}/disk/%Y%m%d/"'
    (station / "jobs.toml").write_text(text.replace('"institute:readings/%Y%m%d/"', copies))
    (station / "station/20260101/link").symlink_to("a.csv")
    (station / "institute/20260101/a.csv").mkdir(parents=True)
    return station


def test_a_plan_shows_a_path_of_this_machine_with_its_slash(whole: Path, cli: Cli):
    said = cli("plan", "readings")
    assert ["2026-01-01", f"{whole}/station/20260101/link"] in [line.split()[:2] for line in said.out.splitlines()]
    actions = cli("plan", "readings", "--json").json["plans"][0]["actions"]
    assert f"{whole}/station/20260101/link"[1:] in [action["source"] for action in actions]
    assert cli("run", "readings", "--dry-run").out == said.out


def test_history_shows_paths_of_this_machine_with_their_slash(whole: Path, cli: Cli):
    published_by_the_library(whole)
    said = cli("history").out
    receipts, _, failures = said.partition("1 failure")
    assert f" {whole}/institute/20260102/c.csv " in receipts
    assert f" {whole}/disk/20260102/c.csv " in receipts
    assert f" {whole}/station/20260101/a.csv " in failures
    told = cli("history", "--json").json
    assert [failure["file"] for failure in told["failures"]] == [f"{whole}/station/20260101/a.csv"[1:]]
    assert f"{whole}/disk/20260102/c.csv"[1:] in [receipt["destination"] for receipt in told["receipts"]]


def test_history_of_a_job_that_is_configured_no_more_shows_what_the_ledger_has(whole: Path, cli: Cli):
    published_by_the_library(whole)
    (whole / "jobs.toml").write_text("")
    assert f" {str(whole)[1:]}/disk/20260102/c.csv " in cli("history").out


def test_a_run_shows_paths_of_this_machine_with_their_slash(whole: Path, cli: Cli):
    said = cli("run", "readings")
    assert said.code == 3
    assert f" {whole}/station/20260101/a.csv " in said.out.partition("failed: 1 file\n")[2]
    said = cli("run", "readings", "--json")
    files = [failure["file"] for copy in said.json["days"][0]["copies"] for failure in copy["failures"]]
    assert files == [f"{whole}/station/20260101/a.csv"[1:]]
    said = cli("run", "readings", "--day", "2026-01-05")
    assert f"there is nothing of that day at local:{whole}/station/%Y%m%d/" in said.err


def test_paths_of_gateways_with_a_root_of_their_own_stay_relative(station: Path, cli: Cli):
    published_by_the_library(station)
    assert " readings/20260102/c.csv " in cli("history").out

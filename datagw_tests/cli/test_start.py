"""The frame: options before and after, help, words that name nothing, and how much is imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import datagw
from datagw_tests.cli.conftest import JOBS, Cli

HEAVY = {"dagster", "sqlalchemy", "pydantic", "paramiko", "rich", "alembic", "asyncio", "logging.config"}


def imported_by(cwd: Path, *arguments: str) -> tuple[int, set[str], str]:
    """Exit code, modules at the end, and stdout of the command in a process of its own."""
    code = (
        "import sys, json, os\n"
        "from datagw.cli.app import commands\n"
        "from datagw.cli.endings import ended\n"
        "code = ended(commands, sys.argv[2:])\n"
        "open(sys.argv[1], 'w').write(json.dumps([code, sorted(sys.modules)]))\n"
    )
    result = cwd / "modules.json"
    done = subprocess.run(
        [sys.executable, "-c", code, result, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.exists(), done.stderr
    ended_with, modules = json.loads(result.read_text())
    return ended_with, set(modules), done.stdout


def test_the_version_is_said_without_importing_anything_heavy(tmp_path: Path):
    code, modules, out = imported_by(tmp_path, "--version")
    assert (code, out) == (0, f"datagw {datagw.__version__}\n")
    assert modules & HEAVY == set()


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["nonsense"]])
def test_help_and_mistakes_need_nothing_heavy(tmp_path: Path, arguments: list[str]):
    _, modules, _ = imported_by(tmp_path, *arguments)
    assert modules & HEAVY == set()


@pytest.mark.parametrize("arguments", [["plan"], ["check", "--connect"], ["ls", "local:."], ["history"], ["jobs"]])
def test_looking_does_not_import_dagster(station: Path, arguments: list[str]):
    code, modules, _ = imported_by(station, *arguments)
    assert code == 0
    assert "dagster" not in modules
    assert "paramiko" not in modules


def test_a_run_with_nothing_due_does_not_import_dagster(station: Path):
    for day in (station / "station").iterdir():
        os.rename(day, day.with_name(f"not-yet-{day.name}"))
    code, modules, out = imported_by(station, "run", "readings")
    assert (code, out) == (0, "readings: nothing to do\n")
    assert "dagster" not in modules


def test_the_module_is_the_command(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "datagw", "--version"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"datagw {datagw.__version__}\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["-c", "other/jobs.toml", "--json", "jobs"],
        ["jobs", "-c", "other/jobs.toml", "--json"],
        ["--json", "jobs", "--config", "other/jobs.toml"],
        ["-c", "nowhere.toml", "jobs", "--json", "-c", "other/jobs.toml"],
    ],
)
def test_shared_options_stand_before_or_after_the_command(station: Path, cli: Cli, arguments: list[str]):
    (station / "other").mkdir()
    (station / "other" / "jobs.toml").write_text(JOBS.replace("[readings]", "[others]"))
    said = cli(*arguments)
    assert said.code == 0
    assert [job["name"] for job in said.json["jobs"]] == ["others"]


def test_the_job_file_may_be_named_by_the_environment(station: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATAGW_JOBS", str(station / "jobs.toml"))
    monkeypatch.chdir("/")
    assert [job["name"] for job in cli("jobs", "--json").json["jobs"]] == ["readings"]


def test_without_a_job_file_one_is_told_how_to_get_one(tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    for command in (["jobs"], ["plan"], ["run", "readings"], ["check"], ["history"], ["ls", "institute:"]):
        said = cli(*command)
        assert (said.code, said.out) == (2, ""), command
        assert "datagw init" in said.err


def test_without_a_command_there_is_the_help(cli: Cli):
    said = cli()
    assert said.code == 2
    assert "Commands:" in said.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["chek"], "did you mean `check`?"),
        (["histroy"], "did you mean `history`?"),
        (["xyzzy"], "there are `init`"),
        (["run", "reading"], "did you mean `readings`?"),
        (["run", "Readings"], "did you mean `readings`?"),
        (["plan", "zzz"], "there is `readings`."),
        (["history", "raedings"], "did you mean `readings`?"),
        (["ls", "institut:"], "did you mean `institute`?"),
        (["trust", "instiute"], "did you mean `institute`?"),
        (["run", "readings", "--dya", "2026-01-01"], "--day"),
        (["run", "caf\udce9"], "`caf\\udce9`"),
    ],
)
def test_a_word_that_names_nothing_is_answered_with_the_nearest(
    station: Path, cli: Cli, arguments: list[str], told: str
):
    said = cli(*arguments)
    assert (said.code, said.out) == (2, "")
    assert told in said.err


@pytest.mark.parametrize("command", ["serve"])
def test_commands_of_a_later_version_say_so(cli: Cli, command: str):
    said = cli(command, "plan.json", "--whatever", "x")
    assert (said.code, said.out) == (2, "")
    assert f"`datagw {command}` is not in this version." in said.err
    assert f"  {command} " not in cli("--help").out


def test_json_is_refused_where_there_is_no_result(station: Path, cli: Cli):
    for arguments in (["--json", "init"], ["init", "--json"]):
        said = cli(*arguments)
        assert (said.code, said.out) == (2, "")
        assert "json" in said.err

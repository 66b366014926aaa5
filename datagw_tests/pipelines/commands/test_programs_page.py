"""The page on programs: its five minutes, and the job beside the orchestrator's configuration, as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from datagw_tests.pipelines.commands.desk import Desk

PAGE = Path(__file__).resolve().parents[3] / "docs" / "programs.md"
FENCE = re.compile(r"^```([a-z]+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def section(heading: str) -> list[tuple[str, str]]:
    """The fenced blocks below a heading: kind and text."""
    text = PAGE.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return FENCE.findall(text)


def written(folder: Path, jobs: str) -> Desk:
    """A job file as it stands on the page."""
    found = re.search(r"^\[(\w+)\]$", jobs, re.MULTILINE)
    assert found is not None
    return Desk(folder, "", above=jobs, name=found[1])


def test_the_five_minutes(tmp_path: Path):
    (_, jobs), (_, script), (_, shell), (_, text) = section("Five minutes")
    one = written(tmp_path, jobs)
    (tmp_path / "load.sh").write_text(script)
    (tmp_path / "load.sh").chmod(0o755)
    first, *commands = shell.splitlines()
    assert os.waitstatus_to_exitcode(os.system(f"cd {tmp_path} && {first}")) == 0
    assert all(line.startswith("datagw ") for line in commands)
    for name in ("good.csv", "empty.csv"):
        os.utime(tmp_path / "incoming" / name, (one.now.timestamp() - 60,) * 2)
    one.run(patient=False)
    assert os.listdir(tmp_path / "done") == ["good.csv"]
    assert os.listdir(tmp_path / "incoming") == []
    assert text in (tmp_path / "failed" / "empty.csv.error.txt").read_text()
    assert "good.csv: 1 rows" in one.lines


def test_the_job_beside_the_orchestrators_configuration_does_what_that_one_was_to_do(tmp_path: Path):
    (_, conf), (_, jobs) = section("From the orchestrator")
    settings = dict(line.split("=", 1) for line in conf.splitlines())
    assert settings["BACKUP"] == "true"
    data, script = tmp_path / "data", tmp_path / "import.sh"
    one = written(tmp_path, jobs.replace("/data/", f"{data}/").replace("/scripts/import.sh", str(script)))
    script.write_text('#!/bin/sh\nprintf "%s|" "$@" >> seen\n')
    script.chmod(0o755)
    folder = data / settings["WATCH_DIR"].removeprefix("/data/")
    (folder / "sub").mkdir(parents=True)
    for name in ("a.csv", "sub/b $(touch x).csv", "c.txt"):
        (folder / name).write_text("content")
        os.utime(folder / name, (one.now.timestamp() - 60,) * 2)
    assert one.run().state == "published"
    parameters = settings["PARAMETERS"].split()[:-1]
    expected = [[*parameters, str(folder / name)] for name in ("a.csv", "sub/b $(touch x).csv")]
    assert (tmp_path / "seen").read_text() == "".join(f"{word}|" for words in expected for word in words)
    backup = data / "backup" / "incoming"
    assert sorted(str(path.relative_to(backup)) for path in backup.rglob("*.*")) == ["a.csv", "sub/b $(touch x).csv"]
    assert [path.name for path in folder.rglob("*.*")] == ["c.txt"]
    one.later(3600)
    assert not one.plan().due  # and so nothing is processed again, whatever comes next to it


def test_what_the_page_has_for_to_remove_removes_only_what_was_processed(tmp_path: Path):
    (command,) = re.findall(r"^\| `TO_REMOVE=true` \| `(\[.*?\])`", PAGE.read_text("utf-8"), re.MULTILINE)
    one = Desk(tmp_path, f'source = "local:in/"\nwhen = "new files"\nrun = {command}')
    (tmp_path / "script").write_text('#!/bin/sh\ncase "$1" in *bad) exit 1;; esac\n')
    (tmp_path / "script").chmod(0o755)
    one.drop("a b; rm -rf x")
    one.drop("bad")
    assert one.run().state == "failed"
    assert os.listdir(one.inbox) == ["bad"]
    assert one.taken() == {"a b; rm -rf x"}


def test_a_program_that_reports_does_so_and_runs_alone_as_well(tmp_path: Path):
    ((_, code),) = section("What it reports")
    one = Desk(tmp_path, 'run = ["./script.py"]')
    path = one.script(code)
    assert one.run().state == "published"
    assert one.report.metadata["rows"] == 128
    assert one.report.metadata["checks"] == [{"check": "has rows", "passed": True, "severity": "ERROR"}]
    assert "j: loading" in one.lines
    assert subprocess.run([sys.executable, path], capture_output=True, timeout=30, check=False).returncode == 0

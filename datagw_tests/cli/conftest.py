"""A station with two days of data, and the command in this process."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from datagw.cli.app import commands
from datagw.cli.endings import ended

JOBS = """\
[gateways.institute]
type = "local"
root = "institute"

[readings]
description = "What the station measured"
source = "local:station/%Y%m%d/"
to     = ["institute:readings/%Y%m%d/"]
when   = "daily"
"""


@dataclass
class Said:
    """What a command left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Cli = Callable[..., Said]


@pytest.fixture
def station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a job file, two days of data and an empty destination; commands run in it."""
    (tmp_path / "institute").mkdir()
    for day, names in (("20260101", [b"a.csv", b"caf\xe9.csv", b"sub/b.csv"]), ("20260102", [b"c.csv"])):
        for name in names:
            write(tmp_path / "station" / day, name)
    (tmp_path / "jobs.toml").write_text(JOBS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, name: bytes, content: bytes = b"1,2\n") -> None:
    path = os.path.join(os.fsencode(folder), name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """The command, in this process; what it says is kept apart."""

    def run(*arguments: str) -> Said:
        capsys.readouterr()
        code = ended(commands, list(arguments))
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return run


def published_by_the_library(station: Path) -> None:
    """Everything that is due, by `publish` alone: the same ledger as after `datagw run`, without Dagster's seconds."""
    from datagw.cli.opening import open_world
    from datagw.jobs import load
    from datagw.publishing import due, publish

    file = load(station / "jobs.toml")
    with open_world(file) as world:
        job = file.jobs["readings"]
        list(publish(job, [plan.day for plan in due(job, world) if plan.due], world))

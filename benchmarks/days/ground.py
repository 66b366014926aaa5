"""Where it happens: a folder with days of small files, a job that publishes them to another folder, and its runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

JOB = "daily"
FIRST = date(2015, 1, 1)
PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Load:
    """So many days of so many files of so many bytes."""

    days: int
    files: int = 2
    size: int = 500

    @property
    def title(self) -> str:
        many = f"{self.days:,} day" + ("s" if self.days > 1 else "")
        return f"{many} of {self.files:,} files of {self.size} bytes"

    @property
    def last(self) -> date:
        return FIRST + timedelta(days=self.days - 1)

    def make(self, folder: Path) -> None:
        for number in range(self.days):
            day = folder / f"{FIRST + timedelta(days=number):%Y%m%d}"
            day.mkdir(parents=True)
            for at in range(self.files):
                text = f"day {number} file {at} ".encode()
                (day / f"f{at:05}.csv").write_bytes((text * (self.size // len(text) + 1))[: self.size])


@dataclass(frozen=True)
class Took:
    """One process: seconds by the clock, seconds of the processor in user and system mode."""

    seconds: float
    processor: float


class Ground:
    """Below `folder`: `source`, `inbox`, the job file, and a state that is new for every run."""

    def __init__(self, folder: Path, load: Load) -> None:
        self.folder = folder
        self.load = load
        self.source = folder / "source"
        self.inbox = folder / "inbox"
        self.state = folder / "state"
        self.jobs = folder / "jobs.toml"
        load.make(self.source)
        self.jobs.write_text(
            f'[{JOB}]\nsource = "local:{self.source}/%Y%m%d/"\n'
            f'to = [{{ at = "local:{self.inbox}/%Y%m%d/", name = "inbox" }}]\nwhen = "daily"\nstart = {FIRST}\n'
        )

    def fresh(self) -> None:
        """An empty destination, a new history, and a disk at rest; the databases are made, as on any later day."""
        shutil.rmtree(self.inbox, ignore_errors=True)
        shutil.rmtree(self.state, ignore_errors=True)
        self.inbox.mkdir()
        self.state.mkdir()
        self.run("prepare")
        os.sync()

    def check(self) -> None:
        """Raises where not every file has arrived as it is at the source."""
        for path in self.source.rglob("*.csv"):
            if (self.inbox / path.relative_to(self.source)).read_bytes() != path.read_bytes():
                raise RuntimeError(f"{path} has not arrived")

    def run(self, body: str) -> Took:
        """Runs a body of `bodies.py`, or `datagw run`, to its end; raises with what it said if it fails."""
        if body == "command":
            called = ["datagw", "run", JOB, "-c", str(self.jobs)]
        else:
            called = ["benchmarks.days.bodies", body, str(self.jobs), str(self.load.days), str(self.load.files)]
        kept = {key: os.environ[key] for key in ("PATH", "LANG", "TZ") if key in os.environ}
        environment = {
            **kept,
            "HOME": str(self.folder),
            "DAGSTER_HOME": str(self.state),
            "DATAGW_JOBS": str(self.jobs),
            "DAGSTER_DISABLE_TELEMETRY": "yes",
        }
        log = self.folder / "output.log"
        with log.open("wb") as out:
            begin = time.perf_counter()
            process = subprocess.Popen(
                [sys.executable, "-m", *called],
                cwd=PROJECT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
            _, status, used = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise RuntimeError(f"{body} ended with {process.returncode}:\n{log.read_text(errors='replace')[-4000:]}")
        return Took(seconds, used.ru_utime + used.ru_stime)

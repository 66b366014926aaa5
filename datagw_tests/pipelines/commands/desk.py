"""A job of a command for tests: its job file, its files, its log; started directly, or by a real run."""

from __future__ import annotations

import logging
import os
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from datagw.errors import GatewayError
from datagw.files import RemoteFile, StagedFile
from datagw.gateways.front.reading import Published, Reading, Upload
from datagw.gateways.front.retries import RetryPolicy
from datagw.jobs import Job, load
from datagw.ledger import Ledger
from datagw.pipelines.commands.running import Errand, run_command
from datagw.pipelines.places import with_own_code
from datagw.pipelines.report import Report
from datagw.publishing import DayPlan, DayResult, World, plan_day, publish

QUICK = RetryPolicy(max=0, backoff=0.01, cap=0.02)


class Heard(logging.Handler):
    """The lines of a log."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


_open: list[Ledger] = []


def close_ledgers() -> None:
    """Those of all desks so far."""
    while _open:
        _open.pop().close()


@dataclass
class Desk:
    """`folder` holds the job file and `in/`, where the job's files are; `keys` are those of its table.

    Without keys, `above` is the whole job file.
    """

    folder: Path
    keys: str
    above: str = ""
    name: str = "j"
    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    def __post_init__(self) -> None:
        self.inbox = self.folder / "in"
        self.inbox.mkdir(exist_ok=True)
        self.heard = Heard()
        self.log = logging.Logger("test")  # noqa: LOG001 - this test alone hears it
        self.log.addHandler(self.heard)
        self.ledger = Ledger.open(self.folder / "jobs.db")
        _open.append(self.ledger)
        self.report = Report()

    @property
    def file(self):
        """The job file, loaded."""
        path = self.folder / "jobs.toml"
        path.write_text(f"{self.above}\n[{self.name}]\n{self.keys}\n" if self.keys else self.above, encoding="utf-8")
        found = load(path, dict(os.environ))
        assert [str(problem) for problem in found.problems] == []
        return found

    @property
    def job(self) -> Job:
        """The job, as loaded."""
        return self.file.jobs[self.name]

    def script(self, text: str, name: str = "script.py") -> Path:
        """An executable of Python beside the job file."""
        path = self.folder / name
        path.write_text(f"#!{sys.executable}\n{text}", encoding="utf-8")
        path.chmod(0o755)
        return path

    def drop(self, name: str, content: bytes = b"content", *, age: float = 3600) -> Path:
        """A file of the inbox, last changed `age` seconds ago."""
        path = self.inbox / os.fsdecode(os.fsencode(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        moment = int(self.now.timestamp() - age) * 1_000_000_000
        os.utime(path, ns=(moment, moment))
        return path

    def world(self, gateways: Mapping[str, Any] | None = None, **changed: Any) -> World:
        """The surroundings of a fresh run."""
        run = uuid.uuid4().hex
        (self.folder / "staging" / run).mkdir(parents=True)
        values: dict[str, Any] = {
            "ledger": self.ledger,
            "gateways": gateways or {},
            "tmp_dir": self.folder / "staging" / run,
            "run": run,
            "log": self.log,
            "now": lambda: self.now,
            "retries": QUICK,
        }
        return World(**values | changed)

    def reading(self, name: str) -> Reading:
        """A file of the inbox, as a place is handed it."""
        local = self.inbox / name
        return Reading(
            Upload(StagedFile(local, RemoteFile.from_stat(name, os.stat(local))), name, name), lambda _: None
        )

    def start(self, *names: str, day: date | None = None, **changed: Any) -> dict[str, Published | GatewayError]:
        """What became of files of the inbox, by name, without a run around it."""
        payload = changed.pop("payload", None)
        world = self.world(**changed)
        errand = Errand(self.job, world, self.folder, day, world.tmp_dir, self.report, payload)
        return {reading.final: outcome for reading, outcome in run_command(errand, map(self.reading, names))}

    def own_world(self, **changed: Any) -> World:
        """The surroundings of a run of the job, with what makes its command run."""
        found = self.file
        world = self.world(found.gateways, **changed)
        return with_own_code(world, found.jobs[self.name], self.folder, report=self.report)

    def run(self, *, patient: bool = True, **changed: Any) -> DayResult:
        """One run of the whole job, as a switch asks for it, or a person."""
        (result,) = publish(self.job, [None], self.own_world(**changed), patient=patient)
        return result

    def plan(self, *, patient: bool = True) -> DayPlan:
        """What a switch, or a person, would see."""
        return plan_day(self.job, None, self.own_world(), patient=patient)

    def taken(self) -> set[str]:
        """The names of the files that have a receipt of the command."""
        return {
            receipt.source.rpartition("/")[2] for receipt in self.ledger.receipts(self.name) if receipt.copy == "work"
        }

    def later(self, seconds: float) -> None:
        """So many seconds pass."""
        self.now += timedelta(seconds=seconds)

    @property
    def lines(self) -> list[str]:
        """What the log has heard."""
        return self.heard.lines

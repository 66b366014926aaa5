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
from datagw.pipelines.report import Report
from datagw.publishing import World

QUICK = RetryPolicy(max=0, backoff=0.01, cap=0.02)


class Heard(logging.Handler):
    """The lines of a log."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@dataclass
class Desk:
    """`folder` holds the job file and `in/`, where the job's files are; `keys` are those of its table."""

    folder: Path
    keys: str
    above: str = ""
    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    def __post_init__(self) -> None:
        self.inbox = self.folder / "in"
        self.inbox.mkdir(exist_ok=True)
        self.heard = Heard()
        self.log = logging.Logger("test")  # noqa: LOG001 - this test alone hears it
        self.log.addHandler(self.heard)
        self.ledger = Ledger.open(self.folder / "jobs.db")
        self.report = Report()

    @property
    def file(self):
        """The job file, loaded."""
        path = self.folder / "jobs.toml"
        path.write_text(f"{self.above}\n[j]\n{self.keys}\n", encoding="utf-8")
        found = load(path, dict(os.environ))
        assert [str(problem) for problem in found.problems] == []
        return found

    @property
    def job(self) -> Job:
        """The job `j`, which does not wait for retries."""
        return self.file.jobs["j"]

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

    def later(self, seconds: float) -> None:
        """So many seconds pass."""
        self.now += timedelta(seconds=seconds)

    @property
    def lines(self) -> list[str]:
        """What the log has heard."""
        return self.heard.lines

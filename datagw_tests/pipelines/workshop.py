"""A folder with a job file and code of one's own, whose jobs run as a command would run them."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from textwrap import dedent
from typing import Any

from datagw.jobs import Job, load
from datagw.ledger.ledger import Ledger
from datagw.pipelines.places import with_own_code
from datagw.pipelines.report import Report
from datagw.publishing import DayResult, World, publish, sweep
from datagw.publishing.staging import close_folder


@dataclass
class Workshop:
    """`folder` holds `jobs.toml` and modules; `shelf` is a gateway in it, where things are published."""

    folder: Path
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("datagw.test"))
    report: Report = field(default_factory=Report)
    run_id: str = ""

    def __post_init__(self) -> None:
        (self.folder / "shelf").mkdir(parents=True, exist_ok=True)
        self.ledger = Ledger.open(self.folder / "state" / "jobs.db")

    def write(self, jobs: str, **modules: str) -> None:
        """The job file, with the gateway `shelf`, and modules by name."""
        head = f'[gateways.shelf]\ntype = "local"\nroot = "{self.folder}/shelf"\n'
        (self.folder / "jobs.toml").write_text(head + dedent(jobs), "utf-8")
        for name, text in modules.items():
            (self.folder / f"{name}.py").write_text(dedent(text), "utf-8")

    def job(self, name: str = "work") -> Job:
        """A job of the file, which is right."""
        jobfile = load(self.folder / "jobs.toml", {})
        assert [str(problem) for problem in jobfile.problems] == []
        return jobfile.jobs[name]

    @property
    def tmp(self) -> Path:
        return self.folder / "state" / "tmp"

    def world(
        self, name: str = "work", *, payload: object = None, resume_from: str | None = None, **more: Any
    ) -> World:
        """The surroundings of a fresh run."""
        jobfile = load(self.folder / "jobs.toml", {})
        self.run_id, self.report = uuid.uuid4().hex, Report()
        world = World(
            ledger=self.ledger,
            gateways=jobfile.gateways,
            tmp_dir=self.tmp / self.run_id,
            run=self.run_id,
            log=self.log,
            **more,
        )
        return with_own_code(
            world, self.job(name), self.folder, payload=payload, report=self.report, resume_from=resume_from
        )

    def run(
        self, name: str = "work", days: Collection[date | None] = (None,), *, patient: bool = False, **world: Any
    ) -> DayResult:
        """One run of a job, as a command makes it; the last day's result."""
        surroundings = self.world(name, **world)
        sweep(self.tmp)
        try:
            results = list(publish(self.job(name), list(days), surroundings, patient=patient))
        finally:
            close_folder(surroundings.tmp_dir)
        return results[-1]

    def shelf(self) -> dict[str, str]:
        """What stands on the shelf."""
        root = self.folder / "shelf"
        return {str(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*")) if path.is_file()}

    def left(self) -> list[str]:
        """What is left in the folder for temporary files."""
        return sorted(str(path.relative_to(self.tmp)) for path in self.tmp.rglob("*")) if self.tmp.exists() else []


def errors_of(result: DayResult) -> list[str]:
    """What the failures of a result say."""
    return [failure.error for failure in result.failures]

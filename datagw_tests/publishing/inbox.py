"""A watched folder for tests: `inbox/` of a place, a job that takes every new file of it, and a clock of its own."""

from __future__ import annotations

import logging
import os
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from datagw.gateways.base import Gateway
from datagw.gateways.front.retries import RetryPolicy
from datagw.gateways.local import Local
from datagw.gateways.paths.patterns import Pattern
from datagw.gateways.paths.templates import Template
from datagw.jobs import Copy, Job, Source
from datagw.jobs.models import Batch, Folder
from datagw.ledger import Ledger
from datagw.publishing import DayPlan, DayResult, World, plan_day, publish

QUICK = RetryPolicy(max=0, backoff=0.01, cap=0.02)


@dataclass
class Inbox:
    """`folder/place` is the source's disk, with `inbox/` in it; `archive` is where the files go."""

    folder: Path
    archive: Gateway
    source: Gateway | None = None
    options: dict[str, Any] = field(default_factory=dict)
    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    def __post_init__(self) -> None:
        self.place = self.folder / "place"
        (self.place / "inbox").mkdir(parents=True, exist_ok=True)
        self.ledger = Ledger.open(self.folder / "jobs.db")

    def reopened(self) -> None:
        """A new process, as far as the ledger can tell."""
        self.ledger.close()
        self.ledger = Ledger.open(self.folder / "jobs.db")

    def job(self, **changed: Any) -> Job:
        """`inbox/` of the place to `there/` of the archive, unless told otherwise."""
        options = {**self.options, **changed}
        source = options.pop("source", "inbox/")
        extra = {"hidden": False, **options.pop("source_options", {})}
        keys = {
            "if_gone": "leave",
            **{key: options[key] for key in ("verify", "overwrite", "if_gone") if key in options},
        }
        copies = tuple(
            Copy(name="archive" if n == 0 else f"archive{n}", gateway="archive", template=Template.parse(text), **keys)
            for n, text in enumerate(options.pop("to", ["there/"]))
        )
        for key in ("move_source", "failed_source"):
            if isinstance(options.get(key), str):
                options[key] = Folder(gateway="inbox", template=Template.parse(options[key]))
        if isinstance(options.get("batch"), dict):
            options["batch"] = Batch(**options["batch"])
        return Job(
            name="inbox",
            source=Source(gateway="inbox", pattern=Pattern.parse(source), **extra),
            to=copies,
            **{"when": "new files", "retries": QUICK, "if_gone": "leave", **options},
        )

    def world(self, **changed: Any) -> World:
        """The surroundings of a fresh run, at this inbox's time."""
        run = uuid.uuid4().hex
        gateways = {"inbox": self.source or Local(root=str(self.place)), "archive": self.archive}
        return World(
            ledger=self.ledger,
            gateways=gateways,
            tmp_dir=self.folder / "staging" / run,
            run=run,
            log=changed.pop("log", logging.getLogger("datagw.test")),
            now=lambda: self.now,
            **changed,
        )

    # ---- time and files

    def later(self, seconds: float = 60) -> None:
        """So many seconds pass."""
        self.now += timedelta(seconds=seconds)

    def drop(self, name: str, content: bytes = b"content", *, age: float = 3600) -> Path:
        """A file of the inbox, last changed `age` seconds ago by the inbox's clock."""
        path = self.place / "inbox" / os.fsdecode(os.fsencode(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self.date(name, age=age)
        return path

    def date(self, name: str, *, age: float) -> None:
        """The file's mtime set to `age` seconds ago."""
        moment = int((self.now.timestamp() - age) * 1000) * 1_000_000
        os.utime(self.place / "inbox" / name, ns=(moment, moment))

    # ---- looks and runs

    def plan(self, *, patient: bool = True, **job: Any) -> DayPlan:
        """What a switch, or a person, would see."""
        return plan_day(self.job(**job), None, self.world(), patient=patient)

    def run(self, *, patient: bool = True, world: dict[str, Any] | None = None, **job: Any) -> DayResult:
        """One run, as a switch asks for it, or a person."""
        asked = {key: job.pop(key) for key in ("resend", "resend_file", "copies") if key in job}
        (result,) = publish(self.job(**job), [None], self.world(**(world or {})), patient=patient, **asked)
        return result

    def tick(self, **job: Any) -> DayResult | None:
        """What a switch does: a look, and a run if something is due."""
        return self.run(**job) if self.plan(**job).due else None

    def ticks(self, most: int = 50, **job: Any) -> int:
        """Ticks until nothing is due any more; how many runs there were."""
        for number in range(most):
            if self.tick(**job) is None:
                return number
        raise AssertionError(f"something is still due after {most} runs: {self.plan(**job)}")

    # ---- what is where

    def there(self, folder: str = "there") -> dict[str, bytes]:
        """Everything in a folder of the archive, datagw's own names too, by path below it."""
        place = self.archive.using()
        if not any(entry.path == folder for entry in place.ls("")):
            return {}
        return {
            entry.path.removeprefix(f"{folder}/"): place.read(entry.path)
            for entry in place.ls(folder, recursive=True)
            if entry.kind == "file"
        }

    def here(self, folder: str = "inbox") -> dict[str, bytes]:
        """Everything in a folder of the source's place."""
        root = self.place / folder
        return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}

    def receipts(self) -> list[Any]:
        """All receipts, old ones too."""
        return list(self.ledger.receipts("inbox"))

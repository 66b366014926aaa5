"""A measuring station for tests: a folder of days, a place to publish them to, a ledger, and a job between them."""

from __future__ import annotations

import logging
import os
import uuid
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from datagw.gateways.base import Gateway
from datagw.gateways.front.retries import RetryPolicy
from datagw.gateways.local import Local
from datagw.gateways.paths.patterns import Pattern
from datagw.gateways.paths.templates import Template
from datagw.jobs import Copy, Job, Source
from datagw.ledger import Ledger
from datagw.publishing import DayPlan, DayResult, World, due, plan_day, publish

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
QUICK = RetryPolicy(max=2, backoff=0.01, cap=0.02)
DAY = date(2026, 2, 1)


@dataclass
class Station:
    """`source` is the local folder of the days; `archive` the gateway that they are published to."""

    folder: Path
    archive: Gateway
    source: Gateway | None = None
    options: dict[str, Any] = field(default_factory=dict)
    copies: int = 1
    now: datetime = NOW
    database: str = ""

    def __post_init__(self) -> None:
        self.data = self.folder / "data"
        self.data.mkdir(exist_ok=True)
        self.url = self.database or f"sqlite:///{self.folder}/jobs.db"
        self.ledger = Ledger.open(self.url)

    @property
    def gateways(self) -> dict[str, Gateway]:
        return {"station": self.source or Local(root=str(self.data)), "archive": self.archive}

    def job(self, **changed: Any) -> Job:
        """`%Y%m%d/` of the station to `days/%Y%m%d/` of the archive, unless told otherwise."""
        options = {**self.options, **changed}
        source = options.pop("source", "%Y%m%d/")
        to = options.pop("to", [f"days{'' if n == 0 else n}/%Y%m%d/" for n in range(self.copies)])
        marker = options.get("marker", ".do-not-touch")
        keys = {key: options[key] for key in ("verify", "overwrite", "if_gone") if key in options}
        extra = options.pop("source_options", {})
        told = {key: options.pop(key, None) for key in ("manifest", "pointer")}
        copies = tuple(
            Copy(
                name="archive" if n == 0 else f"archive{n}",
                gateway="archive",
                template=Template.parse(text),
                marker=marker,
                mode=options.get("mode"),
                **told,
                **keys,
            )
            for n, text in enumerate(to)
        )
        options.pop("mode", None)
        return Job(
            name="readings",
            source=Source(gateway="station", pattern=Pattern.parse(source), **extra),
            to=copies,
            **{"marker": marker, "retries": QUICK, **options},
        )

    def world(self, **changed: Any) -> World:
        """The surroundings of a fresh run."""
        run = uuid.uuid4().hex
        log = changed.pop("log", logging.getLogger("datagw.test"))
        return World(
            ledger=self.ledger,
            gateways=self.gateways,
            tmp_dir=self.folder / "staging" / run,
            run=run,
            log=log,
            now=lambda: self.now,
            **changed,
        )

    def write(self, path: str, content: bytes = b"content", *, mtime: float | None = 1_760_000_000) -> Path:
        """A file of the station, settled long ago."""
        target = self.data / os.fsdecode(os.fsencode(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        if mtime is not None:
            os.utime(target, (mtime, mtime))
        return target

    def run(
        self, *days: date | None, world: dict[str, Any] | None = None, asked: dict[str, Any] | None = None, **job: Any
    ) -> list[DayResult]:
        """Publishes these days (by default the one day of most tests)."""
        wanted = list(days) or [DAY]
        return list(publish(self.job(**job), wanted, self.world(**(world or {})), **(asked or {})))

    def plan(self, day: date | None = DAY, **job: Any) -> DayPlan:
        """What a run would do."""
        return plan_day(self.job(**job), day, self.world())

    def due(self, **job: Any) -> list[DayPlan]:
        """What is due."""
        return due(self.job(**job), self.world())

    def there(self, folder: str = "") -> dict[str, bytes]:
        """Everything at the archive, datagw's own names and markers too, by path."""
        place = self.archive.using()
        return {
            entry.path: place.read(entry.path) for entry in place.ls(folder, recursive=True) if entry.kind == "file"
        }

    def left(self) -> dict[str, bytes]:
        """Everything that is still at the station."""
        return {
            str(path.relative_to(self.data)): path.read_bytes()
            for path in sorted(self.data.rglob("*"))
            if path.is_file()
        }

    def receipts(self) -> list[Any]:
        """All receipts, old ones too."""
        return list(self.ledger.receipts("readings"))

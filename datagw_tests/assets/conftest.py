"""A small project on local folders, and an instance of Dagster's that keeps its history on disk."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from dagster import AssetKey, DagsterInstance, DailyPartitionsDefinition
from dagster._core.storage.partition_status_cache import AssetPartitionStatus

from datagw.errors import Unavailable
from datagw.gateways.local import Local
from datagw.jobs import JobFile, load
from datagw.jobs.state import ledger_url
from datagw.ledger.ledger import Ledger

FIRST = date(2026, 1, 1)


@dataclass
class Place:
    """A folder with a job file: two places to publish to, and days to publish."""

    folder: Path

    def write(self, text: str) -> JobFile:
        (self.folder / "jobs.toml").write_text(textwrap.dedent(text), encoding="utf-8")
        return self.load()

    def load(self) -> JobFile:
        return load(self.folder / "jobs.toml", {})

    def day(self, day: int, **files: str) -> Path:
        folder = self.folder / f"readings/202601{day:02}"
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in (files or {"a": f"day {day}", "b": "x"}).items():
            (folder / f"{name}.csv").write_text(text, encoding="utf-8")
        return folder

    def spoil(self, place: str, day: int, name: str = "a.csv") -> Path:
        """A folder where a file is to go, so that this copy of this day fails."""
        folder = self.folder / place / f"202601{day:02}" / name
        folder.mkdir(parents=True)
        return folder

    def published(self, place: str) -> list[str]:
        root = self.folder / place
        return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())

    def outage(self, gateway: str, monkeypatch: pytest.MonkeyPatch) -> set[str]:
        """A place that cannot be reached, until the set is cleared."""
        down = {gateway}
        session = Local._session

        def no_session(self: Local) -> object:
            if self.name in down:
                raise Unavailable("no route to host", gateway=self.name)
            return session(self)

        monkeypatch.setattr(Local, "_session", no_session)
        return down

    def ledger(self) -> Ledger:
        return Ledger.open(ledger_url(self.load(), {}))


JOBS = """
    [gateways.left]
    type = "local"
    root = "left"
    [gateways.right-hand]
    type = "local"
    root = "right"

    [readings]
    description = "What the station measured"
    source = "local:readings/%Y%m%d/"
    to     = ["left:%Y%m%d/", "right-hand:%Y%m%d/"]
    when   = "daily"
    start  = 2026-01-01
    timezone = "Europe/Paris"
    owners = ["team:station"]
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    for name in ("left", "right", "readings"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    found = Place(tmp_path)
    found.write(JOBS)
    return found


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    (tmp_path / "home").mkdir()
    with DagsterInstance.local_temp(
        str(tmp_path / "home"),
        overrides={
            "telemetry": {"enabled": False},
            "compute_logs": {
                "module": "dagster._core.storage.noop_compute_log_manager",
                "class": "NoOpComputeLogManager",
            },
        },
    ) as made:
        yield made


DAYS = DailyPartitionsDefinition("2026-01-01", end_date="2026-01-31")


def statuses(instance: DagsterInstance, copy: str, job: str = "readings") -> dict[int, str]:
    """What Dagster's UI shows of each day of January; a day without a status is left out."""
    keys = DAYS.get_partition_keys()
    found = instance.get_status_by_partition(AssetKey([job, copy]), keys, DAYS) or {}
    return {int(key[-2:]): status.value for key, status in found.items() if isinstance(status, AssetPartitionStatus)}

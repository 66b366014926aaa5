"""datagw among those who are measured: the whole command, its job file, its ledger, and its idle runs."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import datagw
from benchmarks.side_by_side.ground import Ground, Took
from benchmarks.side_by_side.loads import Load
from benchmarks.side_by_side.movers import Mover

_EMPTY_DAY = "2026-01-31"


class DatagwJob(Mover):
    """`datagw run load`, with a ledger and a Dagster history that have seen a run before, but not this day."""

    name = "datagw"
    proof = "hash (SHA-256), receipts"
    version = f"datagw {datagw.__version__}"

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground)
        self.folder = ground.folder / "job"
        self._kept = ground.folder / "job.kept"
        self._datagw = [str(Path(sys.executable).with_name("datagw"))]

    def prepare(self, load: Load) -> None:
        """The job file, and a first run, of an empty day, that makes ledger and history; kept for every round."""
        if not self._kept.exists():
            self._write_job()
            took = self.through_dagster()
            if took.code != 0:
                raise RuntimeError(f"datagw cannot even run an empty day:\n{took.output}")
            shutil.copytree(self.folder, self._kept)
        shutil.rmtree(self.folder)
        shutil.copytree(self._kept, self.folder)

    def command(self) -> list[str]:
        return [*self._datagw, "run", "load", "-c", str(self.folder / "jobs.toml")]

    def idle(self) -> Took:
        """The same command again, with everything in place: it looks at both ends, and finds nothing to do."""
        return self.ground.run(self.command(), self.folder)

    def through_dagster(self) -> Took:
        """A run that goes the whole way, through Dagster as well, for a day without files."""
        empty = self.ground.source / _EMPTY_DAY.replace("-", "")
        empty.mkdir(parents=True)
        try:
            return self.ground.run([*self.command(), "--day", _EMPTY_DAY, "--resend"], self.folder)
        finally:
            empty.rmdir()

    def check(self, load: Load, output: str) -> str | None:
        """Every file has a receipt, each by hash."""
        history = self.ground.run(
            [*self._datagw, "history", "load", "--json", "-c", str(self.folder / "jobs.toml")], self.folder
        )
        text = history.output[history.output.index("{") :]
        receipts = json.loads(text)["receipts"]
        by_hash = sum(receipt["verification"] == "hash" for receipt in receipts)
        return None if by_hash == load.files else f"{by_hash} of {load.files} files have a receipt by hash"

    def gateway(self) -> str:
        """The settings of the place, as in a job file."""
        raise NotImplementedError

    def _write_job(self) -> None:
        self.folder.mkdir()
        (self.folder / "jobs.toml").write_text(
            f"[gateways.place]\n{self.gateway()}\n"
            f'[load]\nsource = "local:{self.ground.source}/%Y%m%d/"\nto = ["place:%Y%m%d/"]\n'
            f'when = "daily"\nstart = {_EMPTY_DAY}\n'
        )

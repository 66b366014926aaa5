"""Those who are measured: each sends the day at `source` to the place, as its users would have it done."""

from __future__ import annotations

import sys
from importlib import metadata

from benchmarks.side_by_side.ground import Ground
from benchmarks.side_by_side.loads import Load


class Mover:
    """One program. `missing` says why it cannot be had, `proof` how surely a copy is equal when it ends."""

    name = ""
    proof = ""
    version = ""
    missing: str | None = None
    loads: tuple[str, ...] = ()
    """The loads that it is measured with; all, where none is named."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground

    def prepare(self, load: Load) -> None:
        """Whatever its users do once, outside the timing."""

    def command(self) -> list[str]:
        raise NotImplementedError

    def check(self, load: Load, output: str) -> str | None:
        """What it should have said or left behind and did not; the content itself is compared by the caller."""
        return None


class ImportDagster(Mover):
    """What importing Dagster costs, beside which an idle run of datagw is put."""

    name = "import dagster"
    version = f"dagster {metadata.version('dagster')}"

    def command(self) -> list[str]:
        return [sys.executable, "-c", "import dagster"]

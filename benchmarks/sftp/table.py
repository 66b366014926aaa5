"""The result: for each load a table, and beside each target whether it is met; the same as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.sftp.loads import Load
from benchmarks.sftp.movers import Mover
from benchmarks.sftp.rounds import IDLE, IMPORT, THROUGH, Series

_MOST_IDLE = 2.5  # times `import dagster`


@dataclass(frozen=True)
class Row:
    """One line of a table, in seconds; `ratio` is to rclone's median."""

    name: str
    proof: str
    seconds: Sequence[float]
    processor: float
    ratio: float | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def document(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "proof": self.proof,
            "median": round(self.median, 3),
            "min": round(min(self.seconds), 3),
            "max": round(max(self.seconds), 3),
            "ratio": None if self.ratio is None else round(self.ratio, 3),
            "processor": round(self.processor, 3),
            "seconds": [round(one, 3) for one in self.seconds],
        }


@dataclass(frozen=True)
class Target:
    """A sentence on what must hold, the number that was measured, and the most that it may be."""

    what: str
    found: float
    most: float

    @property
    def met(self) -> bool:
        return self.found <= self.most


def rows(series: Series, movers: Sequence[Mover]) -> list[Row]:
    """datagw less its idle run first, then everybody as the clock had it, quickest first, then the runs beside them."""
    proofs = {mover.name: mover.proof for mover in movers}
    whole = {name: [one.seconds for one in took] for name, took in series.items()}
    used = {name: statistics.median(one.processor for one in took) for name, took in series.items()}
    rclone = statistics.median(whole["rclone"]) if "rclone" in whole else None
    found: list[Row] = []

    def add(name: str, seconds: list[float], processor: float, *, compared: bool = True) -> None:
        ratio = statistics.median(seconds) / rclone if rclone and compared else None
        found.append(
            Row(
                name,
                proofs.get(name, proofs["datagw"] if name.startswith("datagw,") else ""),
                seconds,
                processor,
                ratio,
            )
        )

    if "datagw" in whole:
        for beside in (IDLE, THROUGH):
            less = [whole["datagw"][at] - whole[beside][at] for at in range(len(whole["datagw"]))]
            short = "its idle run" if beside == IDLE else "an empty day's run"
            add(f"datagw, less {short}", less, used["datagw"] - used[beside])
    for name in sorted(proofs.keys() & whole.keys(), key=lambda name: statistics.median(whole[name])):
        add(name, whole[name], used[name])
    for name in (IDLE, THROUGH, IMPORT):
        if name in whole:
            add(name, whole[name], used[name], compared=False)
    return found


def targets(load: Load, table: Sequence[Row]) -> list[Target]:
    """What the project has promised itself of this load."""
    by_name = {row.name: row for row in table}
    found: list[Target] = []
    ours = by_name.get("datagw, less its idle run")
    if ours is not None and ours.ratio is not None:
        what = f"{load.title}: datagw, proof included, an idle run of the same job taken off, to rclone"
        found.append(Target(what, ours.ratio, load.most))
    if IDLE in by_name and IMPORT in by_name:
        ratio = by_name[IDLE].median / by_name[IMPORT].median
        found.append(Target("a run with nothing due, to `import dagster`", ratio, _MOST_IDLE))
    return found


def text(load: Load, table: Sequence[Row]) -> str:
    """The table, for people; seconds."""
    lines = [
        "",
        f"{load.title}",
        f"{'':<40} {'median':>7} {'min':>7} {'max':>7} {'× rclone':>9} {'processor':>10}  proof",
    ]
    for row in table:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        lines.append(
            f"{row.name:<40} {row.median:>7.2f} {min(row.seconds):>7.2f} {max(row.seconds):>7.2f}"
            f" {ratio:>9} {row.processor:>10.2f}  {row.proof}"
        )
    return "\n".join(lines)

"""The result: for each load a table, and beside each target whether it is met; the same as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.sftp.loads import Load
from benchmarks.sftp.movers import Mover
from benchmarks.sftp.rounds import IDLE, IMPORT, THROUGH, Series

LESS_THROUGH, LESS_IDLE = "datagw, less an empty day's run", "datagw, less a run with nothing due"
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
    """A sentence on what was measured, the number, and the most that it may be; None where nothing was promised."""

    what: str
    found: float
    most: float | None = None

    @property
    def met(self) -> bool:
        return self.most is None or self.found <= self.most

    def __str__(self) -> str:
        if self.most is None:
            return f"  beside: {self.what}: {self.found:.2f}"
        return f"{'met' if self.met else 'NOT MET'}: {self.what}: {self.found:.2f} (at most {self.most:g})"


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
        for name, beside in ((LESS_THROUGH, THROUGH), (LESS_IDLE, IDLE)):
            less = [whole["datagw"][at] - whole[beside][at] for at in range(len(whole["datagw"]))]
            add(name, less, used["datagw"] - used[beside])
    for name in sorted(proofs.keys() & whole.keys(), key=lambda name: statistics.median(whole[name])):
        add(name, whole[name], used[name])
    for name in (IDLE, THROUGH, IMPORT):
        if name in whole:
            add(name, whole[name], used[name], compared=False)
    return found


def targets(load: Load, table: Sequence[Row]) -> list[Target]:
    """What the project has promised itself of this load, and the numbers that one should see beside it."""
    by_name = {row.name: row for row in table}
    found: list[Target] = []
    told = (
        (
            LESS_THROUGH,
            "datagw, proof included, less an idle run of the same job through Dagster, to rclone",
            load.most,
        ),
        (LESS_IDLE, "the same, less only a run with nothing due", None),
        ("datagw", "the same, nothing taken off", None),
    )
    for name, what, most in told:
        row = by_name.get(name)
        if row is not None and row.ratio is not None:
            found.append(Target(f"{load.title}: {what}", row.ratio, most))
    for name in (IDLE, THROUGH):
        if name in by_name:
            ratio = by_name[name].median / by_name[IMPORT].median
            found.append(Target(f"{name.partition(', ')[2]}, to `import dagster`", ratio, _MOST_IDLE))
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

"""The result: for each load a table, and beside each target whether it is met; the same as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.side_by_side.ground import Took
from benchmarks.side_by_side.loads import Load
from benchmarks.side_by_side.movers import Mover
from benchmarks.side_by_side.rounds import IDLE, IMPORT, THROUGH, Series

LESS_THROUGH, LESS_IDLE = "datagw, less an empty day's run", "datagw, less a run with nothing due"


@dataclass(frozen=True)
class Row:
    """One line of a table, in seconds; `ratio` is to the median of what datagw is held against."""

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


@dataclass(frozen=True)
class Peers:
    """What datagw is held against: the quickest of those named, and how that is called."""

    called: str
    names: tuple[str, ...]

    def median(self, series: Series) -> float | None:
        return min((statistics.median(_seconds(series[name])) for name in self.names if name in series), default=None)


def rows(series: Series, movers: Sequence[Mover], peers: Peers) -> list[Row]:
    """datagw less its idle run first, then everybody as the clock had it, quickest first, then the runs beside them."""
    proofs = {mover.name: mover.proof for mover in movers}
    whole = {name: _seconds(took) for name, took in series.items()}
    used = {name: statistics.median(one.processor for one in took) for name, took in series.items()}
    against = peers.median(series)
    found: list[Row] = []

    def add(name: str, seconds: list[float], processor: float, *, compared: bool = True) -> None:
        ratio = statistics.median(seconds) / against if against and compared else None
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


def _seconds(took: Sequence[Took]) -> list[float]:
    return [one.seconds for one in took]


def targets(load: Load, table: Sequence[Row], peers: Peers, most_idle: float | None) -> list[Target]:
    """What the project has promised itself of this load, and the numbers that one should see beside it."""
    by_name = {row.name: row for row in table}
    found: list[Target] = []
    told = (
        (
            LESS_THROUGH,
            f"datagw, proof included, less an idle run of the same job through Dagster, to {peers.called}",
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
            found.append(Target(f"{name.partition(', ')[2]}, to `import dagster`", ratio, most_idle))
    return found


def text(load: Load, table: Sequence[Row], peers: Peers) -> str:
    """The table, for people; seconds."""
    lines = [
        "",
        f"{load.title}; × to {peers.called}",
        f"{'':<40} {'median':>7} {'min':>7} {'max':>7} {'×':>9} {'processor':>10}  proof",
    ]
    for row in table:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        lines.append(
            f"{row.name:<40} {row.median:>7.2f} {min(row.seconds):>7.2f} {max(row.seconds):>7.2f}"
            f" {ratio:>9} {row.processor:>10.2f}  {row.proof}"
        )
    return "\n".join(lines)

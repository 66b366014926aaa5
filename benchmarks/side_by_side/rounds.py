"""The measuring: rounds in which everybody has a turn, each round begun by another one."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Sequence

from benchmarks.side_by_side.datagw_job import DatagwJob
from benchmarks.side_by_side.ground import Ground, Took
from benchmarks.side_by_side.loads import Load
from benchmarks.side_by_side.movers import ImportDagster, Mover

Series = dict[str, list[Took]]

IDLE, THROUGH, IMPORT = "datagw, nothing due", "datagw, an empty day", "import dagster"


class Unequal(Exception):
    """What somebody published is not what was at the source."""


def measure(ground: Ground, load: Load, movers: Sequence[Mover], rounds: int) -> Series:
    """Every run of everybody, by name; those beside datagw's (idle, import) under names of their own."""
    series: Series = defaultdict(list)
    for number in range(rounds):
        turn = number % len(movers)
        for mover in [*movers[turn:], *movers[:turn]]:
            took = _one(ground, load, mover)
            series[mover.name].append(took)
            _tell(load, number, mover.name, took)
            if isinstance(mover, DatagwJob):
                series[IDLE].append(_well(IDLE, mover.idle()))
                series[THROUGH].append(_well(THROUGH, mover.through_dagster()))
                series[IMPORT].append(_well(IMPORT, ground.run(ImportDagster(ground).command())))
                for name in (IDLE, THROUGH, IMPORT):
                    _tell(load, number, name, series[name][-1])
    return series


def rehearse(ground: Ground, load: Load, movers: Sequence[Mover]) -> None:
    """A turn of everybody that is not measured, while the place looks closely at what it gets."""
    ground.closely = True
    for mover in movers:
        _tell(load, -1, mover.name, _one(ground, load, mover))
    ground.closely = False


def _one(ground: Ground, load: Load, mover: Mover) -> Took:
    """One run into an empty place, and the proof, outside the timing, that it did what it is measured for."""
    ground.fresh()
    mover.prepare(load)
    ground.fresh()
    took = _well(mover.name, ground.run(mover.command()))
    wrong = ground.difference() or mover.check(load, took.output)
    if wrong is not None:
        raise Unequal(f"{mover.name}: {wrong}\n{took.output}")
    return took


def _well(name: str, took: Took) -> Took:
    if took.code != 0:
        raise RuntimeError(f"{name} ended with {took.code}:\n{took.output}")
    return took


def _tell(load: Load, number: int, name: str, took: Took) -> None:
    turn = f"round {number + 1}" if number >= 0 else "rehearsal"
    line = f"{load.name} {turn}: {name:<40} {took.seconds:7.2f} s  processor {took.processor:6.2f} s"
    print(line, file=sys.stderr, flush=True)

"""What days cost beside a body that only logs the same, and how that grows; see README.md beside this file."""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.days.ground import Ground, Load, Took

BODIES = {
    "bare": "a body that only logs the same materializations",
    "run": "datagw, a run as Dagster starts it",
    "command": "datagw run",
}
MOST = 2.0  # of the processor, to the bare body
_BUSY = 0.5  # processes that run or wait to, over the last minute

Series = dict[str, list[Took]]


def main() -> int:
    asked = _arguments()
    busy = os.getloadavg()[0]
    if busy > _BUSY:
        print(f"the machine is busy (load {busy:.1f}): repeat this when it is not", flush=True)
    document: dict[str, object] = {"rounds": asked.rounds, "loads": [], "targets": []}
    with tempfile.TemporaryDirectory(prefix="datagw-days-", dir=asked.folder) as folder:
        days = [_measured(Path(folder), Load(count, 2), asked.rounds, document) for count in asked.days]
        files = [_measured(Path(folder), Load(1, count), asked.rounds, document) for count in asked.files]
    _print_growth("cost of one more day, milliseconds of the processor", [load.days for load in _loads(days)], days)
    _print_growth("cost of one more file, milliseconds of the processor", [load.files for load in _loads(files)], files)
    met = _judge(days, document)
    if asked.json:
        Path(asked.json).write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    return 0 if met else 1


def _measured(folder: Path, load: Load, rounds: int, document: dict) -> tuple[Load, Series]:
    """Everybody has a turn in each round, and each round is begun by another one."""
    ground = Ground(folder / f"{load.days}x{load.files}", load)
    series: Series = {body: [] for body in BODIES}
    for number in range(rounds):
        turn = number % len(BODIES)
        for body in [*list(BODIES)[turn:], *list(BODIES)[:turn]]:
            ground.fresh()
            series[body].append(ground.run(body))
            if body != "bare":
                ground.check()
            print(f"{load.title}, round {number + 1}: {body} {series[body][-1].processor:.2f}", file=sys.stderr)
    print(f"\n{load.title}\n{'':<50} {'processor':>9} {'min':>7} {'max':>7} {'clock':>7} {'× bare':>7}")
    bare = _median(series["bare"])
    for body, name in BODIES.items():
        used = [one.processor for one in series[body]]
        clock = statistics.median(one.seconds for one in series[body])
        ratio = _median(series[body]) / bare
        print(
            f"{name:<50} {_median(series[body]):>9.2f} {min(used):>7.2f} {max(used):>7.2f} {clock:>7.2f} {ratio:>7.2f}"
        )
    sys.stdout.flush()
    rows = {body: [[round(one.processor, 3), round(one.seconds, 3)] for one in took] for body, took in series.items()}
    document["loads"].append({"title": load.title, "days": load.days, "files": load.files, "bodies": rows})
    return load, series


def _loads(measured: Sequence[tuple[Load, Series]]) -> list[Load]:
    return [load for load, _ in measured]


def _median(took: Sequence[Took]) -> float:
    return statistics.median(one.processor for one in took)


def _print_growth(title: str, counts: Sequence[int], measured: Sequence[tuple[Load, Series]]) -> None:
    """From each size to the next larger one; a cost that grows with what is there shows here."""
    if len(counts) < 2:
        return
    steps = [f"{few:,}–{many:,}" for few, many in itertools.pairwise(counts)]
    print(f"\n{title}\n{'':<50} " + " ".join(f"{step:>13}" for step in steps))
    for body, name in BODIES.items():
        used = [_median(series[body]) for _, series in measured]
        each = [1000 * (used[at + 1] - used[at]) / (counts[at + 1] - counts[at]) for at in range(len(steps))]
        print(f"{name:<50} " + " ".join(f"{one:>13.2f}" for one in each))


def _judge(measured: Sequence[tuple[Load, Series]], document: dict) -> bool:
    """The target holds for the longest range that one run takes."""
    met = True
    for load, series in measured:
        if load.days == 365:
            for body in ("run", "command"):
                ratio = _median(series[body]) / _median(series["bare"])
                good = ratio <= MOST
                met = met and good
                what = f"{load.title}: {BODIES[body]}, to {BODIES['bare']}"
                print(f"{'met' if good else 'NOT MET'}: {what}: {ratio:.2f} (at most {MOST:g})")
                document["targets"].append({"what": body, "found": round(ratio, 3), "most": MOST, "met": good})
    return met


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks days", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds; the median of them counts (default 5)")
    parser.add_argument("--days", type=int, nargs="*", default=[30, 365], help="days of two files (default: 30 365)")
    parser.add_argument("--files", type=int, nargs="*", default=[100, 1000, 10_000], help="files of one day")
    parser.add_argument("--json", metavar="FILE", help="the result, every single run in it, as JSON")
    parser.add_argument("--folder", metavar="DIR", help="where files are made (default: the system's)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

"""What a tick over a watched folder costs, as the folder grows; see README.md beside this file."""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import tempfile
import time
import uuid
from pathlib import Path

from datagw.gateways.local import Local
from datagw.jobs import load
from datagw.jobs.state import ledger_url
from datagw.ledger.ledger import Ledger
from datagw.publishing import World, plan_day, publish

JOB = "inbox"
NEW = 1000
MOST = 2.0  # seconds of a tick over the largest folder
_OLD = 5000  # seconds since the files were written


def main() -> int:
    asked = _arguments()
    columns = ("files", "tick s", "µs a file", f"tick, {NEW:,} new s", f"run, {NEW:,} new s")
    print("".join(f"{name:>20}" for name in columns))
    worst = 0.0
    for count in asked.files:
        with tempfile.TemporaryDirectory(prefix="datagw-folder-", dir=asked.folder) as folder:
            tick, new, run = _measured(Path(folder), count, asked.rounds)
        worst = max(worst, tick, new)
        print(f"{count:>20,}{tick:>20.3f}{tick / count * 1e6:>20.1f}{new:>20.3f}{run:>20.2f}", flush=True)
    print(f"a tick under {MOST:.0f} s: {'met' if worst < MOST else 'not met'}")
    return 0 if worst < MOST else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks folder", description=__doc__)
    parser.add_argument("--files", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", help="a disk that is not this system's temporary one")
    return parser.parse_args()


def _measured(folder: Path, count: int, rounds: int) -> tuple[float, float, float]:
    """Seconds of a tick where all is taken, of one with new files, and of the run that publishes them."""
    inbox, published = folder / "inbox", folder / "published"
    published.mkdir()
    _fill(inbox, count, "old")
    text = f'[{JOB}]\nsource = "local:{inbox}/"\nto = "local:{published}/"\nwhen = "new files"\nexisting = false\n'
    (folder / "jobs.toml").write_text(text)
    jobfile = load(folder / "jobs.toml")
    job = jobfile.jobs[JOB]
    with Ledger.open(ledger_url(jobfile)) as ledger:
        run = uuid.uuid4().hex
        places = {"local": Local()}
        world = World(ledger=ledger, gateways=places, tmp_dir=folder / "tmp" / run, run=run, log=logging.getLogger())
        plan_day(job, None, world, patient=True)  # the first look

        def tick() -> float:
            begin = time.perf_counter()
            plan_day(job, None, world, patient=True)
            return time.perf_counter() - begin

        taken = statistics.median(tick() for _ in range(rounds))
        _fill(inbox, NEW, "new")
        new = statistics.median(tick() for _ in range(rounds))
        begin = time.perf_counter()
        (result,) = publish(job, [None], world, patient=True)
        took = time.perf_counter() - begin
        assert result.copies["local"].sent_files == NEW, result
    return taken, new, took


def _fill(inbox: Path, count: int, name: str) -> None:
    moment = time.time() - _OLD
    for number in range(count):
        folder = inbox / f"{number % 100:02}"
        if number < 100:
            folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}-{number:06}.csv"
        path.write_bytes(b"1;2;3\n")
        os.utime(path, (moment, moment))


if __name__ == "__main__":
    raise SystemExit(main())

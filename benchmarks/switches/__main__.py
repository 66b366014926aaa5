"""What switches cost: definitions of many jobs, and a round of all their ticks; see README.md beside this file."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import dagster as dg

from datagw.definitions import definitions_of
from datagw.jobs import JobFile, load

KINDS = ("daily", "change", "new files")
DEFINITIONS = 1.0  # seconds of the processor, for what Dagster loads
ROUND = 30.0  # seconds by the clock, for a look at every job
FILES = 3  # in each folder
_BUSY = 0.5  # processes that run or wait to, over the last minute
_GATEWAYS = '[gateways.left]\ntype = "local"\nroot = "left"\n[gateways.right]\ntype = "local"\nroot = "right"\n'


def main() -> int:
    asked = _arguments()
    busy = os.getloadavg()[0]
    if busy > _BUSY:
        print(f"the machine is busy (load {busy:.1f}): repeat this when it is not", flush=True)
    results: list[dict[str, object]] = []
    for kind in asked.kind:
        with tempfile.TemporaryDirectory(prefix="datagw-switches-", dir=asked.folder) as folder:
            results.append(_measured(Path(folder), kind, asked.jobs))
            _print(results[-1])
    if asked.json:
        Path(asked.json).write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 0 if all(result["met"] for result in results) else 1


def _measured(folder: Path, kind: str, jobs: int) -> dict[str, object]:
    """Definitions, and two rounds of ticks: one asks for everything, the other finds it published."""
    os.chdir(folder)
    text = _ground(folder, kind, jobs)
    (folder / "jobs.toml").write_text(text, encoding="utf-8")
    begun = time.process_time()
    jobfile = load(folder / "jobs.toml", {})
    reading = time.process_time() - begun
    if jobfile.problems:
        sys.exit("\n".join(str(problem) for problem in jobfile.problems[:5]))
    begun = time.process_time()
    repository = definitions_of(jobfile).get_repository_def()
    defining = time.process_time() - begun
    rounds = _rounds(folder, jobfile, repository)
    return {
        "kind": kind,
        "jobs": jobs,
        "reading": reading,
        "definitions": defining,
        "rounds": rounds,
        "met": defining <= DEFINITIONS * jobs / 500 and all(clock <= ROUND * jobs / 500 for _, clock, _ in rounds),
    }


def _ground(folder: Path, kind: str, jobs: int) -> str:
    """The folders, with a few settled files each; one day for daily jobs."""
    text = _GATEWAYS
    for name in ("left", "right"):
        (folder / name).mkdir()
    for number in range(jobs):
        there = folder / f"in{number}" / ("20260101" if kind == "daily" else "")
        there.mkdir(parents=True)
        for file in range(FILES):
            path = there / f"{file}.csv"
            path.write_text(f"{number} {file}", encoding="utf-8")
            os.utime(path, (1_760_000_000, 1_760_000_000))
        pattern = f"in{number}/%Y%m%d/" if kind == "daily" else f"in{number}/**/*.csv"
        code = "%Y%m%d/" if kind == "daily" else ""
        text += f'[job{number}]\nsource = "local:{pattern}"\nwhen = "{kind}"\n'
        text += f'to = ["left:{number}/{code}", "right:{number}/{code}"]\n'
    return text


def _rounds(folder: Path, jobfile: JobFile, repository: dg.RepositoryDefinition) -> list[tuple[float, float, int]]:
    """Seconds of the processor, seconds by the clock, and requests: when all is due; and when nothing is."""
    (folder / "home").mkdir()
    quiet = {"telemetry": {"enabled": False}}
    with dg.DagsterInstance.local_temp(str(folder / "home"), overrides=quiet) as instance:
        first = _round(instance, jobfile, repository)
        _publish_all(jobfile)
        return [first, _round(instance, jobfile, repository)]


def _round(
    instance: dg.DagsterInstance, jobfile: JobFile, repository: dg.RepositoryDefinition
) -> tuple[float, float, int]:
    names = [f"{name}_due" for name in jobfile.jobs]
    requests = 0
    begun, clock = time.process_time(), time.monotonic()
    for name in names:
        with dg.build_sensor_context(instance, repository_def=repository) as context:
            requests += len(repository.get_sensor_def(name).evaluate_tick(context).run_requests or [])
    return time.process_time() - begun, time.monotonic() - clock, requests


def _publish_all(jobfile: JobFile) -> None:
    """Everything that is due, published without Dagster."""
    from datagw.jobs.state import ledger_url
    from datagw.ledger.ledger import Ledger
    from datagw.publishing import World, due, publish

    with Ledger.open(ledger_url(jobfile)) as ledger:
        for number, job in enumerate(jobfile.jobs.values()):
            world = World(ledger=ledger, gateways=jobfile.gateways, tmp_dir=jobfile.main.tmp_dir, run=f"run-{number}")
            days = [plan.day for plan in due(job, world)]
            for result in publish(job, days, world, patient=True):
                if result.state not in ("published", "empty"):
                    sys.exit(f"{job.name}: {result}")


def _print(result: dict[str, object]) -> None:
    print(f'\n{result["jobs"]} jobs, when = "{result["kind"]}": {"met" if result["met"] else "NOT MET"}')
    print(f"  the job file read and checked   {result['reading']:>6.2f} s of the processor")
    print(f"  definitions, as Dagster has them{result['definitions']:>6.2f} s of the processor")
    for title, (processor, clock, requests) in zip(
        ("a round of ticks, all is due", "a round of ticks, nothing is"), result["rounds"], strict=True
    ):
        print(f"  {title:<32}{processor:>6.2f} s of the processor, {clock:.2f} by the clock, {requests} requests")
    sys.stdout.flush()


def _arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks switches", description=__doc__)
    parser.add_argument("--jobs", type=int, default=500)
    parser.add_argument("--kind", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--folder", help="where to work; a fast disk")
    parser.add_argument("--json", help="a file for every number")
    return parser.parse_args(given)


if __name__ == "__main__":
    sys.exit(main())

"""The command of a benchmark: what may be asked of it, the machine, the loads one after the other, and the verdict."""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.side_by_side import table
from benchmarks.side_by_side.ground import Ground
from benchmarks.side_by_side.loads import Load
from benchmarks.side_by_side.movers import Mover
from benchmarks.side_by_side.rounds import measure, rehearse

_BUSY = 0.5  # processes that run or wait to, over the last minute


@dataclass(frozen=True)
class Benchmark:
    """A place, who publishes to it, and what datagw is held against; `server` is told with the result.

    `most_idle` is how many times `import dagster` an idle run may take. With `rehearsed`, everybody has a turn before
    the rounds, which is not measured, for looks that would take time from the others.
    """

    name: str
    server: str
    ground: Callable[[Path], AbstractContextManager[Ground]]
    kinds: Sequence[type[Mover]]
    loads: dict[str, Load]
    peers: dict[str, table.Peers]
    most_idle: float | None = None
    rehearsed: bool = False

    def run(self, description: str | None) -> int:
        """Measures, prints, and returns the exit code: 1 where a target is not met."""
        asked = self._arguments(description)
        document: dict = {"machine": self._machine(), "rounds": asked.rounds, "loads": {}, "versions": {}}
        document["targets"] = []
        busy = os.getloadavg()[0]
        if busy > _BUSY:
            print(f"the machine is busy (load {busy:.1f}): repeat this when it is not", flush=True)
        with tempfile.TemporaryDirectory(prefix="datagw-bench-", dir=asked.folder) as folder:
            for load in [self.loads[name] for name in asked.load]:
                self._measure(Path(folder) / load.name, load, asked, document)
        if asked.json:
            Path(asked.json).write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
        return 0 if all(target["met"] for target in document["targets"]) else 1

    def _measure(self, folder: Path, load: Load, asked: argparse.Namespace, document: dict) -> None:
        peers = self.peers[load.name]
        with self.ground(folder) as ground:
            movers = list(self._movers(ground, load, asked.only))
            load.make(ground.source)
            if self.rehearsed:
                rehearse(ground, load, movers)
            series = measure(ground, load, movers, asked.rounds)
        found = table.rows(series, movers, peers)
        print(table.text(load, found, peers))
        print("; ".join(dict.fromkeys(mover.version for mover in movers)), flush=True)
        document["loads"][load.name] = {"title": load.title, "rows": [row.document() for row in found]}
        document["versions"] |= {mover.name: mover.version for mover in movers}
        for one in table.targets(load, found, peers, self.most_idle):
            print(one, flush=True)
            made = {"what": one.what, "found": round(one.found, 3), "most": one.most, "met": one.met}
            document["targets"].append(made)

    def _movers(self, ground: Ground, load: Load, only: list[str] | None) -> Iterator[Mover]:
        """Those who can be had; who cannot is told, not left out in silence."""
        for kind in self.kinds:
            if (only and _word(kind) not in only) or (kind.loads and load.name not in kind.loads):
                continue
            mover = kind(ground)
            if mover.missing is None:
                yield mover
            else:
                print(f"not measured: {mover.name}: {mover.missing}", flush=True)

    def _arguments(self, description: str | None) -> argparse.Namespace:
        parser = argparse.ArgumentParser(prog=f"python -m benchmarks {self.name}", description=description)
        parser.add_argument("--rounds", type=int, default=5, help="rounds; the median of them counts (default 5)")
        parser.add_argument("--load", nargs="+", choices=sorted(self.loads), default=list(self.loads))
        names = ", ".join(dict.fromkeys(map(_word, self.kinds)))
        parser.add_argument("--only", nargs="+", metavar="NAME", help=names)
        parser.add_argument("--json", metavar="FILE", help="the result, every single run in it, as JSON")
        parser.add_argument("--folder", metavar="DIR", help="where files are made, some GB (default: the system's)")
        return parser.parse_args()

    def _machine(self) -> dict[str, object]:
        processor = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), "")
        return {
            "cores": os.cpu_count(),
            "processor": processor.partition(":")[2].strip(),
            "system": platform.platform(),
            "python": platform.python_version(),
            "server": self.server,
            "load": [round(one, 2) for one in os.getloadavg()],
        }


def _word(kind: type[Mover]) -> str:
    """The name of a program without what is said of its options."""
    return kind.name.partition(" ")[0].strip(",")

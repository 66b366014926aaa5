"""datagw, rclone, rsync and circadian-scp-upload side by side on one OpenSSH server; see README.md beside this file."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from pathlib import Path

from benchmarks.sftp import table
from benchmarks.sftp.datagw_job import Datagw
from benchmarks.sftp.ground import Ground, served
from benchmarks.sftp.loads import LOADS, Load
from benchmarks.sftp.movers import Circadian, Mover, Rclone, RcloneUnverified, Rsync
from benchmarks.sftp.peers import version
from benchmarks.sftp.rounds import measure
from datagw_tests.servers import openssh

_BUSY = 0.5  # processes that run or wait to, over the last minute
ALL = (Datagw, Rclone, RcloneUnverified, Rsync, Circadian)


def main() -> int:
    asked = _arguments()
    lacking = openssh.missing()
    if lacking is not None:
        sys.exit(": ".join(lacking))
    document: dict[str, object] = {"machine": _machine(), "rounds": asked.rounds, "loads": {}, "targets": []}
    busy = os.getloadavg()[0]
    if busy > _BUSY:
        print(f"the machine is busy (load {busy:.1f}): repeat this when it is not", flush=True)
    with tempfile.TemporaryDirectory(prefix="datagw-bench-", dir=asked.folder) as folder:
        for load in [LOADS[name] for name in asked.load]:
            _measure(Path(folder) / load.name, load, asked, document)
    if asked.json:
        Path(asked.json).write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    return 0 if all(target["met"] for target in document["targets"]) else 1


def _measure(folder: Path, load: Load, asked: argparse.Namespace, document: dict) -> None:
    with served(folder) as server:
        ground = Ground(folder, server)
        movers = _movers(ground, asked.only)
        load.make(ground.source)
        series = measure(ground, load, movers, asked.rounds)
    found = table.rows(series, movers)
    print(table.text(load, found))
    print("; ".join(dict.fromkeys(mover.version for mover in movers)), flush=True)
    document["loads"][load.name] = {"title": load.title, "rows": [row.document() for row in found]}
    document["versions"] = {mover.name: mover.version for mover in movers}
    for one in table.targets(load, found):
        print(one, flush=True)
        made = {"what": one.what, "found": round(one.found, 3), "most": one.most, "met": one.met}
        document["targets"].append(made)


def _movers(ground: Ground, only: list[str] | None) -> list[Mover]:
    """Those who can be had; who cannot is told, not left out in silence."""
    movers: list[Mover] = []
    for kind in ALL:
        if only and kind.name.partition(" ")[0].strip(",") not in only:
            continue
        mover = kind(ground)
        if mover.missing is None:
            movers.append(mover)
        else:
            print(f"not measured: {mover.name}: {mover.missing}", flush=True)
    return movers


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks sftp", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds; the median of them counts (default 5)")
    parser.add_argument("--load", nargs="+", choices=sorted(LOADS), default=["small", "large"])
    parser.add_argument("--only", nargs="+", metavar="NAME", help="datagw, rclone, rsync, circadian-scp-upload")
    parser.add_argument("--json", metavar="FILE", help="the result, every single run in it, as JSON")
    parser.add_argument("--folder", metavar="DIR", help="where files are made, some 4 GB (default: the system's)")
    return parser.parse_args()


def _machine() -> dict[str, object]:
    processor = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), "")
    return {
        "cores": os.cpu_count(),
        "processor": processor.partition(":")[2].strip(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "server": version(["ssh", "-V"]),
        "load": [round(one, 2) for one in os.getloadavg()],
    }


if __name__ == "__main__":
    sys.exit(main())

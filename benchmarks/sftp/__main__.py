"""datagw, rclone, rsync and circadian-scp-upload side by side on one OpenSSH server; see README.md beside this file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.sftp.ground import Inbox, served
from benchmarks.sftp.movers import Circadian, Datagw, Rclone, RcloneUnverified, Rsync
from benchmarks.side_by_side.command import Benchmark
from benchmarks.side_by_side.loads import large, small
from benchmarks.side_by_side.peers import version
from benchmarks.side_by_side.table import Peers
from datagw_tests.servers import openssh

_RCLONE = Peers("rclone", (Rclone.name,))


@contextmanager
def ground(folder: Path) -> Iterator[Inbox]:
    with served(folder) as server:
        yield Inbox(folder, server)


def main() -> int:
    lacking = openssh.missing()
    if lacking is not None:
        sys.exit(": ".join(lacking))
    benchmark = Benchmark(
        name="sftp",
        server=version(["ssh", "-V"]),
        ground=ground,
        kinds=(Datagw, Rclone, RcloneUnverified, Rsync, Circadian),
        loads={"small": small(most=0.5), "large": large(most=1.0)},
        peers={"small": _RCLONE, "large": _RCLONE},
        most_idle=2.5,
    )
    return benchmark.run(__doc__)


if __name__ == "__main__":
    sys.exit(main())

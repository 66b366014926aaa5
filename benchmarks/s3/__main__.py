"""datagw, rclone, s5cmd and boto3 side by side at an S3 server that answers at once; see README.md beside this file."""

from __future__ import annotations

import sys

from benchmarks.s3.ground import sink
from benchmarks.s3.movers import Boto3, Boto3Unchecked, Datagw, Rclone, RcloneInParts, S5cmd, S5cmdInParts
from benchmarks.side_by_side.command import Benchmark
from benchmarks.side_by_side.loads import large, small
from benchmarks.side_by_side.table import Peers

_QUICKEST = (RcloneInParts.name, S5cmdInParts.name, Boto3.name)


def main() -> int:
    benchmark = Benchmark(
        name="s3",
        server="the sink beside this file",
        ground=sink,
        kinds=(Datagw, Rclone, RcloneInParts, S5cmd, S5cmdInParts, Boto3, Boto3Unchecked),
        loads={"small": small(most=1.5), "large": large(most=1.5)},
        peers={
            "small": Peers(Rclone.name, (Rclone.name,)),
            "large": Peers("the quickest of rclone, s5cmd and boto3 that checks", _QUICKEST),
        },
        rehearsed=True,
    )
    return benchmark.run(__doc__)


if __name__ == "__main__":
    sys.exit(main())

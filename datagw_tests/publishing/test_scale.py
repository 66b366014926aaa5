"""Many files, and large ones, in flat memory: measured in a process of their own, over SFTP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from datagw_tests.servers.openssh import OpenSSH

MB = 1_000_000

_RUN = """
import json, sys
from pathlib import Path
from datagw.gateways.sftp import Sftp
from datagw_tests.publishing.station import Station
folder, fields, delete = Path(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3] == "delete"
station = Station(folder, Sftp(**fields), options={"delete_source": delete})
from datetime import date
told = []
for number in (1, 2):
    (result,) = station.run(date(2026, 2, number))
    copy = result.copies["archive"]
    status = Path("/proc/self/status").read_text()  # the peak of this program; ru_maxrss is that of its parent, too
    known = [result.state, copy.files, copy.sent_files, copy.verification, result.deleted, len(copy.rows)]
    told.append([known, int(status.partition("VmHWM:")[2].split()[0]) * 1024])
print(json.dumps(told))
"""


def two_days(folder: Path, root: Path, server: OpenSSH, *, delete: bool) -> tuple[list[Any], list[Any]]:
    """What a fresh process tells of two days that it publishes one after the other."""
    fields = json.dumps(server.fields(root=str(root)))
    command = [sys.executable, "-c", _RUN, str(folder), fields, "delete" if delete else "keep"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    first, second = json.loads(done.stdout)
    return first, second


@pytest.mark.parametrize("delete", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_ten_thousand_files_go_in_one_run_in_flat_memory(
    sshd: OpenSSH, folder: Path, tmp_path: Path, delete: bool
) -> None:
    data = tmp_path / "data"
    for day, count in (("20260201", 500), ("20260202", 10_000)):
        for n in range(count):
            place = data / day / f"{n // 1000}"
            if n % 1000 == 0:
                place.mkdir(parents=True)
            (place / f"{n:05}.txt").write_bytes(b"%d" % n * 100)
    (few, little), (many, peak) = two_days(tmp_path, folder, sshd, delete=delete)
    assert few == ["published", 500, 500, "hash", 500 * delete, 100]
    assert many == ["published", 10_000, 10_000, "hash", 10_000 * delete, 100]
    assert peak - little < 60 * MB
    assert [path.name for path in sorted(data.iterdir())] == ([] if delete else ["20260201", "20260202"])
    assert sum(len(files) for _, _, files in os.walk(folder / "days/20260202")) == 10_000
    assert (folder / "days/20260202/9/09999.txt").read_bytes() == b"9999" * 100


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_five_gibibytes_go_in_flat_memory(sshd: OpenSSH, folder: Path, tmp_path: Path) -> None:
    """Sparse at the source; written out at the destination, unless its disk is clever."""
    free = os.statvfs(folder)
    if free.f_bavail * free.f_frsize < 6 << 30:
        pytest.skip("5 GiB are to be written, and the disk has less than 6 free")
    (tmp_path / "data/20260201").mkdir(parents=True)
    (tmp_path / "data/20260202").mkdir()
    (tmp_path / "data/20260201/small").write_bytes(b"small")
    with (tmp_path / "data/20260202/huge").open("wb") as huge:
        huge.write(b"begin")
        huge.seek((5 << 30) - 3)
        huge.write(b"end")
    try:
        _, (large, peak) = two_days(tmp_path, folder, sshd, delete=True)
        assert large == ["published", 1, 1, "hash", 1, 1]
        assert peak < 200 * MB
        found = folder / "days/20260202/huge"
        assert found.stat().st_size == 5 << 30
        with found.open("rb") as copy:
            assert copy.read(5) == b"begin"
            copy.seek(-3, os.SEEK_END)
            assert copy.read() == b"end"
    finally:
        (folder / "days/20260202/huge").unlink(missing_ok=True)

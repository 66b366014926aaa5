"""The servers of the mirror that are programs of somebody else: each S3 store, and that none outlives the demo."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

from datagw.demo.asking import ask
from datagw.demo.program import Program
from datagw.demo.running import DemoFailed
from datagw.demo.store import Store, found_store
from datagw_tests.servers.built import program


@pytest.mark.parametrize(("kind", "of"), [("MinIO", "minio"), ("versitygw", "versitygw"), ("rclone", "rclone")])
def test_each_store_takes_an_object_and_shows_it_to_nobody_else(tmp_path: Path, kind: str, of: str):
    built = Path(program(of))
    servers = tmp_path / "servers"
    place = servers / ("rclone/bin/rclone" if of == "rclone" else of)
    place.parent.mkdir(parents=True)
    place.symlink_to(built)
    keys = tmp_path / "keys"
    keys.mkdir()
    store = Store(*found_store(servers), tmp_path / "lake", keys)
    try:
        store.wait()
        assert store.kind == kind
        address = store.signed("PUT", "a folder/ü.csv")
        assert ask("PUT", address, document={"station": 7}) == b""
        assert store.read("a folder/ü.csv") == b'{"station": 7}'
        with pytest.raises(DemoFailed, match="40[03]"):
            ask("GET", store.signed("GET", "a folder/ü.csv").partition("?")[0])
        assert (keys / "lake").stat().st_mode & 0o777 == 0o600
    finally:
        store.close()


def test_a_store_that_is_asked_for_is_the_one_that_is_taken(tmp_path: Path):
    for name in ("minio", "versitygw"):
        (tmp_path / name).touch()
    assert found_store(tmp_path) == ("MinIO", tmp_path / "minio")
    assert found_store(tmp_path, "versitygw") == ("versitygw", tmp_path / "versitygw")
    with pytest.raises(DemoFailed, match=r"no S3 store .* brings one"):
        found_store(tmp_path, "rclone")


def test_a_program_that_does_not_start_says_why(tmp_path: Path):
    started = Program("the store", ["/bin/sh", "-c", "echo no room left; exit 1"], tmp_path)
    with pytest.raises(DemoFailed, match="the store did not start:\nno room left"):
        started.wait(lambda: False)


def test_a_program_ends_when_whoever_started_it_is_gone(tmp_path: Path):
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from datagw.demo.program import Program\n"
        "print(Program('sleep', ['sleep', '60'], Path(sys.argv[1])).process.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    started = subprocess.run(
        [sys.executable, "-c", script, tmp_path], capture_output=True, text=True, timeout=60, check=False
    )
    assert started.returncode == -9, started.stderr
    if os.path.exists(f"/proc/{int(started.stdout)}"):
        server = os.pidfd_open(int(started.stdout))
        assert select.select([server], [], [], 10)[0], "it still runs"
        os.close(server)

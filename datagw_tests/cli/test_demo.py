"""`datagw demo --once`: the whole story, twice, with each server; and that it does not believe itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from datagw.cli import demo
from datagw.demo.running import DemoFailed, Ended
from datagw_tests.cli.test_dev import processes_with


@pytest.mark.timeout(180)
@pytest.mark.parametrize("server", [pytest.param([], marks=pytest.mark.slow), ["--builtin-server"]])
def test_the_demo_proves_what_it_says_and_leaves_nothing(tmp_path: Path, server: list[str]):
    environment = {
        **os.environ,
        "TMPDIR": str(tmp_path),
        "DATAGW_JOBS": "/nowhere/jobs.toml",
        "DATABASE_URL": "nonsense",
    }
    done = subprocess.run(
        [sys.executable, "-m", "datagw", "demo", *server],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert done.stdout.count("✓") == 7
    assert "killed when " in done.stdout
    assert "7 days proven: 361 files" in done.stdout
    assert "362 files" in done.stdout
    if server:
        assert ": built-in, its key pinned" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_on_a_terminal_the_ui_stays_until_ctrl_c_and_nothing_is_left(tmp_path: Path):
    script = """
import os, pty, re, sys, urllib.request
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.executable, [sys.executable, "-m", "datagw", "demo", "-q"])
seen = b""
def read_until(pattern):
    global seen
    while not (found := re.search(pattern, seen)):
        seen += os.read(fd, 4096)
    return found
address = read_until(rb"Dagster UI: (http://127[.]0[.]0[.]1:[0-9]+)")[1].decode()
assert urllib.request.urlopen(address + "/server_info", timeout=60).status == 200
os.write(fd, b"\\x03")
try:
    while block := os.read(fd, 4096):
        seen += block
except OSError:
    pass
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen.count("✓".encode()))
"""
    environment = {**os.environ, "TMPDIR": str(tmp_path), "DATABASE_URL": "nonsense"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("0 7\n", "")
    assert list(tmp_path.iterdir()) == []
    assert processes_with(f"{tmp_path}/datagw-demo-") == set()


def test_a_check_that_fails_ends_the_demo_with_its_reason():
    with pytest.raises(DemoFailed, match="ended with 1"):
        demo._published(Ended(1, None, "log", 1.0))
    with pytest.raises(DemoFailed, match="a day failed"):
        demo._published(Ended(0, {"days": [{"state": "failed"}]}, "log", 1.0))


def test_a_difference_ends_the_demo(tmp_path: Path):
    class FakePlace:
        folder = tmp_path
        source = tmp_path / "source"
        published = tmp_path / "copy"

    for side in ("source", "copy"):
        (tmp_path / side).mkdir()
    (tmp_path / "source" / "a").write_text("1")
    with pytest.raises(DemoFailed, match="not published: a"):
        demo._compared(FakePlace())  # type: ignore[arg-type]
    (tmp_path / "copy" / "pwned").touch()
    (tmp_path / "source" / "a").rename(tmp_path / "source" / "pwned")
    os.utime(tmp_path / "source" / "pwned", (1, 1))
    os.utime(tmp_path / "copy" / "pwned", (1, 1))
    (tmp_path / "copy" / "pwned").write_text("1")
    os.utime(tmp_path / "copy" / "pwned", (1, 1))
    with pytest.raises(DemoFailed, match="run as a command"):
        demo._compared(FakePlace())  # type: ignore[arg-type]

"""Calls in two processes: the second waits, or says who is at work; one that is killed is gone on with."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from datagw import LeaseHeld, Sftp, publish
from datagw.files import is_own_name
from datagw_tests.library.conftest import tree

BIG = random.Random(0).randbytes(3_000_000)
SCRIPT = """
import sys
from datagw import Sftp, publish

def progress(now):
    if 1_000_000 < now.bytes_done < 2_500_000 and sys.stdin is not None:
        print("under way", flush=True)
        sys.stdin.readline()
        sys.stdin = None

result = publish("data/%Y%m%d/", Sftp(**eval(sys.argv[1])) / "in/%Y%m%d/", delete_source=True, progress=progress, bandwidth="2MB/s")
print(result.state, result.files, flush=True)
"""


@pytest.fixture
def other(here: Path, institute: Sftp) -> Iterator[subprocess.Popen[str]]:
    """The same call in another process, half-way through the first day."""
    (here / "data/20260101/big").write_bytes(BIG)
    fields = repr(institute.model_dump(exclude_unset=True))
    command = [sys.executable, "-c", SCRIPT, fields]
    with subprocess.Popen(command, cwd=here, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "under way\n"
        yield process
        process.kill()


def test_a_second_call_waits_or_says_who_is_at_work(
    here: Path, institute: Sftp, folder: Path, other: subprocess.Popen[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    to = institute / "in/%Y%m%d/"
    with pytest.raises(LeaseHeld) as held:
        publish("data/%Y%m%d/", to, delete_source=True, wait=False)
    assert held.value.owner.pid == other.pid

    def let_it_go_on() -> bool:
        if "waiting for it" in caplog.text and not other.stdin.closed:
            other.stdin.write("on\n")
            other.stdin.close()
        return False

    result = publish("data/%Y%m%d/", to, delete_source=True, should_abort=let_it_go_on)
    assert other.stdout.read() == "done 7\n"
    assert result
    assert result.files == 0
    assert (tree(here / "data"), (folder / "in/20260101/big").read_bytes()) == ({}, BIG)


def test_a_call_that_was_killed_is_gone_on_with(
    here: Path, institute: Sftp, folder: Path, other: subprocess.Popen[str]
) -> None:
    os.kill(other.pid, signal.SIGKILL)
    other.wait(10)
    end = time.monotonic() + 30
    while not any(is_own_name(path.name) for path in folder.rglob("*")):  # the server may be behind what it was sent
        assert time.monotonic() < end
    result = publish("data/%Y%m%d/", institute / "in/%Y%m%d/", delete_source=True, wait=False)
    assert result
    assert tree(here / "data") == {}
    assert (folder / "in/20260101/big").read_bytes() == BIG
    assert not [path for path in folder.rglob("*") if is_own_name(path.name) or path.name == ".do-not-touch"]

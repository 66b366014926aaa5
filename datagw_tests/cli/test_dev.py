"""`datagw dev`: Dagster on a job file with one command, and nothing left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from datagw.cli import dev
from datagw.errors import DatagwError
from datagw_tests.cli.conftest import Cli


@contextmanager
def ui(station: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command at work, and the address that it told."""
    process = subprocess.Popen(
        [sys.executable, "-m", "datagw", "dev", "-q", "--port", str(dev.free_port(None))],
        cwd=station,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        said = ""
        for line in process.stderr:
            said += line
            if found := re.search(r"Dagster UI: (http://127\.0\.0\.1:\d+) ", line):
                yield process, found[1]
                break
        else:
            raise AssertionError(said)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ask(address: str, query: str) -> dict:
    request = urllib.request.Request(
        f"{address}/graphql", json.dumps({"query": query}).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())["data"]


def processes_with(mark: str) -> set[int]:
    """The processes whose environment has this text in it."""
    found: set[int] = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if mark.encode() in (entry / "environ").read_bytes():
                    found.add(int(entry.name))
            except OSError:
                continue
    return found


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_ui_shows_the_jobs_and_goes_with_all_its_processes(station: Path, number: signal.Signals):
    mark = f"DAGSTER_HOME={station}/.datagw"
    with ui(station) as (process, address):
        keys = [node["assetKey"]["path"] for node in ask(address, "{ assetNodes { assetKey { path } } }")["assetNodes"]]
        assert sorted(keys) == [["readings", "institute"], ["readings", "source"]]
        with socket.socket() as probe:
            host = socket.gethostbyname(socket.gethostname())
            if not host.startswith("127."):
                assert probe.connect_ex((host, int(address.rpartition(":")[2]))) != 0
        started = processes_with(mark)
        assert len(started) >= 3
        process.send_signal(number)
        code = process.wait(timeout=60)
        assert code == (-9 if number is signal.SIGKILL else 0)
        left = [os.pidfd_open(pid) for pid in started if pid in processes_with(mark)]
        for descriptor in left:
            ended(descriptor)
    assert processes_with(mark) == set()


def ended(descriptor: int) -> None:
    import select

    assert select.select([descriptor], [], [], 60)[0], "a process was left behind"
    os.close(descriptor)


def test_a_port_that_is_in_use_is_told(station: Path, cli: Cli):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(DatagwError, match=f"port {port} is in use"):
            dev.free_port(port)
        said = cli("dev", "--port", str(port))
    assert said.code == 1
    assert "--port" in said.err


def test_the_next_free_port_is_taken_where_none_was_asked_for():
    port = dev.free_port(None)
    with socket.create_server(("127.0.0.1", port)):
        assert dev.free_port(None) > port


def test_the_first_day_is_looked_up_for_the_definitions(station: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch):
    from datagw.jobs import load
    from datagw.jobs.state import ledger_url
    from datagw.ledger.ledger import Ledger
    from datagw.publishing import known_first_day

    monkeypatch.setattr(dev, "serve", lambda *_, **__: 0)
    assert cli("dev").code == 0
    file = load()
    with Ledger.open(ledger_url(file)) as ledger:
        assert str(known_first_day(file.jobs["readings"], ledger)) == "2026-01-01"
    os.rename(station / "station", station / "unmounted")
    (station / ".datagw" / "jobs.db").unlink()
    said = cli("dev")
    assert said.code == 0
    assert "its first day is not known yet" in said.err

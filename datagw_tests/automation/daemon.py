"""The whole of Dagster for a test, as a user has it: web server, daemon, code server, on a job file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterInstance

from datagw.assets.instance import prepare
from datagw_tests.assets.conftest import Place
from datagw_tests.servers.ports import free_port

PROJECT = Path(__file__).resolve().parent.parent.parent


class Dagster:
    """`dagster dev` on a job file, and its GraphQL."""

    def __init__(self, place: Place, home: Path, log: Path) -> None:
        self.port = free_port()
        environment = {**os.environ, "PYTHONPATH": str(PROJECT), "DAGSTER_HOME": str(home)}
        command = [sys.executable, "-m", "dagster", "dev", "-w", str(PROJECT / "workspace.yaml")]
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [*command, "-h", "127.0.0.1", "-p", str(self.port)],
                cwd=place.folder,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            found = json.load(answer)
        assert "errors" not in found, found
        return found["data"]

    def until(self, what: str, question: Callable[[], Any], seconds: float = 150, every: float = 0.5) -> Any:
        deadline = time.monotonic() + seconds
        while True:
            try:
                found = question()
            except OSError:
                found = None
            if found:
                return found
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise AssertionError(f"not seen: {what}\n{self.log.read_text()[-6000:]}")
            time.sleep(every)

    def end(self) -> None:
        if self.process.returncode is not None:
            return
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            pass
        finally:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


@pytest.fixture
def home(place: Place) -> Path:
    return prepare(place.load())


@pytest.fixture
def dagster(place: Place, home: Path, tmp_path: Path) -> Iterator[Dagster]:
    server = Dagster(place, home, tmp_path / "dagster.log")
    try:
        server.until("the assets", lambda: server.ask("{ assetNodes { id } }")["assetNodes"])
        yield server
    finally:
        server.end()


@pytest.fixture
def history(dagster: Dagster, home: Path) -> Iterator[DagsterInstance]:
    with DagsterInstance.from_config(str(home)) as instance:
        yield instance

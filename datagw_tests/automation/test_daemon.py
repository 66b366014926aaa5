"""The whole of Dagster, as a user has it: web server, daemon, code server; what is clicked and what is due."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterInstance, DagsterRunStatus

from datagw.assets.instance import prepare
from datagw_tests.assets.conftest import JOBS, Place, statuses

PROJECT = Path(__file__).resolve().parent.parent.parent
BACKFILL = """
mutation($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
STATUS = """
query($id: String!) {
  partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status error { message } } }
}
"""
SHOWN = """
query($keys: [AssetKeyInput!]) {
  assetNodes(assetKeys: $keys) {
    assetPartitionStatuses { ... on TimePartitionStatuses { ranges { status startKey endKey } } }
    partitionStats { numMaterialized numFailed numMaterializing }
  }
}
"""
TERMINATE = """
mutation($id: String!) { terminateRun(runId: $id) { __typename } }
"""
REEXECUTE = """
mutation($params: ReexecutionParams!) {
  launchRunReexecution(reexecutionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}
"""


class Dagster:
    """`dagster dev` on a job file, and its GraphQL."""

    def __init__(self, place: Place, home: Path, log: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
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

    def until(self, what: str, question: Callable[[], Any], seconds: float = 150) -> Any:
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
            time.sleep(0.5)

    def end(self) -> None:
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


def selector(*copies: str) -> list[dict[str, Any]]:
    return [{"path": ["readings", copy]} for copy in copies]


def finished(history: DagsterInstance, count: int) -> list[Any]:
    runs = history.get_runs()
    return runs if len(runs) == count and all(run.is_finished for run in runs) else []


class TestABackfill:
    @pytest.fixture
    def place(self, place: Place) -> Place:
        place.write(JOBS.replace('"daily"', '"manual"'))
        for day in range(1, 31):
            place.day(day)
        shutil.rmtree(place.folder / "readings/20260115")
        place.spoil("left", 7)
        place.spoil("right", 21)
        return place

    @pytest.mark.slow
    @pytest.mark.timeout(400)
    def test_of_thirty_days_is_one_run_and_two_broken_days_are_exactly_the_two_that_failed(
        self, place: Place, dagster: Dagster, history: DagsterInstance
    ):
        days = [f"2026-01-{day:02}" for day in range(1, 31)]
        params = {"assetSelection": selector("left", "right-hand"), "partitionNames": days}
        launched = dagster.ask(BACKFILL, params=params)["launchPartitionBackfill"]
        assert launched["__typename"] == "LaunchBackfillSuccess", launched

        def state() -> str:
            return dagster.ask(STATUS, id=launched["backfillId"])["partitionBackfillOrError"]["status"]

        ended = ("COMPLETED_FAILED", "COMPLETED_SUCCESS", "FAILED", "CANCELED")
        assert dagster.until("the end of the backfill", lambda: state() in ended and state(), 240) == "COMPLETED_FAILED"
        assert len(history.get_runs()) == 1
        left, right = statuses(history, "left"), statuses(history, "right-hand")
        assert [day for day, status in left.items() if status == "FAILED"] == [7]
        assert [day for day, status in right.items() if status == "FAILED"] == [21]
        assert list(left.values()).count("MATERIALIZED") == list(right.values()).count("MATERIALIZED") == 28
        assert 15 not in left.keys() | right.keys()
        (node,) = dagster.ask(SHOWN, keys=selector("left"))["assetNodes"]
        shown = {one["status"]: one["startKey"] for one in node["assetPartitionStatuses"]["ranges"]}
        assert shown["FAILED"] == "2026-01-07"
        assert node["partitionStats"] == {"numMaterialized": 28, "numFailed": 1, "numMaterializing": 0}


class TestASwitch:
    @pytest.fixture
    def place(self, place: Place) -> Place:
        for day in (1, 2, 3):
            place.day(day)
        return place

    @pytest.mark.slow
    @pytest.mark.timeout(400)
    def test_publishes_what_is_due_and_the_ui_can_repeat_a_run(
        self, place: Place, dagster: Dagster, history: DagsterInstance
    ):
        (run,) = dagster.until("the run of the switch", lambda: finished(history, 1))
        assert run.status is DagsterRunStatus.SUCCESS
        assert run.tags["datagw/job"] == "readings"
        assert statuses(history, "left") == {1: "MATERIALIZED", 2: "MATERIALIZED", 3: "MATERIALIZED"}
        assert len(place.published("right")) == 6

        from datetime import date

        from datagw.assets.running import run_job

        made = run_job(place.load(), "readings", [date(2026, 1, 2)], instance=history)
        params = {"parentRunId": made.run_ids[0], "strategy": "ALL_STEPS"}
        launched = dagster.ask(REEXECUTE, params=params)["launchRunReexecution"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        runs = dagster.until("the repeated run", lambda: finished(history, 3))
        assert {run.status for run in runs} == {DagsterRunStatus.SUCCESS}


class TestTerminate:
    @pytest.fixture
    def place(self, place: Place) -> Place:
        place.write(JOBS + '    bandwidth = "1kB/s"\n')
        place.day(1, a="1" * 300_000)
        return place

    @pytest.mark.slow
    @pytest.mark.timeout(400)
    def test_ends_a_run_within_seconds_as_cancelled(self, place: Place, dagster: Dagster, history: DagsterInstance):
        left = place.folder / "left/20260101"  # the marker first: it has a part of its own
        dagster.until("the marker", lambda: (left / ".do-not-touch").exists())
        dagster.until("a part", lambda: list(left.glob(".datagw-*.part")))
        (run,) = history.get_runs()
        assert dagster.ask(TERMINATE, id=run.run_id)["terminateRun"]["__typename"] == "TerminateRunSuccess"
        (run,) = dagster.until("its end", lambda: finished(history, 1), 60)  # by itself it would take five minutes
        assert run.status is DagsterRunStatus.CANCELED

        def states() -> list[str]:
            with place.ledger() as ledger:
                return [row.state for row in ledger.runs()]

        dagster.until("the ledger's word", lambda: states() == ["cancelled"], 60)
        assert list(place.folder.glob("left/20260101/.datagw-*.part"))
        assert (place.folder / "left/20260101/.do-not-touch").exists()

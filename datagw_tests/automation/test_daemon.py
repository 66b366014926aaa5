"""What is clicked in the UI: backfills, repeated runs, Terminate; with the whole of Dagster."""

import shutil
from typing import Any

import pytest
from dagster import DagsterInstance, DagsterRunStatus

from datagw_tests.assets.conftest import JOBS, Place, statuses
from datagw_tests.automation.daemon import Dagster

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

"""Own code that nobody helps, with the whole of Dagster: new files, news of other jobs, a payload, a repeat."""

from __future__ import annotations

import os
import sys
from typing import Any

import pytest
from dagster import AssetKey, DagsterInstance, DagsterRun, DagsterRunStatus

from datagw_tests.assets.conftest import Place
from datagw_tests.automation.daemon import Dagster
from datagw_tests.automation.test_daemon import REEXECUTE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

SCRIPT = f"""\
#!{sys.executable}
import shutil, sys
from dagster_pipes import open_dagster_pipes
with open_dagster_pipes() as pipes:
    shutil.copy(sys.argv[1], sys.argv[2])
    pipes.report_asset_materialization(metadata={{"rows": len(open(sys.argv[1]).readlines())}})
"""
OWN = """
import os

def called(name):
    with open(os.path.join(os.path.dirname(__file__), name), "a") as file:
        file.write("x")

def first(event):
    called("first")
    return {"n": 1}

def second(event):
    called("second")
    if not os.path.exists(os.path.join(os.path.dirname(__file__), "open")):
        raise ValueError("closed")
    return {"n": event["n"] + 1}

def third(event):
    called("third")
    return {"n": event["n"] + 1}

def nightly(event):
    called("nightly")
    return {"country": event["payload"].get("country", "none")}
"""
JOBS = """
    [gateways.left]
    type = "local"
    root = "left"

    [inbox]
    source = "local:readings/*.csv"
    when   = "new files"
    every  = "1s"
    settle = "1s"
    run    = ["./script", "{file}", "{out}/{name}"]
    to     = "left:"

    [graph]
    after = "inbox"
    when  = "change"
    every = "1s"
    [graph.nodes]
    a = { run = "own:first" }
    b = { run = "own:second", after = "a" }
    c = { run = "own:third", after = "b" }

    [nightly]
    backend = "own:nightly"
    when = "* * * * *"
"""
LAUNCH = """
mutation($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}
"""


@pytest.fixture
def place(place: Place) -> Place:
    (place.folder / "own.py").write_text(OWN, encoding="utf-8")
    script = place.folder / "script"
    script.write_text(SCRIPT, encoding="utf-8")
    script.chmod(0o755)
    place.write(JOBS)
    return place


def runs(history: DagsterInstance, job: str) -> list[DagsterRun]:
    """The runs of a job that have ended, the newest first; of those that a click has started by their assets."""
    return [
        run
        for run in history.get_runs()
        if run.is_finished and any(key.path[0] == job for key in run.asset_selection or ())
    ]


def shown(history: DagsterInstance, job: str, name: str = "work") -> dict[str, Any]:
    event = history.get_latest_materialization_event(AssetKey([job, name]))
    assert event is not None
    assert event.asset_materialization is not None
    return {key: value.value for key, value in event.asset_materialization.metadata.items()}


def counted(place: Place, *names: str) -> list[int]:
    return [os.path.getsize(place.folder / name) if (place.folder / name).exists() else 0 for name in names]


def test_own_code_runs_by_itself_and_repeats_only_what_failed(place: Place, dagster: Dagster, history: DagsterInstance):
    (place.folder / "readings/a.csv").write_text("1\n2\n3\n", encoding="utf-8")
    (run,) = dagster.until("the run of the script", lambda: runs(history, "inbox"))
    assert run.status is DagsterRunStatus.SUCCESS
    assert place.published("left") == ["a.csv"]
    assert shown(history, "inbox")["rows"] == 3
    assert shown(history, "inbox", "left")["files"] == 1

    failed = dagster.until("the run that the news have asked for", lambda: runs(history, "graph"))[-1]
    assert failed.status is DagsterRunStatus.FAILURE
    (place.folder / "open").touch()
    answer = dagster.ask(REEXECUTE, params={"parentRunId": failed.run_id, "strategy": "FROM_FAILURE"})
    again = answer["launchRunReexecution"]["run"]["runId"]
    dagster.until("the repeat", lambda: [run for run in runs(history, "graph") if run.run_id == again])
    assert history.get_run_by_id(again).status is DagsterRunStatus.SUCCESS
    assert counted(place, "first", "second", "third") == [1, 2, 1]
    assert shown(history, "graph", "c")["output"] == {"n": 3}

    (run, *_) = dagster.until("the run of the cron line", lambda: runs(history, "nightly"))
    assert run.status is DagsterRunStatus.SUCCESS
    params = {
        "selector": {
            "repositoryLocationName": "datagw",
            "repositoryName": "__repository__",
            "pipelineName": "__ASSET_JOB",
            "assetSelection": [{"path": ["nightly", "work"]}],
        },
        "runConfigData": {"ops": {"run_nightly": {"config": {"payload": {"country": "fr"}}}}},
    }
    launched = dagster.ask(LAUNCH, params=params)["launchRun"]
    dagster.until("the launched run", lambda: history.get_run_by_id(launched["run"]["runId"]).is_finished)
    assert history.get_run_by_id(launched["run"]["runId"]).status is DagsterRunStatus.SUCCESS
    outputs = [
        event.asset_materialization.metadata["output"].value
        for event in (
            record.event_log_entry
            for record in history.fetch_materializations(AssetKey(["nightly", "work"]), limit=10).records
        )
        if event.asset_materialization is not None
    ]
    assert {"country": "fr"} in outputs

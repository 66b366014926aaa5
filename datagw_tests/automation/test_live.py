"""Switches that nobody helps, with the whole of Dagster: files that arrive, places that go away, runs that die."""

import os
import shutil
import signal
import time
from typing import Any

import pytest
from dagster import DagsterRunStatus

from datagw_tests.assets.conftest import Place
from datagw_tests.automation.daemon import Dagster

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

INBOX = """
    [gateways.left]
    type = "local"
    root = "left"

    [inbox]
    source = "local:readings/**/*.csv"
    to = ["left:"]
    when = "new files"
    every = "1s"
    settle = "1s"
"""
SWITCHES = """
{ sensorsOrError(repositorySelector: {repositoryName: "__repository__", repositoryLocationName: "datagw"}) {
    ... on Sensors { results { name sensorState { id status ticks(limit: 50) { status skipReason error { message } } } } }
    ... on PythonError { message } } }
"""
STOP = "mutation($id: String!) { stopSensor(id: $id) { __typename } }"


def switch(dagster: Dagster) -> dict[str, Any]:
    """The state of the inbox's switch, and its last ticks."""
    found = dagster.ask(SWITCHES)["sensorsOrError"]["results"]
    return next(one["sensorState"] for one in found if one["name"] == "inbox_due")


def ticks(dagster: Dagster, status: str) -> list[dict[str, Any]]:
    return [tick for tick in switch(dagster)["ticks"] if tick["status"] == status]


def arrival(dagster: Dagster, place: Place, name: str) -> float:
    """A file is dropped; the seconds until it is published, whole."""
    path = place.folder / "left" / name
    (place.folder / "readings" / name).write_text(name)
    begun = time.monotonic()
    dagster.until(f"{name} at its place", path.exists, 120, every=0.05)
    took = time.monotonic() - begun
    assert path.read_text() == name
    return took


class TestAWatchedFolder:
    @pytest.fixture
    def place(self, place: Place) -> Place:
        place.write(INBOX)
        return place

    def test_publishes_a_dropped_file_within_seconds_and_a_switch_turned_off_stays_off(self, place, dagster, home):
        dagster.until("a tick", lambda: ticks(dagster, "SKIPPED"))
        took = [arrival(dagster, place, f"{number}.csv") for number in range(4)]
        print("seconds from the drop to the published file:", ", ".join(f"{one:.1f}" for one in took))
        assert min(took) < 20
        state = switch(dagster)
        assert state["status"] == "RUNNING"
        dagster.ask(STOP, id=state["id"])
        dagster.until("the switch off", lambda: switch(dagster)["status"] == "STOPPED")
        dagster.end()
        again = Dagster(place, home, place.folder / "again.log")
        try:
            again.until("the assets", lambda: again.ask("{ assetNodes { id } }")["assetNodes"])
            assert switch(again)["status"] == "STOPPED"
        finally:
            again.end()


class TestADestinationThatWasAway:
    @pytest.fixture
    def place(self, place: Place) -> Place:
        place.write(INBOX)
        shutil.move(place.folder / "left", place.folder / "away")
        (place.folder / "readings/a.csv").write_text("a")
        return place

    def test_gets_everything_when_it_is_back_without_a_hand(self, place, dagster, history):
        (tick, *_) = dagster.until("a failed tick", lambda: ticks(dagster, "FAILURE"))
        assert tick["error"]["message"].strip().startswith("datagw.automation.looking.TickFailed: left:")
        assert "the gateway's root is not there; is the disk mounted" in tick["error"]["message"]
        (place.folder / "readings/b.csv").write_text("b")
        assert history.get_runs() == []
        shutil.move(place.folder / "away", place.folder / "left")
        begun = time.monotonic()
        dagster.until("both files", lambda: place.published("left") == ["a.csv", "b.csv"], every=0.05)
        print(f"seconds until all was published: {time.monotonic() - begun:.1f}")
        dagster.until("the end of the runs", lambda: all(run.is_finished for run in history.get_runs()))
        assert {run.status for run in history.get_runs()} == {DagsterRunStatus.SUCCESS}


class TestAKilledRun:
    @pytest.fixture
    def place(self, place: Place) -> Place:
        place.write(INBOX + '    bandwidth = "500kB/s"\n')
        (place.folder / "readings/large.csv").write_bytes(os.urandom(4_000_000))
        return place

    def test_loses_nothing_and_is_taken_up_without_a_hand(self, place, dagster, history):
        left = place.folder / "left"
        dagster.until(
            "a part", lambda: any(p.stat().st_size > 500_000 for p in left.glob(".datagw-*.part")), every=0.05
        )
        with place.ledger() as ledger:
            (run,) = ledger.running()
        os.kill(run.owner.pid, signal.SIGKILL)
        begun = time.monotonic()
        dagster.until("the file", (left / "large.csv").exists)
        print(f"seconds from the kill to the published file: {time.monotonic() - begun:.1f}")
        assert (left / "large.csv").read_bytes() == (place.folder / "readings/large.csv").read_bytes()
        dagster.until("the end of the runs", lambda: all(run.is_finished for run in history.get_runs()))
        assert [run.status for run in history.get_runs()] == [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE]
        with place.ledger() as ledger:
            assert [row.state for row in ledger.runs()] == ["lost", "done"]
            assert len(list(ledger.receipts())) == 1


class TestACronLine:
    @pytest.fixture
    def place(self, place: Place) -> Place:
        place.write(INBOX.replace('"new files"', '"* * * * *"'))
        (place.folder / "readings/a.csv").write_text("a")
        return place

    def test_fires_at_the_next_minute(self, place, dagster, history):
        dagster.until("the file", lambda: place.published("left") == ["a.csv"])
        (run,) = dagster.until("the end of the run", lambda: [r for r in history.get_runs() if r.is_finished])
        assert run.status is DagsterRunStatus.SUCCESS
        assert run.tags["dagster/schedule_name"] == "inbox_due"
        assert run.tags["datagw/job"] == "inbox"

"""A year in one backfill, with the whole of Dagster; two of its days are broken, and repeated alone."""

from datetime import date, timedelta

import pytest
from dagster import AssetKey, DagsterInstance

from datagw_tests.assets.conftest import JOBS, Place
from datagw_tests.automation.daemon import Dagster
from datagw_tests.automation.test_daemon import BACKFILL, STATUS, selector

RETRY = """
mutation($id: String!) {
  reexecutePartitionBackfill(reexecutionParams: {parentRunId: $id, strategy: FROM_FAILURE}) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
  }
}
"""
YEAR = [date(2025, 1, 1) + timedelta(days=number) for number in range(365)]
BROKEN = [date(2025, 3, 9), date(2025, 11, 2)]
COPY = AssetKey(["readings", "left"])


@pytest.fixture
def place(place: Place) -> Place:
    place.write(JOBS.replace('"daily"', '"manual"').replace("2026-01-01", "2025-01-01"))
    for day in YEAR:
        folder = place.folder / f"readings/{day:%Y%m%d}"
        folder.mkdir()
        for name in ("a.csv", "b.csv"):
            (folder / name).write_text(f"{day} {name} ".ljust(500, "."))
    for day in BROKEN:
        (place.folder / f"left/{day:%Y%m%d}/a.csv").mkdir(parents=True)
    return place


def ended(dagster: Dagster, backfill: str) -> str:
    def state() -> str | None:
        found = dagster.ask(STATUS, id=backfill)["partitionBackfillOrError"]["status"]
        return found if found in ("COMPLETED_FAILED", "COMPLETED_SUCCESS", "FAILED", "CANCELED") else None

    return dagster.until("the end of the backfill", state, 300)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_year_is_one_run_and_its_two_broken_days_are_what_a_retry_repeats(
    place: Place, dagster: Dagster, history: DagsterInstance
):
    params = {"assetSelection": selector("left"), "partitionNames": [str(day) for day in YEAR]}
    launched = dagster.ask(BACKFILL, params=params)["launchPartitionBackfill"]
    assert ended(dagster, launched["backfillId"]) == "COMPLETED_FAILED"
    (run,) = history.get_runs()
    good = {str(day) for day in YEAR} - {str(day) for day in BROKEN}
    assert set(history.get_materialized_partitions(COPY)) == good

    for day in BROKEN:
        (place.folder / f"left/{day:%Y%m%d}/a.csv").rmdir()
    again = dagster.ask(RETRY, id=launched["backfillId"])["reexecutePartitionBackfill"]
    assert again["__typename"] == "LaunchBackfillSuccess", again
    assert ended(dagster, again["backfillId"]) == "COMPLETED_SUCCESS"
    events = history.fetch_materializations(COPY, limit=1000).records
    assert sorted(one.partition_key for one in events if one.run_id != run.run_id) == [str(day) for day in BROKEN]
    assert len(place.published("left")) == 2 * len(YEAR)

"""What Dagster forgets after `keep`: what is over, and never what tells the state of a day."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from datagw.assets.keeping import forget_observations, forget_runs
from datagw.assets.running import run_job
from datagw_tests.assets.conftest import Place, statuses

LEFT, RIGHT, SOURCE = (dg.AssetKey(["readings", name]) for name in ("left", "right-hand", "source"))
OURS = [LEFT, RIGHT]


def january(*days: int) -> list[date]:
    return [date(2026, 1, day) for day in days]


def published(place: Place, instance: dg.DagsterInstance, *days: int, **wishes: bool) -> str:
    """The id of a run of these days, which may fail."""
    return run_job(place.load(), "readings", january(*days), instance=instance, **wishes).run_ids[0]


def forget(instance: dg.DagsterInstance, seconds: float = 60.0) -> int:
    """Forgets all that is over at this moment."""
    return forget_runs(instance, OURS, datetime.now(UTC) + timedelta(seconds=1), seconds)


def ids(instance: dg.DagsterInstance) -> set[str]:
    return set(instance.get_run_ids())


def afresh(instance: dg.DagsterInstance, copy: str) -> dict[int, str]:
    """What Dagster reads from its events of each day of January, without what it remembers of them."""
    instance.event_log_storage.wipe_asset_cached_status(dg.AssetKey(["readings", copy]))
    return statuses(instance, copy)


def test_a_run_that_published_a_day_is_kept_and_the_day_stays_published(place: Place, instance):
    for day in (1, 2):
        place.day(day)
    run = published(place, instance, 1, 2)
    assert forget(instance) == 0
    assert ids(instance) == {run}
    assert afresh(instance, "left") == {1: "MATERIALIZED", 2: "MATERIALIZED"}


def test_dagster_itself_forgets_that_a_day_was_published_with_its_run(place: Place, instance):
    """Why we are so careful: where a newer Dagster does not pass this, old runs may simply go."""
    place.day(1)
    run = published(place, instance, 1)
    assert afresh(instance, "left") == {1: "MATERIALIZED"}
    instance.delete_run(run)
    assert afresh(instance, "left") == {}


def test_a_run_of_which_all_was_done_again_goes_with_its_events_and_its_file(place: Place, instance):
    place.day(1)
    first = published(place, instance, 1)
    second = published(place, instance, 1, resend=True)
    (shard,) = Path(instance.root_directory).rglob(f"{first}.db")
    assert forget(instance) == 1
    assert ids(instance) == {second}
    assert not shard.exists()
    assert afresh(instance, "left") == {1: "MATERIALIZED"}
    found = instance.fetch_materializations(LEFT, limit=10).records
    assert [record.run_id for record in found] == [second]
    assert forget(instance) == 0


def test_a_run_is_kept_while_one_of_its_days_has_nothing_newer(place: Place, instance):
    for day in (1, 2):
        place.day(day)
    first = published(place, instance, 1, 2)
    second = published(place, instance, 1, resend=True)
    assert forget(instance) == 0
    assert ids(instance) == {first, second}
    third = published(place, instance, 2, resend=True)
    assert forget(instance) == 1
    assert ids(instance) == {second, third}
    assert afresh(instance, "right-hand") == {1: "MATERIALIZED", 2: "MATERIALIZED"}


def test_a_failed_day_stays_failed_and_a_published_one_published(place: Place, instance):
    for day in (1, 2):
        place.day(day)
    place.spoil("left", 1)
    failed = published(place, instance, 1, 2)
    assert afresh(instance, "left") == {1: "FAILED", 2: "MATERIALIZED"}
    assert forget(instance) == 0
    assert ids(instance) == {failed}
    assert afresh(instance, "left") == {1: "FAILED", 2: "MATERIALIZED"}


@pytest.mark.parametrize("status", [DagsterRunStatus.STARTED, DagsterRunStatus.STARTING, DagsterRunStatus.CANCELING])
def test_runs_that_are_not_over_are_left_alone(place: Place, instance, status):
    run = instance.add_run(dg.DagsterRun("readings", "a" * 8, status=status, tags={"datagw/job": "readings"}))
    assert forget(instance) == 0
    assert ids(instance) == {run.run_id}


def test_only_our_own_runs_are_forgotten(place: Place, instance):
    theirs = dg.AssetKey("somebody_elses")
    for number, (keys, tags) in enumerate(
        [({LEFT}, {}), ({LEFT, theirs}, {}), ({theirs}, {}), (None, {}), (None, {"datagw/job": "gone"})]
    ):
        instance.add_run(
            dg.DagsterRun(
                "__ASSET_JOB",
                f"run-{number}",
                status=DagsterRunStatus.SUCCESS,
                asset_selection=None if keys is None else frozenset(keys),
                tags=tags,
            )
        )
    assert forget(instance) == 2
    assert ids(instance) == {"run-1", "run-2", "run-3"}


def test_young_runs_are_kept_and_there_is_an_end_to_a_turn(place: Place, instance):
    for number in range(3):
        run = dg.DagsterRun("j", f"run-{number}", status=DagsterRunStatus.FAILURE, tags={"datagw/job": "readings"})
        instance.add_run(run)
    assert forget_runs(instance, OURS, datetime.now(UTC) - timedelta(hours=1), 60.0) == 0
    assert forget(instance, seconds=0.0) == 0
    assert forget(instance) == 3


def test_what_was_observed_goes_but_for_the_newest_of_each_day(place: Place, instance):
    for version in ("old", "new"):
        for day in ("2026-01-01", "2026-01-02"):
            tags = {"dagster/data_version": version}
            instance.report_runless_asset_event(dg.AssetObservation(SOURCE, partition=day, tags=tags))
    instance.report_runless_asset_event(dg.AssetObservation("somebody_elses"))
    instance.report_runless_asset_event(dg.AssetObservation("somebody_elses"))
    hour = timedelta(hours=1)
    assert forget_observations(instance, [SOURCE], datetime.now(UTC) - hour) == 0
    assert forget_observations(instance, [SOURCE], datetime.now(UTC) + hour) == 2
    found = instance.fetch_observations(SOURCE, limit=10).records
    assert {record.partition_key: record.asset_observation.tags["dagster/data_version"] for record in found} == {
        "2026-01-01": "new",
        "2026-01-02": "new",
    }
    assert len(instance.fetch_observations(dg.AssetKey("somebody_elses"), limit=10).records) == 2
    assert forget_observations(instance, [SOURCE], datetime.now(UTC) + hour) == 0
    latest = instance.get_latest_data_version_record(SOURCE, partition_key="2026-01-02")
    assert latest is not None
    assert latest.asset_observation.tags["dagster/data_version"] == "new"


def test_an_instance_that_lasts_no_longer_than_its_process_is_tidied_as_well():
    with dg.DagsterInstance.ephemeral() as instance:
        run = dg.DagsterRun("j", "run-1", status=DagsterRunStatus.FAILURE, tags={"datagw/job": "readings"})
        instance.add_run(run)
        instance.report_runless_asset_event(dg.AssetObservation(SOURCE))
        instance.report_runless_asset_event(dg.AssetObservation(SOURCE))
        assert forget(instance) == 1
        assert forget_observations(instance, [SOURCE], datetime.now(UTC) + timedelta(hours=1)) == 1
        assert (ids(instance), len(instance.fetch_observations(SOURCE, limit=9).records)) == (set(), 1)

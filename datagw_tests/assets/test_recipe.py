"""Copies in Dagster: each (copy, day) that is proven is materialized at once, and no other."""

import json
import logging
from collections.abc import Iterator
from datetime import date

import dagster as dg
import pytest

from datagw.assets import copies
from datagw.assets.running import run_job
from datagw.errors import Unavailable
from datagw.publishing import CopyResult, DayResult, FileFailure, World
from datagw_tests.assets.conftest import JOBS, Place, statuses

LEFT, RIGHT = dg.AssetKey(["readings", "left"]), dg.AssetKey(["readings", "right-hand"])


def january(*days: int) -> list[date]:
    return [date(2026, 1, day) for day in days]


def events(instance: dg.DagsterInstance, key: dg.AssetKey) -> list[dg.AssetMaterialization]:
    found = instance.fetch_materializations(key, limit=100, ascending=True).records
    return [record.asset_materialization for record in found if record.asset_materialization]


def data_versions(instance: dg.DagsterInstance, key: dg.AssetKey) -> dict[str, str]:
    return {str(one.partition): (one.tags or {})["dagster/data_version"] for one in events(instance, key)}


def test_days_of_a_range_are_materialized_singly_in_one_run(place: Place, instance):
    for day in (1, 2, 3):
        place.day(day)
    outcome = run_job(place.load(), "readings", january(1, 2, 3), instance=instance)
    assert outcome.success
    assert len(outcome.run_ids) == 1
    assert statuses(instance, "left") == {1: "MATERIALIZED", 2: "MATERIALIZED", 3: "MATERIALIZED"}
    assert statuses(instance, "right-hand") == statuses(instance, "left")
    assert place.published("left") == [f"2026010{day}/{name}.csv" for day in (1, 2, 3) for name in "ab"]


def test_exactly_the_copies_and_days_that_failed_are_shown_as_failed(place: Place, instance):
    for day in (1, 2, 3, 4):
        place.day(day)
    place.spoil("right", 2)
    place.spoil("left", 4)
    outcome = run_job(place.load(), "readings", january(1, 2, 3, 4), instance=instance)
    assert not outcome.success
    assert [day.state for day in outcome.results] == ["published", "failed", "published", "failed"]
    done = "MATERIALIZED"
    assert statuses(instance, "left") == {1: done, 2: done, 3: done, 4: "FAILED"}
    assert statuses(instance, "right-hand") == {1: done, 2: "FAILED", 3: done, 4: done}


def test_the_failure_names_day_copy_and_file_and_says_what_to_do(place: Place, instance):
    place.day(1)
    place.day(2)
    place.spoil("right", 2)
    outcome = run_job(place.load(), "readings", january(1, 2), instance=instance)
    (failed,) = instance.all_logs(outcome.run_ids[0], of_type=dg.DagsterEventType.STEP_FAILURE)
    data = failed.get_dagster_event().step_failure_data
    text = data.user_failure_data.description
    assert text.splitlines()[0] == "readings: 1 failed in 1 of 2 days"
    assert "2026-01-02 right-hand" in text
    assert "a.csv" in text
    assert "move it away" in text
    assert data.user_failure_data.metadata["failures"].value == 1


def test_what_a_step_logs_is_stored_at_once(place: Place, instance, monkeypatch):
    """Not at the next yield, not at the end: nothing is lost when the process dies, or the step raises."""
    seen = []

    def publish(job, days, world: World, **_) -> Iterator[DayResult]:
        for day in days:
            yield DayResult(job.name, day, "published", {"left": CopyResult("left", "published", manifest="a" * 64)})
            seen.append(sorted(instance.get_materialized_partitions(LEFT)))
        raise Unavailable("the cable is cut")

    monkeypatch.setattr(copies, "publish", publish)
    with pytest.raises(Unavailable):
        run_job(place.load(), "readings", january(1, 2), instance=instance)
    assert seen == [["2026-01-01"], ["2026-01-01", "2026-01-02"]]
    assert statuses(instance, "left") == {1: "MATERIALIZED", 2: "MATERIALIZED"}
    assert statuses(instance, "right-hand") == {1: "FAILED", 2: "FAILED"}


def test_missing_and_unfinished_days_are_no_failures_and_not_materialized(place: Place, instance, monkeypatch):
    states = {1: "published", 2: "missing", 3: "unfinished", 4: "waiting", 5: "empty"}

    def publish(job, days, world: World, **_) -> Iterator[DayResult]:
        for day in days:
            state = states[day.day]
            made = {} if state in ("missing", "waiting") else {"left": CopyResult("left", state)}
            yield DayResult(job.name, day, state, made)

    monkeypatch.setattr(copies, "publish", publish)
    outcome = run_job(place.load(), "readings", january(1, 2, 3, 4, 5), instance=instance)
    assert outcome.success
    assert statuses(instance, "left") == {1: "MATERIALIZED", 5: "MATERIALIZED"}
    said = [entry.user_message for entry in instance.all_logs(outcome.run_ids[0])]
    assert "1 of 5 days missing: 2026-01-02" in said
    assert "1 of 5 days unfinished: 2026-01-03" in said


def test_a_missing_or_unfinished_day_in_a_run_that_fails_is_not_shown_as_failed(place: Place, instance, monkeypatch):
    states = {1: "published", 2: "missing", 3: "unfinished", 4: "failed", 5: "published", 6: "missing"}

    def publish(job, days, world: World, **_) -> Iterator[DayResult]:
        for day in days:
            state = states[day.day]
            yield DayResult(job.name, day, state, {} if state == "missing" else {"left": CopyResult("left", state)})

    monkeypatch.setattr(copies, "publish", publish)
    outcome = run_job(place.load(), "readings", january(1, 2, 3, 4, 5, 6), instance=instance)
    assert not outcome.success
    done = "MATERIALIZED"
    assert statuses(instance, "left") == {1: done, 4: "FAILED", 5: done}
    (record,) = instance.get_asset_records([LEFT])
    assert record.asset_entry.last_run_id == outcome.run_ids[0]
    monkeypatch.undo()
    place.day(2)
    place.day(4)
    run_job(place.load(), "readings", january(2, 3, 4), instance=instance)
    assert statuses(instance, "left") == {1: done, 2: done, 4: done, 5: done}


def test_a_published_day_that_goes_missing_stays_published_when_its_run_fails(place: Place, instance, monkeypatch):
    place.day(1)
    run_job(place.load(), "readings", january(1), instance=instance)

    def publish(job, days, world: World, **_) -> Iterator[DayResult]:
        for day, state in zip(days, ("unfinished", "failed"), strict=True):
            yield DayResult(job.name, day, state, {"left": CopyResult("left", state)})

    monkeypatch.setattr(copies, "publish", publish)
    run_job(place.load(), "readings", january(1, 2), instance=instance)
    assert statuses(instance, "left") == {1: "MATERIALIZED", 2: "FAILED"}


def test_a_materialization_carries_bare_numbers_a_table_and_the_data_version(place: Place, instance):
    place.day(1, a="four", b="12345")
    run_job(place.load(), "readings", january(1), instance=instance)
    (one,) = events(instance, LEFT)
    told = {name: value.value for name, value in one.metadata.items()}
    assert {name: told[name] for name in ("files", "bytes", "sent_files", "sent_bytes", "adopted", "skipped")} == {
        "files": 2,
        "bytes": 9,
        "sent_files": 2,
        "sent_bytes": 9,
        "adopted": 0,
        "skipped": 0,
    }
    assert isinstance(told["seconds"], float)
    assert isinstance(told["rate"], float)
    assert told["verification"] in ("hash", "readback")
    assert told["sha256"] == (one.tags or {})["dagster/data_version"]
    table = one.metadata["table"]
    assert isinstance(table, dg.TableMetadataValue)
    assert [record.data["size"] for record in table.records] == [4, 5]
    assert [column.name for column in table.schema.columns][:2] == ["destination", "size"]


def test_an_unchanged_day_is_logged_again_with_its_old_data_version(place: Place, instance):
    place.day(1)
    for _ in range(2):
        run_job(place.load(), "readings", january(1), instance=instance)
    first, second = events(instance, LEFT)
    assert first.tags["dagster/data_version"] == second.tags["dagster/data_version"]
    assert second.metadata["sent_files"].value == 0


def test_both_copies_of_a_day_have_the_same_data_version(place: Place, instance):
    place.day(1)
    run_job(place.load(), "readings", january(1), instance=instance)
    assert data_versions(instance, LEFT) == data_versions(instance, RIGHT)
    assert data_versions(instance, LEFT).keys() == {"2026-01-01"}


def test_a_run_of_one_copy_publishes_that_alone_and_deletes_nothing(place: Place, instance):
    jobfile = place.write(JOBS + "    delete_source = true\n")
    folder = place.day(1)
    from datagw.definitions import definitions_of

    job = definitions_of(jobfile).resolve_implicit_global_asset_job_def()
    ended = job.execute_in_process(instance=instance, asset_selection=[LEFT], partition_key="2026-01-01")
    assert ended.success
    assert statuses(instance, "left") == {1: "MATERIALIZED"}
    assert statuses(instance, "right-hand") == {}
    assert place.published("right") == []
    assert sorted(path.name for path in folder.iterdir()) == ["a.csv", "b.csv"]
    ended = job.execute_in_process(instance=instance, asset_selection=[LEFT, RIGHT], partition_key="2026-01-01")
    assert ended.success
    assert not folder.exists()


def test_a_job_without_days_is_one_asset_without_partitions(place: Place, instance):
    (place.folder / "one.zip").write_bytes(b"PK")
    jobfile = place.write(
        """
        [gateways.left]
        type = "local"
        root = "left"
        [rna]
        source = "local:one.zip"
        to = ["left:mirror/"]
        """
    )
    outcome = run_job(jobfile, "rna", [None], instance=instance)
    assert outcome.success
    assert place.published("left") == ["mirror/one.zip"]
    (one,) = events(instance, dg.AssetKey(["rna", "left"]))
    assert one.partition is None
    assert one.metadata["files"].value == 1


def test_the_engines_lines_stand_in_the_history_and_are_heard_once(place: Place, instance, caplog, capfd):
    place.day(1)
    logging.getLogger("datagw").propagate = True
    with caplog.at_level("INFO", "datagw"):
        outcome = run_job(place.load(), "readings", january(1), instance=instance)
    heard = [record.getMessage() for record in caplog.records if "done (published)" in record.getMessage()]
    assert heard == ["2026-01-01: done (published)"]
    kept = [line for entry in instance.all_logs(outcome.run_ids[0]) for line in entry.user_message.splitlines()]
    assert kept.count("2026-01-01: done (published)") == 1
    assert "STEP_START" not in capfd.readouterr().err


def test_a_very_long_failure_is_cut_and_says_where_the_rest_is(place: Place, instance, monkeypatch):
    def publish(job, days, world: World, **_) -> Iterator[DayResult]:
        failures = tuple(FileFailure("left", f"{number}.csv", "no space left; free some" * 5) for number in range(500))
        yield DayResult(job.name, days[0], "failed", {"left": CopyResult("left", "failed", failures=failures)})

    monkeypatch.setattr(copies, "publish", publish)
    outcome = run_job(place.load(), "readings", january(1), instance=instance)
    (failed,) = instance.all_logs(outcome.run_ids[0], of_type=dg.DagsterEventType.STEP_FAILURE)
    data = failed.get_dagster_event().step_failure_data.user_failure_data
    assert len(data.description) < 9_000
    assert "`datagw history readings` has them all" in data.description
    assert data.metadata["failures"].value == 500
    assert len(data.metadata["failed"].records) == 100
    assert json.dumps(data.description)

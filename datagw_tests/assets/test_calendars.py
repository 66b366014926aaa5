"""The calendar in Dagster: with the last materialization of a run, and as the check `no_missing_days`."""

import datetime as dt

import dagster as dg
import pytest
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus as Status

from datagw.assets import calendars
from datagw.assets.calendars import of_calendar
from datagw.assets.checks import NO_MISSING_DAYS, changed_evaluations, checks_of, evaluations
from datagw.assets.running import run_job
from datagw.definitions import definitions_of
from datagw.errors import Unavailable
from datagw.ledger import DayRow
from datagw.publishing import World
from datagw.publishing.calendar import calendar, span
from datagw_tests.assets.conftest import FIRST, JOBS, Place

LEFT, RIGHT = dg.AssetKey(["readings", "left"]), dg.AssetKey(["readings", "right-hand"])
EXPECTING = JOBS + '    expect = "every day"\n'
NOW = dt.datetime(2026, 1, 8, 12, tzinfo=dt.UTC)  # a Thursday


def january(day: int) -> dt.date:
    return dt.date(2026, 1, day)


@pytest.fixture(autouse=True)
def eighth_of_january(monkeypatch):
    monkeypatch.setattr("datagw.publishing.world._now", lambda: NOW)
    monkeypatch.setattr(World.__dataclass_fields__["now"], "default", lambda: NOW)
    real = World.__init__

    def at_noon(self, *args, **kwargs):
        real(self, *args, **{"now": lambda: NOW, **kwargs})

    monkeypatch.setattr(World, "__init__", at_noon)


def run(place: Place, instance: dg.DagsterInstance, *days: int):
    return run_job(place.load(), "readings", [january(day) for day in days], instance=instance)


def metadata(instance: dg.DagsterInstance, key: dg.AssetKey, day: int) -> dict:
    (record,) = instance.fetch_materializations(
        dg.AssetRecordsFilter(key, asset_partitions=[str(january(day))]), limit=1
    ).records
    return {name: value.value for name, value in record.asset_materialization.metadata.items()}


def told(instance: dg.DagsterInstance, key: dg.AssetKey = LEFT):
    """What the check was last told, and whether it passed."""
    check = dg.AssetCheckKey(key, NO_MISSING_DAYS)
    record = instance.event_log_storage.get_latest_asset_check_execution_by_key([check]).get(check)
    if record is None or record.status is Status.PLANNED:
        return None
    return record.status, record.event.dagster_event.asset_check_evaluation_data


# ---- the metadata


def test_the_last_materialization_of_a_run_carries_the_calendar_and_no_other(place, instance):
    for day in (1, 2, 4):
        place.day(day)
    assert run(place, instance, 1, 2, 4).success
    last = metadata(instance, RIGHT, 4)
    assert last["calendar"].startswith("![days](data:image/svg+xml,")
    assert [record.data for record in last["days"].records][-4:] == [
        {"day": "2026-01-04", "state": "published", "files": 2, "bytes": 6},
        {"day": "2026-01-03", "state": "missing", "files": 0, "bytes": 0},
        {"day": "2026-01-02", "state": "published", "files": 2, "bytes": 6},
        {"day": "2026-01-01", "state": "published", "files": 2, "bytes": 6},
    ]
    assert (last["missing_days"], last["failed_days"], last["late_days"]) == (4, 0, 0)  # the 3rd, and from the 5th on
    assert "calendar" not in metadata(instance, RIGHT, 1)
    assert last["files"] == 2


def test_where_the_last_day_failed_the_calendar_is_an_observation_and_the_check_hears_of_it_too(place, instance):
    place.write(EXPECTING)
    place.day(1)
    place.day(3)
    place.spoil("left", 3)
    assert not run(place, instance, 1, 2, 3).success
    (record,) = instance.fetch_observations(LEFT, limit=10).records
    found = {name: value.value for name, value in record.asset_observation.metadata.items()}
    assert (record.partition_key, found["failed_days"]) == ("2026-01-03", 1)
    assert instance.fetch_observations(RIGHT, limit=10).records == []
    assert metadata(instance, RIGHT, 3)["failed_days"] == 0
    assert told(instance)[1].description == "5 days are missing: 2026-01-02, 2026-01-04 to 2026-01-07 (4 days)"


def test_a_source_that_cannot_be_listed_afterwards_fails_no_run(place, instance, monkeypatch):
    def gone(*_):
        raise Unavailable("the disk went")

    monkeypatch.setattr(calendars, "found_days", gone)
    place.write(EXPECTING)
    place.day(1)
    assert run(place, instance, 1).success
    assert "calendar" not in metadata(instance, LEFT, 1)
    assert told(instance) is None


def test_the_table_has_the_last_hundred_days_the_latest_first(place):
    job = place.load().jobs["readings"]
    days = span(january(1), january(8))
    later = [dt.date(2027, 1, 1) - dt.timedelta(days=n) for n in range(200, 0, -1)]
    rows = [DayRow("readings", day, "left", "published", 1, 1, None, NOW, "r") for day in [*days, *later]]
    now = dt.datetime(2027, 1, 1, 12, tzinfo=dt.UTC)
    found = of_calendar(job, calendar(job, rows, [], now, first=days[0]), "left")["days"].value
    assert len(found.records) == 100
    assert found.records[0].data["day"] == "2026-12-31"


# ---- the check


def test_only_a_job_that_expects_its_days_has_the_check(place):
    assert checks_of(place.load().jobs["readings"]) == []
    keys = [spec.asset_key for spec in checks_of(place.write(EXPECTING).jobs["readings"])]
    assert keys == [LEFT, RIGHT]


def test_a_run_tells_the_check_which_days_are_missing(place, instance):
    place.write(EXPECTING)
    for day in (1, 2, 5, 6, 7):
        place.day(day)
    assert run(place, instance, 5, 6, 7).success
    found = told(instance)
    assert found is not None
    status, said = found
    assert (status, said.passed, said.severity) == (Status.FAILED, False, dg.AssetCheckSeverity.WARN)
    assert said.description == "2 days are missing: 2026-01-03 to 2026-01-04 (2 days)"
    assert said.metadata["missing_days"].value == 2


def test_weekdays_expect_neither_saturday_nor_sunday_nor_what_is_not_over(place):
    job = place.write(EXPECTING.replace("every day", "weekdays")).jobs["readings"]
    there = [january(day) for day in (1, 2, 5, 6, 7)]  # the 3rd and 4th are a weekend, the 8th is today
    days = calendar(job, [], there, NOW, first=FIRST)
    (left, _) = evaluations(job, days, [spec.key for spec in checks_of(job)])
    assert (left.passed, left.description) == (True, "no day is missing")
    assert "darkorange" not in left.metadata["calendar"].value
    fewer = calendar(job, [], there[1:], NOW, first=FIRST)
    (left, _) = evaluations(job, fewer, [spec.key for spec in checks_of(job)])
    assert (left.passed, left.description) == (False, "1 day is missing: 2026-01-01")


def test_a_check_that_is_executed_alone_looks_at_no_day_and_publishes_nothing(place, instance):
    place.write(EXPECTING)
    place.day(1)
    job = definitions_of(place.load()).resolve_implicit_global_asset_job_def()
    check = dg.AssetCheckKey(RIGHT, NO_MISSING_DAYS)
    alone = job.get_subset(asset_selection=set(), asset_check_selection={check})
    assert alone.execute_in_process(instance=instance).success
    assert told(instance, RIGHT)[1].description == "6 days are missing: 2026-01-02 to 2026-01-07 (6 days)"
    assert told(instance, LEFT) is None
    assert place.published("right") == []


# ---- by a tick


def changed(place: Place, instance: dg.DagsterInstance, *found: int):
    jobfile = place.load()
    with place.ledger() as ledger:
        world = World(ledger=ledger, gateways=jobfile.gateways, tmp_dir=place.folder / "tmp", run="tick")
        job = jobfile.jobs["readings"]
        said = changed_evaluations(job, world, [january(day) for day in found] if found else None, instance)
    for one in said:
        instance.report_runless_asset_event(one)
    return said


def test_a_tick_tells_the_check_when_the_missing_days_have_changed_and_not_before(place, instance):
    place.write(EXPECTING)
    (first, _) = changed(place, instance, 1, 2, 3, 4, 5)
    assert first.description == "2 days are missing: 2026-01-06 to 2026-01-07 (2 days)"
    assert changed(place, instance, 1, 2, 3, 4, 5) == []
    said = changed(place, instance, 1, 2, 3, 4, 5, 7)
    assert {one.asset_key: one.description for one in said} == {
        LEFT: "1 day is missing: 2026-01-06",
        RIGHT: "1 day is missing: 2026-01-06",
    }
    assert told(instance)[1].description == "1 day is missing: 2026-01-06"
    assert changed(place, instance, 1, 2, 3, 4, 5, 7) == []


def test_a_tick_that_has_not_seen_the_source_says_nothing_of_missing_days(place, instance):
    place.write(EXPECTING)
    assert changed(place, instance) == []


def test_a_tick_leaves_the_word_to_a_run_that_is_at_work_but_not_to_one_that_died(place, instance):
    jobfile = place.write(EXPECTING)
    job = definitions_of(jobfile).resolve_implicit_global_asset_job_def()
    made = instance.create_run_for_job(
        job,
        asset_selection={LEFT, RIGHT},
        tags={"dagster/partition": "2026-01-01"},
        status=dg.DagsterRunStatus.STARTED,
    )
    assert changed(place, instance, 1) == []
    instance.report_run_failed(instance.get_run_by_id(made.run_id))
    assert len(changed(place, instance, 1)) == 2

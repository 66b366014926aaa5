"""The switch of a job with a cron line: a schedule in the job's time zone, which asks for what is due when it ticks."""

from datetime import UTC, datetime

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from datagw.automation.looking import TickFailed
from datagw.automation.schedules import schedule_of
from datagw.definitions import definitions_of
from datagw_tests.assets.conftest import JOBS
from datagw_tests.automation.conftest import execute, queue

DAYS = JOBS.replace('"daily"', '"15 2 * * *"')
FILES = """
    [gateways.left]
    type = "local"
    root = "left"

    [nightly]
    source = "local:readings/**/*.csv"
    to = ["left:"]
    when = "@hourly"
    timezone = "Europe/Paris"
"""


@pytest.fixture
def look(place, instance):
    """One tick, as the code server evaluates it."""

    def evaluate(name):
        repository = definitions_of(place.load()).get_repository_def()
        with dg.build_schedule_context(
            instance, datetime(2026, 3, 1, tzinfo=UTC), repository_def=repository
        ) as context:
            return repository.get_schedule_def(f"{name}_due").evaluate_tick(context)

    return evaluate


def test_a_cron_line_is_a_schedule_in_the_jobs_time_zone_that_is_on_from_the_start(place):
    jobfile = place.write(DAYS)
    found = schedule_of(jobfile, jobfile.jobs["readings"], "15 2 * * *")
    assert (found.name, found.cron_schedule, found.execution_timezone) == ("readings_due", "15 2 * * *", "Europe/Paris")
    assert found.default_status is dg.DefaultScheduleStatus.RUNNING
    definitions = definitions_of(jobfile)
    assert [one.name for one in definitions.schedules] == ["readings_due"]
    assert [sensor.name for sensor in definitions.sensors] == ["datagw_janitor"]


def test_all_days_that_are_due_are_asked_for_in_ranges(place, look):
    place.write(DAYS)
    for day in (1, 2, 5):
        place.day(day)
    first, second = look("readings").run_requests
    assert first.tags["dagster/asset_partition_range_start"] == "2026-01-01"
    assert first.tags["dagster/asset_partition_range_end"] == "2026-01-02"
    assert second.tags["dagster/asset_partition_range_start"] == "2026-01-05"
    assert {key.path[-1] for key in first.asset_selection} == {"left", "right-hand"}
    assert first.tags["datagw/gateway.left"] == "1"


def test_a_job_without_days_is_one_run_of_everything(place, instance, look):
    place.write(FILES)
    place.day(1)
    (request,) = look("nightly").run_requests
    assert execute(instance, place, request, "nightly").status is DagsterRunStatus.SUCCESS
    assert place.published("left") == ["20260101/a.csv", "20260101/b.csv"]
    again = look("nightly")
    assert not again.run_requests
    assert again.skip_message == "nothing due"


def test_a_job_without_days_has_one_run_at_a_time(place, instance, look):
    place.write(FILES)
    place.day(1)
    (request,) = look("nightly").run_requests
    queue(instance, place, request, DagsterRunStatus.QUEUED, "nightly")
    assert look("nightly").skip_message == "a run is under way"


def test_what_failed_does_not_wait_for_a_cron_line_says_itself_when(place, instance, look):
    place.write(FILES)
    place.day(1)
    place.spoil("left", 1)
    (request,) = look("nightly").run_requests
    assert execute(instance, place, request, "nightly").status is DagsterRunStatus.FAILURE
    (second,) = look("nightly").run_requests
    assert second.run_key != request.run_key


def test_what_is_asked_for_is_observed(place, instance, look):
    place.write(FILES)
    place.day(1)
    look("nightly")
    records = instance.fetch_observations(dg.AssetKey(["nightly", "source"]), limit=10).records
    assert [record.asset_observation.metadata["files"].value for record in records] == [2]


def test_an_outage_is_a_failed_tick_that_says_so(place, look):
    place.write(FILES)
    (place.folder / "readings").rmdir()
    with pytest.raises(TickFailed, match="is the disk mounted"):
        look("nightly")


@pytest.mark.parametrize(
    "line",
    [
        "@hourly",
        "@daily",
        "@midnight",
        "@weekly",
        "@monthly",
        "@yearly",
        "@annually",
        "*/5 8-18 * * mon-fri",
        "0 0 1,15 * *",
        "59 23 31 12 7",
    ],
)
def test_whatever_the_job_file_takes_for_a_cron_line_dagster_does_too(place, line):
    jobfile = place.write(DAYS.replace("15 2 * * *", line))
    assert not jobfile.problems
    (found,) = list(definitions_of(jobfile).schedules or [])
    assert found.cron_schedule == line

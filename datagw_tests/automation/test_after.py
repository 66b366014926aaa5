"""Switches of jobs that come after others: they wait for their runs and for their days, and are told of news."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from datagw.assets.running import run_job
from datagw.automation.waiting import moment_of, waiting_sensor_of
from datagw.definitions import definitions_of
from datagw_tests.automation.conftest import asked, queue, skipped

AFTER = """
    [gateways.left]
    type = "local"
    root = "left"

    [readings]
    source = "local:readings/%Y%m%d/"
    to     = "left:%Y%m%d/"
    start  = 2026-01-01

    [report]
    backend = "own:report"
    after   = "readings"
    when    = "daily"
    start   = 2026-01-01

    [news]
    backend = "own:news"
    after   = "readings"
    when    = "change"

    [nightly]
    backend = "own:news"
    after   = "readings"
    when    = "15 2 * * *"
    timezone = "Europe/Paris"
"""
OWN = """
def report(event):
    return {"day": event["day"]}

def news(event):
    return None
"""


@pytest.fixture
def jobs(place):
    (place.folder / "own.py").write_text(OWN, encoding="utf-8")
    return place.write(AFTER)


@pytest.fixture
def today(clock):
    """The first week of 2026, so that a job without a source has few days."""
    clock.ahead = datetime(2026, 1, 5, 12, tzinfo=UTC) - datetime.now(UTC)


def publish(jobs, instance, *days):
    run_job(jobs, "readings", [date(2026, 1, day) for day in days], instance=instance)


def test_a_day_waits_until_the_same_day_of_the_job_before_is_published(place, jobs, tick, instance, today):
    place.day(1)
    place.day(2)
    assert "4 days, the first of them 2026-01-01, wait until readings has published the same day" in skipped(
        tick("report")
    )
    publish(jobs, instance, 1, 2)
    assert asked(tick("report")) == ["2026-01-01..2026-01-02"]


def test_a_tick_asks_for_nothing_while_the_job_before_is_queued_or_at_work(place, jobs, tick, instance, today):
    place.day(1)
    publish(jobs, instance, 1)
    request = dg.RunRequest(tags={"dagster/partition": "2026-01-01"})
    run = queue(instance, place, request, DagsterRunStatus.QUEUED)
    for name in ("report", "news"):
        assert "due, but waits for a run of readings to end" in skipped(tick(name))
    instance.report_run_canceled(instance.get_run_by_id(run.run_id))
    assert asked(tick("report")) == ["2026-01-01..2026-01-01"]
    assert asked(tick("news")) == ["files"]


def test_news_are_due_once_there_are_any_and_once_each(place, jobs, tick, instance):
    assert "no news yet of readings" in skipped(tick("news"))
    place.day(1)
    publish(jobs, instance, 1)
    assert asked(tick("news")) == ["files"]
    assert run_job(jobs, "news", [None], instance=instance).success
    assert "nothing due" in skipped(tick("news"))
    place.day(2)
    publish(jobs, instance, 2)
    assert asked(tick("news")) == ["files"]


def test_the_turn_of_a_cron_line_waits_for_the_jobs_before_and_comes_once(place, jobs, instance):
    at = datetime(2026, 1, 5, 0, 0, tzinfo=UTC)
    cursor: str | None = None

    def look(minutes: int) -> dg.SensorResult:
        nonlocal cursor
        switch = waiting_sensor_of(jobs, jobs.jobs["nightly"], "15 2 * * *", lambda: at + timedelta(minutes=minutes))
        repository = definitions_of(jobs).get_repository_def()
        with dg.build_sensor_context(instance, cursor=cursor, repository_def=repository) as context:
            found = switch(context)
        assert isinstance(found, dg.SensorResult)
        cursor = found.cursor
        return found

    assert skipped(look(0)) == "its next turn is at 2026-01-05 02:15 (Europe/Paris)"
    assert "next turn" in skipped(look(74))
    run = queue(instance, place, dg.RunRequest(tags={"dagster/partition": "2026-01-01"}), DagsterRunStatus.STARTED)
    assert "due, but waits for a run of readings to end" in skipped(look(76))
    instance.report_run_canceled(instance.get_run_by_id(run.run_id))
    assert asked(look(77)) == ["files"]
    assert skipped(look(78)) == "its next turn is at 2026-01-06 02:15 (Europe/Paris)"


@pytest.mark.parametrize(
    ("cron", "before", "after"),
    [("@daily", "2026-03-28T23:00", "2026-03-29T22:00"), ("0 3 * * 1", "2026-03-23T02:00", "2026-03-30T01:00")],
)
def test_moments_of_a_cron_line_are_those_of_its_zone(cron, before, after):
    zone, at = ZoneInfo("Europe/Paris"), datetime(2026, 3, 29, 12, tzinfo=UTC)
    found = [moment_of(cron, zone, at, before=one).astimezone(UTC).isoformat()[:16] for one in (True, False)]
    assert found == [before, after]

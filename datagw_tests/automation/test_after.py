"""Switches of jobs that come after others: they wait for their runs and for their days, and are told of news."""

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from datagw.assets.running import run_job
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
    from datetime import UTC, datetime

    clock.ahead = datetime(2026, 1, 5, 12, tzinfo=UTC) - datetime.now(UTC)


def publish(jobs, instance, *days):
    from datetime import date

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

"""Freshness: a day is there an hour after it may be sent, or its copy is stale; and what Dagster makes of that."""

import asyncio
import datetime as dt
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._core.definitions.freshness import CronFreshnessPolicy, FreshnessState, TimeWindowFreshnessPolicy
from dagster._core.definitions.freshness_evaluator import FRESHNESS_EVALUATORS_BY_POLICY_TYPE
from dagster._core.loader import LoadingContextForTest
from dagster._time import get_current_datetime

from datagw.assets.freshness import freshness_of
from datagw.definitions import definitions_of
from datagw.jobs import Job
from datagw_tests.assets.conftest import JOBS, Place

LEFT = dg.AssetKey(["readings", "left"])
PARIS = ZoneInfo("Europe/Paris")


@pytest.fixture
def job(place: Place):
    def changed(**keys) -> Job:
        return place.load().jobs["readings"].model_copy(update=keys)

    return changed


@pytest.mark.parametrize(
    ("hours", "deadline", "after_weekdays"),
    [
        (0, "0 1 * * *", "0 1 * * 2,3,4,5,6"),
        (1, "0 2 * * *", "0 2 * * 2,3,4,5,6"),
        (1.51, "31 2 * * *", "31 2 * * 2,3,4,5,6"),
        (22.999, "0 0 * * *", "0 0 * * 3,4,5,6,0"),
        (30, "0 7 * * *", "0 7 * * 3,4,5,6,0"),
        (48, "0 1 * * *", "0 1 * * 4,5,6,0,1"),
    ],
)
def test_a_daily_job_has_a_deadline_after_each_night_and_its_grace(job, hours, deadline, after_weekdays):
    grace = dt.timedelta(hours=hours)
    policy = freshness_of(job(grace=grace))
    assert isinstance(policy, CronFreshnessPolicy)
    assert (policy.deadline_cron, policy.timezone) == (deadline, "Europe/Paris")
    policy = freshness_of(job(grace=grace, expect="weekdays"))
    assert isinstance(policy, CronFreshnessPolicy)
    assert policy.deadline_cron == after_weekdays


@pytest.mark.parametrize(
    ("cron", "hours"),
    [
        ("15 2 * * *", 25),
        ("*/5 * * * *", 25),
        ("0 12 * * 1-5", 73),
        ("0 3 1 * *", 31 * 24 + 1),
        ("@weekly", 7 * 24 + 1),
        ("@hourly", 25),
    ],
)
def test_a_cron_line_has_as_long_as_its_longest_pause(job, cron, hours):
    policy = freshness_of(job(when=cron))
    assert isinstance(policy, TimeWindowFreshnessPolicy)
    assert policy.fail_window.to_timedelta() == dt.timedelta(hours=hours)


def test_where_silence_means_nothing_there_is_no_policy(place, job):
    assert freshness_of(job(when="manual")) is None
    for when in ("change", "new files", "0 2 * * *"):
        text = JOBS.replace("%Y%m%d/", "x/").replace('"daily"', f'"{when}"').replace("start  = 2026-01-01\n", "")
        assert freshness_of(place.write(text).jobs["readings"]) is None


def test_copies_have_the_policy_and_the_source_has_none(place):
    graph = definitions_of(place.load()).resolve_asset_graph()
    assert graph.get(LEFT).freshness_policy == freshness_of(place.load().jobs["readings"])
    assert graph.get(dg.AssetKey(["readings", "source"])).freshness_policy is None


def test_dagster_finds_a_copy_fresh_until_a_night_passes_without_a_day(place, instance, monkeypatch):
    materialized = get_current_datetime("Europe/Paris")
    instance.report_runless_asset_event(dg.AssetMaterialization(LEFT, partition="2026-01-01"))
    node = definitions_of(place.load()).resolve_asset_graph().get(LEFT)
    evaluator = FRESHNESS_EVALUATORS_BY_POLICY_TYPE[type(node.freshness_policy)]()

    def state(now: dt.datetime) -> FreshnessState:
        module = "dagster._core.definitions.freshness_evaluator.get_current_datetime"
        monkeypatch.setattr(module, lambda zone: now.astimezone(ZoneInfo(zone)))
        return asyncio.run(evaluator.evaluate_freshness(LoadingContextForTest(instance), node))

    in_time = dt.datetime.combine(materialized.date(), dt.time(2, 0), PARIS)
    in_time += dt.timedelta(days=0 if in_time > materialized else 1)  # the first deadline to come
    assert state(in_time - dt.timedelta(minutes=1)) is FreshnessState.PASS
    assert state(in_time + dt.timedelta(days=1, minutes=1)) is FreshnessState.FAIL

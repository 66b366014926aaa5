"""The switch of a daily job: asks for what is due, once, and says why it does not."""

from datetime import date, timedelta

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from datagw.assets.running import run_job
from datagw.automation.looking import TickFailed
from datagw.automation.watching import sensor_of
from datagw.definitions import definitions_of
from datagw_tests.assets.conftest import JOBS
from datagw_tests.automation.conftest import asked, execute, fail, queue, skipped


def test_contiguous_due_days_are_asked_for_as_one_range(place, tick):
    for day in (1, 2, 3, 5):
        place.day(day)
    assert asked(tick()) == ["2026-01-01..2026-01-03", "2026-01-05..2026-01-05"]


def test_a_request_carries_the_tags_of_job_and_gateways(place, tick):
    place.day(1)
    (request,) = tick().run_requests or []
    assert request.tags["datagw/job"] == "readings"
    assert request.tags["datagw/gateway.left"] == request.tags["datagw/gateway.right-hand"] == "1"


def test_nothing_due_is_a_skip_that_says_how_many_days_were_looked_at(place, tick, instance):
    for day in (1, 2, 5):
        place.day(day)
    run_job(place.load(), "readings", [date(2026, 1, day) for day in (1, 2, 5)], instance=instance)
    assert skipped(tick()) == "nothing due; 3 days looked at, 2 missing"


def test_no_days_at_all_is_a_skip(place, tick):
    assert skipped(tick()) == "nothing due; 0 days looked at: `datagw plan readings` says why"


def test_today_is_not_asked_for(place, tick):
    today = date.today()
    for day in (today, today + timedelta(days=1)):
        (place.folder / f"readings/{day:%Y%m%d}").mkdir()
    assert skipped(tick()).startswith("nothing due")


def test_an_outage_is_a_failed_tick_that_says_so(place, tick):
    (place.folder / "readings").rmdir()
    with pytest.raises(TickFailed, match="is the disk mounted"):
        tick()


@pytest.mark.parametrize("status", [DagsterRunStatus.QUEUED, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING])
def test_days_that_a_run_is_at_work_on_are_not_asked_for_again(place, tick, instance, status):
    for day in (1, 2):
        place.day(day)
    (request,) = tick().run_requests or []
    queue(instance, place, request, status)
    place.day(4)
    assert asked(tick()) == ["2026-01-04..2026-01-04"]


def test_a_run_that_somebody_clicked_counts_as_well(place, tick, instance):
    place.day(1)
    queue(instance, place, dg.RunRequest(tags={"dagster/partition": "2026-01-01"}), DagsterRunStatus.QUEUED)
    assert skipped(tick()) == "1 due, in runs that are under way; 1 day looked at"


def test_a_run_that_died_without_a_word_is_asked_for_again_but_not_at_once(place, tick, instance, clock):
    place.day(1)
    (first,) = tick().run_requests or []
    run = queue(instance, place, first, DagsterRunStatus.STARTED)
    assert "under way" in skipped(tick())
    fail(instance, run)
    assert skipped(tick()).startswith("1 due, but the last run ended without doing it; tried again at ")
    clock.forward(31)
    (second,) = tick().run_requests or []
    assert second.run_key != first.run_key
    fail(instance, queue(instance, place, second, DagsterRunStatus.STARTED))
    assert "ended without doing it" in skipped(tick())
    clock.forward(31)
    assert asked(tick()) == ["2026-01-01..2026-01-01"]


def test_a_run_that_never_began_is_waited_after_though_an_earlier_one_had_said_what_failed(
    place, tick, instance, clock
):
    place.day(1)
    place.spoil("left", 1)
    place.spoil("right", 1)
    execute(instance, place, (tick().run_requests or [])[0])
    clock.forward(31)
    for _ in range(2):
        (request,) = tick().run_requests or []
        fail(instance, queue(instance, place, request, DagsterRunStatus.STARTING))
    assert "ended without doing it" in skipped(tick())
    clock.forward(61)
    assert asked(tick()) == ["2026-01-01..2026-01-01"]


def test_a_copy_that_is_taken_away_is_sent_again_at_once(place, tick, instance):
    place.day(1)
    for _ in range(3):
        (request,) = tick().run_requests or []
        assert execute(instance, place, request).status is DagsterRunStatus.SUCCESS
        (place.folder / "left/20260101/a.csv").unlink()
    assert asked(tick()) == ["2026-01-01..2026-01-01"]


def test_a_change_at_the_source_ends_the_wait_for_a_run_that_died(place, tick, instance):
    place.day(1)
    (first,) = tick().run_requests or []
    fail(instance, queue(instance, place, first, DagsterRunStatus.STARTED))
    assert "ended" in skipped(tick())
    place.day(1, c="new")
    assert asked(tick()) == ["2026-01-01..2026-01-01"]


def test_a_file_that_failed_is_tried_again_after_30_s_then_after_a_minute(place, tick, instance, clock):
    place.day(1)
    place.spoil("left", 1)
    place.spoil("right", 1)
    (first,) = tick().run_requests or []
    execute(instance, place, first)
    assert "1 day waits after a failure; tried again at " in skipped(tick())
    clock.forward(29)
    assert "1 day waits" in skipped(tick())
    clock.forward(2)
    (second,) = tick().run_requests or []
    assert second.run_key != first.run_key
    assert execute(instance, place, second).status is DagsterRunStatus.FAILURE
    clock.forward(31)
    assert "1 day waits" in skipped(tick())
    clock.forward(30)
    assert asked(tick()) == ["2026-01-01..2026-01-01"]


def test_a_change_of_the_failed_file_or_of_the_job_ends_the_wait(place, tick, instance, clock):
    place.day(1)
    place.spoil("left", 1)
    (first,) = tick().run_requests or []
    execute(instance, place, first)
    assert "1 day waits" in skipped(tick())
    place.write(JOBS + '    verify = "size"\n')
    assert asked(tick()) == ["2026-01-01..2026-01-01"]
    place.write(JOBS)
    assert "1 day waits" in skipped(tick())
    place.day(1, a="another content")
    assert asked(tick()) == ["2026-01-01..2026-01-01"]


def test_what_is_mended_is_published_by_the_next_try_and_forgotten(place, tick, instance, clock):
    place.day(1)
    spoiled = place.spoil("left", 1)
    (first,) = tick().run_requests or []
    execute(instance, place, first)
    spoiled.rmdir()
    clock.forward(31)
    (second,) = tick().run_requests or []
    assert execute(instance, place, second).status is DagsterRunStatus.SUCCESS
    assert skipped(tick()) == "nothing due; 1 day looked at"
    with place.ledger() as ledger:
        assert ledger.all_attempts("readings") == []


def test_the_other_days_do_not_wait_for_the_one_that_failed(place, tick, instance, clock):
    for day in (1, 2):
        place.day(day)
    place.spoil("left", 1)
    (first,) = tick().run_requests or []
    execute(instance, place, first)
    place.day(3)
    assert asked(tick()) == ["2026-01-03..2026-01-03"]


def test_a_destination_out_of_reach_is_left_out_and_said_when_nothing_else_is_due(place, tick, instance, monkeypatch):
    place.day(1)
    down = place.outage("right-hand", monkeypatch)
    result = tick()
    (request,) = result.run_requests or []
    assert request.asset_selection == [dg.AssetKey(["readings", "left"])]
    assert execute(instance, place, request).status is DagsterRunStatus.SUCCESS
    with pytest.raises(TickFailed, match="right-hand"):
        tick()
    down.clear()
    (request,) = tick().run_requests or []
    assert len(request.asset_selection) == 2
    assert execute(instance, place, request).status is DagsterRunStatus.SUCCESS
    assert len(place.published("right")) == 2


def test_a_place_that_answers_again_ends_the_wait_at_once(place, tick, instance, monkeypatch, clock):
    place.day(1)
    (first,) = tick().run_requests or []
    place.write(JOBS + "    retries = {max = 0}\n")
    (first,) = tick().run_requests or []
    down = place.outage("right-hand", monkeypatch)
    assert execute(instance, place, first).status is DagsterRunStatus.FAILURE
    with place.ledger() as ledger:
        (attempt,) = ledger.all_attempts("readings")
    assert (attempt.source, attempt.gateway, attempt.count) == ("", "right-hand", 1)
    clock.forward(1)
    with pytest.raises(TickFailed, match="right-hand"):
        tick()
    down.clear()
    assert asked(tick()) == ["2026-01-01..2026-01-01"]


def test_the_same_tick_twice_makes_the_same_request(place, instance):
    """So that a tick which the daemon repeats after a crash is recognised by Dagster as the same."""
    place.day(1)
    jobfile = place.load()
    sensor = sensor_of(jobfile, jobfile.jobs["readings"])
    keys = []
    for _ in range(2):
        with dg.build_sensor_context(instance) as context:
            (request,) = sensor(context).run_requests or []
        keys.append(request.run_key)
    assert keys[0] == keys[1]


def test_a_changed_source_is_observed_once_with_a_new_data_version(place, tick):
    place.day(1, a="12345")
    (first,) = tick().asset_events or []
    assert first.asset_key == dg.AssetKey(["readings", "source"])
    assert first.partition == "2026-01-01"
    assert first.metadata["files"].value == 1
    assert first.metadata["bytes"].value == 5
    assert list(tick().asset_events) == []
    place.day(1, b="1")
    (second,) = tick().asset_events or []
    assert second.tags["dagster/data_version"] != first.tags["dagster/data_version"]


def test_many_gaps_are_bridged_over_missing_days_only(place, tick, instance):
    for day in range(1, 30, 2):
        place.day(day)
    result = tick()
    assert asked(result) == ["2026-01-01..2026-01-29"]
    run_job(place.load(), "readings", [date(2026, 1, 15)], instance=instance)


def test_the_first_tick_puts_down_the_first_day(place, tick):
    place.write(JOBS.replace("    start  = 2026-01-01\n", ""))
    place.day(7)
    assert asked(tick()) == ["2026-01-07..2026-01-07"]
    with place.ledger() as ledger:
        assert ledger.position("readings", "first") == "2026-01-07"


def test_the_switch_is_on_from_the_start_and_looks_as_often_as_the_job_says(place):
    jobfile = place.write(JOBS + '    every = "2m"\n')
    sensor = sensor_of(jobfile, jobfile.jobs["readings"])
    assert sensor.name == "readings_due"
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert sensor.minimum_interval_seconds == 120


def test_a_manual_job_has_no_switch(place):
    jobfile = place.write(JOBS.replace('"daily"', '"manual"'))
    assert [sensor.name for sensor in definitions_of(jobfile).sensors] == ["datagw_janitor"]


def test_dagster_takes_the_result_for_a_valid_tick(place, instance):
    """As the code server evaluates it: requests, tags, cursor and observations are all acceptable."""
    for day in (1, 2):
        place.day(day)
    jobfile = place.load()
    repository = definitions_of(jobfile).get_repository_def()
    with dg.build_sensor_context(instance, repository_def=repository) as context:
        data = repository.get_sensor_def("readings_due").evaluate_tick(context)
    (request,) = data.run_requests or []
    assert {key.path[-1] for key in request.asset_selection} == {"left", "right-hand"}
    assert len(data.asset_events) == 2

"""Runs of commands: in this process, in Dagster's history, ended by Ctrl-C and by kill -9."""

import os
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from datagw.assets import copies
from datagw.assets.running import run_job
from datagw.assets.runs import owner_tag, report_left_behind
from datagw.errors import Aborted, ConfigError, DatagwError
from datagw.publishing import DayResult, LeaseHeld
from datagw_tests.assets.conftest import JOBS, Place, statuses

PROJECT = Path(__file__).resolve().parent.parent.parent

RUN = """
import signal, sys
from datetime import date
from pathlib import Path
from dagster import DagsterInstance
from datagw.jobs import load
from datagw.assets.running import run_job
signal.signal(signal.SIGTERM, signal.default_int_handler)
with DagsterInstance.from_config(sys.argv[1]) as instance:
    try:
        run_job(load(Path("jobs.toml"), {}), "readings", [date(2026, 1, 1), date(2026, 1, 2)], instance=instance)
    except KeyboardInterrupt:
        sys.exit(130)
"""


def january(*days: int) -> list[date]:
    return [date(2026, 1, day) for day in days]


def started(place: Place, instance: dg.DagsterInstance) -> subprocess.Popen:
    """A process that publishes two days; the second takes for ever, and is under way."""
    place.write(JOBS + '    bandwidth = "1kB/s"\n')
    place.day(1, a="1")
    place.day(2, a="2" * 300_000)
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, instance.root_directory],
        cwd=place.folder,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not list(place.folder.glob("left/20260102/.datagw-*.part")):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise AssertionError(process.communicate()[1])
        time.sleep(0.05)
    return process


def only_run(instance: dg.DagsterInstance) -> dg.DagsterRun:
    (run,) = instance.get_runs()
    return run


def test_a_killed_run_is_reported_failed_by_whoever_comes_next_and_its_days_with_it(place, instance):
    process = started(place, instance)
    process.kill()
    process.communicate()
    run = only_run(instance)
    assert run.status is DagsterRunStatus.STARTED
    assert statuses(instance, "left") == {1: "MATERIALIZED", 2: "IN_PROGRESS"}
    with place.ledger() as ledger:
        assert report_left_behind(instance, ledger) == [run.run_id]
        assert report_left_behind(instance, ledger) == []
        assert [row.state for row in ledger.runs()] == ["lost"]
    assert only_run(instance).status is DagsterRunStatus.FAILURE
    assert statuses(instance, "left") == {1: "MATERIALIZED", 2: "FAILED"}
    assert statuses(instance, "right-hand") == {1: "MATERIALIZED", 2: "FAILED"}


def test_the_run_after_a_killed_one_reports_it_and_goes_on(place, instance):
    process = started(place, instance)
    process.kill()
    process.communicate()
    left_behind = only_run(instance).run_id
    outcome = run_job(place.write(JOBS), "readings", january(1, 2), instance=instance)
    assert outcome.success
    assert instance.get_run_by_id(left_behind).status is DagsterRunStatus.FAILURE
    assert statuses(instance, "left") == statuses(instance, "right-hand") == {1: "MATERIALIZED", 2: "MATERIALIZED"}
    assert place.published("left") == ["20260101/a.csv", "20260102/a.csv"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_end_a_run_within_seconds_as_cancelled(place, instance, number):
    process = started(place, instance)
    told = time.monotonic()
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130, said
    assert time.monotonic() - told < 10
    assert only_run(instance).status is DagsterRunStatus.CANCELED
    assert statuses(instance, "left") == {1: "MATERIALIZED"}
    with place.ledger() as ledger:
        assert [row.state for row in ledger.runs()] == ["cancelled"]
    assert not list((place.folder / ".datagw/tmp").glob("*"))


def test_a_run_that_is_alive_is_not_reported(place, instance):
    process = started(place, instance)
    try:
        with place.ledger() as ledger:
            assert report_left_behind(instance, ledger) == []
        assert only_run(instance).status is DagsterRunStatus.STARTED
    finally:
        process.kill()
        process.communicate()


def test_a_run_killed_before_it_told_the_ledger_is_known_by_its_tag(place, instance):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    host, boot, _, _ = owner_tag()["datagw/owner"].split(" ")
    job = dg.Definitions(assets=[dg.AssetsDefinition.from_op(dg.OpDefinition(lambda: None, name="x"))])
    run = instance.create_run_for_job(
        job.resolve_implicit_global_asset_job_def(), tags={"datagw/owner": f"{host} {boot} {ended.pid} 1"}
    )
    with place.ledger() as ledger:
        assert report_left_behind(instance, ledger) == [run.run_id]
    assert instance.get_run_by_id(run.run_id).status is DagsterRunStatus.FAILURE


def test_terminate_in_the_ui_ends_a_run_of_a_command_too(place, instance, monkeypatch):
    monkeypatch.setattr("datagw.assets.surroundings._LOOK", 0.0)

    def publish(job, days, world, **_):
        instance.report_run_canceling(only_run(instance))
        world.fence()
        yield DayResult(job.name, days[0], "published")

    monkeypatch.setattr(copies, "publish", publish)
    with pytest.raises(Aborted):
        run_job(place.load(), "readings", january(1), instance=instance)
    assert only_run(instance).status is DagsterRunStatus.CANCELED


def test_should_abort_ends_a_run_as_cancelled(place, instance):
    place.day(1)
    with pytest.raises(Aborted):
        run_job(place.load(), "readings", january(1), instance=instance, should_abort=lambda: True)
    assert only_run(instance).status is DagsterRunStatus.CANCELED


def test_a_run_of_a_command_carries_its_tags_and_where_the_ui_finds_its_code(place, instance):
    place.day(1)
    run_job(place.load(), "readings", january(1), instance=instance)
    run = only_run(instance)
    assert run.tags["datagw/job"] == "readings"
    assert {tag for tag in run.tags if tag.startswith("datagw/gateway.")} == {
        "datagw/gateway.local",
        "datagw/gateway.left",
        "datagw/gateway.right-hand",
    }
    assert run.remote_job_origin.repository_origin.code_location_origin.location_name == "datagw"
    assert run.job_name == "__ASSET_JOB"
    assert run.run_config == {}


def test_contiguous_days_are_one_run_and_a_gap_makes_two(place, instance):
    for day in (1, 2, 5):
        place.day(day)
    outcome = run_job(place.load(), "readings", january(5, 1, 2), instance=instance)
    assert len(outcome.run_ids) == 2
    assert [day.day for day in outcome.results] == january(1, 2, 5)
    assert statuses(instance, "left").keys() == {1, 2, 5}


def test_days_that_do_not_exist_are_refused_or_left_out(place, instance, caplog):
    place.day(1)
    jobfile = place.load()
    with pytest.raises(DatagwError, match="begin with 2026-01-01"):
        run_job(jobfile, "readings", [date(2025, 12, 31)], instance=instance)
    outcome = run_job(jobfile, "readings", [date(2025, 12, 31), date(2026, 1, 1)], instance=instance)
    assert [day.day for day in outcome.results] == january(1)
    assert "2025-12-31" in caplog.text


def test_resend_sends_proven_files_again_and_stands_in_the_runs_config(place, instance):
    place.day(1)
    jobfile = place.load()
    run_job(jobfile, "readings", january(1), instance=instance)
    outcome = run_job(jobfile, "readings", january(1), instance=instance, resend=True)
    assert outcome.results[0].copies["left"].sent_files == 2
    run = instance.get_run_by_id(outcome.run_ids[0])
    assert run.run_config == {"ops": {"publish_readings": {"config": {"resend": True}}}}


def test_a_run_that_does_not_wait_says_which_run_is_at_work(place, instance):
    place.day(1)
    with place.ledger() as ledger:
        ledger.start_run("other", "readings")
        lease = ledger.take("readings", date(2026, 1, 1), "other")
        with pytest.raises(LeaseHeld, match="run other"):
            run_job(place.load(), "readings", january(1), instance=instance, wait=False)
        lease.release()
    assert only_run(instance).status is DagsterRunStatus.FAILURE


def test_what_fails_before_the_first_day_is_an_error_that_says_why(place, instance, monkeypatch):
    def broken(_):
        raise OSError("the disk for staging is gone")

    monkeypatch.setattr("datagw.assets.staging.sweep", broken)
    with pytest.raises(DatagwError, match="the disk for staging is gone"):
        run_job(place.load(), "readings", january(1), instance=instance)


def test_a_job_that_is_not_there_or_broken_is_named(place, instance):
    jobfile = place.write(JOBS + '    [wrong]\n    source = "nowhere:x"\n')
    with pytest.raises(ConfigError, match="no job 'reading'; there are: readings"):
        run_job(jobfile, "reading", [None], instance=instance)
    with pytest.raises(ConfigError, match="wrong cannot run") as raised:
        run_job(jobfile, "wrong", [None], instance=instance)
    assert "nowhere" in raised.value.problems[0]

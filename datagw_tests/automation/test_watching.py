"""Switches of changes and of new files: what has settled is asked for, once, and what waits is told of."""

import os
import time

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from datagw.automation.looking import TickFailed
from datagw_tests.automation.conftest import asked, execute, fail, queue, skipped

CHANGE = """
    [gateways.left]
    type = "local"
    root = "left"

    [rna]
    source = "local:readings/rna.csv"
    to = ["left:"]
    when = "change"
    settle = "5s"
"""
INBOX = """
    [gateways.left]
    type = "local"
    root = "left"

    [inbox]
    source = "local:readings/**/*.csv"
    to = ["left:"]
    when = "new files"
    settle = "5s"
    marker = false
"""


def put(place, name, text="x", age=60.0):
    """A source file that was last written `age` seconds ago."""
    path = place.folder / "readings" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    then = time.time() - age
    os.utime(path, (then, then))
    return path


def observed(result):
    return [(event.metadata["files"].value, event.tags["dagster/data_version"]) for event in result.asset_events]


class TestAChange:
    @pytest.fixture
    def place(self, place):
        place.write(CHANGE)
        return place

    def test_is_one_run_and_then_nothing_until_the_next_one(self, place, tick, instance):
        put(place, "rna.csv", "one")
        (request,) = tick("rna").run_requests
        assert request.run_config == {"ops": {"publish_rna": {"config": {"patient": True}}}}
        assert execute(instance, place, request, "rna").status is DagsterRunStatus.SUCCESS
        assert skipped(tick("rna")) == "nothing due"
        put(place, "rna.csv", "another")
        (second,) = tick("rna").run_requests
        assert execute(instance, place, second, "rna").status is DagsterRunStatus.SUCCESS
        assert (place.folder / "left/rna.csv").read_text() == "another"

    def test_is_observed_once_with_the_version_of_the_file(self, place, tick):
        path = put(place, "rna.csv", "one")
        ((files, version),) = observed(tick("rna"))
        assert files == 1
        assert f"size:3 mtime:{path.stat().st_mtime_ns}" in version
        assert observed(tick("rna")) == []
        put(place, "rna.csv", "another")
        ((_, second),) = observed(tick("rna"))
        assert second != version

    def test_that_has_not_settled_waits_and_is_not_observed_yet(self, place, tick):
        put(place, "rna.csv", age=0)
        first = tick("rna")
        assert "1 file waits: rna.csv: has not settled" in skipped(first)
        assert observed(first) == []

    def test_that_settles_within_two_seconds_is_waited_for_in_the_tick(self, place, tick):
        place.write(CHANGE.replace('"5s"', '"1s"'))
        put(place, "rna.csv", age=0)
        begun = time.monotonic()
        assert asked(tick("rna")) == ["files"]
        assert time.monotonic() - begun >= 0.5

    def test_is_asked_for_once_while_a_run_is_under_way(self, place, tick, instance):
        put(place, "rna.csv")
        (request,) = tick("rna").run_requests
        run = queue(instance, place, request, DagsterRunStatus.STARTED, "rna")
        assert skipped(tick("rna")).startswith("a run is under way")
        fail(instance, run)
        assert "tried again at" in skipped(tick("rna"))

    def test_that_failed_is_tried_again_later_and_at_once_when_it_changes_again(self, place, tick, instance, clock):
        put(place, "rna.csv")
        (place.folder / "left/rna.csv").mkdir()
        (request,) = tick("rna").run_requests
        assert execute(instance, place, request, "rna").status is DagsterRunStatus.FAILURE
        assert "1 file waits: rna.csv: failed once, last: " in skipped(tick("rna"))
        clock.forward(31)
        assert asked(tick("rna")) == ["files"]
        clock.forward(-31)
        put(place, "rna.csv", "changed")
        assert asked(tick("rna")) == ["files"]

    def test_a_run_that_somebody_repeats_does_not_wait(self, place, tick, instance):
        put(place, "rna.csv")
        spoiled = place.folder / "left/rna.csv"
        spoiled.mkdir()
        (request,) = tick("rna").run_requests
        failed = execute(instance, place, request, "rna")
        spoiled.rmdir()
        repeated = execute(instance, place, request, "rna", parent=failed)
        assert repeated.status is DagsterRunStatus.SUCCESS
        assert place.published("left") == ["rna.csv"]

    def test_of_a_source_that_is_not_there_is_a_failed_tick(self, place, tick):
        (place.folder / "readings").rmdir()
        with pytest.raises(TickFailed, match="is the disk mounted"):
            tick("rna")


class TestNewFiles:
    @pytest.fixture
    def place(self, place):
        place.write(INBOX)
        return place

    def test_a_thousand_are_one_run(self, place, tick, instance):
        for number in range(1000):
            put(place, f"{number:04}.csv", str(number))
        result = tick("inbox")
        (request,) = result.run_requests
        assert observed(result)[0][0] == 1000
        assert execute(instance, place, request, "inbox").status is DagsterRunStatus.SUCCESS
        assert len(place.published("left")) == 1000
        assert skipped(tick("inbox")) == "nothing due"

    def test_those_that_have_settled_do_not_wait_for_the_others(self, place, tick, instance):
        put(place, "old.csv")
        put(place, "new.csv", age=0)
        (request,) = tick("inbox").run_requests
        assert execute(instance, place, request, "inbox").status is DagsterRunStatus.SUCCESS
        assert place.published("left") == ["old.csv"]
        assert "1 file waits: new.csv: has not settled" in skipped(tick("inbox"))

    def test_one_that_failed_holds_up_no_other_one_and_is_tried_again(self, place, tick, instance, clock):
        put(place, "a.csv")
        put(place, "b.csv")
        (place.folder / "left/a.csv").mkdir()
        (request,) = tick("inbox").run_requests
        assert execute(instance, place, request, "inbox").status is DagsterRunStatus.FAILURE
        assert "1 file waits: a.csv: failed once, last: " in skipped(tick("inbox"))
        put(place, "c.csv")
        (second,) = tick("inbox").run_requests
        assert execute(instance, place, second, "inbox").status is DagsterRunStatus.SUCCESS
        assert place.published("left") == ["b.csv", "c.csv"]
        (place.folder / "left/a.csv").rmdir()
        clock.forward(31)
        (third,) = tick("inbox").run_requests
        assert execute(instance, place, third, "inbox").status is DagsterRunStatus.SUCCESS
        assert place.published("left") == ["a.csv", "b.csv", "c.csv"]
        assert skipped(tick("inbox")) == "nothing due"

    def test_more_than_a_batch_is_one_run_after_the_other(self, place, tick, instance):
        place.write(INBOX + "    batch = {files = 2}\n")
        for name in "abc":
            put(place, f"{name}.csv")
        (first,) = tick("inbox").run_requests
        assert execute(instance, place, first, "inbox").status is DagsterRunStatus.SUCCESS
        (second,) = tick("inbox").run_requests
        assert execute(instance, place, second, "inbox").status is DagsterRunStatus.SUCCESS
        assert place.published("left") == ["a.csv", "b.csv", "c.csv"]

    def test_a_destination_out_of_reach_is_a_failed_tick_and_nothing_is_lost(self, place, tick, instance, monkeypatch):
        put(place, "a.csv")
        down = place.outage("left", monkeypatch)
        for _ in range(2):
            with pytest.raises(TickFailed, match="left: no route to host"):
                tick("inbox")
        down.clear()
        (request,) = tick("inbox").run_requests
        assert execute(instance, place, request, "inbox").status is DagsterRunStatus.SUCCESS
        assert place.published("left") == ["a.csv"]

    def test_dagster_takes_the_result_for_a_valid_tick(self, place, instance):
        from datagw.definitions import definitions_of

        put(place, "a.csv")
        repository = definitions_of(place.load()).get_repository_def()
        with dg.build_sensor_context(instance, repository_def=repository) as context:
            data = repository.get_sensor_def("inbox_due").evaluate_tick(context)
        (request,) = list(data.run_requests or [])
        assert [key.path[-1] for key in request.asset_selection] == ["left"]

"""The switch of a job whose source is a list: one run for what changed, the rest of its items left as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from datagw.automation.looking import TickFailed
from datagw_tests.assets.conftest import Place
from datagw_tests.automation.conftest import Clock, asked, execute, skipped
from datagw_tests.servers.http_misbehaving import Misbehaving, file, status

JOBS = """
    [depot]
    source = {{ at = "{url}/list.json", items = ".", url = ".", names = {{ "a.zip" = "a.zip", "b.zip" = "b.zip" }} }}
    to     = {{ at = "local:left/", name = "left" }}
    when   = "change"
    retries = {{ max = 0 }}
"""


@pytest.fixture
def server(place: Place) -> Iterator[Misbehaving]:
    with Misbehaving() as server:
        place.write(JOBS.format(url=server.url))
        server.get("/list.json", file(b'["a.zip", "b.zip", "new.zip"]'))
        for name in ("a.zip", "b.zip"):
            server.both(f"/{name}", file(name.encode(), ETag='"1"'))
        yield server


Tick = Callable[..., dg.SensorResult]


def settled(tick: Tick, clock: Clock) -> dg.SensorResult:
    """What a tick says once it has seen the files as they are for a while."""
    tick("depot")
    clock.forward(60)
    return tick("depot")


def test_items_that_changed_are_asked_for_and_then_nothing_is(
    server: Misbehaving, tick: Tick, clock: Clock, instance: dg.DagsterInstance, place: Place
):
    found = settled(tick, clock)
    assert asked(found) == ["files"]
    (request,) = found.run_requests or []
    assert {key.to_user_string() for key in request.asset_selection or ()} == {"depot/a.zip/left", "depot/b.zip/left"}
    assert execute(instance, place, request, "depot").status is DagsterRunStatus.SUCCESS
    assert place.published("left") == ["a.zip", "b.zip"]
    clock.forward(60)
    assert skipped(tick("depot"))
    server.both("/b.zip", file(b"b, again", ETag='"2"'))
    (request,) = settled(tick, clock).run_requests or []
    before = len(server.asked)
    assert execute(instance, place, request, "depot").status is DagsterRunStatus.SUCCESS
    assert {one.target for one in server.asked[before:] if one.method == "GET"} == {"/list.json", "/b.zip"}


def test_an_item_that_fails_waits_and_the_others_do_not(
    server: Misbehaving, tick: Tick, clock: Clock, instance: dg.DagsterInstance, place: Place
):
    server.both("/b.zip", status(500))
    (request,) = settled(tick, clock).run_requests or []
    run = execute(instance, place, request, "depot")
    assert run.status is DagsterRunStatus.FAILURE
    assert place.published("left") == ["a.zip"]
    assert "failed once" in skipped(tick("depot"))
    server.both("/b.zip", file(b"b", ETag='"1"'))
    assert asked(settled(tick, clock)) == ["files"]


def test_a_list_that_cannot_be_read_fails_the_tick(server: Misbehaving, tick: Tick):
    server.get("/list.json", file(b"<html>Log in</html>"))
    with pytest.raises(TickFailed, match="the list"):
        tick("depot")

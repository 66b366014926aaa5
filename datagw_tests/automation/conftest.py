"""The small project and the instance of the assets' tests; ticks of its switches, and a clock that tests set."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.definitions.run_request import SkipReason

from datagw.assets import surroundings
from datagw.assets.runs import remote_origin
from datagw.automation import instances, looking
from datagw.automation.watching import sensor_of
from datagw.definitions import definitions_of
from datagw.publishing.world import World
from datagw_tests.assets.conftest import Place, instance, place  # noqa: F401 - fixtures
from datagw_tests.automation.daemon import dagster, history, home  # noqa: F401 - fixtures


class Clock:
    """What a look takes for the time."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def forward(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (looking, surroundings):  # ticks and runs
        monkeypatch.setattr(module, "World", partial(World, now=clock.now))
    return clock


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known of Dagster's runs is what is true at this moment."""
    monkeypatch.setattr(instances, "_FRESH", 0.0)


@pytest.fixture
def tick(place: Place, instance: dg.DagsterInstance) -> Callable[..., dg.SensorResult]:  # noqa: F811
    """One tick of a sensor, with the cursor that its last one left."""
    cursors: dict[str, str | None] = {}

    def look(name: str = "readings") -> dg.SensorResult:
        jobfile = place.load()
        repository = definitions_of(jobfile).get_repository_def()
        with dg.build_sensor_context(instance, cursor=cursors.get(name), repository_def=repository) as context:
            found = sensor_of(jobfile, jobfile.jobs[name])(context)
        cursors[name] = found.cursor
        return found

    return look


def asked(result: dg.SensorResult) -> list[str]:
    """The ranges of days that a tick asks for; `files` where a job has none."""
    start, end = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
    return [
        f"{request.tags[start]}..{request.tags[end]}" if start in request.tags else "files"
        for request in result.run_requests or []
    ]


def skipped(result: dg.SensorResult) -> str:
    """Why a tick asks for nothing."""
    assert not result.run_requests
    assert isinstance(result.skip_reason, SkipReason)
    return str(result.skip_reason.skip_message)


def queue(
    instance: dg.DagsterInstance,  # noqa: F811
    place: Place,  # noqa: F811
    request: dg.RunRequest,
    status: DagsterRunStatus,
    name: str = "readings",
) -> dg.DagsterRun:
    """The run that Dagster's daemon would have made of a request."""
    jobfile = place.load()
    job = definitions_of(jobfile).resolve_implicit_global_asset_job_def()
    keys = {dg.AssetKey([name, copy.name]) for copy in jobfile.jobs[name].to}
    return instance.create_run_for_job(
        job,
        run_config=request.run_config,
        tags=request.tags,
        asset_selection=keys if request.asset_selection is None else set(request.asset_selection),
        status=status,
        remote_job_origin=remote_origin(job.name),
    )


def execute(
    instance: dg.DagsterInstance,  # noqa: F811
    place: Place,  # noqa: F811
    request: dg.RunRequest,
    name: str = "readings",
    parent: dg.DagsterRun | None = None,
) -> dg.DagsterRun:
    """The run of a request, from its start to its end, in this process; that of a person, who repeats `parent`."""
    from dagster._core.definitions.job_base import InMemoryJob
    from dagster._core.execution.api import execute_run

    run = queue(instance, place, request, DagsterRunStatus.NOT_STARTED, name)
    if parent is not None:
        run = run._replace(parent_run_id=parent.run_id, root_run_id=parent.run_id)
    job = definitions_of(place.load()).resolve_implicit_global_asset_job_def()
    execute_run(InMemoryJob(job), run, instance, raise_on_error=False)
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found


def fail(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:  # noqa: F811
    """The end of a run that told nobody what was wrong."""
    instance.report_run_failed(instance.get_run_by_id(run.run_id))

"""Runs as Dagster keeps them: their tags, where their code is from, and those that a dead process left behind."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from dagster import AssetKey, DagsterInstance, DagsterRun, DagsterRunStatus, RunRecord, RunsFilter

from datagw.assets.graph import gateways_used
from datagw.assets.names import JOB_TAG, gateway_tag
from datagw.jobs import Job
from datagw.ledger import Owner
from datagw.ledger.ledger import Ledger

if TYPE_CHECKING:
    from dagster._core.remote_origin import RemoteJobOrigin

MODULE = "datagw.definitions"
LOCATION = "datagw"  # as workspace.yaml and pyproject.toml call the code location
OWNER_TAG = "datagw/owner"

_WAITING = (DagsterRunStatus.NOT_STARTED, DagsterRunStatus.QUEUED)
_WORKING = (DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING)
_CLOCKS_MAY_DIFFER = timedelta(hours=1)


def tags_of_run(job: Job) -> dict[str, str]:
    """The tags of each run that datagw asks for: the job, and each gateway, whose limit they count against."""
    return {JOB_TAG: job.name} | {gateway_tag(name): "1" for name in gateways_used(job)}


def unfinished(instance: DagsterInstance) -> list[RunRecord]:
    """The runs that are queued or at work, whoever asked for them."""
    return [*instance.get_run_records(RunsFilter(statuses=[*_WAITING, *_WORKING]))]


def of_assets(records: Iterable[RunRecord], keys: Collection[AssetKey]) -> list[DagsterRun]:
    """Those of the runs that make one of the assets."""
    runs = [record.dagster_run for record in records]
    return [run for run in runs if run.asset_selection is None or not run.asset_selection.isdisjoint(keys)]


def remote_origin(job_name: str) -> RemoteJobOrigin:
    """The code location that the UI knows these jobs by, so that it can repeat a run that a command made."""
    from dagster._core.remote_origin import ManagedGrpcPythonEnvCodeLocationOrigin, RemoteRepositoryOrigin
    from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

    target = LoadableTargetOrigin(module_name=MODULE, working_directory=os.getcwd())
    location = ManagedGrpcPythonEnvCodeLocationOrigin(target, LOCATION)
    return RemoteRepositoryOrigin(location, "__repository__").get_job_origin(job_name)


def owner_tag() -> dict[str, str]:
    """The tag of runs that this process executes itself: who it is."""
    owner = Owner.current()
    return {OWNER_TAG: f"{owner.host} {owner.boot or '-'} {owner.pid} {owner.started_ticks}"}


def report_left_behind(
    instance: DagsterInstance, ledger: Ledger, records: Sequence[RunRecord] | None = None
) -> list[str]:
    """Tells Dagster of runs whose process is provably dead: failed, or cancelled where that was asked for; their ids.

    Such a run would stay started for ever, and its days in progress. Runs of other hosts, which cannot be known from
    here, are left to the run monitoring there. `records` are the unfinished runs, where somebody has them already.
    """
    records = unfinished(instance) if records is None else records
    runs = [record for record in records if record.dagster_run.status is not DagsterRunStatus.QUEUED]
    if not runs:
        return []
    since = min(record.create_timestamp for record in runs).astimezone(UTC) - _CLOCKS_MAY_DIFFER
    owners = {run.id: run.owner for run in ledger.runs(since=since)}
    gone: list[str] = []
    for record in runs:
        run = record.dagster_run
        owner = owners.get(run.run_id) or _owner_in(run.tags.get(OWNER_TAG))
        if owner is None or owner.alive() is not False:
            continue
        message = f"the process {owner.pid} on {owner.host}, which executed this run, is no more"
        if run.status is DagsterRunStatus.CANCELING:
            instance.report_run_canceled(run, message=message)
        else:
            instance.report_run_failed(run, message=message)
        ledger.end_run(run.run_id, "lost", message)
        gone.append(run.run_id)
    return gone


def _owner_in(tag: str | None) -> Owner | None:
    if tag is None:
        return None
    host, boot, pid, ticks = tag.split(" ")
    return Owner(host, "" if boot == "-" else boot, int(pid), int(ticks))

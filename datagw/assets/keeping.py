"""Dagster's memory of what is long over: forgotten, but for what tells the state of a day.

Dagster forgets a run together with all of its events, and reads from the newest event of each day of an asset whether
that day is published, failed or missing. So a run that holds the newest event of any day is kept, however old it is:
the one that published it, as a rule. Runs that did not get that far, whose days were all done again later, or that made
copies without days, go.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

from dagster import AssetKey, DagsterInstance, DagsterRun, RunsFilter
from dagster._core.storage.dagster_run import FINISHED_STATUSES
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.schema import AssetEventTagsTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from sqlalchemy import Connection, delete, func, select

from datagw.assets.names import JOB_TAG

_AT_ONCE = 100
_EVENTS = SqlEventLogStorageTable.c
_NO_RUN = ""  # the run of events that no run has told: what switches observe


def forget_runs(instance: DagsterInstance, ours: Collection[AssetKey], before: datetime, seconds: float) -> int:
    """Deletes our runs that ended before that moment, with their logs, for so many seconds; how many it were.

    Ours are those that datagw has asked for, and those that make nothing but assets of the job file. Runs that hold the
    newest event of an asset, or of one of its days, are left alone.
    """
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        return 0
    end = time.monotonic() + seconds
    old = set(instance.get_run_ids(RunsFilter(statuses=[*FINISHED_STATUSES], updated_before=before)))
    gone = 0
    free = sorted(old - _holders(storage)) if old else []
    for start in range(0, len(free), _AT_ONCE):
        for run in instance.get_runs(RunsFilter(run_ids=free[start : start + _AT_ONCE])):
            if time.monotonic() >= end:
                return gone
            if _is_ours(run, ours):
                _forget(instance, storage, run.run_id)
                gone += 1
    return gone


def forget_observations(instance: DagsterInstance, ours: Collection[AssetKey], before: datetime) -> int:
    """Deletes what switches observed at our sources before that moment, but for the newest of each day; how many."""
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        return 0
    keys = [key.to_string() for key in ours]
    old = (
        _EVENTS.run_id == _NO_RUN,
        _EVENTS.timestamp < before.astimezone(UTC).replace(tzinfo=None),
        _EVENTS.asset_key.in_(keys),
    )
    with storage.index_connection() as connection:
        ids = [row[0] for row in connection.execute(select(_EVENTS.id).where(*old, _EVENTS.id.not_in(_newest())))]
        _delete(connection, ids)
    if ids and isinstance(storage, SqliteEventLogStorage):  # which has them twice; the UI reads the others
        with storage.run_connection(_NO_RUN) as connection:
            _delete(connection, [row[0] for row in connection.execute(select(_EVENTS.id).where(*old))])
    return len(ids)


def _holders(storage: SqlEventLogStorage) -> set[str]:
    """The runs that hold the newest event of an asset, or of one of its days; of each kind, as each may count."""
    with storage.index_connection() as connection:
        found = connection.execute(select(_EVENTS.run_id).where(_EVENTS.id.in_(_newest())).distinct())
        return {row[0] for row in found}


def _newest() -> Any:
    wanted = select(func.max(_EVENTS.id)).where(_EVENTS.asset_key.is_not(None))
    return wanted.group_by(_EVENTS.asset_key, _EVENTS.partition, _EVENTS.dagster_event_type)


def _is_ours(run: DagsterRun, ours: Collection[AssetKey]) -> bool:
    made = {*(run.asset_selection or ()), *(check.asset_key for check in run.asset_check_selection or ())}
    return JOB_TAG in run.tags or (bool(made) and made <= set(ours))


def _forget(instance: DagsterInstance, storage: SqlEventLogStorage, run_id: str) -> None:
    instance.compute_log_manager.delete_logs(prefix=[run_id])
    instance.delete_run(run_id)
    if isinstance(storage, SqliteEventLogStorage):  # a file for each run, which would stay, empty
        path = storage.path_for_shard(run_id)
        for name in (path, f"{path}-wal", f"{path}-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)


def _delete(connection: Connection, ids: Sequence[int]) -> None:
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        connection.execute(delete(SqlEventLogStorageTable).where(_EVENTS.id.in_(some)))
        connection.execute(delete(AssetEventTagsTable).where(AssetEventTagsTable.c.event_id.in_(some)))

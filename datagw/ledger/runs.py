"""Runs and failures: what was tried, and what went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, delete, select, update

from datagw.ledger.owner import Owner
from datagw.ledger.rows import FailureRow, Run, RunState
from datagw.ledger.store import Store, upsert
from datagw.ledger.tables import attempts, failures, results, runs


class Runs(Store):
    """The history of runs, oldest first. `since` is compared with the start of a run, and with a failure's moment."""

    def start_run(self, run_id: str, job: str) -> None:
        """The run `run_id` of `job`, running from now on in this process; said again, only the process changes."""
        owner = Owner.current()
        row = {
            "id": run_id,
            "job": job,
            "owner_host": owner.host,
            "owner_boot": owner.boot,
            "owner_pid": owner.pid,
            "owner_ticks": owner.started_ticks,
            "started": self.clock.now(),
            "ended": None,
            "state": "running",
            "error": None,
        }
        with self.writing() as connection:
            upsert(connection, runs, [row], keep=["job", "started"])

    def end_run(self, run_id: str, state: RunState, error: str | None = None) -> None:
        """The run ended. `lost` is said by others, and changes only a run that has not told its end itself."""
        this = runs.c.id == run_id
        if state == "lost":
            this = and_(this, runs.c.state == "running")
        with self.writing() as connection:
            connection.execute(update(runs).where(this).values(ended=self.clock.now(), state=state, error=error))

    def runs(self, job: str | None = None, since: datetime | None = None) -> list[Run]:
        """All runs, or those of one job."""
        with self.reading() as connection:
            return _select_runs(connection, _matching(runs.c.job, job, runs.c.started, since))

    def running(self) -> list[Run]:
        """The runs that have not told their end; some may be dead, see `Run.owner`."""
        with self.reading() as connection:
            return _select_runs(connection, [runs.c.state == "running"])

    def write_failures(self, rows: Sequence[FailureRow]) -> None:
        """The failures, put down."""
        values = [
            {"job": r.job, "day": r.day, "copy": r.copy, "file": r.file, "error": r.error, "at": r.at, "run": r.run}
            for r in rows
        ]
        if values:
            with self.writing() as connection:
                connection.execute(failures.insert(), values)

    def failures(self, job: str | None = None, since: datetime | None = None) -> list[FailureRow]:
        """All failures, or those of one job."""
        c = failures.c
        wanted = select(c.job, c.day, c.copy, c.file, c.error, c.at, c.run).order_by(c.id)
        with self.reading() as connection:
            found = connection.execute(wanted.where(*_matching(c.job, job, c.at, since)))
            return [FailureRow(*row) for row in found]

    def purge(self, before: datetime) -> int:
        """Runs that ended, failures, attempts and results from before that are forgotten, how many; no receipts."""
        dated = (failures, attempts, results)
        old = ((runs, runs.c.ended), *((table, table.c.at) for table in dated))
        with self.writing() as connection:
            return sum(connection.execute(delete(table).where(moment < before)).rowcount for table, moment in old)


def _select_runs(connection: Connection, conditions: Sequence[ColumnElement[bool]]) -> list[Run]:
    return [
        Run(
            id=row.id,
            job=row.job,
            owner=Owner(row.owner_host, row.owner_boot, row.owner_pid, row.owner_ticks),
            started=row.started,
            ended=row.ended,
            state=row.state,
            error=row.error,
        )
        for row in connection.execute(select(runs).where(*conditions).order_by(runs.c.started, runs.c.id))
    ]


def _matching(
    job_column: ColumnElement[str], job: str | None, time_column: ColumnElement[datetime], since: datetime | None
) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if job is not None:
        conditions.append(job_column == job)
    if since is not None:
        conditions.append(time_column >= since)
    return conditions

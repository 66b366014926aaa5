"""Attempts: what failed last time, how often in a row, and when; so that it is neither tried at once nor forgotten."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields
from datetime import date
from typing import Any

from sqlalchemy import Select, and_, bindparam, delete, select

from datagw.ledger.columns import short_hash
from datagw.ledger.lease import Lease
from datagw.ledger.rows import Attempt
from datagw.ledger.store import Store, upsert, values_of
from datagw.ledger.tables import attempts

_ALL: Select[Any] = select(*(attempts.c[field.name] for field in fields(Attempt)))
_OF_JOB = _ALL.where(attempts.c.job == bindparam("b_job")).order_by(attempts.c.day, attempts.c.source)
_ON_DAY = _ALL.where(attempts.c.job == bindparam("b_job"), attempts.c.day == bindparam("b_day"))
_FORGET = delete(attempts).where(
    and_(
        attempts.c.job == bindparam("b_job"),
        attempts.c.day == bindparam("b_day"),
        attempts.c.hash == bindparam("b_hash"),
    )
)


class Attempts(Store):
    """What is to be tried again. A row goes once its file is proven, or its day is whole."""

    def attempts(self, job: str, day: date | None) -> dict[str, Attempt]:
        """What failed on a day, by source path; `""` stands for the day as a whole."""
        with self.reading() as connection:
            found = [Attempt(*row) for row in connection.execute(_ON_DAY, {"b_job": job, "b_day": day})]
        return {attempt.source: attempt for attempt in found}

    def all_attempts(self, job: str) -> list[Attempt]:
        """What failed on all days of a job, oldest day first."""
        with self.reading() as connection:
            return [Attempt(*row) for row in connection.execute(_OF_JOB, {"b_job": job})]

    def write_attempts(self, lease: Lease, new: Sequence[Attempt], forget: Collection[str] = ()) -> None:
        """The attempts put down, each in place of the one of its file, and those of the paths in `forget` forgotten.

        Raises LeaseLost, and writes nothing, where the lease has gone.
        """
        rows = [{**values_of(attempt), "hash": short_hash(attempt.source)} for attempt in new]
        with self.writing(lease) as connection:
            if forget:
                key = {"b_job": lease.job, "b_day": lease.day}
                connection.execute(_FORGET, [{**key, "b_hash": short_hash(source)} for source in forget])
            upsert(connection, attempts, rows)

"""Registrations: the files that own code has told of. None is ever removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime

from sqlalchemy import bindparam, select

from datagw.ledger.columns import short_hash
from datagw.ledger.rows import Registration
from datagw.ledger.store import Store, values_of
from datagw.ledger.tables import registrations

_ALL = select(*(registrations.c[field.name] for field in fields(Registration)))
_LAST = (
    _ALL.where(
        registrations.c.job == bindparam("b_job"),
        registrations.c.hash == bindparam("b_hash"),
        registrations.c.error.is_(None),
    )
    .order_by(registrations.c.id.desc())
    .limit(1)
)


class Registrations(Store):
    """What own code knows of files, by job and name."""

    def register(self, rows: Sequence[Registration]) -> None:
        """The rows put down; those of the same names become history."""
        values = [{**values_of(row), "hash": short_hash(row.name)} for row in rows]
        if values:
            with self.writing() as connection:
                connection.execute(registrations.insert(), values)

    def last_registered(self, job: str, name: str) -> Registration | None:
        """The newest row of that name that tells of no error."""
        with self.reading() as connection:
            found = connection.execute(_LAST, {"b_job": job, "b_hash": short_hash(name)}).mappings().first()
        return None if found is None else Registration(**found)

    def registrations(self, job: str | None = None, since: datetime | None = None) -> list[Registration]:
        """All rows, or those of a job, oldest first."""
        wanted = _ALL.order_by(registrations.c.id)
        if job is not None:
            wanted = wanted.where(registrations.c.job == job)
        if since is not None:
            wanted = wanted.where(registrations.c.at >= since)
        with self.reading() as connection:
            return [Registration(**row) for row in connection.execute(wanted).mappings()]

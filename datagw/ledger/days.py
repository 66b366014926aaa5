"""Days and markers: what each day has come to at each copy, and which of them are marked as not complete."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, and_, bindparam, delete, func, select

from datagw.ledger.lease import Lease
from datagw.ledger.rows import DayRow, MarkerRow
from datagw.ledger.store import Store, upsert, values_of
from datagw.ledger.tables import days, markers


def _columns(table: Table, row: type[DayRow | MarkerRow]) -> list[ColumnElement[object]]:
    return [table.c[field.name] for field in fields(row)]


def _of_day(table: Table) -> ColumnElement[bool]:
    return and_(table.c.job == bindparam("b_job"), table.c.day == bindparam("b_day"))


_DAYS_ON = select(*_columns(days, DayRow)).where(_of_day(days)).order_by(days.c.copy)
_MARKERS: Select[Any] = select(*_columns(markers, MarkerRow)).order_by(markers.c.job, markers.c.day, markers.c.copy)
_MARKERS_ON = _MARKERS.where(_of_day(markers))
_MARKERS_AT = _MARKERS.where(markers.c.gateway == bindparam("b_gateway"), markers.c.path == bindparam("b_path"))
_REMOVE = delete(markers).where(_of_day(markers), markers.c.copy == bindparam("b_copy"))
_OTHERS = (
    select(func.count())
    .select_from(markers)
    .where(markers.c.gateway == bindparam("b_gateway"), markers.c.path == bindparam("b_path"))
)


class Days(Store):
    """The calendar."""

    def write_day(self, lease: Lease, row: DayRow) -> None:
        """A day's state at one copy; raises LeaseLost, and writes nothing, where the lease has gone."""
        with self.writing(lease) as connection:
            upsert(connection, days, [values_of(row)])

    def days(self, job: str, copy: str | None = None) -> list[DayRow]:
        """The days of a job, or of one of its copies, oldest first."""
        conditions = [days.c.job == job]
        if copy is not None:
            conditions.append(days.c.copy == copy)
        wanted = select(*_columns(days, DayRow)).where(*conditions).order_by(days.c.day, days.c.copy)
        with self.reading() as connection:
            return [DayRow(*row) for row in connection.execute(wanted)]

    def days_on(self, job: str, day: date | None) -> list[DayRow]:
        """What one day has come to, at each copy."""
        with self.reading() as connection:
            return [DayRow(*row) for row in connection.execute(_DAYS_ON, {"b_job": job, "b_day": day})]

    def open_days(self, job: str) -> list[date | None]:
        """The days that failed, or were left unfinished, at any copy, oldest first."""
        wanted = select(days.c.day).where(days.c.job == job, days.c.state.in_(["failed", "unfinished"]))
        with self.reading() as connection:
            return list(connection.execute(wanted.distinct().order_by(days.c.day)).scalars())


class Markers(Store):
    """The markers that stand, as far as we put them there."""

    def add_marker(self, lease: Lease, row: MarkerRow) -> None:
        """A marker that is about to be put."""
        with self.writing(lease) as connection:
            upsert(connection, markers, [values_of(row)])

    def remove_marker(self, lease: Lease, row: MarkerRow) -> int:
        """The marker forgotten; how many others, of any job, still claim the same path, so that the file must stay."""
        with self.writing(lease) as connection:
            connection.execute(_REMOVE, {"b_job": row.job, "b_day": row.day, "b_copy": row.copy})
            return connection.execute(_OTHERS, {"b_gateway": row.gateway, "b_path": row.path}).scalar_one()

    def markers(self, job: str) -> list[MarkerRow]:
        """The markers of a job."""
        with self.reading() as connection:
            return _markers(connection, _MARKERS.where(markers.c.job == job), {})

    def markers_on(self, job: str, day: date | None) -> list[MarkerRow]:
        """The markers of one day of a job."""
        with self.reading() as connection:
            return _markers(connection, _MARKERS_ON, {"b_job": job, "b_day": day})

    def markers_at(self, gateway: str, path: str) -> list[MarkerRow]:
        """The markers, of any job, that claim this path."""
        with self.reading() as connection:
            return _markers(connection, _MARKERS_AT, {"b_gateway": gateway, "b_path": path})


def _markers(connection: Connection, wanted: Select[Any], values: Mapping[str, Any]) -> list[MarkerRow]:
    return [MarkerRow(*row) for row in connection.execute(wanted, values)]

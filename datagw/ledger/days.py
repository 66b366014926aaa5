"""Days and markers: what each day has come to at each copy, and which of them are marked as not complete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import date

from sqlalchemy import ColumnElement, Connection, Table, delete, func, select

from datagw.ledger.lease import Lease
from datagw.ledger.rows import DayRow, MarkerRow
from datagw.ledger.store import Store, upsert
from datagw.ledger.tables import days, markers


class Days(Store):
    """The calendar."""

    def write_day(self, lease: Lease, row: DayRow) -> None:
        """A day's state at one copy; raises LeaseLost, and writes nothing, where the lease has gone."""
        with self.writing(lease) as connection:
            upsert(connection, days, [asdict(row)])

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
        wanted = select(*_columns(days, DayRow)).where(days.c.job == job, days.c.day == day).order_by(days.c.copy)
        with self.reading() as connection:
            return [DayRow(*row) for row in connection.execute(wanted)]

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
            upsert(connection, markers, [asdict(row)])

    def remove_marker(self, lease: Lease, row: MarkerRow) -> int:
        """The marker forgotten; how many others, of any job, still claim the same path, so that the file must stay."""
        c = markers.c
        with self.writing(lease) as connection:
            connection.execute(delete(markers).where(c.job == row.job, c.day == row.day, c.copy == row.copy))
            others = select(func.count()).select_from(markers).where(c.gateway == row.gateway, c.path == row.path)
            return connection.execute(others).scalar_one()

    def markers(self, job: str) -> list[MarkerRow]:
        """The markers of a job."""
        with self.reading() as connection:
            return _select_markers(connection, [markers.c.job == job])

    def markers_on(self, job: str, day: date | None) -> list[MarkerRow]:
        """The markers of one day of a job."""
        with self.reading() as connection:
            return _select_markers(connection, [markers.c.job == job, markers.c.day == day])

    def markers_at(self, gateway: str, path: str) -> list[MarkerRow]:
        """The markers, of any job, that claim this path."""
        with self.reading() as connection:
            return _select_markers(connection, [markers.c.gateway == gateway, markers.c.path == path])


def _select_markers(connection: Connection, conditions: Sequence[ColumnElement[bool]]) -> list[MarkerRow]:
    order = (markers.c.job, markers.c.day, markers.c.copy)
    wanted = select(*_columns(markers, MarkerRow)).where(*conditions).order_by(*order)
    return [MarkerRow(*row) for row in connection.execute(wanted)]


def _columns(table: Table, row: type[DayRow | MarkerRow]) -> list[ColumnElement[object]]:
    return [table.c[field.name] for field in fields(row)]

"""Receipts: the proofs. None is ever removed; the newest of each job, copy, source and destination is current."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, bindparam, select, update

from datagw.ledger.columns import short_hash
from datagw.ledger.intents import delete_intents
from datagw.ledger.lease import Lease
from datagw.ledger.rows import Intent, Receipt
from datagw.ledger.store import Store, chunks
from datagw.ledger.tables import receipts

_NAMES = tuple(field.name for field in fields(Receipt))
_ALL: Select[Any] = select(receipts.c.id, *(receipts.c[name] for name in _NAMES)).order_by(receipts.c.id)
_CURRENT = _ALL.where(receipts.c.job == bindparam("b_job"), receipts.c.day == bindparam("b_day"), receipts.c.current)
_PAGE = 1000


class Receipts(Store):
    """What is proven."""

    def current_receipts(
        self, job: str, day: date | None, copies: Iterable[str] | None = None
    ) -> dict[tuple[str, str], Receipt]:
        """The newest receipt of each copy and source of that day, by (copy, source)."""
        wanted = _CURRENT if copies is None else _CURRENT.where(receipts.c.copy.in_(list(copies)))
        with self.reading() as connection:
            found = (_receipt(row) for row in connection.execute(wanted, {"b_job": job, "b_day": day}))
            return {(receipt.copy, receipt.source): receipt for receipt in found}

    def receipts_at(self, job: str, copy: str, destinations: Iterable[str]) -> list[Receipt]:
        """The current receipts of these destinations, oldest first: one of each source that was published there."""
        asked = set(destinations)
        wanted = _ALL.where(receipts.c.job == job, receipts.c.copy == copy, receipts.c.current)
        with self.reading() as connection:
            found = [
                _receipt(row)
                for chunk in chunks(asked)
                for row in connection.execute(wanted.where(receipts.c.hash.in_([short_hash(path) for path in chunk])))
            ]
        return [receipt for receipt in found if receipt.destination in asked]

    def receipts_by_destination(self, job: str, copy: str, destinations: Iterable[str]) -> dict[str, Receipt]:
        """The newest receipt of each of the destinations that has one, by destination."""
        return {receipt.destination: receipt for receipt in self.receipts_at(job, copy, destinations)}

    def receipts(
        self, job: str | None = None, since: datetime | None = None, day: date | None = None
    ) -> Iterator[Receipt]:
        """All receipts, old ones too, oldest first, read page by page: those of a job, since a moment, of a day."""
        wanted = _ALL.limit(_PAGE)
        if job is not None:
            wanted = wanted.where(receipts.c.job == job)
        if since is not None:
            wanted = wanted.where(receipts.c.at >= since)
        if day is not None:
            wanted = wanted.where(receipts.c.day == day)
        last = -1
        while True:
            with self.reading() as connection:
                page = connection.execute(wanted.where(receipts.c.id > last)).all()
            yield from map(_receipt, page)
            if len(page) < _PAGE:
                return
            last = page[-1].id

    def newest_destinations(self, since: datetime, limit: int) -> list[tuple[str, str, str]]:
        """Job, copy and destination of the newest receipts, at most so many, and none from before `since`."""
        c = receipts.c
        wanted = select(c.job, c.copy, c.destination, c.at).order_by(c.id.desc()).limit(limit)
        with self.reading() as connection:
            return [(row.job, row.copy, row.destination) for row in connection.execute(wanted) if row.at >= since]

    def newest_content(self, job: str) -> int | None:
        """The number of the job's newest receipt that is not for the same content as the one before it; None of none.

        One of own code that took a file always counts.
        """
        c = receipts.c
        newest = select(c.id, *(c[name] for name in _NAMES)).where(c.job == job).order_by(c.id.desc())
        before = (
            select(c.sha256, c.content_version).where(_SAME, c.id < bindparam("b_id")).order_by(c.id.desc()).limit(1)
        )
        with self.reading() as connection:
            for row in connection.execute(newest.execution_options(yield_per=100)):
                values = {**_key(dict(zip(_NAMES, row[1:], strict=True))), "b_id": row.id}
                known = connection.execute(before, values).one_or_none()
                same = known is not None and (known.sha256 or known.content_version) == _receipt(row).content
                if not same or row.verification == "accepted":
                    return row.id
        return None

    def write_receipts(self, lease: Lease, new: Sequence[Receipt], forget_parts: Sequence[Intent] = ()) -> None:
        """The receipts put down, and the intents that they fulfil forgotten, at once; older receipts become history.

        Raises LeaseLost, and writes nothing, where the lease has gone.
        """
        rows = [{name: getattr(receipt, name) for name in _NAMES} for receipt in new]
        newest = {(row["job"], row["copy"], row["source"], row["destination"]): row for row in rows}
        for row in rows:
            row["hash"] = short_hash(row["destination"])
            row["current"] = newest[row["job"], row["copy"], row["source"], row["destination"]] is row
        with self.writing(lease) as connection:
            if older := _replaced(connection, rows):
                connection.execute(_REPLACE, [_key(row) for row in older])
            if rows:
                connection.execute(_INSERT, rows)
            delete_intents(connection, forget_parts)

    def mark_durable(self, lease: Lease, proven: Sequence[Receipt]) -> None:
        """The copies of these receipts are on stable storage now."""
        rows = [
            {**_key({name: getattr(receipt, name) for name in _NAMES}), "b_sha256": receipt.sha256}
            for receipt in proven
        ]
        with self.writing(lease) as connection:
            if rows:
                same = and_(_SAME, receipts.c.sha256 == bindparam("b_sha256"), receipts.c.current)
                connection.execute(update(receipts).where(same).values(durable=True), rows)


_SAME = and_(
    receipts.c.job == bindparam("b_job"),
    receipts.c.copy == bindparam("b_copy"),
    receipts.c.hash == bindparam("b_hash"),
    receipts.c.source == bindparam("b_source"),
    receipts.c.destination == bindparam("b_destination"),
)


_STANDING = select(receipts.c.hash).where(
    receipts.c.job == bindparam("b_job"),
    receipts.c.copy == bindparam("b_copy"),
    receipts.c.hash.in_(bindparam("b_hashes", expanding=True)),
    receipts.c.current,
)
_REPLACE = update(receipts).where(_SAME, receipts.c.current).values(current=False)
_INSERT = receipts.insert()


def _replaced(connection: Connection, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of the rows whose destination has a current receipt: a question for all, not an UPDATE each."""
    by_copy: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_copy[row["job"], row["copy"]].append(row)
    found: list[dict[str, Any]] = []
    for (job, copy), some in by_copy.items():
        for chunk in chunks(some):
            values = {"b_job": job, "b_copy": copy, "b_hashes": [row["hash"] for row in chunk]}
            there = set(connection.execute(_STANDING, values).scalars())
            found.extend(row for row in chunk if row["hash"] in there)
    return found


def _key(row: dict[str, Any]) -> dict[str, Any]:
    """The values for `_SAME`."""
    return {
        "b_job": row["job"],
        "b_copy": row["copy"],
        "b_hash": row.get("hash") or short_hash(row["destination"]),
        "b_source": row["source"],
        "b_destination": row["destination"],
    }


def _receipt(row: Row[Any]) -> Receipt:
    return Receipt(**dict(zip(_NAMES, row[1:], strict=True)))

"""Intents: the hidden names that stand on places, put down before their first byte and before each rename."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, select

from datagw.ledger.columns import short_hash
from datagw.ledger.lease import Lease
from datagw.ledger.rows import Intent
from datagw.ledger.store import Store, chunks, upsert
from datagw.ledger.tables import intents

_NAMES = tuple(field.name for field in fields(Intent))


class Intents(Store):
    """What a run that died may have left, in the order of the parts' names. Writing raises LeaseLost where it must."""

    def record_parts(self, lease: Lease, parts: Sequence[Intent]) -> None:
        """Parts that are about to get their first byte."""
        with self.writing(lease) as connection:
            _put(connection, parts)

    def intend(self, lease: Lease, parts: Sequence[Intent]) -> None:
        """Parts that are whole and verified, and are about to be renamed; each has its `sha256`."""
        without = next((part for part in parts if part.sha256 is None), None)
        if without is not None:
            raise ValueError(f"an intent has the part's sha256: {without}")
        with self.writing(lease) as connection:
            _put(connection, parts)

    def forget_intents(self, lease: Lease, parts: Sequence[Intent]) -> None:
        """Parts that are no longer there."""
        with self.writing(lease) as connection:
            delete_intents(connection, parts)

    def intents(self, job: str, day: date | None, copy: str | None = None) -> list[Intent]:
        """The intents of a day, at all copies and in the source (`""`), or at one."""
        conditions = [intents.c.job == job, intents.c.day == day]
        if copy is not None:
            conditions.append(intents.c.copy == copy)
        with self.reading() as connection:
            return _select(connection, conditions)

    def claimed(self, gateway: str, parts: Iterable[str]) -> set[str]:
        """Those of the parts on a gateway that any job has an intent for."""
        with self.reading() as connection:
            return {
                part
                for chunk in chunks(set(parts))
                for part in connection.execute(
                    select(intents.c.part).where(intents.c.gateway == gateway, _claims(chunk))
                ).scalars()
            }

    def all_intents(self, job: str) -> list[Intent]:
        """The intents of all days of a job."""
        with self.reading() as connection:
            return _select(connection, [intents.c.job == job])


def _claims(parts: Sequence[str]) -> ColumnElement[bool]:
    return intents.c.hash.in_([short_hash(part) for part in parts])


def delete_intents(connection: Connection, parts: Sequence[Intent]) -> None:
    """The intents, removed."""
    by_copy: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for part in parts:
        by_copy[part.job, part.copy].append(short_hash(part.part))
    for (job, copy), hashes in by_copy.items():
        for chunk in chunks(hashes):
            connection.execute(
                delete(intents).where(intents.c.job == job, intents.c.copy == copy, intents.c.hash.in_(chunk))
            )


def _put(connection: Connection, parts: Sequence[Intent]) -> None:
    rows = {
        (part.job, part.copy, part.part): {
            "hash": short_hash(part.part),
            **{name: getattr(part, name) for name in _NAMES},
        }
        for part in parts
    }
    upsert(connection, intents, list(rows.values()))


def _select(connection: Connection, conditions: list[ColumnElement[bool]]) -> list[Intent]:
    wanted = select(*(intents.c[name] for name in _NAMES)).where(*conditions).order_by(intents.c.copy, intents.c.part)
    found: list[Any] = list(connection.execute(wanted))
    return [Intent(**dict(zip(_NAMES, row, strict=True))) for row in found]

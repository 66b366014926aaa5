"""Intents: the hidden names that stand on places, put down before their first byte and before each rename."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, select

from datagw.ledger.columns import short_hash
from datagw.ledger.lease import Lease
from datagw.ledger.rows import Intent
from datagw.ledger.store import Store, chunks, upsert
from datagw.ledger.tables import intents

_NAMES = tuple(field.name for field in fields(Intent))
_ALL: Select[Any] = select(*(intents.c[name] for name in _NAMES)).order_by(intents.c.copy, intents.c.part)
_ON_DAY = _ALL.where(intents.c.job == bindparam("b_job"), intents.c.day == bindparam("b_day"))
_AT_COPY = _ON_DAY.where(intents.c.copy == bindparam("b_copy"))
_CLAIMED = select(intents.c.part).where(
    intents.c.gateway == bindparam("b_gateway"), intents.c.hash.in_(bindparam("b_hashes", expanding=True))
)
_FORGET = delete(intents).where(
    intents.c.job == bindparam("b_job"),
    intents.c.copy == bindparam("b_copy"),
    intents.c.hash.in_(bindparam("b_hashes", expanding=True)),
)


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
        values = {"b_job": job, "b_day": day}
        with self.reading() as connection:
            if copy is None:
                return _select(connection, _ON_DAY, values)
            return _select(connection, _AT_COPY, {**values, "b_copy": copy})

    def claimed(self, gateway: str, parts: Iterable[str]) -> set[str]:
        """Those of the parts on a gateway that any job has an intent for."""
        with self.reading() as connection:
            return {
                part
                for chunk in chunks(set(parts))
                for part in connection.execute(_CLAIMED, {"b_gateway": gateway, "b_hashes": _hashes(chunk)}).scalars()
            }

    def intents_before(self, moment: datetime) -> list[Intent]:
        """The intents of all jobs that no run has renewed since then, by job and day."""
        with self.reading() as connection:
            found = _select(connection, _ALL.where(intents.c.at < moment), {})
        return sorted(found, key=lambda intent: (intent.job, intent.day or date.min))

    def all_intents(self, job: str) -> list[Intent]:
        """The intents of all days of a job."""
        with self.reading() as connection:
            return _select(connection, _ALL.where(intents.c.job == job), {})


def _hashes(parts: Iterable[str]) -> list[str]:
    return [short_hash(part) for part in parts]


def delete_intents(connection: Connection, parts: Sequence[Intent]) -> None:
    """The intents, removed."""
    by_copy: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for part in parts:
        by_copy[part.job, part.copy].append(short_hash(part.part))
    for (job, copy), hashes in by_copy.items():
        for chunk in chunks(hashes):
            connection.execute(_FORGET, {"b_job": job, "b_copy": copy, "b_hashes": chunk})


def _put(connection: Connection, parts: Sequence[Intent]) -> None:
    rows = {
        (part.job, part.copy, part.part): {
            "hash": short_hash(part.part),
            **{name: getattr(part, name) for name in _NAMES},
        }
        for part in parts
    }
    upsert(connection, intents, list(rows.values()))


def _select(connection: Connection, wanted: Select[Any], values: Mapping[str, Any]) -> list[Intent]:
    found: list[Any] = list(connection.execute(wanted, values))
    return [Intent(**dict(zip(_NAMES, row, strict=True))) for row in found]

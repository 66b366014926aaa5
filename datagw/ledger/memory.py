"""What a job remembers from one look to the next: when a version was first seen, and positions of its own."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from typing import Any

from sqlalchemy import Connection, select

from datagw.ledger.columns import short_hash
from datagw.ledger.store import Store, chunks, insert_missing, upsert
from datagw.ledger.tables import positions, sightings


class Sightings(Store):
    """The day on which each version of each source was first seen, by (source, content_version): `{date}` in paths."""

    def first_seen(self, job: str, seen: Iterable[tuple[str, str]], today: date) -> dict[tuple[str, str], date]:
        """The first day of each version; those that are new are put down as seen `today`, in the job's time zone."""
        asked = {short_hash(*version): version for version in seen}
        with self.reading() as connection:
            known = _known(connection, job, asked)
        new = [
            {"job": job, "hash": key, "source": source, "content_version": version, "first_seen": today}
            for key, (source, version) in asked.items()
            if (source, version) not in known
        ]
        if new:
            with self.writing() as connection:
                insert_missing(connection, sightings, new)
                known |= _known(connection, job, asked)
        return known

    def known_first_seen(self, job: str, seen: Iterable[tuple[str, str]]) -> dict[tuple[str, str], date]:
        """The first day of those versions that were seen before; nothing is put down."""
        with self.reading() as connection:
            return _known(connection, job, [short_hash(*version) for version in seen])


class Positions(Store):
    """Small values that a job keeps: whatever JSON holds, by a name."""

    def position(self, job: str, key: str, default: Any = None) -> Any:
        """The value kept under `key`, else `default`."""
        wanted = select(positions.c.value).where(positions.c.job == job, positions.c.key == key)
        with self.reading() as connection:
            found = connection.execute(wanted).scalar_one_or_none()
        return default if found is None else json.loads(found)

    def set_position(self, job: str, key: str, value: Any) -> None:
        """The value put under `key`."""
        with self.writing() as connection:
            upsert(connection, positions, [{"job": job, "key": key, "value": json.dumps(value)}])


def _known(connection: Connection, job: str, keys: Iterable[str]) -> dict[tuple[str, str], date]:
    c = sightings.c
    wanted = select(c.source, c.content_version, c.first_seen).where(c.job == job)
    return {
        (row.source, row.content_version): row.first_seen
        for chunk in chunks(keys)
        for row in connection.execute(wanted.where(c.hash.in_(chunk)))
    }

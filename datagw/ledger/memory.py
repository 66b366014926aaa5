"""What a job remembers from one look to the next: when a version was first seen, and positions of its own."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, select, update

from datagw.ledger.columns import short_hash
from datagw.ledger.store import Store, chunks, insert_missing, upsert
from datagw.ledger.tables import positions, sightings

_UNWATCH = (
    update(sightings)
    .where(and_(sightings.c.job == bindparam("b_job"), sightings.c.hash == bindparam("b_hash")))
    .values(seen=None)
)


class Sightings(Store):
    """When each version of each source was first seen, by (source, content_version): the day, for `{date}` in paths;
    and, of those that a place tells no good time of, the moment since when they have not changed.
    """

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

    def watched(self, job: str) -> dict[tuple[str, str], datetime]:
        """Since when (UTC) each version that is watched has been seen as it is, look after look."""
        c = sightings.c
        wanted = select(c.source, c.content_version, c.seen).where(c.job == job, c.seen.is_not(None))
        with self.reading() as connection:
            return {(row.source, row.content_version): row.seen for row in connection.execute(wanted)}

    def watch(
        self,
        job: str,
        begin: Iterable[tuple[str, str]],
        end: Iterable[tuple[str, str]],
        now: datetime,
        today: date,
    ) -> None:
        """Versions that are watched from `now` on, and others that no longer are; `today` in the job's time zone."""
        seen = [
            {"job": job, "hash": short_hash(*pair), "source": pair[0], "content_version": pair[1], "first_seen": today}
            for pair in begin
        ]
        rows = [{"b_job": job, "b_hash": short_hash(*pair)} for pair in end]
        with self.writing() as connection:
            upsert(connection, sightings, [{**row, "seen": now} for row in seen], keep=("first_seen",))
            if rows:
                connection.execute(_UNWATCH, rows)


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

"""The new files of a job that are done with: published, there before the first look, or failed for good."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Select, Text, and_, bindparam, delete, select, type_coerce

from datagw.ledger.columns import short_hash, text_to_path
from datagw.ledger.lease import Lease
from datagw.ledger.store import Store, insert_missing, upsert
from datagw.ledger.tables import positions, taken

WhyTaken = Literal["published", "existing", "failed"]

_FIRST_LOOK = "first look"
_TEXTS: Select[Any] = select(type_coerce(taken.c.source, Text), type_coerce(taken.c.version, Text)).where(
    taken.c.job == bindparam("b_job")
)  # as they stand in the database: a hundred thousand rows are read at each look
_FORGET = delete(taken).where(and_(taken.c.job == bindparam("b_job"), taken.c.hash == bindparam("b_hash")))


class Taken(Store):
    """What a look for new files leaves out: each path with the version under which it was taken."""

    def taken(self, job: str, why: Collection[WhyTaken]) -> dict[str, str]:
        """The version of each path that was taken for one of these reasons."""
        wanted = _TEXTS.where(taken.c.why.in_(sorted(why)))
        with self.reading() as connection:
            rows = connection.execute(wanted, {"b_job": job}).all()
        return {
            (text_to_path(source) if "\\" in source else source): (
                text_to_path(version) if "\\" in version else version
            )
            for source, version in rows
        }

    def take_files(self, lease: Lease, files: Iterable[tuple[str, str]], why: WhyTaken, at: datetime) -> None:
        """Files, as pairs of path and version, put down as taken; a path is taken under one version only."""
        rows = _rows(lease.job, files, why, at)
        with self.writing(lease) as connection:
            upsert(connection, taken, rows)

    def forget_taken(self, lease: Lease, sources: Iterable[str]) -> None:
        """Paths that are not there any more; what comes there will be new."""
        rows = [{"b_job": lease.job, "b_hash": short_hash(source)} for source in sources]
        with self.writing(lease) as connection:
            if rows:
                connection.execute(_FORGET, rows)

    def take_anew(self, lease: Lease, key: str, value: str) -> None:
        """All that was published or failed is forgotten, as no receipt is; and the position `key` put down."""
        ours = and_(taken.c.job == lease.job, taken.c.why.in_(["published", "failed"]))
        with self.writing(lease) as connection:
            connection.execute(delete(taken).where(ours))
            upsert(connection, positions, [{"job": lease.job, "key": key, "value": json.dumps(value)}])

    def was_looked_at(self, job: str) -> bool:
        """Whether the first look of a job is on record."""
        wanted = select(positions.c.value).where(positions.c.job == job, positions.c.key == _FIRST_LOOK)
        with self.reading() as connection:
            return connection.execute(wanted).first() is not None

    def first_look(self, job: str, existing: Sequence[tuple[str, str]], at: datetime) -> bool:
        """The first look put down, with what was there and is to be left alone; False if it was on record already."""
        wanted = select(positions.c.value).where(positions.c.job == job, positions.c.key == _FIRST_LOOK)
        with self.writing() as connection:
            if connection.execute(wanted).first() is not None:
                return False
            insert_missing(connection, taken, _rows(job, existing, "existing", at))
            upsert(connection, positions, [{"job": job, "key": _FIRST_LOOK, "value": f'"{at.isoformat()}"'}])
            return True


def _rows(job: str, files: Iterable[tuple[str, str]], why: WhyTaken, at: datetime) -> list[dict[str, Any]]:
    return [
        {"job": job, "hash": short_hash(source), "source": source, "version": version, "why": why, "at": at}
        for source, version in files
    ]

"""Results: what the functions of own code have come to, so that a repeat does again only what failed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import datetime

from sqlalchemy import and_, func, select

from datagw.ledger.rows import Result
from datagw.ledger.store import Store, values_of
from datagw.ledger.tables import results

_ALL = select(*(results.c[field.name] for field in fields(Result)))
_PAGE = 500


class Outcomes(Store):
    """What functions have returned, by job and occasion. A row of the node `""` that is done ends an occasion."""

    def write_results(self, rows: Sequence[Result]) -> None:
        """The rows put down; those of the same node and item become history."""
        if rows:
            with self.writing() as connection:
                connection.execute(results.insert(), [values_of(row) for row in rows])

    def occasion_of(self, job: str, run: str) -> str | None:
        """The occasion that a run was about, if it has left a result; the last, where there were several."""
        c = results.c
        wanted = select(c.occasion).where(c.run == run, c.job == job).order_by(c.id.desc()).limit(1)
        with self.reading() as connection:
            return connection.execute(wanted).scalar_one_or_none()

    def last_occasion(self, job: str) -> str | None:
        """The occasion that functions of a job were called for last."""
        wanted = select(results.c.occasion).where(results.c.job == job).order_by(results.c.id.desc()).limit(1)
        with self.reading() as connection:
            return connection.execute(wanted).scalar_one_or_none()

    def left_open(self, job: str, occasion: str) -> int | None:
        """The number after which the rows of an occasion count: those of runs that did not end well; None of none."""
        c = results.c
        mine = and_(c.job == job, c.occasion == occasion)
        ended = select(func.coalesce(func.max(c.id), 0)).where(mine, c.node == "", c.state == "done")
        with self.reading() as connection:
            after = int(connection.execute(ended).scalar_one())
            left = connection.execute(select(c.id).where(mine, c.id > after).limit(1)).first()
        return None if left is None else after

    def all_results(self, job: str | None = None, since: datetime | None = None) -> list[Result]:
        """What became of each function as a whole, of one job or of all, oldest first."""
        c = results.c
        wanted = _ALL.where(c.item == -1, c.node != "").order_by(c.id)
        if job is not None:
            wanted = wanted.where(c.job == job)
        if since is not None:
            wanted = wanted.where(c.at >= since)
        with self.reading() as connection:
            return [Result(**row) for row in connection.execute(wanted).mappings()]

    def results_of_nodes(self, job: str, occasion: str, after: int) -> list[tuple[int, Result]]:
        """The results of all nodes as a whole, oldest first, each with the number of its row."""
        c = results.c
        names = (c[field.name] for field in fields(Result))
        wanted = select(c.id, *names).where(c.job == job, c.occasion == occasion, c.item == -1, c.id > after)
        with self.reading() as connection:
            found = connection.execute(wanted.where(c.node != "").order_by(c.id)).mappings().all()
        return [(row["id"], Result(**{name: value for name, value in row.items() if name != "id"})) for row in found]

    def done_items(self, job: str, occasion: str, node: str, fingerprint: str, after: int) -> Iterator[tuple[int, str]]:
        """The items of a node that are done and kept, in order, each once: number and output, read page by page."""
        c = results.c
        mine = (c.job == job, c.occasion == occasion, c.node == node, c.fingerprint == fingerprint)
        kept = (c.state == "done", c.output.is_not(None), c.id > after)
        newest = select(func.max(c.id)).where(*mine, *kept).group_by(c.item)
        wanted = select(c.item, c.output).where(c.id.in_(newest)).order_by(c.item).limit(_PAGE)
        last = -1
        while True:
            with self.reading() as connection:
                page = connection.execute(wanted.where(c.item > last)).all()
            yield from ((row.item, row.output) for row in page)
            if len(page) < _PAGE:
                return
            last = page[-1].item

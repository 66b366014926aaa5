"""The database under the ledger: its connections, and its two kinds of transaction."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Engine, Table, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from datagw.errors import LedgerError
from datagw.ledger.clock import Clock

_T = TypeVar("_T")

CHUNK = 500  # values in one statement: SQLite takes 999 variables before its version 3.32


class Fence(Protocol):
    """What a writing transaction is allowed by: a lease."""

    def guard(self, connection: Connection) -> None:
        """Raises LeaseLost where the transaction must not be made."""
        ...


class Store:
    """A database. The themes of the ledger are built on it, one class each; each of their calls is one transaction.

    Safe to be used by several threads at once. Every method may raise LedgerError.
    """

    def __init__(self, engine: Engine, shown: str, clock: Clock) -> None:
        self._engine = engine
        self._writing = engine.execution_options(writing=True)
        self.url_shown = shown
        self.clock = clock

    @contextmanager
    def reading(self) -> Generator[Connection, None, None]:
        """A transaction that reads."""
        with translated(self.url_shown), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self, fence: Fence | None = None) -> Generator[Connection, None, None]:
        """A transaction that writes, all or nothing; with a lease, only if it still is ours when it is committed."""
        with translated(self.url_shown), self._writing.begin() as connection:
            if fence is not None:
                fence.guard(connection)
            yield connection

    def time(self, connection: Connection) -> float:
        """Seconds since the epoch by the clock that all users of this ledger share: PostgreSQL's, or this machine's."""
        if connection.dialect.name == "postgresql":
            return float(connection.execute(select(func.extract("epoch", func.clock_timestamp()))).scalar_one())
        return self.clock.wall()

    def close(self) -> None:
        """Closes all connections; the ledger cannot be used any more."""
        self._engine.dispose()


@contextmanager
def translated(shown: str) -> Generator[None, None, None]:
    """The database's errors as LedgerError."""
    try:
        yield
    except DBAPIError as error:
        said = str(error.orig).strip()
        if said == "database is locked":
            said = "another process has kept it locked for a minute; end that process, or try again"
        raise LedgerError(f"the ledger {shown} cannot be used: {said}") from error
    except PoolTimeoutError as error:
        raise LedgerError(f"the ledger {shown} has no connection left: {error}") from error


def upsert(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, keep: Iterable[str] = ()
) -> None:
    """The rows put in, or over those of the same primary key; columns in `keep` stay as they were."""
    if not rows:
        return
    statement = _insert(connection, table)
    fixed = {*keep, *table.primary_key.columns.keys()}
    changed = {name: statement.excluded[name] for name in rows[0] if name not in fixed}
    connection.execute(statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=changed), rows)


def insert_missing(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """The rows put in, but for those whose primary key is there."""
    if rows:
        connection.execute(_insert(connection, table).on_conflict_do_nothing(), rows)


def _insert(connection: Connection, table: Table) -> Any:
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert
    else:
        from sqlalchemy.dialects.sqlite import insert
    return insert(table)


def chunks(values: Iterable[_T], size: int = CHUNK) -> Iterator[list[_T]]:
    """The values, `size` at a time."""
    iterator = iter(values)
    while chunk := list(islice(iterator, size)):
        yield chunk

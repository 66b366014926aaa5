"""The database under the ledger: its connections, and its two kinds of transaction."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from sqlalchemy import Connection, Engine, Table, TextClause, bindparam, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from datagw.errors import LedgerError
from datagw.ledger.clock import Clock

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

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
        self._shared = _Shared()
        self.url_shown = shown
        self.clock = clock

    @contextmanager
    def reading(self) -> Generator[Connection, None, None]:
        """A transaction that reads."""
        shared = self._shared.connection
        if shared is not None:
            yield shared
            return
        with translated(self.url_shown), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self, fence: Fence | None = None) -> Generator[Connection, None, None]:
        """A transaction that writes, all or nothing; with a lease, only if it still is ours when it is committed."""
        shared = self._shared
        if shared.connection is not None:
            if not shared.writes or (fence is not None and fence is not shared.fence):
                raise RuntimeError("calls that were put together must be allowed by the same lease")
            yield shared.connection
            return
        with translated(self.url_shown), self._writing.begin() as connection:
            if fence is not None:
                fence.guard(connection)
            yield connection

    @contextmanager
    def looking(self) -> Generator[None, None, None]:
        """A time in which this thread's calls, which only read, are one transaction."""
        with self.reading() as connection, self._sharing(connection, None, writes=False):
            yield

    @contextmanager
    def together(self, fence: Fence) -> Generator[None, None, None]:
        """A time in which this thread's calls are one transaction of a lease, all or nothing; to be kept short."""
        with self.writing(fence) as connection, self._sharing(connection, fence, writes=True):
            yield

    @contextmanager
    def _sharing(self, connection: Connection, fence: Fence | None, *, writes: bool) -> Generator[None, None, None]:
        shared = self._shared
        before = shared.connection, shared.fence, shared.writes
        shared.connection, shared.fence, shared.writes = connection, fence or shared.fence, writes or shared.writes
        try:
            yield
        finally:
            shared.connection, shared.fence, shared.writes = before

    def time(self, connection: Connection) -> float:
        """Seconds since the epoch by the clock that all users of this ledger share: PostgreSQL's, or this machine's."""
        if connection.dialect.name == "postgresql":
            return float(connection.execute(select(func.extract("epoch", func.clock_timestamp()))).scalar_one())
        return self.clock.wall()

    def close(self) -> None:
        """Closes all connections; the ledger cannot be used any more."""
        self._engine.dispose()


class _Shared(threading.local):
    """The transaction that calls of one thread share, if there is one."""

    connection: Connection | None = None
    fence: Fence | None = None
    writes: bool = False


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
    if rows:
        connection.execute(_upsert(connection.dialect.name, table, tuple(rows[0]), frozenset(keep)), rows)


def insert_missing(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """The rows put in, but for those whose primary key is there."""
    if rows:
        connection.execute(_insert_missing(connection.dialect.name, table, tuple(rows[0])), rows)


def values_of(row: DataclassInstance) -> dict[str, Any]:
    """The columns of a row."""
    return {field.name: getattr(row, field.name) for field in fields(row)}


@cache
def _upsert(dialect: str, table: Table, names: Sequence[str], keep: frozenset[str]) -> Any:
    statement = _insert(dialect, table)
    fixed = {*keep, *table.primary_key.columns.keys()}
    changed = {name: statement.excluded[name] for name in names if name not in fixed}
    whole = statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=changed)
    return _as_text(whole, table, names) if dialect == "sqlite" else whole


@cache
def _insert_missing(dialect: str, table: Table, names: Sequence[str]) -> Any:
    whole = _insert(dialect, table).on_conflict_do_nothing()
    return _as_text(whole, table, names) if dialect == "sqlite" else whole


def _as_text(statement: Any, table: Table, names: Sequence[str]) -> TextClause:
    """The same statement as SQL. SQLAlchemy compiles one with ON CONFLICT each time anew, thirty times as slowly."""
    from sqlalchemy.dialects import sqlite

    sql = str(statement.compile(dialect=sqlite.dialect(paramstyle="named"), column_keys=list(names)))
    return text(sql).bindparams(*(bindparam(name, type_=table.c[name].type) for name in names))


def _insert(dialect: str, table: Table) -> Any:
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert
    else:
        from sqlalchemy.dialects.sqlite import insert
    return insert(table)


def chunks(values: Iterable[_T], size: int = CHUNK) -> Iterator[list[_T]]:
    """The values, `size` at a time."""
    iterator = iter(values)
    while chunk := list(islice(iterator, size)):
        yield chunk

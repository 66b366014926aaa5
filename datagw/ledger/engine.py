"""The engines: how this process speaks to SQLite and to PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event

from datagw.errors import LedgerError
from datagw.ledger.tables import SCHEMA
from datagw.ledger.url import shown

PATIENCE = 60  # seconds that a writer waits for another one
_POSTGRES: dict[str, str] = {  # an unplugged cable is noticed well before a lease has run out
    "application_name": "datagw",
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}


def make_engine(url: URL) -> Engine:
    """The engine for `url`, not yet connected. On SQLite the folder of the file is made."""
    return _sqlite(url) if url.get_backend_name() == "sqlite" else _postgresql(url)


def _sqlite(url: URL) -> Engine:
    folder = Path(url.database or "").parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LedgerError(f"the ledger's folder {folder} cannot be made: {error.strerror}") from error
    engine = create_engine(url, connect_args={"timeout": PATIENCE})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver begins no transactions by itself: `_begin` does
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")


def _begin(connection: Connection) -> None:
    writing = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _postgresql(url: URL) -> Engine:
    settings = {name: value for name, value in _POSTGRES.items() if name not in url.query}
    try:
        return create_engine(
            url,
            connect_args=settings,
            execution_options={"schema_translate_map": {None: SCHEMA}},
            executemany_mode="values_plus_batch",
            isolation_level="READ COMMITTED",
            pool_pre_ping=True,
        )
    except ModuleNotFoundError as error:
        message = (
            f"the ledger {shown(url)} needs a library that is not there ({error.name}): pip install 'datagw[postgres]'"
        )
        raise LedgerError(message) from error

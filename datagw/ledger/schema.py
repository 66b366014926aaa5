"""The way from any older ledger, or from none, to the tables of this version.

A ledger that is up to date costs one look at its version. Alembic is loaded only where something is to be done.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Generator
from contextlib import contextmanager
from uuid import uuid4

from sqlalchemy import Connection, Engine, text

from datagw.errors import LedgerError
from datagw.ledger.engine import PATIENCE
from datagw.ledger.store import insert_missing, translated
from datagw.ledger.tables import SCHEMA, VERSION, VERSION_TABLE, meta

ADVISORY_LOCK = 7241_0001  # of PostgreSQL, held while the schema is changed


def bring_up_to_date(engine: Engine, shown: str) -> None:
    """The ledger at this code's version.

    Raises LedgerError, and touches nothing, where a newer datagw has written it.
    """
    with translated(shown):
        with engine.begin() as connection:
            if _is_current(connection, shown):
                return
        if engine.dialect.name == "sqlite":
            _use_wal(engine, shown)
        with engine.execution_options(writing=True).begin() as connection:
            lock_schema(connection)
            if not _is_current(connection, shown):  # another process may have been quicker
                _migrate(connection)
                insert_missing(connection, meta, [{"key": "ledger_id", "value": uuid4().hex}])


def lock_schema(connection: Connection) -> None:
    """Keeps other processes from changing tables and views until this transaction ends."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})"))


def _is_current(connection: Connection, shown: str) -> bool:
    version = _version(connection)
    if version is not None and version > VERSION:
        message = f"the ledger {shown} is of version {version}, this datagw knows {VERSION}: use a newer datagw"
        raise LedgerError(message)
    return version == VERSION


def _version(connection: Connection) -> str | None:
    if connection.dialect.name == "postgresql":  # from the catalogue: to_regclass may answer from before the lock
        table = f"{SCHEMA}.{VERSION_TABLE}"
        question = f"SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = '{SCHEMA}' AND tablename = :name"  # noqa: S608
    else:
        table = VERSION_TABLE
        question = "SELECT 1 FROM sqlite_master WHERE name = :name"
    if connection.execute(text(question), {"name": VERSION_TABLE}).scalar() is None:
        return None
    return connection.execute(text(f"SELECT max(version_num) FROM {table}")).scalar()  # noqa: S608  # a constant


def _migrate(connection: Connection) -> None:
    with _quiet():
        _upgrade(connection)


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    if connection.dialect.name == "postgresql":
        there = text(f"SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = '{SCHEMA}'")  # noqa: S608
        if connection.execute(there).scalar() is None:
            connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
        connection.execute(text(f"SET LOCAL search_path TO {SCHEMA}"))
    config = Config()
    config.set_main_option("script_location", "datagw.ledger:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


@contextmanager
def _quiet() -> Generator[None]:
    """Alembic without its lines on how it works, unless somebody has set a level of their own for it."""
    log = logging.getLogger("alembic")
    before = log.level
    if before == logging.NOTSET:
        log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        log.setLevel(before)


def _use_wal(engine: Engine, shown: str) -> None:
    """Write-ahead logging, which the file keeps; two that ask at once are not made to wait by SQLite, but here."""
    import sqlite3

    patient_until = time.monotonic() + PATIENCE
    while True:
        connection = engine.raw_connection()
        try:
            connection.cursor().execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.Error as error:
            if "locked" not in str(error) or time.monotonic() > patient_until:
                raise LedgerError(f"the ledger {shown} cannot be used: {error}") from error
        finally:
            connection.close()
        time.sleep(0.02)

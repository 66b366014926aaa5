"""Where a ledger is: its URL, checked, and as it may be shown."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from datagw.errors import LedgerError, printable

_FORMS = "write sqlite:////folder/jobs.db, or postgresql://user:password@host/database"


def parse(where: str | Path) -> URL:
    """The URL of `where`: a path is a SQLite file. Raises LedgerError, in which no part of a wrong URL is repeated."""
    if isinstance(where, Path):
        return URL.create("sqlite", database=str(where))
    try:
        url = make_url(where.replace("postgres://", "postgresql://", 1) if where.startswith("postgres://") else where)
    except (ArgumentError, ValueError):  # the texts of both may hold a piece of the password
        raise LedgerError(f"the ledger's URL cannot be understood: {_FORMS}") from None
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise LedgerError(f"a ledger is kept in SQLite or PostgreSQL: {_FORMS}")
    if url.get_backend_name() == "postgresql":
        url = url.set(drivername="postgresql+psycopg2")
    if url.host is not None and "@" in url.host:
        raise LedgerError(
            "the password in the ledger's URL must have its special characters escaped: @ as %40, / as %2F"
        )
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise LedgerError(f"a ledger needs a file, because several processes share it: {_FORMS}")
    return url


def shown(url: URL) -> str:
    """`url` without its password, nor its options, which may hold one too."""
    return printable(url.set(query={}).render_as_string(hide_password=True))

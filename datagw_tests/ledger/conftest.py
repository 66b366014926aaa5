"""A fresh ledger for each test, in SQLite and in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import psycopg2
import pytest

from datagw.ledger.clock import Clock
from datagw.ledger.lease import Lease
from datagw.ledger.ledger import Ledger
from datagw_tests.ledger.postgres import PASSWORD, postgres_server
from datagw_tests.ledger.rows import DAY


class FakeClock(Clock):
    """Clocks that the test sets."""

    def __init__(self) -> None:
        self.wall_now = 1_767_225_600.0  # 2026-01-01
        self.uptime_now = 1000.0

    def wall(self) -> float:
        return self.wall_now

    def uptime(self) -> float:
        return self.uptime_now

    def advance(self, seconds: float) -> None:
        self.wall_now += seconds
        self.uptime_now += seconds


@pytest.fixture(scope="session")
def postgres_port() -> Iterator[int]:
    with postgres_server() as port:
        yield port


@pytest.fixture
def postgres_url(postgres_port: int) -> str:
    """The URL of a database that nobody has used."""
    name = f"t{uuid4().hex}"
    with closing(psycopg2.connect(host="127.0.0.1", port=postgres_port, user="datagw", password=PASSWORD, dbname="postgres")) as admin:  # fmt: skip
        admin.autocommit = True
        admin.cursor().execute(f"CREATE DATABASE {name}")
    return f"postgresql://datagw:{quote(PASSWORD, safe='')}@127.0.0.1:{postgres_port}/{name}"


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/state/jobs.db"


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ledger(url: str, clock: FakeClock) -> Iterator[Ledger]:
    with Ledger.open(url, clock) as opened:
        yield opened


@pytest.fixture
def lease(ledger: Ledger) -> Lease:
    taken = ledger.take("readings", DAY, "run-1")
    assert isinstance(taken, Lease)
    return taken


@pytest.fixture
def query(url: str) -> Callable[[str], list[tuple[object, ...]]]:
    """Plain SQL, as people ask it, through another library than the ledger's."""

    def ask(sql: str) -> list[tuple[object, ...]]:
        with _plain_connection(url) as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []

    return ask


@contextmanager
def _plain_connection(url: str):
    if url.startswith("sqlite"):
        import sqlite3

        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as connection:
            yield connection.cursor()
    else:
        with closing(psycopg2.connect(url, options="-c search_path=datagw,public")) as connection:
            connection.autocommit = True
            yield connection.cursor()

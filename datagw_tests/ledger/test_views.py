from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from datagw.errors import LedgerError
from datagw.ledger.lease import Lease
from datagw.ledger.ledger import Ledger
from datagw_tests.ledger.processes import Other, schema_locked
from datagw_tests.ledger.rows import DAY, failure, receipt

Query = Callable[[str], list[tuple[object, ...]]]


def test_a_view_shows_what_was_published_and_what_failed(ledger: Ledger, lease: Lease, query: Query) -> None:
    ledger.ensure_view("my-job")
    ledger.ensure_view("my-job")
    ledger.write_receipts(lease, [receipt("caf\udce9\\x", job="my-job", size=2**40), receipt()])
    ledger.write_failures([failure(job="my-job", day=None), failure()])
    columns = "day, what, copy, source, destination, size, sha256, verification, error, at, run"
    at = "2026-02-01T00:30:00.123456Z"
    assert sorted(query(f"SELECT {columns} FROM job_my_job"), key=repr) == [
        ("", "failed", "institute", "local:/data/a.csv", None, None, None, None, "it rained", at, "run-1"),
        ("2026-01-31", "published", "institute", "caf\\xe9\\\\x", "institute:caf\\xe9\\\\x", 2**40, "a" * 64, "hash",
         None, at, "run-1"),
    ]  # fmt: skip


def test_the_view_is_there_for_the_sqlite3_module(sqlite_url: str) -> None:
    with Ledger.open(sqlite_url) as ledger:
        ledger.ensure_view("readings")
        lease = ledger.take("readings", DAY, "run-1")
        assert isinstance(lease, Lease)
        ledger.write_receipts(lease, [receipt()])
        with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as connection:
            assert connection.execute("SELECT day, what, source FROM job_readings").fetchall() == [
                ("2026-01-31", "published", "local:/data/a.csv")
            ]


def test_a_view_that_is_there_is_not_made_again(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.ensure_view("readings")
    monkeypatch.setattr(ledger, "writing", None)
    ledger.ensure_view("readings")
    with pytest.raises(TypeError):
        ledger.ensure_view("other")


def test_processes_that_make_the_view_at_once_all_succeed(url: str, ledger: Ledger) -> None:
    code = "l = Ledger.open(url); say('ready'); wait(); [l.ensure_view(f'j{n}') for n in range(10)]; say('made')"
    with Other(code, url) as one, Other(code, url) as other:
        assert [one.line(), other.line()] == ["ready", "ready"]
        one.go_on()
        other.go_on()
        assert [one.line(), other.line()] == ["made", "made"]


def test_a_job_does_not_show_the_rows_of_another(ledger: Ledger) -> None:
    ledger.ensure_view("my-job")
    with pytest.raises(LedgerError, match="rename"):
        ledger.ensure_view("my_job")


def test_the_longest_name_has_a_view(ledger: Ledger, query: Query) -> None:
    job = "j" * 60
    ledger.ensure_view(job)
    ledger.ensure_view(job)
    assert query(f"SELECT * FROM {('job_' + job)[:63]}") == []


@pytest.mark.parametrize("job", ["", "a'b", "1a", "a b", "a;drop", "é", "a\n"])
def test_what_is_no_name_of_a_job_gets_no_view(ledger: Ledger, job: str) -> None:
    with pytest.raises(ValueError, match="name of a job"):
        ledger.ensure_view(job)


def test_processes_that_wait_to_make_the_view_find_it_made(postgres_url: str) -> None:
    Ledger.open(postgres_url).close()
    code = "say('ready'); wait(); Ledger.open(url).ensure_view('readings'); say('made')"
    with schema_locked(postgres_url) as waiting, Other(code, postgres_url) as one, Other(code, postgres_url) as other:
        assert [one.line(), other.line()] == ["ready", "ready"]
        one.go_on()
        other.go_on()
        waiting(2)
        assert [one.line(), other.line()] == ["made", "made"]


@pytest.mark.parametrize("wait_for", [1, 3, 7])
def test_a_process_killed_while_it_writes_leaves_whole_transactions(url: str, ledger: Ledger, wait_for: int) -> None:
    code = """
ledger = Ledger.open(url)
lease = ledger.take('readings', DAY, 'run-1')
for number in range(10**6):
    parts = [intent(f'{number}-{n}', sha256='a' * 64) for n in range(100)]
    ledger.intend(lease, parts)
    ledger.write_receipts(lease, [receipt(f's{n}', run=str(number)) for n in range(100)], parts)
    say(number)
"""
    with Other(code, url) as other:
        for number in range(wait_for):
            assert other.line() == str(number)
        other.kill()  # whatever it is doing now
    found = list(ledger.receipts())
    by_run = {run: sum(row.run == run for row in found) for run in {row.run for row in found}}
    assert set(by_run.values()) == {100}
    assert len(by_run) >= wait_for
    assert len(ledger.current_receipts("readings", DAY)) == 100
    assert {row.run for row in ledger.current_receipts("readings", DAY).values()} == {str(len(by_run) - 1)}
    left = ledger.all_intents("readings")
    assert len(left) in (0, 100)
    assert {row.part.partition("-")[0] for row in left} <= {str(len(by_run))}
    assert isinstance(ledger.take("readings", DAY, "run-2"), Lease)
    if url.startswith("sqlite"):
        with ledger.reading() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
            assert os.path.exists(url.removeprefix("sqlite:///"))

"""What failed, and how often in a row."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from datagw.errors import LeaseLost
from datagw.ledger.lease import Lease
from datagw.ledger.ledger import Ledger
from datagw_tests.ledger.rows import DAY, NASTY, NOW, attempt


def test_an_attempt_comes_back_as_it_was_put_down(ledger: Ledger, lease: Lease) -> None:
    rows = [attempt(NASTY, gateway="lake institute"), attempt("", version="", error="no route to host")]
    ledger.write_attempts(lease, rows)
    assert ledger.attempts("readings", DAY) == {NASTY: rows[0], "": rows[1]}
    assert ledger.attempts("readings", DAY + timedelta(days=1)) == ledger.attempts("inbox", DAY) == {}
    assert ledger.all_attempts("readings") == [rows[1], rows[0]]


def test_a_new_attempt_takes_the_place_of_the_old_one_of_its_file(ledger: Ledger, lease: Lease) -> None:
    ledger.write_attempts(lease, [attempt("a"), attempt("b")])
    again = replace(attempt("a"), count=2, version="size:4", at=NOW + timedelta(seconds=30))
    ledger.write_attempts(lease, [again], forget=["b", "c"])
    assert ledger.attempts("readings", DAY) == {"a": again}


def test_only_who_has_the_lease_may_write(ledger: Ledger, lease: Lease) -> None:
    lease.release()
    with pytest.raises(LeaseLost):
        ledger.write_attempts(lease, [attempt()])
    assert ledger.all_attempts("readings") == []


def test_a_job_without_days_has_attempts_as_well(ledger: Ledger) -> None:
    lease = ledger.take("inbox", None, "run-1")
    assert isinstance(lease, Lease)
    ledger.write_attempts(lease, [attempt(job="inbox", day=None)])
    assert list(ledger.attempts("inbox", None)) == ["20260131/a.csv"]


def test_old_attempts_are_purged(ledger: Ledger, lease: Lease) -> None:
    new = attempt("new", at=NOW + timedelta(days=2))
    ledger.write_attempts(lease, [attempt("old"), new])
    ledger.purge(NOW + timedelta(days=1))
    assert ledger.all_attempts("readings") == [new]

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from datagw.errors import LeaseLost
from datagw.ledger.lease import Lease
from datagw.ledger.ledger import Ledger
from datagw_tests.ledger.rows import DAY, day_row, failure, marker, receipt

Query = Callable[[str], list[tuple[object, ...]]]


def test_calls_that_are_put_together_are_all_done_or_none(ledger: Ledger, lease: Lease) -> None:
    with pytest.raises(ZeroDivisionError), ledger.together(lease):
        ledger.add_marker(lease, marker())
        ledger.write_day(lease, day_row())
        assert ledger.markers("readings") == [marker()]
        raise ZeroDivisionError
    assert (ledger.markers("readings"), ledger.days("readings")) == ([], [])
    with ledger.together(lease):
        ledger.add_marker(lease, marker())
        ledger.write_day(lease, day_row())
    assert (ledger.markers("readings"), ledger.days("readings")) == ([marker()], [day_row()])


def test_a_zombie_writes_nothing_together_either(ledger: Ledger, query: Query) -> None:
    zombie = ledger.take("readings", DAY, "run-1")
    assert isinstance(zombie, Lease)
    query("UPDATE leases SET expires = 0")
    assert isinstance(ledger.take("readings", DAY, "run-2"), Lease)
    with pytest.raises(LeaseLost), ledger.together(zombie):
        pytest.fail("the lease was not asked for")
    with ledger.looking():
        assert ledger.days("readings") == []


def test_what_one_lease_allows_is_not_done_under_another(ledger: Ledger, lease: Lease) -> None:
    other = ledger.take("other", DAY, "run-1")
    assert isinstance(other, Lease)
    with pytest.raises(RuntimeError), ledger.together(lease):
        ledger.write_receipts(other, [receipt()])
    with pytest.raises(RuntimeError), ledger.looking():
        ledger.write_failures([failure()])
    assert (list(ledger.receipts()), ledger.failures()) == ([], [])


def test_a_look_in_several_calls_ends_and_others_go_on(ledger: Ledger, lease: Lease) -> None:
    with ledger.looking():
        assert ledger.days("readings") == []
        assert ledger.markers("readings") == []
    ledger.write_day(lease, day_row())
    assert ledger.days("readings") == [day_row()]


def test_another_thread_has_no_part_in_it(ledger: Ledger, lease: Lease) -> None:
    found: list[object] = []
    with ledger.together(lease):
        ledger.write_day(lease, day_row())
        other = threading.Thread(target=lambda: found.append(ledger.days("readings")))
        other.start()
        other.join(30)
    assert found == [[]]
    assert ledger.days("readings") == [day_row()]

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from datagw.errors import LeaseLost, LedgerError
from datagw.ledger.lease import Held, Lease
from datagw.ledger.ledger import Ledger
from datagw.ledger.owner import Owner
from datagw_tests.ledger.conftest import FakeClock
from datagw_tests.ledger.processes import Other
from datagw_tests.ledger.rows import DAY, day_row, intent, marker, receipt

Query = Callable[[str], list[tuple[object, ...]]]


def expire(query: Query) -> None:
    """Time has passed, by the database's clock as well."""
    query("UPDATE leases SET expires = 1")


def take(ledger: Ledger, run: str, day: date | None = DAY) -> Lease:
    taken = ledger.take("readings", day, run)
    assert isinstance(taken, Lease)
    return taken


def test_a_day_is_taken_by_one_run_at_a_time(ledger: Ledger) -> None:
    lease = take(ledger, "run-1")
    assert (lease.job, lease.day, lease.run, lease.taken_from) == ("readings", DAY, "run-1", None)
    held = ledger.take("readings", DAY, "run-2")
    assert isinstance(held, Held)
    assert held.run == "run-1"
    assert held.owner == Owner.current()
    lease.check()


def test_other_days_and_jobs_are_free(ledger: Ledger, lease: Lease) -> None:
    assert isinstance(ledger.take("readings", DAY + timedelta(1), "run-2"), Lease)
    assert isinstance(ledger.take("readings", None, "run-2"), Lease)
    assert isinstance(ledger.take("other", DAY, "run-2"), Lease)
    assert isinstance(ledger.take("readings", None, "run-3"), Held)


def test_a_released_lease_is_free_and_no_longer_ours(ledger: Ledger) -> None:
    lease = take(ledger, "run-1")
    lease.release()
    with pytest.raises(LeaseLost):
        lease.check()
    with pytest.raises(LeaseLost):
        ledger.write_receipts(lease, [receipt()])
    assert take(ledger, "run-2").taken_from is None
    lease.release()  # once more is no error, and takes nothing from the other run
    assert isinstance(ledger.take("readings", DAY, "run-3"), Held)


def test_a_lease_that_has_run_out_is_taken_over(ledger: Ledger, query: Query) -> None:
    lease = take(ledger, "run-1")
    expire(query)
    other = take(ledger, "run-2")
    assert other.taken_from == "run-1"
    assert other.token != lease.token
    with pytest.raises(LeaseLost, match=r"run-1.*readings 2026-01-31"):
        lease.renew()
    other.renew()


def test_a_lease_lasts_sixty_seconds_by_the_clock_of_its_database(ledger: Ledger, clock: FakeClock, url: str, query: Query) -> None:  # fmt: skip
    take(ledger, "run-1")
    [(expires,)] = query("SELECT expires FROM leases")
    assert isinstance(expires, float)
    if url.startswith("sqlite"):
        assert expires == clock.wall_now + 60
    else:
        assert abs(expires - datetime.now(UTC).timestamp() - 60) < 30  # and not the clock of the test


def test_a_renewal_makes_it_last_again(sqlite_url: str, clock: FakeClock) -> None:
    with Ledger.open(sqlite_url, clock) as ledger:
        lease = take(ledger, "run-1")
        for _ in range(5):
            clock.advance(59)
            assert isinstance(ledger.take("readings", DAY, "run-2"), Held)
            lease.renew()
        clock.advance(61)
        assert take(ledger, "run-2").taken_from == "run-1"


def test_a_lease_that_ran_out_and_that_nobody_took_is_still_ours(sqlite_url: str, clock: FakeClock) -> None:
    with Ledger.open(sqlite_url, clock) as ledger:
        lease = take(ledger, "run-1")
        clock.advance(1000)
        lease.check()
        assert isinstance(ledger.take("readings", DAY, "run-2"), Held)


def test_a_check_asks_the_ledger_only_when_the_last_renewal_may_have_run_out(ledger: Ledger, clock: FakeClock, query: Query) -> None:  # fmt: skip
    lease = take(ledger, "run-1")
    expire(query)
    take(ledger, "run-2")
    clock.uptime_now += 54.9
    lease.check()
    clock.uptime_now += 0.1
    with pytest.raises(LeaseLost):
        lease.check()
    clock.uptime_now -= 50
    with pytest.raises(LeaseLost):  # and it stays lost
        lease.check()


def test_the_time_that_a_renewal_takes_does_not_count_for_us(ledger: Ledger, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, query: Query) -> None:  # fmt: skip
    lease = take(ledger, "run-1")
    time = ledger.time

    def slowly(connection):
        clock.uptime_now += 40
        return time(connection)

    monkeypatch.setattr(ledger, "time", slowly)
    lease.renew()
    expire(query)
    take(ledger, "run-2")
    clock.uptime_now = 1054.0
    lease.check()
    clock.uptime_now = 1055.0
    with pytest.raises(LeaseLost):
        lease.check()


def test_a_check_that_cannot_ask_is_an_error_not_a_yes(ledger: Ledger, lease: Lease, clock: FakeClock, query: Query) -> None:  # fmt: skip
    query("ALTER TABLE leases RENAME TO gone")
    lease.check()
    clock.advance(60)
    with pytest.raises(LedgerError):
        lease.check()


def test_what_a_dead_process_held_is_taken_over_at_once(url: str, ledger: Ledger) -> None:
    with Other("lease = Ledger.open(url).take('readings', DAY, 'run-1'); say(lease.token); wait()", url) as other:
        token = other.line()
        assert isinstance(ledger.take("readings", DAY, "run-2"), Held)
        other.kill()
        lease = take(ledger, "run-2")
    assert lease.taken_from == "run-1"
    assert lease.token != token


@pytest.mark.parametrize(
    ("changed", "taken"),
    [({"started_ticks": 1}, True), ({"host": "elsewhere"}, False), ({"boot": "00000000-0000/1"}, True), ({"pid": 4194305}, True)],
    ids=["a recycled pid", "another host", "another boot", "no such process"],
)  # fmt: skip
def test_only_a_provably_dead_owner_loses_its_lease(ledger: Ledger, monkeypatch: pytest.MonkeyPatch, changed: dict[str, object], taken: bool) -> None:  # fmt: skip
    owner = replace(Owner.current(), **changed)
    with monkeypatch.context() as patch:
        patch.setattr(Owner, "current", lambda: owner)
        take(ledger, "run-1")
    assert isinstance(ledger.take("readings", DAY, "run-2"), Lease) is taken


def test_of_processes_that_race_for_a_day_exactly_one_wins(url: str, ledger: Ledger) -> None:
    code = """
ledger = Ledger.open(url); say('ready')
for number in range(10):
    wait(); taken = ledger.take(f'job-{number}', DAY, sys.argv[1]); say('won' if isinstance(taken, Lease) else 'held')
wait()
"""
    with ExitStack() as stack:
        others = [stack.enter_context(Other(code, url)) for _ in range(4)]
        assert [other.line() for other in others] == ["ready"] * 4
        for _ in range(10):
            for other in others:
                other.go_on()
            assert sorted(other.line() for other in others) == ["held", "held", "held", "won"]


def test_of_processes_that_race_for_a_dead_runs_day_exactly_one_wins(url: str, ledger: Ledger) -> None:
    with Other("Ledger.open(url).take('readings', DAY, 'run-0'); say('ready'); wait()", url) as dead:
        dead.line()
    code = "l = Ledger.open(url); say('ready'); wait(); t = l.take('readings', DAY, 'x'); say(getattr(t, 'taken_from', 'held')); wait()"
    with ExitStack() as stack:
        others = [stack.enter_context(Other(code, url)) for _ in range(4)]
        assert [other.line() for other in others] == ["ready"] * 4
        for other in others:
            other.go_on()
        assert sorted(other.line() for other in others) == ["held", "held", "held", "run-0"]


def test_a_zombie_writes_nothing(ledger: Ledger, query: Query) -> None:
    zombie = take(ledger, "run-1")
    ledger.write_receipts(zombie, [receipt(sha256="1" * 64)])
    ledger.record_parts(zombie, [intent()])
    ledger.add_marker(zombie, marker())
    expire(query)
    lease = take(ledger, "run-2")
    attempts: list[Callable[[], object]] = [
        lambda: ledger.write_receipts(zombie, [receipt(sha256="2" * 64)], [intent()]),
        lambda: ledger.mark_durable(zombie, [receipt(sha256="1" * 64)]),
        lambda: ledger.record_parts(zombie, [intent("other.part")]),
        lambda: ledger.intend(zombie, [intent(sha256="2" * 64)]),
        lambda: ledger.forget_intents(zombie, [intent()]),
        lambda: ledger.write_day(zombie, day_row()),
        lambda: ledger.add_marker(zombie, marker(copy="institute")),
        lambda: ledger.remove_marker(zombie, marker()),
        lambda: ledger.write_receipts(zombie, []),
    ]
    for attempt in attempts:
        with pytest.raises(LeaseLost):
            attempt()
    assert list(ledger.receipts()) == [receipt(sha256="1" * 64)]
    assert ledger.all_intents("readings") == [intent()]
    assert ledger.days("readings") == []
    assert ledger.markers("readings") == [marker()]
    ledger.write_receipts(lease, [receipt(sha256="3" * 64)], [intent()])
    assert ledger.all_intents("readings") == []


class Beats:
    """Counts renewals, and tells when there were enough."""

    def __init__(self, lease: Lease, monkeypatch: pytest.MonkeyPatch, enough: int, failing: int = 0) -> None:
        self.count = 0
        self.came = threading.Event()
        renew = lease.renew

        def beat() -> None:
            self.count += 1
            if self.count <= failing:
                raise LedgerError("the cable is out")
            try:
                renew()
            finally:
                if self.count >= enough:
                    self.came.set()

        monkeypatch.setattr(lease, "renew", beat)


def heart() -> threading.Thread | None:
    return next((thread for thread in threading.enumerate() if thread.name == "lease of readings"), None)


def test_a_lease_that_is_kept_is_renewed_beside_the_work(ledger: Ledger, lease: Lease, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    beats = Beats(lease, monkeypatch, enough=5)
    with lease.keep(every=0.001):
        for number in range(20):
            ledger.write_receipts(lease, [receipt(f"local:/data/{number}")])
        assert beats.came.wait(30)
    assert heart() is None
    assert len(list(ledger.receipts())) == 20


def test_the_heart_stops_when_the_work_fails(lease: Lease) -> None:
    with pytest.raises(ZeroDivisionError), lease.keep():
        assert heart() is not None
        raise ZeroDivisionError
    assert heart() is None


def test_a_renewal_that_fails_is_tried_again(lease: Lease, monkeypatch: pytest.MonkeyPatch, clock: FakeClock) -> None:
    beats = Beats(lease, monkeypatch, enough=4, failing=3)
    clock.uptime_now += 50
    with lease.keep(every=0.001):
        assert beats.came.wait(30)
    clock.uptime_now += 50
    count = beats.count
    lease.check()
    assert beats.count == count  # the renewal that came through holds


def test_a_loss_that_the_heart_noticed_is_raised_by_the_next_check(ledger: Ledger, lease: Lease, query: Query) -> None:
    with lease.keep(every=0.001):
        expire(query)
        taken = ledger.take("readings", DAY, "run-2")
        while isinstance(taken, Held):  # the heart was quicker than we
            expire(query)
            taken = ledger.take("readings", DAY, "run-2")
        beating = heart()
        if beating is not None:
            beating.join(30)
            assert not beating.is_alive()
        with pytest.raises(LeaseLost):  # though by our clock the last renewal still holds
            lease.check()


def test_a_heart_that_breaks_is_not_silent(lease: Lease, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(lease, "renew", break_down)
    with lease.keep(every=0.001):
        beating = heart()
        if beating is not None:
            beating.join(30)
        with pytest.raises(LeaseLost) as raised:
            lease.check()
    assert isinstance(raised.value.__cause__, ZeroDivisionError)

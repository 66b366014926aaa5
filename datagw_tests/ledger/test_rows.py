from __future__ import annotations

from datetime import date, timedelta

import pytest

from datagw.errors import LedgerError
from datagw.ledger.lease import Lease
from datagw.ledger.ledger import Ledger
from datagw.ledger.owner import Owner
from datagw_tests.ledger.conftest import FakeClock
from datagw_tests.ledger.rows import DAY, NASTY, NOW, day_row, failure, intent, marker, receipt


def test_a_run_has_a_start_and_an_end(ledger: Ledger, clock: FakeClock) -> None:
    start = clock.now()
    ledger.start_run("r", "readings")
    clock.advance(5)
    ledger.start_run("r", "readings")
    [run] = ledger.running()
    assert (run.id, run.job, run.owner, run.started) == ("r", "readings", Owner.current(), start)
    assert (run.ended, run.state, run.error) == (None, "running", None)
    ledger.end_run("r", "failed", "it rained \udcff\0")
    [run] = ledger.runs()
    assert (run.started, run.ended, run.state) == (start, start + timedelta(seconds=5), "failed")
    assert run.error == "it rained \\udcff\\x00"
    assert ledger.running() == []


def test_a_run_that_goes_on_runs_again(ledger: Ledger) -> None:
    ledger.start_run("r", "readings")
    ledger.end_run("r", "cancelled", "Ctrl-C")
    ledger.start_run("r", "readings")
    [run] = ledger.running()
    assert (run.ended, run.error) == (None, None)


def test_only_a_run_that_has_not_told_its_end_can_be_lost(ledger: Ledger) -> None:
    ledger.start_run("a", "readings")
    ledger.start_run("b", "readings")
    ledger.end_run("a", "done")
    ledger.end_run("a", "lost")
    ledger.end_run("b", "lost", "its process is gone")
    assert [(run.id, run.state) for run in ledger.runs()] == [("a", "done"), ("b", "lost")]


def test_runs_are_found_by_job_and_time(ledger: Ledger, clock: FakeClock) -> None:
    ledger.start_run("z", "readings")
    clock.advance(60)
    ledger.start_run("a", "inbox")
    ledger.start_run("b", "readings")
    assert [run.id for run in ledger.runs()] == ["z", "a", "b"]
    assert [run.id for run in ledger.runs("readings")] == ["z", "b"]
    assert [run.id for run in ledger.runs("readings", since=clock.now())] == ["b"]


def test_a_state_that_is_none_is_refused(ledger: Ledger, lease: Lease) -> None:
    with pytest.raises(LedgerError):
        ledger.write_day(lease, day_row(state="perhaps"))
    assert ledger.days("readings") == []


def test_failures_come_back(ledger: Ledger) -> None:
    rows = [failure(file=NASTY), failure(copy=None, file=None, day=None), failure(job="inbox", at=NOW + timedelta(1))]
    ledger.write_failures(rows)
    ledger.write_failures([])
    assert ledger.failures() == rows
    assert ledger.failures("readings") == rows[:2]
    assert ledger.failures(since=NOW + timedelta(seconds=1)) == rows[2:]


def test_purging_forgets_old_runs_and_failures_and_never_a_receipt(ledger: Ledger, lease: Lease, clock: FakeClock) -> None:  # fmt: skip
    for run in ("old", "still running"):
        ledger.start_run(run, "readings")
    ledger.end_run("old", "done")
    ledger.write_failures([failure(at=clock.now()), failure(at=clock.now() + timedelta(1))])
    ledger.write_receipts(lease, [receipt(at=clock.now(), run="old")])
    clock.advance(3600)
    ledger.start_run("new", "readings")
    ledger.end_run("new", "done")
    ledger.purge(clock.now())
    assert [run.id for run in ledger.runs()] == ["still running", "new"]
    assert len(ledger.failures()) == 1
    assert len(list(ledger.receipts())) == 1


def test_a_receipt_comes_back_as_it_was(ledger: Ledger, lease: Lease) -> None:
    rows = [
        receipt(
            NASTY, destination=NASTY, version=NASTY, content_version=NASTY, copy_etag=NASTY, durable=True, gap=True
        ),
        receipt("b", copy_size=None, copy_mtime=None, copy_etag=None, copy_inode=None, size=2**40),
        receipt("c", day=None, verification="accepted"),
        receipt("d" * 5000, destination="é\udcff" * 5000),
    ]
    ledger.write_receipts(lease, rows)
    assert list(ledger.receipts()) == rows
    assert set(ledger.current_receipts("readings", DAY).values()) == {rows[0], rows[1], rows[3]}
    assert ledger.current_receipts("readings", None) == {("institute", "c"): rows[2]}
    assert ledger.receipts_by_destination("readings", "institute", [NASTY, rows[3].destination, "none"]) == {
        NASTY: rows[0],
        rows[3].destination: rows[3],
    }


def test_the_newest_receipt_is_the_current_one_and_the_others_are_kept(ledger: Ledger, lease: Lease) -> None:
    first, second, third = (receipt(sha256=digit * 64, at=NOW + timedelta(seconds=int(digit))) for digit in "123")
    ledger.write_receipts(lease, [first])
    ledger.write_receipts(lease, [second, third])
    assert ledger.current_receipts("readings", DAY) == {("institute", first.source): third}
    assert ledger.receipts_by_destination("readings", "institute", [first.destination]) == {first.destination: third}
    assert list(ledger.receipts()) == [first, second, third]


def test_a_receipt_of_another_day_takes_the_place_of_the_same_copy(ledger: Ledger, lease: Lease) -> None:
    ledger.write_receipts(lease, [receipt()])
    later = receipt(day=DAY + timedelta(1))
    ledger.write_receipts(lease, [later])
    assert ledger.current_receipts("readings", DAY) == {}
    assert ledger.receipts_by_destination("readings", "institute", [later.destination]) == {later.destination: later}


def test_copies_sources_and_destinations_do_not_mix(ledger: Ledger, lease: Lease) -> None:
    rows = [receipt(), receipt(copy="lake"), receipt("local:/data/b.csv"), receipt(destination="institute:old/a.csv")]
    rows.append(receipt(job="inbox"))
    ledger.write_receipts(lease, rows)
    current = ledger.current_receipts("readings", DAY)
    assert current == {
        ("institute", rows[0].source): rows[3],  # the newest of its two destinations
        ("lake", rows[0].source): rows[1],
        ("institute", "local:/data/b.csv"): rows[2],
    }
    assert set(ledger.current_receipts("readings", DAY, ["lake"])) == {("lake", rows[0].source)}
    assert ledger.current_receipts("readings", DAY, []) == {}
    assert ledger.receipts_by_destination("readings", "lake", [rows[3].destination]) == {}


def test_two_sources_of_one_destination_the_later_is_what_stands_there(ledger: Ledger, lease: Lease) -> None:
    one, other = receipt("local:/a/x.csv"), receipt("local:/b/x.csv")
    ledger.write_receipts(lease, [one])
    ledger.write_receipts(lease, [other])
    assert ledger.receipts_by_destination("readings", "institute", ["institute:x.csv"]) == {"institute:x.csv": other}


def test_receipts_are_found_by_job_time_and_day(ledger: Ledger, lease: Lease) -> None:
    rows = [receipt("a"), receipt("b", day=None, job="inbox"), receipt("c", at=NOW + timedelta(hours=1))]
    ledger.write_receipts(lease, rows)
    assert list(ledger.receipts("inbox")) == rows[1:2]
    assert list(ledger.receipts(day=DAY)) == [rows[0], rows[2]]
    assert list(ledger.receipts(since=NOW + timedelta(microseconds=1))) == rows[2:]


def test_durable_is_said_of_that_very_copy(ledger: Ledger, lease: Lease) -> None:
    rows = [receipt(), receipt(copy="lake"), receipt("local:/data/b.csv")]
    ledger.write_receipts(lease, rows)
    ledger.mark_durable(lease, [rows[0], receipt("local:/data/b.csv", sha256="f" * 64)])
    ledger.mark_durable(lease, [])
    assert [found.durable for found in ledger.receipts()] == [True, False, False]


def test_ten_thousand_receipts_go_in_and_out_at_once(ledger: Ledger, lease: Lease) -> None:
    rows = [receipt(f"local:/data/{number}.csv") for number in range(10_000)]
    parts = [intent(f"in/{number}.part", sha256="a" * 64) for number in range(10_000)]
    ledger.intend(lease, parts)
    ledger.write_receipts(lease, rows, parts)
    ledger.mark_durable(lease, rows)
    found = list(ledger.receipts())
    assert [row.source for row in found] == [row.source for row in rows]
    assert all(row.durable for row in found)
    assert len(ledger.current_receipts("readings", DAY)) == 10_000
    assert len(ledger.receipts_by_destination("readings", "institute", [row.destination for row in rows])) == 10_000
    assert ledger.all_intents("readings") == []


def test_a_part_is_recorded_intended_and_forgotten(ledger: Ledger, lease: Lease) -> None:
    part = intent(NASTY, destination=NASTY, source=NASTY)
    ledger.record_parts(lease, [part, part])
    assert ledger.intents("readings", DAY) == [part]
    whole = intent(NASTY, destination=NASTY, source=NASTY, sha256="c" * 64, run="run-2")
    ledger.intend(lease, [whole])
    assert ledger.intents("readings", DAY) == [whole]
    ledger.forget_intents(lease, [part])
    assert ledger.intents("readings", DAY) == []


def test_a_part_without_a_hash_cannot_be_intended(ledger: Ledger, lease: Lease) -> None:
    with pytest.raises(ValueError, match="sha256"):
        ledger.intend(lease, [intent()])


def test_intents_are_found_by_day_and_copy(ledger: Ledger, lease: Lease) -> None:
    rows = [
        intent("x", copy="", kind="aside", gateway="local"),
        intent("x"),
        intent("y", day=None),
        intent("z", job="b"),
    ]
    ledger.record_parts(lease, rows)
    assert ledger.intents("readings", DAY) == rows[:2]
    assert ledger.intents("readings", DAY, "") == rows[:1]
    assert ledger.intents("readings", None) == rows[2:3]
    assert ledger.all_intents("readings") == rows[:3]
    assert ledger.all_intents("b") == rows[3:]


def test_receipts_and_the_parts_they_fulfil_change_together(ledger: Ledger, lease: Lease) -> None:
    kept = intent("kept")
    ledger.record_parts(lease, [intent("a"), intent("a", copy="lake"), kept])
    with pytest.raises(LedgerError):  # the second receipt cannot be written, so nothing is
        ledger.write_receipts(lease, [receipt(), receipt("b", verification="perhaps")], [intent("a")])
    assert len(ledger.all_intents("readings")) == 3
    assert list(ledger.receipts()) == []
    ledger.write_receipts(lease, [receipt()], [intent("a"), intent("a", copy="lake")])
    assert ledger.all_intents("readings") == [kept]


def test_days_have_a_row_for_each_copy(ledger: Ledger, lease: Lease) -> None:
    second = DAY + timedelta(1)
    rows = [day_row(), day_row(copy="lake", state="failed", manifest=None), day_row(day=second, state="empty", files=0)]
    for row in reversed(rows):
        ledger.write_day(lease, row)
    assert ledger.days("readings") == rows
    assert ledger.days("readings", "lake") == rows[1:2]
    assert ledger.open_days("readings") == [DAY]
    ledger.write_day(lease, day_row(copy="lake"))
    ledger.write_day(lease, day_row(day=second, state="unfinished"))
    assert ledger.open_days("readings") == [second]
    assert ledger.open_days("other") == []


def test_a_job_without_days_has_one_that_is_none(ledger: Ledger, lease: Lease) -> None:
    ledger.write_day(lease, day_row(day=None, state="failed"))
    ledger.write_day(lease, day_row(day=None, state="unfinished"))
    assert [row.day for row in ledger.days("readings")] == [None]
    assert ledger.open_days("readings") == [None]


def test_a_marker_stays_while_another_row_claims_it(ledger: Ledger, lease: Lease) -> None:
    one, other = marker(path=NASTY), marker(path=NASTY, job="inbox", day=None)
    elsewhere = marker(path="x", copy="institute")
    for row in (one, one, other, elsewhere):
        ledger.add_marker(lease, row)
    assert ledger.markers("readings") == [one, elsewhere]
    assert ledger.markers_at("local", NASTY) == [other, one]
    assert ledger.remove_marker(lease, one) == 1
    assert ledger.remove_marker(lease, other) == 0
    assert ledger.markers("readings") == [elsewhere]


def test_a_version_keeps_the_day_on_which_it_was_first_seen(ledger: Ledger) -> None:
    today, tomorrow = date(2026, 1, 31), date(2026, 2, 1)
    old, nasty, new = ("local:a", "size:1"), (NASTY, NASTY), ("local:a", "size:2")
    assert ledger.first_seen("rna", [old, nasty, old], today) == {old: today, nasty: today}
    assert ledger.known_first_seen("rna", [old, new]) == {old: today}
    assert ledger.first_seen("rna", [old, new], tomorrow) == {old: today, new: tomorrow}
    assert ledger.first_seen("inbox", [old], tomorrow) == {old: tomorrow}
    assert ledger.first_seen("rna", [], today) == {}


def test_thousands_of_versions_are_remembered(ledger: Ledger) -> None:
    seen = [(f"local:{number}", "size:1") for number in range(3000)]
    assert len(ledger.first_seen("rna", seen, DAY)) == 3000
    assert ledger.known_first_seen("rna", seen) == dict.fromkeys(seen, DAY)


@pytest.mark.parametrize("value", ["2026-01-01", None, {"a": [1, 2.5, True]}, NASTY])
def test_a_position_is_kept(ledger: Ledger, value: object) -> None:
    assert ledger.position("readings", "start") is None
    assert ledger.position("readings", "start", "nothing") == "nothing"
    ledger.set_position("readings", "start", 1)
    ledger.set_position("readings", "start", value)
    assert ledger.position("readings", "start", "nothing") == value
    assert ledger.position("other", "start") is None

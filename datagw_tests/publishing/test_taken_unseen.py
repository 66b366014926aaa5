"""Places that show nothing of what they took, own code above all: a receipt is all that there is."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from datagw.files import is_own_name
from datagw_tests.gateways.taker import Taker
from datagw_tests.publishing.crashing import Counter, Crash, dying
from datagw_tests.publishing.inbox import Inbox
from datagw_tests.publishing.station import DAY, Station
from datagw_tests.publishing.test_crash_points import fresh_ledger

FILES = {"a.csv": b"1;2;3\n", "deep/b c.txt": b"b" * 500, "empty": b"", "large.bin": bytes(range(256)) * 5_000}
BAD = "bad.csv"
MOVE: dict[str, Any] = {"move_source": "done/", "failed_source": "failed/"}


def inbox_of(folder: Path, **options: Any) -> Inbox:
    taker = Taker(log=str(folder / "taken"), refuses=(BAD,))
    return Inbox(folder, taker, options={"to": ["/"], **options})


def taken(inbox: Inbox) -> list[str]:
    assert isinstance(inbox.archive, Taker)
    return [name for name, _ in inbox.archive.taken()]


def test_a_new_file_is_handed_over_once(tmp_path):
    inbox = inbox_of(tmp_path)
    inbox.drop("a.csv", b"1")
    assert inbox.ticks() == 1
    assert taken(inbox) == ["a.csv"]
    (receipt,) = inbox.receipts()
    assert (receipt.verification, receipt.destination, receipt.size) == ("accepted", "a.csv", 1)
    assert inbox.ledger.all_intents("inbox") == []


@pytest.mark.parametrize("again", [False, True])
def test_the_same_content_under_a_new_date_is_handed_over_only_where_that_is_asked_for(tmp_path, again):
    inbox = inbox_of(tmp_path, again=again)
    inbox.drop("a.csv", b"1")
    inbox.ticks()
    inbox.date("a.csv", age=1800)
    assert inbox.ticks() == 1
    assert taken(inbox) == ["a.csv"] * (2 if again else 1)
    inbox.drop("a.csv", b"2", age=900)
    inbox.ticks()
    assert len(taken(inbox)) == (3 if again else 2)


def test_a_file_that_is_refused_is_moved_away_with_the_reason_and_no_probe_is_handed_over(tmp_path):
    inbox = inbox_of(tmp_path, **MOVE)
    inbox.drop(BAD, b"bad")
    inbox.drop("a.csv", b"1")
    inbox.ticks()
    assert taken(inbox) == ["a.csv"]
    assert inbox.here("done") == {"a.csv": b"1"}
    assert inbox.here("failed").keys() == {BAD, f"{BAD}.error.txt"}
    assert b"makes no sense" in inbox.here("failed")[f"{BAD}.error.txt"]
    assert not inbox.plan().due, "what was refused leaves nothing to be put in order"
    assert inbox.here() == {}


def test_what_was_taken_is_moved_but_never_deleted(tmp_path):
    inbox = inbox_of(tmp_path, delete_source=True)
    inbox.drop("a.csv", b"1")
    inbox.run()
    inbox.run()
    assert inbox.here() == {"a.csv": b"1"}
    assert taken(inbox) == ["a.csv"]


def test_a_file_that_changed_while_it_was_handed_over_is_not_moved(tmp_path):
    inbox = inbox_of(tmp_path, **MOVE)
    inbox.drop("a.csv", b"1")
    meanwhile: Any = type(inbox.archive)

    class Slow(meanwhile):  # type: ignore[misc, valid-type]
        def _publish(self, session: Any, reading: Any) -> Any:
            outcome = super()._publish(session, reading)
            inbox.drop("a.csv", b"22", age=60)
            return outcome

    slow: Any = Slow
    inbox.archive = slow(log=str(tmp_path / "taken"))
    inbox.run()
    assert inbox.here() == {"a.csv": b"22"}
    inbox.archive = meanwhile(log=str(tmp_path / "taken"))
    inbox.ticks()
    assert taken(inbox) == ["a.csv", "a.csv"]
    assert inbox.here("done") == {"a.csv": b"22"}


def test_an_outage_of_one_file_is_tried_later_and_keeps_no_other_back(tmp_path):
    inbox = inbox_of(tmp_path)
    inbox.archive = Taker(log=str(tmp_path / "taken"), silent=("a.csv",))
    for name in ("a.csv", "b.csv"):
        inbox.drop(name)
    assert inbox.run().state == "failed"
    assert not inbox.plan().due
    inbox.archive = Taker(log=str(tmp_path / "taken"))
    inbox.later(4000)
    inbox.ticks()
    assert sorted(taken(inbox)) == ["a.csv", "b.csv"]


# ---- days


def station_of(folder: Path, **options: Any) -> Station:
    return Station(folder, Taker(log=str(folder / "taken")), options={"to": ["/"], "marker": None, **options})


def test_a_day_is_taken_once_whatever_if_gone_says(tmp_path):
    station = station_of(tmp_path, if_gone="send")
    station.write("20260201/a", b"a")
    assert station.run()[0].state == "published"
    assert station.plan().state == "done"
    (again,) = station.run()
    assert (again.state, again.copies["archive"].skipped, again.copies["archive"].sent_files) == ("published", 1, 0)
    assert station.archive.taken() == [("a", b"a")]  # type: ignore[attr-defined]


def test_a_touched_file_of_a_day_is_not_taken_again(tmp_path):
    station = station_of(tmp_path)
    path = station.write("20260201/a", b"a")
    station.run()
    os.utime(path, (1_770_000_000, 1_770_000_000))
    assert [action.kind for action in station.plan().actions] == ["adopt"]
    assert station.run()[0].state == "published"
    assert station.plan().state == "done"
    assert len(station.archive.taken()) == 1  # type: ignore[attr-defined]
    assert station.run(asked={"resend": True})[0].copies["archive"].sent_files == 1


def test_moved_days_go_with_a_receipt_alone(tmp_path):
    from datagw.gateways.paths.templates import Template
    from datagw.jobs.models import Folder

    station = station_of(tmp_path, move_source=Folder(gateway="station", template=Template.parse("done/%Y%m%d/")))
    station.write("20260201/x/a", b"a")
    assert station.run(DAY)[0].deleted == 1
    assert station.left() == {"done/20260201/x/a": b"a"}


# ---- crashes


def lay_out(folder: Path) -> Inbox:
    shutil.copy(fresh_ledger(folder.parent), folder / "jobs.db")
    inbox = inbox_of(folder, batch={"files": 3}, **MOVE)
    for age, (name, content) in enumerate(FILES.items()):
        inbox.drop(name, content, age=10_000 - age)
    inbox.drop(BAD, b"bad", age=20_000)
    return inbox


def nothing_is_said_that_is_not_so(inbox: Inbox) -> None:
    held = set(taken(inbox))
    assert {receipt.destination for receipt in inbox.receipts()} <= held
    assert inbox.here("done").keys() <= held
    everywhere = list(inbox.here(".").values())
    assert all(content in everywhere for content in FILES.values()), "a file is lost"


def the_end_is_as_undisturbed(inbox: Inbox) -> None:
    assert isinstance(inbox.archive, Taker)
    assert dict(inbox.archive.taken()) == FILES
    assert {receipt.destination for receipt in inbox.receipts()} == set(FILES)
    assert inbox.here("done") == FILES
    assert inbox.here() == {}
    assert inbox.here("failed").keys() == {BAD, f"{BAD}.error.txt"}
    assert inbox.ledger.all_intents("inbox") == []
    assert [path for path in inbox.here(".") if is_own_name(path)] == []


def die_at_each_call(folder: Path, *, step: int, first: int) -> int:
    k, twice = first, 0
    while True:
        case = folder / f"k{k}"
        case.mkdir()
        inbox = lay_out(case)
        counter = Counter(k)
        with contextlib.suppress(Crash), dying(counter, inbox.ledger):
            inbox.ticks()
        last = counter.names[min(k, counter.count) - 1]
        try:
            nothing_is_said_that_is_not_so(inbox)
            for _ in range(3):
                inbox.later(4000)
                inbox.ticks()
            the_end_is_as_undisturbed(inbox)
            assert len(taken(inbox)) <= len(FILES) + 1, "one file at most was on its way"
            twice += len(taken(inbox)) - len(FILES)
        except BaseException as error:
            error.add_note(f"after a crash at call {k}, {last}")
            raise
        inbox.ledger.close()
        shutil.rmtree(case)
        if counter.count < k:
            return twice
        k += step


def test_killed_anywhere_each_file_is_handed_over_and_at_most_one_twice(tmp_path):
    assert die_at_each_call(tmp_path, step=23, first=4) >= 0


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_killed_at_every_call_each_file_is_handed_over(tmp_path):
    assert die_at_each_call(tmp_path, step=1, first=1) > 0, "no crash fell between a file and its receipt"


def test_two_runs_at_once_hand_each_file_over_once(tmp_path):
    inbox = inbox_of(tmp_path)
    for number in range(20):
        inbox.drop(f"f{number}", b"%d" % number)
    problems: list[BaseException] = []

    def work() -> None:
        try:
            inbox.run(patient=False)
        except BaseException as error:  # noqa: BLE001 - told to the test
            problems.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert sorted(taken(inbox)) == sorted(f"f{number}" for number in range(20))

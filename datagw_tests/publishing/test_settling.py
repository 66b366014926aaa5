"""What has not settled waits: by its date on this machine's clock, else by two equal looks."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from datagw.gateways.local import Local
from datagw.gateways.memory import Memory
from datagw.gateways.sftp import Sftp
from datagw_tests.publishing.inbox import Inbox
from datagw_tests.servers.openssh import OpenSSH


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return Inbox(tmp_path, Memory())


@pytest.fixture
def dateless(tmp_path: Path) -> Inbox:
    """Its source is a place that tells no time: a put of bytes to memory has none."""
    source = Memory()
    source.mkdir("inbox")
    return Inbox(tmp_path, Memory(), source)


def test_a_file_without_a_date_is_looked_at_twice(dateless: Inbox) -> None:
    dateless.source.put(b"one", "inbox/a.csv")
    plan = dateless.plan()
    assert plan.state == "waiting"
    assert "without a date, 10 s to go" in plan.actions[0].reason
    dateless.later(9)
    assert dateless.plan().state == "waiting"
    dateless.later(1)
    assert dateless.ticks() == 1
    assert dateless.there() == {"a.csv": b"one"}


def test_one_that_changes_between_two_looks_begins_anew(dateless: Inbox) -> None:
    dateless.source.put(b"one", "inbox/a.csv")
    dateless.plan()
    dateless.later(9)
    dateless.source.put(b"longer", "inbox/a.csv")
    dateless.plan()
    dateless.later(9)
    assert dateless.plan().state == "waiting"
    dateless.later(1)
    assert dateless.ticks() == 1


def test_a_version_that_comes_back_is_not_taken_for_one_that_never_went(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path, Memory())
    path = inbox.drop("a.csv", b"12", age=-5000)
    first = path.stat()
    inbox.plan()
    inbox.later(9)
    path.write_bytes(b"123")
    inbox.date("a.csv", age=-6000)
    inbox.plan()
    inbox.later(9)
    path.write_bytes(b"12")
    import os

    os.utime(path, ns=(first.st_mtime_ns, first.st_mtime_ns))
    assert inbox.plan().state == "waiting"
    inbox.later(9)
    assert inbox.plan().state == "waiting"
    inbox.later(1)
    assert inbox.plan().due


def test_a_plan_of_a_person_puts_nothing_down(dateless: Inbox) -> None:
    dateless.source.put(b"one", "inbox/a.csv")
    assert dateless.plan(patient=False).due
    dateless.later(20)
    assert dateless.plan().state == "waiting"


def test_a_date_in_the_future_is_no_date(inbox: Inbox) -> None:
    inbox.drop("a.csv", age=-86_400)
    assert "lies in the future" in inbox.plan().actions[0].reason
    inbox.later(10)
    assert inbox.ticks() == 1


def test_a_preserved_old_date_has_settled_at_once(inbox: Inbox) -> None:
    inbox.drop("a.csv", age=10_000_000)
    assert inbox.ticks() == 1


def test_no_settling_is_no_waiting(inbox: Inbox) -> None:
    from datetime import timedelta

    inbox.drop("a.csv", age=0)
    assert inbox.ticks(settle=timedelta(0)) == 1


def test_what_settled_is_watched_no_longer(dateless: Inbox) -> None:
    dateless.source.put(b"one", "inbox/a.csv")
    dateless.plan()
    dateless.later()
    dateless.ticks()
    dateless.plan()
    assert dateless.ledger.watched("inbox") == {}


def test_another_machines_clock_may_be_late_so_its_files_are_looked_at_twice(tmp_path: Path, sshd: OpenSSH) -> None:
    root = sshd.root / tmp_path.name
    inbox = Inbox(tmp_path, Memory(), Sftp(**sshd.fields(root=str(root))))
    inbox.place = root
    (root / "inbox").mkdir(parents=True)
    inbox.drop("recent.csv", age=3600)
    inbox.drop("old.csv", age=100_000)
    plan = inbox.plan()
    assert {action.relative: action.kind for action in plan.actions} == {"old.csv": "send", "recent.csv": "wait"}
    inbox.ticks()
    inbox.later(10)
    inbox.ticks()
    assert inbox.there().keys() == {"old.csv", "recent.csv"}


# ---- changes


def test_a_change_is_published_once_it_has_settled(inbox: Inbox) -> None:
    job = {"when": "change", "source": "inbox/a.csv", "to": ["there/"]}
    inbox.drop("a.csv", b"one", age=2)
    plan = inbox.plan(**job)
    assert (plan.state, plan.actions[0].kind) == ("waiting", "wait")
    assert plan.again is not None
    assert (plan.again - inbox.now).total_seconds() == 8
    assert inbox.plan(patient=False, **job).due
    inbox.later(8)
    assert inbox.ticks(**job) == 1
    assert inbox.plan(**job).state == "done"
    inbox.drop("a.csv", b"another", age=1)
    assert inbox.plan(**job).state == "waiting"
    inbox.later(9)
    assert inbox.ticks(**job) == 1
    assert inbox.there() == {"a.csv": b"another"}


def test_a_changing_file_keeps_no_other_from_being_published(inbox: Inbox) -> None:
    inbox.drop("a.csv", b"one", age=1)
    inbox.drop("b.csv", b"two")
    result = inbox.tick(when="change")
    assert result is not None
    assert inbox.there() == {"b.csv": b"two"}
    assert inbox.plan(when="change").state == "waiting"
    inbox.later(10)
    assert inbox.ticks(when="change") == 1
    assert inbox.there().keys() == {"a.csv", "b.csv"}


def test_days_and_cron_lines_do_not_wait(tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    inbox = Inbox(tmp_path, Local(root=str(tmp_path / "archive")))
    inbox.drop("a.csv", age=1)
    assert inbox.plan(when="15 2 * * *").due


def test_a_clock_that_was_wrong_and_is_set_right_keeps_nothing_waiting(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path, Memory())
    inbox.drop("settling.csv")
    inbox.date("settling.csv", age=-20 * 365 * 86400)
    inbox.archive.using().mkdir("there/failing.csv")
    inbox.drop("failing.csv")
    ten_years = timedelta(days=3650)
    wait = {"batch": {"files": 10, "wait": timedelta(minutes=1)}}
    inbox.now += ten_years
    inbox.plan(**wait)
    inbox.run()
    inbox.plan(**wait)
    inbox.now -= ten_years
    inbox.archive.using().rmdir("there/failing.csv")
    inbox.plan(**wait)
    inbox.later(120)
    inbox.ticks(**wait)
    assert inbox.there().keys() == {"settling.csv", "failing.csv"}

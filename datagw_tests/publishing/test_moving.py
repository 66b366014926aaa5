"""Source files that go elsewhere: moved once they are proven, or set apart once they have failed for good."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any, ClassVar

import pytest
from typing_extensions import override

from datagw.errors import Full, Rejected, Unavailable
from datagw.gateways.local import Local
from datagw.gateways.memory import Memory
from datagw.gateways.sftp import Sftp
from datagw.publishing import publish
from datagw_tests.publishing.inbox import Inbox
from datagw_tests.publishing.station import DAY, Station
from datagw_tests.servers.openssh import OpenSSH

MOVE = {"move_source": "done/"}
FAIL = {"failed_source": "failed/"}


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return Inbox(tmp_path, Memory())


def test_a_proven_file_is_moved_under_its_relative_path_and_keeps_its_date(inbox: Inbox) -> None:
    path = inbox.drop("sub/a.csv", b"one")
    date = path.stat().st_mtime_ns
    plan = inbox.plan(**MOVE)
    assert [action.kind for action in plan.actions] == ["send", "move"]
    result = inbox.tick(**MOVE)
    assert result is not None
    assert result.deleted == 1
    assert (inbox.here(), inbox.here("done")) == ({}, {"sub/a.csv": b"one"})
    assert (inbox.place / "done/sub/a.csv").stat().st_mtime_ns == date
    assert inbox.plan(**MOVE).state == "done"


def test_an_equal_file_that_has_the_name_already_takes_its_place(inbox: Inbox) -> None:
    inbox.drop("a.csv", b"one")
    inbox.ticks(**MOVE)
    inbox.drop("a.csv", b"one", age=60)
    inbox.ticks(**MOVE)
    assert (inbox.here(), inbox.here("done")) == ({}, {"a.csv": b"one"})


def test_another_file_that_has_the_name_already_stays_and_the_new_one_gets_its_hash_into_the_name(inbox: Inbox) -> None:
    for content in (b"one", b"two", b"two", b"one"):
        inbox.drop("a.csv", content, age=60)
        inbox.ticks(**MOVE)
    assert inbox.here() == {}
    assert inbox.here("done") == {"a.csv": b"one", "a.3fc4ccfe.csv": b"two"}


def test_the_folder_may_hold_the_day_on_which_a_file_was_first_seen(inbox: Inbox) -> None:
    inbox.drop("a.csv")
    inbox.ticks(move_source="done/{date:%Y-%m-%d}/")
    assert inbox.here("done").keys() == {f"{inbox.now:%Y-%m-%d}/a.csv"}


def test_what_is_not_proven_is_not_moved(inbox: Inbox) -> None:
    inbox.archive.mkdir("there/a.csv")
    inbox.drop("a.csv")
    inbox.drop("b.csv")
    inbox.tick(**MOVE)
    assert (inbox.here().keys(), inbox.here("done").keys()) == ({"a.csv"}, {"b.csv"})


def test_a_folder_on_another_disk_is_told_and_the_file_stays(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = Local._rename

    def refused(self: Local, session: Any, source: str, target: str, replace: bool) -> None:
        if target.startswith("done/"):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        rename(self, session, source, target, replace)

    monkeypatch.setattr(Local, "_rename", refused)
    inbox.drop("a.csv", b"one")
    result = inbox.tick(**MOVE)
    assert result is not None
    assert "add it to `to`, with delete_source = true" in str(result.error)
    assert (inbox.here(), inbox.there()) == ({"a.csv": b"one"}, {"a.csv": b"one"})
    assert inbox.ledger.all_intents("inbox") == []


def test_on_an_ssh_server_too(tmp_path: Path, sshd: OpenSSH) -> None:
    root = sshd.root / tmp_path.name
    inbox = Inbox(tmp_path, Memory(), Sftp(**sshd.fields(root=str(root))))
    inbox.place = root
    (root / "inbox").mkdir(parents=True)
    for content in (b"one", b"two", b"two"):
        inbox.drop("sub/a.csv", content, age=200_000)
        inbox.ticks(**MOVE)
        inbox.later()
    assert (inbox.here(), inbox.here("done")) == ({}, {"sub/a.csv": b"one", "sub/a.3fc4ccfe.csv": b"two"})


def test_days_are_moved_as_well(near: Station) -> None:
    from datagw.gateways.paths.templates import Template
    from datagw.jobs.models import Folder

    near.write("20260201/sub/a.csv", b"one")
    folder = Folder(gateway="station", template=Template.parse("done/%Y%m%d/"))
    (result,) = publish(near.job(move_source=folder), [DAY], near.world())
    assert (result.state, result.deleted) == ("published", 1)
    assert near.left() == {"done/20260201/sub/a.csv": b"one"}
    assert near.ledger.markers("readings") == []


# ---- failed for good


def test_a_file_that_failed_for_good_is_set_apart_with_the_reason_beside_it(inbox: Inbox) -> None:
    inbox.archive.mkdir("there/sub/bad.csv")
    inbox.drop("sub/bad.csv", b"bad")
    inbox.drop("sub/good.csv", b"good")
    result = inbox.tick(**FAIL)
    assert result is not None
    assert result.state == "failed"
    assert (inbox.here().keys(), inbox.there().keys()) == ({"sub/good.csv"}, {"sub/good.csv"})
    apart = inbox.here("failed")
    assert apart.keys() == {"sub/bad.csv", "sub/bad.csv.error.txt"}
    assert apart["sub/bad.csv"] == b"bad"
    text = apart["sub/bad.csv.error.txt"].decode()
    assert "inbox:inbox/sub/bad.csv" in text
    assert "a folder stands at the destination; move it away" in text
    assert inbox.plan(**FAIL).state == "done"
    assert all(not row.source for row in inbox.ledger.attempts("inbox", None).values())


def test_moved_back_once_all_is_mended_it_is_taken_as_new(inbox: Inbox) -> None:
    inbox.archive.mkdir("there/bad.csv")
    inbox.drop("bad.csv", b"bad")
    inbox.ticks(**FAIL)
    inbox.archive.rmdir("there/bad.csv")
    (inbox.place / "failed/bad.csv").rename(inbox.place / "inbox/bad.csv")
    assert inbox.ticks(**FAIL) == 1
    assert inbox.there() == {"bad.csv": b"bad"}


def test_a_second_failure_under_the_same_name_replaces_nothing(inbox: Inbox) -> None:
    inbox.archive.mkdir("there/bad.csv")
    for content in (b"one", b"two"):
        inbox.drop("bad.csv", content)
        inbox.ticks(**FAIL)
    found = inbox.here("failed")
    assert sorted(found.values(), key=len)[:2] in ([b"one", b"two"], [b"two", b"one"])
    assert len(found) == 4


@pytest.mark.parametrize(
    "error", [Full("no space left"), Rejected("a place that takes nothing at all")], ids=["full", "all refused"]
)
def test_a_place_that_takes_nothing_is_no_files_fault(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch, error: Rejected
) -> None:
    inbox.drop("a.csv")

    def refused(*_: Any) -> None:
        raise type(error)(error.message)

    with monkeypatch.context() as patch:
        patch.setattr(Memory, "_write", refused)
        result = inbox.tick(**FAIL)
    assert result is not None
    assert result.state == "failed"
    assert (inbox.here().keys(), inbox.here("failed")) == ({"a.csv"}, {})
    assert inbox.plan(**FAIL).state == "waiting"
    inbox.later(31)
    assert inbox.ticks(**FAIL) == 1


def test_one_that_cannot_be_moved_is_left_alone_from_then_on(inbox: Inbox) -> None:
    (inbox.place / "failed").write_bytes(b"a file in the way")
    inbox.archive.mkdir("there/bad.csv")
    inbox.drop("bad.csv", b"bad")
    assert inbox.tick(**FAIL) is not None
    assert inbox.here() == {"bad.csv": b"bad"}
    assert inbox.plan(**FAIL).state == "done"
    inbox.drop("bad.csv", b"another version")
    assert inbox.plan(**FAIL).due


def test_without_such_a_folder_a_failed_file_stays_and_is_tried_again(inbox: Inbox) -> None:
    inbox.archive.mkdir("there/bad.csv")
    inbox.drop("bad.csv")
    inbox.tick()
    assert inbox.plan().state == "waiting"
    inbox.later(31)
    assert inbox.plan().due


def test_an_unsettled_file_is_not_set_apart(inbox: Inbox) -> None:
    inbox.archive.mkdir("there/bad.csv")
    inbox.drop("bad.csv", age=1)
    inbox.run(**FAIL)
    assert (inbox.here().keys(), inbox.here("failed")) == ({"bad.csv"}, {})


def test_the_text_beside_a_failed_file_replaces_no_file_of_that_name(inbox: Inbox) -> None:
    for name in ("a.csv", "a.csv.error.txt"):
        inbox.archive.using().mkdir(f"there/{name}")
    inbox.drop("a.csv.error.txt", b"precious", age=7200)
    inbox.drop("a.csv", b"a")
    inbox.ticks(**FAIL)
    apart = inbox.here("failed")
    assert (apart["a.csv.error.txt"], inbox.here()) == (b"precious", {})
    assert min(apart.values()) == b"a"


class FullForOne(Memory):
    """A place whose folder `second` is on a full disk."""

    no_room: ClassVar[bool] = True

    @override
    def _write(self, session: Any, reading: Any, sync: bool) -> None:
        if self.no_room and reading.part.startswith("second/"):
            raise Full("no space left", path=reading.part)
        super()._write(session, reading, sync)


def test_a_file_that_failed_for_good_at_one_copy_waits_for_the_other(inbox: Inbox, monkeypatch: Any) -> None:
    inbox.archive = FullForOne()
    inbox.archive.using().mkdir("there/a.csv")
    inbox.drop("a.csv", b"a")
    inbox.ticks(to=["there/", "second/"], **FAIL)
    assert (inbox.here(), inbox.here("failed")) == ({"a.csv": b"a"}, {})
    monkeypatch.setattr(FullForOne, "no_room", False)
    inbox.later(60)
    inbox.ticks(to=["there/", "second/"], **FAIL)
    assert inbox.there("second") == {"a.csv": b"a"}
    assert inbox.here("failed").keys() == {"a.csv", "a.csv.error.txt"}


class Unmovable(Local):
    """A disk that does not answer when a failed file is to be moved."""

    silent: ClassVar[bool] = True

    @override
    def _rename(self, session: Any, source: str, target: str, replace: bool) -> None:
        if self.silent and target.startswith("failed/"):
            raise Unavailable("no answer", path=source)
        super()._rename(session, source, target, replace)


def test_an_outage_while_a_failed_file_is_moved_does_not_leave_it_alone_for_ever(
    inbox: Inbox, monkeypatch: Any
) -> None:
    inbox.source = Unmovable(root=str(inbox.place))
    inbox.archive.using().mkdir("there/a.csv")
    inbox.drop("a.csv", b"a")
    inbox.ticks(**FAIL)
    assert inbox.here() == {"a.csv": b"a"}
    monkeypatch.setattr(Unmovable, "silent", False)
    inbox.later(60)
    inbox.ticks(**FAIL)
    assert inbox.here("failed").keys() == {"a.csv", "a.csv.error.txt"}

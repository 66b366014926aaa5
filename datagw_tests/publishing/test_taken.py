"""What a look for new files leaves out: what is proven at the copies that the job has now, and is not looked after."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
from typing_extensions import override

from datagw.errors import Full
from datagw.gateways.memory import Memory
from datagw.publishing import publish
from datagw_tests.publishing.inbox import Inbox

BATCH = {"batch": {"files": 2}}


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    """With five files, in batches of two."""
    inbox = Inbox(tmp_path, Memory(), options={**BATCH})
    for number in range(5):
        inbox.drop(f"{number}.csv", str(number).encode())
    return inbox


def test_a_copy_that_a_job_gets_later_gets_the_files_that_were_taken(inbox: Inbox) -> None:
    inbox.ticks()
    assert inbox.ticks(to=["there/", "second/"]) == 3
    assert inbox.there("second") == inbox.there()
    assert len(inbox.receipts()) == 10
    assert inbox.plan(to=["there/", "second/"]).state == "done"


def test_a_copy_that_goes_elsewhere_now_gets_the_files_that_were_taken(inbox: Inbox) -> None:
    inbox.ticks()
    inbox.ticks(to=["elsewhere/"])
    assert inbox.there("elsewhere") == inbox.there()


def test_what_was_there_before_the_first_look_is_left_alone_for_another_copy_too(inbox: Inbox) -> None:
    inbox.ticks(existing=False)
    inbox.drop("new.csv")
    inbox.ticks(existing=False, to=["there/", "second/"])
    assert inbox.there("second").keys() == {"new.csv"}


def test_a_copy_that_its_receiver_took_away_is_sent_again_where_the_job_says_so(inbox: Inbox) -> None:
    inbox.ticks(if_gone="send")
    inbox.archive.using().rm("there/3.csv")
    assert inbox.ticks(if_gone="send") == 1
    assert inbox.there()["3.csv"] == b"3"
    assert len(inbox.receipts()) == 6


class NoRoom(Memory):
    """A place whose folder `there` is on a disk that has become full."""

    no_room: ClassVar[bool] = False

    @override
    def _write(self, session: Any, reading: Any, sync: bool) -> None:
        if self.no_room and reading.part.startswith("there/"):
            raise Full("no space left", path=reading.part)
        super()._write(session, reading, sync)


def test_a_copy_that_was_damaged_and_cannot_be_mended_now_is_not_taken_for_proven(
    inbox: Inbox, monkeypatch: Any
) -> None:
    inbox.archive = NoRoom()
    inbox.ticks()
    inbox.archive.using().put(b"damaged", "there/3.csv")
    monkeypatch.setattr(NoRoom, "no_room", True)
    inbox.ticks(to=["there/", "second/"])
    monkeypatch.setattr(NoRoom, "no_room", False)
    inbox.later(60)
    inbox.ticks(to=["there/", "second/"])
    assert inbox.there()["3.csv"] == inbox.there("second")["3.csv"] == b"3"


def test_a_first_look_for_one_file_leaves_alone_all_the_others(inbox: Inbox) -> None:
    job = inbox.job(existing=False)
    list(publish(job, [None], inbox.world(), files=["1.csv"]))
    inbox.ticks(existing=False)
    assert inbox.there().keys() == {"1.csv"}

"""New files: each settled version published once, with one receipt, whatever else stands in the folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from datagw.errors import Unavailable
from datagw.files import RemoteFile, version_of_stat
from datagw.gateways.local import Local
from datagw.gateways.memory import Memory
from datagw_tests.publishing.inbox import Inbox


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return Inbox(tmp_path, Memory())


def test_each_new_file_is_published_once_with_one_receipt(inbox: Inbox) -> None:
    inbox.drop("a.csv", b"a")
    inbox.drop("sub/b.csv", b"b")
    assert inbox.ticks() == 1
    inbox.drop("c.csv", b"c")
    assert inbox.ticks() == 1
    assert inbox.there() == {"a.csv": b"a", "sub/b.csv": b"b", "c.csv": b"c"}
    assert [receipt.source for receipt in inbox.receipts()] == ["inbox/a.csv", "inbox/sub/b.csv", "inbox/c.csv"]
    assert inbox.here().keys() == {"a.csv", "sub/b.csv", "c.csv"}


def test_what_came_while_nothing_ran_is_found(inbox: Inbox) -> None:
    inbox.drop("a.csv")
    inbox.ticks()
    inbox.drop("b.csv", age=10_000_000)
    inbox.reopened()
    assert inbox.ticks() == 1
    assert inbox.there().keys() == {"a.csv", "b.csv"}


def test_an_unchanged_folder_costs_no_run_and_shows_no_file(inbox: Inbox) -> None:
    inbox.drop("a.csv")
    inbox.ticks()
    plan = inbox.plan()
    assert (plan.state, plan.actions, plan.notes) == ("done", (), ())


def test_a_switch_waits_until_a_file_has_settled_and_says_how_long(inbox: Inbox) -> None:
    inbox.drop("old.csv")
    inbox.drop("new.csv", age=3)
    plan = inbox.plan()
    assert [(action.kind, action.relative) for action in plan.actions] == [("send", "old.csv"), ("wait", "new.csv")]
    assert "3 s ago" in plan.actions[1].reason
    assert plan.again is not None
    assert 6 < (plan.again - inbox.now).total_seconds() <= 7
    inbox.ticks()
    assert inbox.plan().state == "waiting"
    inbox.later(7)
    inbox.ticks()
    assert inbox.there().keys() == {"old.csv", "new.csv"}


def test_a_person_does_not_wait_for_it(inbox: Inbox) -> None:
    inbox.drop("new.csv", age=1)
    assert inbox.plan(patient=False).due
    assert inbox.run(patient=False).copies["archive"].sent_files == 1


@pytest.mark.parametrize("patient", [True, False], ids=["switch", "person"])
def test_a_file_that_is_open_for_writing_is_left_for_later_and_holds_up_no_other(inbox: Inbox, patient: bool) -> None:
    inbox.drop("a.csv", age=7200)
    inbox.drop("b.csv")
    with (inbox.place / "inbox/a.csv").open("ab"):
        plan = inbox.plan(patient=patient, batch={"files": 1})
        assert {action.relative: action.kind for action in plan.actions} == {"b.csv": "send", "a.csv": "wait"}
        inbox.run(patient=patient, batch={"files": 1})
        assert inbox.there().keys() == {"b.csv"}
    inbox.ticks()
    assert inbox.there().keys() == {"a.csv", "b.csv"}


def test_the_same_name_with_new_content_is_published_again(inbox: Inbox) -> None:
    inbox.drop("a.csv", b"one")
    inbox.ticks()
    inbox.drop("a.csv", b"another")
    assert inbox.ticks() == 1
    assert inbox.there() == {"a.csv": b"another"}
    assert [receipt.size for receipt in inbox.receipts()] == [3, 7]


@pytest.mark.parametrize("how", ["touched", "replaced by an equal file", "gone and back"])
def test_the_same_content_again_moves_no_byte(inbox: Inbox, how: str) -> None:
    path = inbox.drop("a.csv", b"one")
    inbox.ticks()
    if how == "touched":
        inbox.date("a.csv", age=60)
    elif how == "replaced by an equal file":
        path.unlink()
        inbox.drop("other", b"one", age=50).rename(path)
    else:
        path.unlink()
        inbox.ticks()
        inbox.drop("a.csv", b"one", age=50)
    result = inbox.tick()
    assert result is not None
    assert (result.copies["archive"].sent_files, result.copies["archive"].adopted) == (0, 1)
    assert inbox.plan().state == "done"


def test_the_same_content_again_is_not_sent_to_a_receiver_who_has_taken_it_away(inbox: Inbox) -> None:
    inbox.drop("a.csv", b"one")
    inbox.ticks()
    inbox.archive.rm("there/a.csv")
    inbox.date("a.csv", age=60)
    assert inbox.ticks() == 1
    assert inbox.there() == {}
    inbox.drop("a.csv", b"two")
    inbox.ticks()
    assert inbox.there() == {"a.csv": b"two"}


def test_again_sends_the_same_content_again_but_not_for_a_change_of_rights(inbox: Inbox) -> None:
    path = inbox.drop("a.csv", b"one")
    inbox.ticks(again=True)
    path.chmod(0o600)
    assert inbox.ticks(again=True) == 1
    assert [receipt.size for receipt in inbox.receipts()] == [3, 3]
    before = inbox.archive.stat("there/a.csv").inode
    inbox.date("a.csv", age=60)
    result = inbox.tick(again=True)
    assert result is not None
    assert result.copies["archive"].sent_files == 1
    assert inbox.archive.stat("there/a.csv").inode != before


def test_what_was_there_before_the_first_look_can_be_left_alone(inbox: Inbox) -> None:
    inbox.drop("old.csv", b"old")
    plan = inbox.plan(patient=False, existing=False)
    assert (plan.state, plan.actions) == ("done", ())
    assert "1 file was there before the first look" in plan.notes[0]
    inbox.drop("older.csv", b"older")  # a person's plan puts nothing down
    assert inbox.tick(existing=False) is None
    inbox.drop("new.csv", b"new")
    inbox.ticks(existing=False)
    assert inbox.there() == {"new.csv": b"new"}
    inbox.drop("old.csv", b"a new version", age=60)
    inbox.ticks(existing=False)
    assert inbox.there() == {"new.csv": b"new", "old.csv": b"a new version"}


def test_what_was_there_stays_what_it_was_when_the_word_is_written_later(inbox: Inbox) -> None:
    inbox.drop("a.csv")
    assert inbox.plan().due
    inbox.ticks(existing=False)
    assert inbox.there().keys() == {"a.csv"}


def test_batches_go_oldest_first_one_a_run(inbox: Inbox) -> None:
    for number in range(5):
        inbox.drop(f"{number}.csv", age=1000 + number)
    plan = inbox.plan(batch={"files": 2})
    assert [action.relative for action in plan.actions] == ["4.csv", "3.csv"]
    assert plan.notes == ("3 more files wait for the next batches",)
    assert inbox.ticks(batch={"files": 2}) == 3
    assert [receipt.source[-5:] for receipt in inbox.receipts()] == ["4.csv", "3.csv", "2.csv", "1.csv", "0.csv"]


def test_a_batch_has_so_many_bytes_and_one_file_at_least(inbox: Inbox) -> None:
    for number, size in enumerate([3000, 400, 400, 400]):
        inbox.drop(f"{number}.csv", bytes(size), age=1000 - number)
    sizes = []
    while (result := inbox.tick(batch={"bytes": 1000})) is not None:
        sizes.append(result.copies["archive"].bytes)
    assert sizes == [3000, 800, 400]


def test_a_person_gets_all_batches_in_one_run_and_one_result(inbox: Inbox) -> None:
    for number in range(5):
        inbox.drop(f"{number}.csv", b"12")
    assert len(inbox.plan(patient=False, batch={"files": 2}).actions) == 5
    result = inbox.run(patient=False, batch={"files": 2})
    copy = result.copies["archive"]
    assert (result.state, copy.files, copy.bytes, copy.sent_files, len(copy.rows)) == ("published", 5, 10, 5, 5)
    assert [(row.state, row.files) for row in inbox.ledger.days("inbox")] == [("published", 5)]


def test_the_first_file_waits_for_a_batch_to_become_full_but_not_for_ever(inbox: Inbox) -> None:
    from datetime import timedelta

    batch = {"files": 2, "wait": timedelta(minutes=5)}
    inbox.drop("a.csv")
    assert inbox.plan(batch=batch).state == "waiting"
    inbox.later(60)
    assert "batch.wait" in next(iter(inbox.plan(batch=batch).actions)).reason
    inbox.drop("b.csv")
    assert inbox.ticks(batch=batch) == 1
    inbox.drop("c.csv")
    assert inbox.ticks(batch=batch) == 0
    inbox.later(301)
    assert inbox.ticks(batch=batch) == 1
    assert inbox.there().keys() == {"a.csv", "b.csv", "c.csv"}


def test_a_file_that_fails_holds_up_no_other_and_is_tried_again_later(inbox: Inbox) -> None:
    inbox.archive.mkdir("there/bad.csv")
    inbox.drop("bad.csv", age=9000)
    inbox.drop("good.csv")
    result = inbox.tick(batch={"files": 1})
    assert result is not None
    assert [failure.source for failure in result.failures] == ["inbox/bad.csv"]
    assert inbox.ticks(batch={"files": 1}) == 1
    assert inbox.there().keys() == {"good.csv"}
    assert inbox.plan(batch={"files": 1}).state == "waiting"
    inbox.archive.rmdir("there/bad.csv")
    inbox.later(31)
    assert inbox.ticks(batch={"files": 1}) == 1
    assert inbox.there().keys() == {"good.csv", "bad.csv"}
    assert inbox.ledger.attempts("inbox", None) == {}


def test_proven_files_that_a_crash_kept_from_the_record_are_put_there_without_a_byte(inbox: Inbox) -> None:
    inbox.drop("a.csv")
    inbox.ticks()
    with inbox.ledger.writing() as connection:
        connection.exec_driver_sql("DELETE FROM taken")
    plan = inbox.plan()
    assert (plan.state, [action.kind for action in plan.actions]) == ("due", ["skip"])
    assert inbox.ticks() == 1
    assert len(inbox.receipts()) == 1


def test_after_a_lost_ledger_what_is_there_is_adopted(inbox: Inbox) -> None:
    inbox.drop("a.csv", b"one")
    inbox.ticks()
    inbox.ledger.close()
    (inbox.folder / "jobs.db").unlink()
    inbox.reopened()
    result = inbox.tick()
    assert result is not None
    assert (result.copies["archive"].sent_files, result.copies["archive"].adopted) == (0, 1)


def test_a_copy_of_another_source_is_never_replaced(inbox: Inbox) -> None:
    inbox.drop("x/a.csv", b"of x")
    inbox.ticks(to=["there/{name}"])
    inbox.drop("y/a.csv", b"of y")
    result = inbox.tick(to=["there/{name}"])
    assert result is not None
    assert result.state == "failed"
    assert (
        "x/a.csv was published under this name" in result.failures[0].error
        or "another source" in result.failures[0].error
    )
    assert inbox.there() == {"a.csv": b"of x"}


def test_a_name_that_makes_no_path_is_refused_and_no_other(inbox: Inbox) -> None:
    inbox.drop("nosuffix", b"1")
    inbox.drop("..b", b"2")
    inbox.drop("a.csv", b"3")
    result = inbox.run(to=["there/{suffix}/"])
    assert {failure.source for failure in result.failures} == {"inbox/nosuffix"}
    assert inbox.there().keys() == {".csv/a.csv"}


def test_hidden_names_globs_and_expressions_choose(inbox: Inbox) -> None:
    for name in (".hidden.csv", "a.csv", "sub/b.csv", "sub/c.txt", "sub/x9.csv"):
        inbox.drop(name)
    inbox.ticks(source="inbox/**/*.csv", source_options={"regex": r"(sub/)?[a-z]\.csv"})
    assert inbox.there().keys() == {"a.csv", "sub/b.csv"}


def test_a_source_that_is_not_there_is_an_outage_and_forgets_nothing(inbox: Inbox) -> None:
    inbox.drop("a.csv")
    inbox.ticks()
    (inbox.place / "inbox").rename(inbox.place / "away")
    with pytest.raises(Unavailable, match="mounted"):
        inbox.plan()
    assert inbox.run().state == "failed"
    (inbox.place / "away").rename(inbox.place / "inbox")
    assert inbox.plan().state == "done"


def test_a_destination_out_of_reach_is_told_and_taken_up_again(tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    inbox = Inbox(tmp_path, Local(root=str(tmp_path / "archive")))
    inbox.drop("a.csv")
    (tmp_path / "archive").rename(tmp_path / "away")
    with pytest.raises(Unavailable):
        inbox.plan()
    (tmp_path / "away").rename(tmp_path / "archive")
    assert inbox.ticks() == 1
    assert inbox.there().keys() == {"a.csv"}


def test_two_copies_are_both_made_before_a_file_is_taken(inbox: Inbox) -> None:
    inbox.drop("a.csv")
    to = ["one/", "two/"]
    inbox.run(to=to, copies=["archive"])
    assert inbox.plan(to=to).due
    assert inbox.ticks(to=to) == 1
    assert inbox.there("one").keys() == inbox.there("two").keys() == {"a.csv"}
    assert [receipt.copy for receipt in inbox.receipts()] == ["archive", "archive1"]


def test_resending_sends_proven_files_and_leaves_the_existing_alone(inbox: Inbox) -> None:
    inbox.drop("before.csv")
    assert inbox.ticks(existing=False) == 0
    inbox.drop("a.csv")
    inbox.drop("b.csv")
    inbox.ticks(existing=False)
    assert inbox.run(patient=False, existing=False, resend=True).copies["archive"].sent_files == 2
    one = inbox.run(patient=False, existing=False, resend=True, resend_file="b.csv")
    assert one.copies["archive"].sent_files == 1
    assert inbox.there().keys() == {"a.csv", "b.csv"}
    assert inbox.plan(existing=False).state == "done"


def test_delete_source_frees_each_file_once_it_is_proven_and_keeps_the_folders(inbox: Inbox) -> None:
    inbox.drop("sub/a.csv", b"one")
    assert inbox.ticks(delete_source=True) == 1
    assert inbox.here() == {}
    assert (inbox.place / "inbox/sub").is_dir()
    inbox.drop("sub/a.csv", b"one")  # the same content again
    result = inbox.tick(delete_source=True)
    assert result is not None
    assert (result.copies["archive"].sent_files, result.deleted) == (0, 1)
    assert inbox.there() == {"sub/a.csv": b"one"}


def test_files_that_were_published_before_are_freed_once_that_is_asked_for(inbox: Inbox) -> None:
    inbox.drop("a.csv")
    inbox.ticks()
    assert [action.kind for action in inbox.plan(delete_source=True).actions] == ["skip", "delete"]
    inbox.ticks(delete_source=True)
    assert (inbox.here(), inbox.there().keys()) == ({}, {"a.csv"})


def test_existing_files_are_never_freed(inbox: Inbox) -> None:
    inbox.drop("old.csv")
    options = {"existing": False, "delete_source": True}
    assert inbox.ticks(**options) == 0
    inbox.drop("new.csv")
    inbox.ticks(**options)
    assert inbox.here().keys() == {"old.csv"}


def test_what_is_gone_is_forgotten_by_the_next_run(inbox: Inbox) -> None:
    for name in ("a.csv", "b.csv"):
        inbox.drop(name)
    inbox.ticks()
    (inbox.place / "inbox/a.csv").unlink()
    inbox.drop("c.csv")
    inbox.ticks()
    assert inbox.ledger.taken("inbox", ["published"]).keys() == {"inbox/b.csv", "inbox/c.csv"}


def test_nasty_names_are_taken_once(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path, Memory())
    names = [
        "a b.csv",
        "tab\t.csv",
        "new\nline",
        "back\\slash",
        "caf\u00e9",
        "bytes-\udcff",
        "-dash",
        "*glob[1]",
        "%41",
    ]
    for name in names:
        inbox.drop(name, name.encode("utf-8", "surrogateescape"))
    inbox.ticks()
    assert set(inbox.there()) == set(names)
    assert inbox.plan().state == "done"
    assert len(inbox.receipts()) == len(names)


def test_the_quick_version_of_a_file_is_the_one_that_claims_tell(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"some")
    found = os.stat(tmp_path / "a")
    assert version_of_stat(found) == RemoteFile.from_stat("a", found).version


def test_a_folder_that_goes_while_it_is_looked_at_is_no_error(inbox: Inbox) -> None:
    inbox.drop("sub/a.csv")
    inbox.drop("b.csv")
    inbox.ticks()
    shutil.rmtree(inbox.place / "inbox/sub")
    assert inbox.plan().state == "done"


def test_what_is_taken_costs_no_claim_and_no_look_at_a_destination(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(50):
        inbox.drop(f"{number}.csv")
    inbox.ticks()
    inbox.drop("new.csv")
    claims: list[str] = []
    looks: list[str] = []
    from_stat, stat = RemoteFile.from_stat, Memory._stat
    monkeypatch.setattr(RemoteFile, "from_stat", lambda path, found: claims.append(path) or from_stat(path, found))
    monkeypatch.setattr(Memory, "_stat", lambda self, session, path: looks.append(path) or stat(self, session, path))
    assert inbox.plan().due
    assert [path for path in claims if path.endswith(".csv")] == ["inbox/new.csv"]
    assert looks == ["there/new.csv"]

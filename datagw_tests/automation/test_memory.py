"""What a switch remembers between two ticks."""

from datetime import date

import pytest

from datagw.automation.memory import Memory, due_digest, source_digest
from datagw.files import RemoteFile
from datagw.publishing import Action, DayPlan

DAY = date(2026, 1, 1)


def plan(*kinds: str, size: int = 1) -> DayPlan:
    file = RemoteFile("20260101/\udcff.csv", size)
    return DayPlan("readings", DAY, "due", tuple(Action(kind, file, "left", "x", "why") for kind in kinds))


def test_a_cursor_gives_back_what_was_remembered():
    memory = Memory()
    memory.observe([plan("send")], 366)
    assert Memory.of(memory.cursor()) == memory


@pytest.mark.parametrize(
    "cursor", [None, "", "{}", "[]", "nonsense", '{"observed": []}', '{"days": {"2026-01-01": ["a", "b", "c", 1]}}']
)
def test_a_cursor_of_another_kind_is_forgotten(cursor):
    assert Memory.of(cursor) == Memory()


def test_a_source_is_told_of_once_and_again_when_it_has_changed():
    memory = Memory()
    assert memory.observe([plan("send")], 366) == [plan("send")]
    assert memory.observe([plan("skip")], 366) == []
    assert memory.observe([plan("send", size=2)], 366) == [plan("send", size=2)]


def test_what_is_not_told_for_lack_of_room_is_told_next_time():
    memory = Memory()
    assert memory.observe([plan("send")], 0) == []
    assert memory.observe([plan("send")], 1) == [plan("send")]


def test_days_that_are_published_are_forgotten():
    memory = Memory()
    memory.observe([plan("send")], 366)
    memory.forget({"2026-01-01"})
    assert memory == Memory()


def test_digests_tell_what_is_due_and_what_the_source_is():
    assert due_digest([plan("send")]) == due_digest([plan("send", "skip")])
    assert due_digest([plan("send")]) != due_digest([plan("adopt")])
    assert source_digest(plan("send")) == source_digest(plan("adopt"))
    assert source_digest(plan("send")) != source_digest(plan("send", size=2))

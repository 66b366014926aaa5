"""A run over new files that dies at any of its calls, then clean ones: the end is that of the undisturbed runs."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from datagw.files import is_own_name
from datagw.gateways.base import Gateway
from datagw.gateways.local import Local
from datagw.gateways.memory import Memory
from datagw_tests.gateways.shelf import Shelf
from datagw_tests.publishing.crashing import Counter, Crash, dying
from datagw_tests.publishing.inbox import Inbox
from datagw_tests.publishing.test_crash_points import fresh_ledger

FILES = {"a.csv": b"1;2;3\n", "deep/b c.txt": b"b" * 500, "empty": b"", "large.bin": bytes(range(256)) * 5_000}
BAD = "bad.csv"
KEEP: dict[str, Any] = {}
DELETE: dict[str, Any] = {"delete_source": True}
MOVE: dict[str, Any] = {"move_source": "done/", "failed_source": "failed/"}


def lay_out(folder: Path, archive: Gateway, options: dict[str, Any]) -> Inbox:
    shutil.copy(fresh_ledger(folder.parent), folder / "jobs.db")
    inbox = Inbox(folder, archive, options={**options, "batch": {"files": 3}})
    for age, (name, content) in enumerate(FILES.items()):
        inbox.drop(name, content, age=10_000 - age)
    if "failed_source" in options:
        if inbox.archive.can("mkdir"):
            inbox.archive.mkdir(f"there/{BAD}")
        inbox.drop(BAD, b"bad", age=20_000)
    return inbox


def nothing_was_risked(inbox: Inbox, options: dict[str, Any]) -> None:
    there = inbox.there()
    for path, content in there.items():
        if not is_own_name(path):
            assert content == FILES[path], f"{path} is not whole"
    everywhere = [*inbox.here(".").values()]
    for name, content in FILES.items():
        assert there.get(name) == content or content in everywhere, f"{name} is lost"
        if "move_source" in options or not options:
            assert content in everywhere, f"{name} is gone from the source's place"
    if "failed_source" in options:
        assert b"bad" in everywhere


def the_end_is_as_undisturbed(inbox: Inbox, options: dict[str, Any]) -> None:
    assert inbox.there() == FILES
    receipts = inbox.receipts()
    assert {receipt.destination for receipt in receipts} == {f"there/{name}" for name in FILES}
    assert len({(receipt.destination, receipt.version) for receipt in receipts}) == len(receipts)
    assert inbox.ledger.all_intents("inbox") == []
    if options is KEEP:
        assert inbox.here() == FILES
    else:
        assert inbox.here() == {}
    if options is MOVE:
        assert inbox.here("done") == FILES
        found = inbox.here("failed")
        assert found.keys() == {BAD, f"{BAD}.error.txt"}
        assert found[BAD] == b"bad"
    hidden = [path for path in (*inbox.here("."), *inbox.there()) if is_own_name(path)]
    assert hidden == []


def die_at_each_call(
    folder: Path, archive: Callable[[Path], Gateway], options: dict[str, Any], *, step: int = 1, first: int = 1
) -> int:
    """Every `step`-th call from the `first` on; returns how many calls the undisturbed run makes."""
    k = first
    while True:
        case = folder / f"k{k}"
        case.mkdir()
        inbox = lay_out(case, archive(case), options)
        counter = Counter(k)
        with contextlib.suppress(Crash), dying(counter, inbox.ledger):
            inbox.ticks()
        last = counter.names[min(k, counter.count) - 1]
        try:
            nothing_was_risked(inbox, options)
            for _ in range(3):
                inbox.later(4000)
                inbox.ticks()
            the_end_is_as_undisturbed(inbox, options)
        except BaseException as error:
            error.add_note(f"after a crash at call {k}, {last}")
            raise
        inbox.ledger.close()
        shutil.rmtree(case)
        if counter.count < k:
            return counter.count
        k += step


def disk(case: Path) -> Gateway:
    (case / "archive").mkdir()
    return Local(root=str(case / "archive"))


def shelf(case: Path) -> Gateway:
    (case / "archive").mkdir()
    return Shelf(folder=str(case / "archive"), refuses=(f"there/{BAD}",))


KINDS = {"memory": lambda _: Memory(), "disk": disk, "shelf": shelf}
PLACES = pytest.mark.parametrize("archive", KINDS.values(), ids=KINDS)
WAYS = pytest.mark.parametrize("options", [KEEP, DELETE, MOVE], ids=["keep", "delete", "move"])


@WAYS
@PLACES
def test_new_files(tmp_path: Path, archive: Callable[[Path], Gateway], options: dict[str, Any]) -> None:
    assert die_at_each_call(tmp_path, archive, options, step=17, first=3) > 50


@pytest.mark.slow
@pytest.mark.timeout(1800)
@WAYS
@PLACES
def test_new_files_at_every_call(tmp_path: Path, archive: Callable[[Path], Gateway], options: dict[str, Any]) -> None:
    assert die_at_each_call(tmp_path, archive, options) > 50

"""What is kept of an earlier run counts only for what it was made of: lists that are others by now, chosen functions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from datagw.pipelines.places import with_own_code
from datagw.publishing import DayResult, publish
from datagw.publishing.staging import close_folder
from datagw_tests.pipelines.workshop import Workshop

DAY = date(2026, 1, 31)
LIST = """
[work]
when = "daily"
start = 2026-01-01
[work.nodes.list]
run = "mine:many"
[work.nodes.each]
run = "mine:one"
after = "list"
each = true
"""
CHAIN = """
[work]
when = "daily"
start = 2026-01-01
[work.nodes.a]
run = "mine:a"
[work.nodes.b]
run = "mine:b"
after = "a"
[work.nodes.c]
run = "mine:c"
after = "b"
"""
MODULE = """
def called(tools, what):
    tools.ledger.set_position("work", "calls", [*tools.ledger.position("work", "calls", []), what])

def many(event, tools):
    called(tools, "list")
    return [{"n": n} for n in tools.ledger.position("work", "list", ["a", "b"])]

def one(event, tools):
    called(tools, event["n"])
    if event["n"] in tools.ledger.position("work", "bad", []):
        raise ValueError("bad")

def a(event, tools):
    called(tools, "a")
    return {"x": event.get("v", 1)}

def b(event, tools):
    called(tools, f"b{event['x']}")
    if tools.ledger.position("work", "killed", False):
        raise KeyboardInterrupt

def c(event, tools):
    called(tools, f"c{event['x']}")
    if tools.ledger.position("work", "bad", True):
        raise ValueError("bad")
"""


def calls(shop: Workshop) -> list[str]:
    found = shop.ledger.position("work", "calls", [])
    shop.ledger.set_position("work", "calls", [])
    return found


def only(shop: Workshop, names: Sequence[str]) -> DayResult:
    """What came of these functions alone, as when somebody chooses their assets."""
    world = with_own_code(shop.world(), shop.job(), shop.folder, report=shop.report, only=names)
    try:
        (result,) = publish(shop.job(), [DAY], world, resend=True)
    finally:
        close_folder(world.tmp_dir)
    return result


@pytest.fixture
def listed(shop: Workshop) -> Workshop:
    """A list of two items, all of them done."""
    shop.write(LIST, mine=MODULE)
    assert shop.run(days=[DAY]).state == "published"
    assert calls(shop) == ["list", "a", "b"]
    return shop


def test_items_of_a_list_that_was_made_again_are_called_again(listed: Workshop) -> None:
    listed.ledger.set_position("work", "list", ["x", "y"])
    assert only(listed, ["list"]).state == "published"
    assert calls(listed) == ["list"]
    assert only(listed, ["each"]).state == "published"
    assert calls(listed) == ["x", "y"]


def test_items_that_are_asked_for_are_called_though_all_were_done(listed: Workshop) -> None:
    assert only(listed, ["each"]).state == "published"
    assert calls(listed) == ["a", "b"]


def test_of_items_that_are_asked_for_again_only_those_that_failed_are_called(listed: Workshop) -> None:
    listed.ledger.set_position("work", "bad", ["b"])
    assert only(listed, ["each"]).state == "failed"
    listed.ledger.set_position("work", "bad", [])
    assert calls(listed) == ["a", "b"]
    assert only(listed, ["each"]).state == "published"
    assert calls(listed) == ["b"]


def test_items_of_a_list_that_is_written_otherwise_by_now_are_others(shop: Workshop) -> None:
    shop.write(LIST, mine=MODULE)
    shop.ledger.set_position("work", "bad", ["b", "x", "y"])
    shop.run(days=[DAY])
    shop.write(LIST.replace('run = "mine:many"', 'run = "mine:many"\npayload = {v = 2}'), mine=MODULE)
    shop.ledger.set_position("work", "list", ["x", "y"])
    shop.run(days=[DAY])
    assert calls(shop) == ["list", "a", "b", "list", "x", "y"]
    shop.ledger.set_position("work", "bad", [])
    assert shop.run(days=[DAY]).state == "published"
    assert calls(shop) == ["x", "y"]


def test_a_run_that_is_ended_half_way_leaves_no_result_of_what_is_over(shop: Workshop) -> None:
    shop.write(CHAIN, mine=MODULE)
    assert shop.run(days=[DAY]).state == "failed"
    shop.write(CHAIN.replace('run = "mine:a"', 'run = "mine:a"\npayload = {v = 2}'), mine=MODULE)
    shop.ledger.set_position("work", "killed", True)
    with pytest.raises(KeyboardInterrupt):
        shop.run(days=[DAY])
    assert calls(shop) == ["a", "b1", "c1", "a", "b2"]
    shop.ledger.set_position("work", "killed", False)
    shop.ledger.set_position("work", "bad", False)
    assert shop.run(days=[DAY]).state == "published"
    assert calls(shop) == ["b2", "c2"]


def test_what_was_done_with_other_settings_is_done_again(shop: Workshop) -> None:
    shop.write(CHAIN + "[work.config]\ncountry = 'fr'\n", mine=MODULE)
    assert shop.run(days=[DAY]).state == "failed"
    shop.write(CHAIN + "[work.config]\ncountry = 'de'\nsince = 2026-01-01\n", mine=MODULE)
    assert shop.run(days=[DAY]).state == "failed"
    assert calls(shop) == ["a", "b1", "c1", "a", "b1", "c1"]
    shop.ledger.set_position("work", "bad", False)
    assert shop.run(days=[DAY]).state == "published"
    assert calls(shop) == ["c1"]


def test_a_path_that_is_gone_by_then_is_not_kept_whatever_its_folder_is_called(tmp_path: Path) -> None:
    shop = Workshop(tmp_path / "dossier très privé")
    module = MODULE.replace('return {"x": event.get("v", 1)}', 'return {"x": 1, "path": str(tools.tmp_dir / "a")}')
    shop.write(CHAIN, mine=module)
    assert shop.run(days=[DAY]).state == "failed"
    shop.ledger.set_position("work", "bad", False)
    assert shop.run(days=[DAY]).state == "published"
    assert calls(shop) == ["a", "b1", "c1", "a", "b1", "c1"]

"""A repeat of a failed run calls again only what failed, and what comes after it."""

from __future__ import annotations

from datetime import date

import pytest

from datagw_tests.pipelines.workshop import Workshop

DAY = date(2026, 1, 31)
DAILY = '[work]\nwhen = "daily"\nstart = 2026-01-01\n'
GRAPH = """
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
def called(event, tools):
    calls = tools.ledger.position("work", "calls", [])
    tools.ledger.set_position("work", "calls", [*calls, event["node"]])

def a(event, tools):
    called(event, tools)
    return {"x": 1}

def b(event, tools):
    called(event, tools)
    if tools.ledger.position("work", "broken", True):
        raise ValueError("broken")
    return {"y": event["x"] + 1}

def c(event, tools):
    called(event, tools)
    tools.ledger.set_position("work", "y", event["y"])
"""


def calls(shop: Workshop) -> list[str]:
    found = shop.ledger.position("work", "calls", [])
    shop.ledger.set_position("work", "calls", [])
    return found


@pytest.fixture
def daily(shop: Workshop) -> Workshop:
    """A graph of a day, whose second node has failed."""
    shop.write(DAILY + GRAPH, mine=MODULE)
    assert shop.run(days=[DAY]).state == "failed"
    assert calls(shop) == ["a", "b"]
    return shop


def test_the_same_day_goes_on_where_it_failed(daily: Workshop) -> None:
    daily.ledger.set_position("work", "broken", False)
    assert daily.run(days=[DAY]).state == "published"
    assert calls(daily) == ["b", "c"]
    assert [(node.name, node.resumed) for node in daily.report.nodes] == [("a", True), ("b", False), ("c", False)]
    assert daily.ledger.position("work", "y") == 2


def test_another_day_and_another_payload_begin_anew(daily: Workshop) -> None:
    daily.run(days=[date(2026, 1, 30)])
    assert calls(daily) == ["a", "b"]
    daily.run(days=[DAY], payload=5)
    assert calls(daily) == ["a", "b"]


def test_a_day_that_was_done_and_is_asked_for_again_begins_anew(daily: Workshop) -> None:
    from datagw.publishing import publish

    daily.ledger.set_position("work", "broken", False)
    daily.run(days=[DAY])
    calls(daily)
    (again,) = publish(daily.job(), [DAY], daily.world(), resend=True)
    assert again.state == "published"
    assert calls(daily) == ["a", "b", "c"]


def test_a_function_that_is_written_otherwise_by_now_is_called_again(daily: Workshop) -> None:
    daily.write(DAILY + GRAPH.replace('run = "mine:a"', 'run = "mine:a"\npayload = { z = 1 }'), mine=MODULE)
    daily.run(days=[DAY])
    assert calls(daily) == ["a", "b"]


def test_a_function_that_left_files_for_the_next_is_called_again(shop: Workshop) -> None:
    leaving = MODULE.replace('return {"x": 1}', '(tools.tmp_dir / "x").touch()\n    return {"x": 1}')
    shop.write(DAILY + GRAPH, mine=leaving)
    for _ in range(2):
        shop.run(days=[DAY])
        assert calls(shop) == ["a", "b"]


@pytest.mark.parametrize("output", ['"x" * (1 << 20)', 'tools.secrets["key"]', '["x" * (1 << 20)]'])
def test_what_is_not_kept_is_called_again(output: str, shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "s3cr3t")
    module = MODULE.replace('{"x": 1}', output if output.startswith("[") else f'{{"x": 1, "more": {output}}}')
    secrets = '[work.secrets]\nkey = "KEY"\n'
    shop.write(DAILY + secrets + GRAPH, mine=module)
    for _ in range(2):
        shop.run(days=[DAY])
        assert calls(shop) == ["a", "b"]
    assert shop.ledger.all_results("work")[0].output is None


def test_a_run_by_hand_begins_anew_unless_it_is_told_which_run_to_go_on_with(shop: Workshop) -> None:
    shop.write(GRAPH, mine=MODULE)
    shop.run()
    failed = shop.run_id
    assert calls(shop) == ["a", "b"]
    shop.run()
    assert calls(shop) == ["a", "b"]
    shop.run(resume_from=failed)
    again = shop.run_id
    assert calls(shop) == ["b"]
    shop.ledger.set_position("work", "broken", False)
    assert shop.run(resume_from=again).state == "published"
    assert calls(shop) == ["b", "c"]
    assert shop.run(resume_from="no such run").state == "published"
    assert calls(shop) == ["a", "b", "c"]


def test_a_new_file_that_failed_goes_on_where_it_failed(shop: Workshop) -> None:
    head = f'[work]\nsource = "local:{shop.folder}/in/"\nwhen = "new files"\nsettle = "0s"\n'
    shop.write(head + GRAPH, mine=MODULE)
    (shop.folder / "in").mkdir()
    for name in "12":
        (shop.folder / "in" / name).write_text(name)
    shop.run()
    assert calls(shop) == ["a", "b"] * 2
    shop.run()
    assert calls(shop) == ["b"] * 2
    (shop.folder / "in" / "1").write_text("changed")
    shop.run()
    assert calls(shop) == ["b", "a", "b"]  # the one that changed is the newest by now


def test_a_list_is_taken_from_the_ledger_and_its_function_is_not_called_again(shop: Workshop) -> None:
    shop.write(
        f'{DAILY}[work.nodes]\na = {{ run = "mine:many" }}\nb = {{ run = "mine:b", after = "a" }}\n',
        mine=MODULE.replace('return {"y": event["x"] + 1}', 'return {"n": [*event["results"]["a"]]}')
        + "\ndef many(event, tools):\n    called(event, tools)\n    yield from ({'n': n} for n in range(1100))\n",
    )
    shop.run(days=[DAY])
    assert calls(shop) == ["a", "b"]
    shop.ledger.set_position("work", "broken", False)
    assert shop.run(days=[DAY]).state == "published"
    assert calls(shop) == ["b"]
    assert (shop.report.nodes[0].items, shop.report.nodes[1].output) == (1100, None)
    last = shop.ledger.all_results("work")[-1]
    assert (last.node, (last.output or "").count("{")) == ("b", 1101)

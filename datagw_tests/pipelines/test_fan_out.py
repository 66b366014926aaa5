"""A function called for each item of a list: flat in memory, and what failed fails alone."""

from __future__ import annotations

import tracemalloc

import pytest

from datagw_tests.pipelines.workshop import Workshop, errors_of

FAN = """
[work.nodes.list]
run = "mine:listed"
[work.nodes.each]
run = "mine:each"
after = "list"
each = true
[work.nodes.sum]
run = "mine:total"
after = "each"
"""
MODULE = """
def listed(event):
    for number in range(event["payload"]["count"]):
        yield {"number": "taken", "value": number, "ballast": "x" * 2000}

def each(event, tools):
    assert event["item"]["number"] == "taken" and event["number"] == event["value"] == event["item"]["value"]
    (tools.tmp_dir / "scratch").write_text("x")
    assert [path.name for path in tools.tmp_dir.iterdir()] == ["scratch"]
    if event["value"] in (7, 1234, 4999) and not tools.ledger.position("work", "mended"):
        raise ValueError(f"no {event['value']}")
    calls = tools.config.setdefault("calls", 0)
    return {"square": event["value"] ** 2, "ballast": event["ballast"]}

def total(event, tools):
    squares = event["results"]["each"]
    assert len(squares) == event["payload"]["count"]
    tools.ledger.set_position("work", "total", sum(one["square"] for one in squares))
    tools.ledger.set_position("work", "order", [one["square"] for one in squares[:3]])
"""


@pytest.fixture
def fan(shop: Workshop) -> Workshop:
    shop.write(FAN, mine=MODULE)
    return shop


def test_the_memory_that_it_takes_does_not_grow_with_the_items(fan: Workshop) -> None:
    fan.run(payload={"count": 7})  # everything is imported once
    fan.write(FAN, mine=MODULE.replace("2000", "10_000"))
    peaks: list[int] = []
    for count in (200, 400):  # beyond what waits to be written to the ledger: 1 MB
        tracemalloc.start()
        try:
            fan.run(payload={"count": count})
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[1] - peaks[0] < 700_000  # of 2 MB more of items, and as much of what they became
    assert peaks[1] < 10_000_000


def test_of_five_thousand_items_only_three_fail_and_are_done_again(fan: Workshop) -> None:
    count = 5000
    result = fan.run(payload={"count": count})
    failed = fan.run_id
    (error,) = errors_of(result)
    assert "each failed: 3 of 5,000 items failed: item 7: ValueError: no 7 (mine.py:11 in each)" in error
    assert error.endswith("; skipped, because it comes after: sum")
    each = fan.report.nodes[1]
    assert (each.items, each.failed_items, each.tries) == (count, 3, count)
    assert fan.left() == []

    fan.ledger.set_position("work", "mended", True)
    assert fan.run(payload={"count": count}, resume_from=failed).state == "published"
    assert [(node.name, node.state, node.tries, node.resumed) for node in fan.report.nodes] == [
        ("list", "done", 0, True), ("each", "done", 3, False), ("sum", "done", 1, False),
    ]  # fmt: skip
    assert fan.ledger.position("work", "total") == sum(n**2 for n in range(count))
    assert fan.ledger.position("work", "order") == [0, 1, 4]


def test_items_that_all_fail_are_counted_and_the_first_ones_named(
    fan: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    fan.write(FAN, mine=MODULE.replace("in (7, 1234, 4999)", ">= 0"))
    (error,) = errors_of(fan.run(payload={"count": 50}))
    assert "50 of 50 items failed: item 0: " in error
    assert error.count("ValueError") == 3
    assert "and 47 more" in error
    assert len([text for text in caplog.messages if text.startswith("each, item ") and "failed" in text]) == 20


def test_nothing_to_call_it_for_is_done(fan: Workshop) -> None:
    assert fan.run(payload={"count": 0}).state == "published"
    assert [(node.state, node.items) for node in fan.report.nodes] == [("done", 0), ("done", 0), ("done", 0)]


def test_items_go_on_from_function_to_function(shop: Workshop) -> None:
    shop.write(
        '[work.nodes]\na = { run = "mine:a" }\nb = { run = "mine:b", after = "a", each = true }\n'
        'c = { run = "mine:c", after = "b", each = true }\n',
        mine="def a(event): return [1, 2, 3]\ndef b(event): return event['item'] * 10\n"
        "def c(event, tools): tools.register_file(name=str(event['item']))\n",
    )
    assert shop.run().state == "published"
    assert [one.name for one in shop.report.registered] == ["10", "20", "30"]


def test_each_needs_a_list_and_says_so(shop: Workshop) -> None:
    shop.write(
        '[work.nodes]\na = { run = "mine:a" }\nb = { run = "mine:a", after = "a", each = true }\n',
        mine="def a(event): return {}\n",
    )
    assert "b failed: is called for each item of what a returns, and that was no list" in errors_of(shop.run())[0]


def test_a_path_in_a_folder_that_goes_with_its_item_is_refused(shop: Workshop) -> None:
    shop.write(
        '[work.nodes]\na = { run = "mine:a" }\nb = { run = "mine:b", after = "a", each = true }\n',
        mine="def a(event): return [1]\ndef b(event, tools): return {'path': str(tools.tmp_dir / 'x')}\n",
    )
    assert "returned a path in its tmp_dir, which ends with the item" in errors_of(shop.run())[0]


def test_items_of_outages_alone_are_an_outage(shop: Workshop) -> None:
    shop.write(
        '[work]\nretries = { max = 0 }\n[work.nodes]\na = { run = "mine:a" }\n'
        'b = { run = "mine:b", after = "a", each = true }\n',
        mine="from datagw.errors import Unavailable\ndef a(event): return [1, 2]\n"
        "def b(event): raise Unavailable('nobody answers')\n",
    )
    (failure,) = shop.run().failures
    assert (failure.unanswered, failure.final) == ("(work)", False)

"""Graphs of functions: the order, the events, retries, time limits, and what a failure takes down."""

from __future__ import annotations

import logging
import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagw.jobs.models import Node
from datagw.pipelines.events import Done, Events
from datagw.pipelines.time_limit import TimedOut, time_limit
from datagw_tests.pipelines.workshop import Workshop, errors_of

NOTING = """
def noted(event, tools):
    tools.ledger.set_position("work", "order", [*tools.ledger.position("work", "order", []), event["node"]])
"""


def nodes(**tables: str) -> str:
    return "\n".join(f"[work.nodes.{name}]\n{table}" for name, table in tables.items()) + "\n"


def order(shop: Workshop) -> list[str]:
    return shop.ledger.position("work", "order", [])


def told(shop: Workshop) -> dict[str, str]:
    return {node.name: node.state for node in shop.report.nodes}


def test_pypelines_example_runs_each_node_once_after_all_before_it(shop: Workshop) -> None:
    """Its own plan was [[entry1, fulltext], [consistent_hash, date_extraction], [custom_webhook]]."""
    run = 'run = "mine:noted"\n'
    shop.write(
        nodes(
            custom_webhook=f'{run}after = ["consistent_hash", "date_extraction"]',
            consistent_hash=f'{run}after = ["entry1", "fulltext"]',
            date_extraction=f'{run}after = "fulltext"',
            entry1=run,
            fulltext=run,
        ),
        mine=NOTING,
    )
    assert shop.run().state == "published"
    names = order(shop)
    assert sorted(names) == ["consistent_hash", "custom_webhook", "date_extraction", "entry1", "fulltext"]
    assert names.index("consistent_hash") > max(names.index("entry1"), names.index("fulltext"))
    assert names[-1] == "custom_webhook"


def test_a_node_with_a_long_and_a_short_way_to_it_runs_once_and_last(shop: Workshop) -> None:
    run = 'run = "mine:noted"\n'
    shop.write(nodes(c=f'{run}after = ["a", "b"]', b=f'{run}after = "a"', a=run), mine=NOTING)
    assert shop.run().state == "published"
    assert order(shop) == ["a", "b", "c"]


def test_what_a_function_returned_is_in_the_events_of_all_after_it(shop: Workshop) -> None:
    module = """
def a(event): return {"x": 1, "both": "a", "day": "mine", "files": ["f"]}
def b(event): return {"y": event["x"] + 1, "both": "b"}
def c(event, x, y, extra, tools):
    tools.ledger.set_position("work", "seen", [x, y, event["both"], extra, event["day"], event["files"],
                                               event["payload"], event["results"]])
"""
    shop.write(
        nodes(
            a='run = "mine:a"',
            b='run = "mine:b"\nafter = "a"',
            c='run = "mine:c"\nafter = "b"\npayload = { extra = 3 }',
        ),
        mine=module,
    )
    assert shop.run(payload={"n": 1}).state == "published"
    assert shop.ledger.position("work", "seen") == [
        1, 2, "b", 3, None, ["f"], {"n": 1, "extra": 3}, {"b": {"y": 2, "both": "b"}},
    ]  # fmt: skip


def test_no_function_changes_the_event_of_another(shop: Workshop) -> None:
    module = """
def a(event): return {"list": [1]}
def b(event): event["list"].append(2); event["payload"]["p"].append(2)
def c(event): assert (event["list"], event["payload"]) == ([1], {"p": [1]})
"""
    after = '\nafter = "a"'
    shop.write(nodes(a='run = "mine:a"', b=f'run = "mine:b"{after}', c=f'run = "mine:c"{after}'), mine=module)
    assert shop.run(payload={"p": [1]}).state == "published"


def test_a_failure_takes_down_what_comes_after_it_and_nothing_else(
    shop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    run = 'run = "mine:noted"\n'
    shop.write(
        nodes(
            a=run,
            bad='run = "mine:bad"\nafter = "a"',
            c=f'{run}after = ["bad", "a"]',
            d=f'{run}after = "c"',
            e=f'{run}after = "a"',
        ),
        mine=NOTING + "def bad(event): raise ValueError('it rained')\n",
    )
    result = shop.run()
    said = "bad failed: ValueError: it rained (mine.py:4 in bad); skipped, because they come after: c, d"
    assert errors_of(result) == [f"work: {said}"]
    assert sorted(order(shop)) == ["a", "e"]
    assert told(shop) == {"a": "done", "bad": "failed", "c": "skipped", "d": "skipped", "e": "done"}
    assert "c: not called, because bad is not done" in caplog.messages
    assert {row.node: row.state for row in shop.ledger.all_results("work")} == told(shop)


def test_a_node_is_tried_again_with_back_off(shop: Workshop, caplog: pytest.LogCaptureFixture) -> None:
    module = """
def a(event, tools):
    tries = tools.ledger.position("work", "tries", 0) + 1
    tools.ledger.set_position("work", "tries", tries)
    event["payload"]["list"].append(tries)
    if tries < 3: raise ValueError(str(event["payload"]["list"]))
"""
    shop.write(
        nodes(a='run = "mine:a"\nretries = { max = 3, backoff = "10ms", jitter = false }\npayload = { list = [] }'),
        mine=module,
    )
    assert shop.run().state == "published"
    assert [(node.state, node.tries) for node in shop.report.nodes] == [("done", 3)]
    again = [text.partition("; ")[2] for text in caplog.messages if "trying again" in text]
    assert again == ["trying again in 0.0 s", "trying again in 0.0 s"]
    assert "ValueError: [1]" in caplog.text
    assert "ValueError: [2]" in caplog.text  # an event of its own for each try


def test_a_call_that_takes_too_long_is_ended_whatever_it_catches(shop: Workshop) -> None:
    module = """
import time
def a(event):
    while True:
        try:
            time.sleep(60)
        except Exception:
            pass
def b(event): return {}
"""
    shop.write(nodes(a='run = "mine:a"\ntimeout = "200ms"', b='run = "mine:b"'), mine=module)
    begin = time.monotonic()
    result = shop.run()
    assert time.monotonic() - begin < 20
    assert errors_of(result) == ["work: a failed: took longer than 0.2 s, and was ended"]
    assert told(shop) == {"a": "failed", "b": "done"}


def test_a_generator_is_ended_too_while_its_items_are_taken(shop: Workshop) -> None:
    shop.write(
        nodes(a='run = "mine:a"\ntimeout = "100ms"'),
        mine="def a(event):\n    while True:\n        yield 1\n",
    )
    assert "took longer than 0.1 s" in errors_of(shop.run())[0]


def test_where_there_is_no_alarm_it_is_said_and_the_call_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    done: list[int] = []

    def work() -> None:
        with time_limit(timedelta(seconds=0.001), "a", logging.getLogger("datagw.test")):
            done.append(sum(range(200_000)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(20)
    assert len(done) == 1
    assert "a: its time limit of 0.001 s cannot be kept: it does not run in the main thread" in caplog.messages


def test_limits_within_limits_each_keep_theirs() -> None:
    log = logging.getLogger("datagw.test")
    with pytest.raises(TimedOut, match="1 s"), time_limit(timedelta(seconds=1), "outer", log):
        with pytest.raises(TimedOut, match="0.05 s"), time_limit(timedelta(seconds=0.05), "inner", log):
            threading.Event().wait(20)
        threading.Event().wait(20)


def test_files_of_one_function_are_there_for_the_next(shop: Workshop) -> None:
    module = """
def a(event, tools):
    (tools.tmp_dir / "x").write_text("content")
    return {"path": str(tools.tmp_dir / "x")}
def b(event, tools): tools.register_file(name="x", file=event["path"])
"""
    shop.write(nodes(a='run = "mine:a"', b='run = "mine:b"\nafter = "a"'), mine=module)
    assert shop.run().state == "published"
    assert [one.size for one in shop.report.registered] == [7]
    assert shop.left() == []


@st.composite
def graphs(draw: st.DrawFn) -> list[Node]:
    count = draw(st.integers(1, 7))
    return [
        Node(name=f"n{at}", run="m:f", after=tuple(f"n{one}" for one in sorted(draw(st.sets(st.integers(0, at - 1))))))
        if at
        else Node(name="n0", run="m:f")
        for at in range(count)
    ]


@given(graphs())
def test_an_event_holds_what_all_before_it_returned_and_nothing_of_others(made: list[Node]) -> None:
    events = Events(made, {"job": "j", "payload": {}, "files": []})
    before: dict[str, set[str]] = {}
    for node in made:
        before[node.name] = set(node.after).union(*(before[name] for name in node.after)) if node.after else set()
        event: dict[str, Any] = events.of(node)
        assert {name for name in event if name.startswith("n") and name != "node"} == before[node.name]
        assert set(event["results"]) == set(node.after)
        events.done[node.name] = Done({node.name: 1})

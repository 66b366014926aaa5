"""Plain functions as jobs: what they are called with, and what they may return."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from datagw.pipelines.calling import call, object_of
from datagw.pipelines.items import Items, Spool, as_json
from datagw_tests.pipelines.workshop import Workshop, errors_of

ONE = '[work]\nbackend = "mine:mine"\n'
NOTE = 'def note(event): tools.ledger.set_position("work", "event", event)\n'
TOOLS: Any = object()


def test_a_function_is_told_job_run_day_payload_and_files(shop: Workshop) -> None:
    shop.write(
        f'{ONE}when = "daily"\nstart = 2026-01-01\n',
        mine='def mine(event, tools):\n    tools.ledger.set_position("work", "event", event)\n',
    )
    shop.run(days=[date(2026, 1, 31)], payload={"n": [1, "é"]})
    assert shop.ledger.position("work", "event") == {
        "job": "work", "run": shop.run_id, "day": "2026-01-31", "payload": {"n": [1, "é"]}, "files": [],
        "node": "work", "results": {},
    }  # fmt: skip


def test_a_new_file_is_one_call(shop: Workshop) -> None:
    jobs = f'{ONE}source = "local:{shop.folder}/in/**/*.csv"\nwhen = "new files"\nsettle = "0s"\n'
    shop.write(
        jobs,
        mine="def mine(event, tools):\n    assert event['files'] == [event['file']]\n"
        "    tools.register_file(name=open(event['file']).read())\n",
    )
    (shop.folder / "in" / "deep").mkdir(parents=True)
    for name in ("a", "deep/a", "deep/b"):
        (shop.folder / "in" / f"{name}.csv").write_text(name)
    assert shop.run().state == "published"
    assert [one.name for one in shop.report.registered] == ["a", "deep/a", "deep/b"]
    assert [node.name for node in shop.report.nodes] == ["work"] * 3


def test_what_it_returned_is_shown_and_kept(shop: Workshop) -> None:
    shop.write(ONE, mine="def mine(event):\n    event['rows'] = 7\n    return event\n")
    assert shop.run().state == "published"
    assert shop.report.nodes[0].output == {"rows": 7}
    (row,) = shop.ledger.all_results("work")
    assert (row.node, row.state, row.run, json.loads(row.output or "")) == ("work", "done", shop.run_id, {"rows": 7})


RETURNED = [
    ("return", "", 0),
    ("return {'a': (1, 2)}", "", 0),
    ("return [{'a': 1}, {'a': 2}]", "", 2),
    ("yield {'a': 1}\n    yield 5", "", 2),
    ("return 5", "TypeError: returned a int: a function returns a dict", 0),
    ("return {'when': __import__('datetime').date.today()}", "returned['when'], a date, cannot be written as JSON", 0),
    ("return [1, {'x': [{1, 2}]}]", "TypeError: item 1['x'][0], a set, cannot be written as JSON", 0),
    ("return {'n': float('nan')}", "returned['n'], a float, cannot be written as JSON", 0),
    ("return {(1, 2): 3}", "returned the key (1, 2): the keys of an event are texts", 0),
    ("import asyncio\n    return asyncio.sleep(0)", "a function that is `async` is not awaited", 0),
    ("raise SystemExit(3)", "called sys.exit(3)", 0),
    ("import sys; sys.exit()", "called sys.exit(): return instead", 0),
]


@pytest.mark.parametrize(("body", "message", "items"), RETURNED)
def test_only_json_is_returned_and_what_is_none_is_named(body: str, message: str, items: int, shop: Workshop) -> None:
    shop.write(ONE, mine=f"def mine(event):\n    {body}\n")
    result = shop.run()
    assert (result.state == "published") is (message == "")
    assert message in "".join(errors_of(result))
    assert shop.report.nodes[0].items == items


def test_an_exit_that_says_later_is_an_outage(shop: Workshop) -> None:
    shop.write(f"{ONE}retries = {{ max = 0 }}\n", mine="def mine(event):\n    raise SystemExit(75)\n")
    (failure,) = shop.run().failures
    assert failure.unanswered == "(work)"


SIGNATURES = [
    (lambda event: event["x"], 1),
    (lambda e: e["x"], 1),
    (lambda event, tools: tools is TOOLS, True),
    (lambda event, *, tools: tools is TOOLS, True),
    (lambda event, **kwargs: (kwargs["tools"] is TOOLS, kwargs["x"], "event" in kwargs), (True, 1, False)),
    (lambda **kwargs: kwargs["event"]["x"], 1),
    (lambda *, event: event["x"], 1),
    (lambda tools: tools is TOOLS, True),
    (lambda event, x, y=5: (x, y), (1, 5)),
    (lambda event, *more: more, ()),
    (lambda: "nothing", "nothing"),
    (len, 2),
]


@pytest.mark.parametrize(("function", "returned"), SIGNATURES)
def test_a_function_gets_what_its_signature_asks_for(function: Any, returned: object) -> None:
    assert call(function, {"x": 1, "job": "j"}, TOOLS) == returned


def test_what_a_signature_asks_for_in_vain_is_named() -> None:
    def mine(event: object, colour: str, size: int) -> None: ...

    with pytest.raises(TypeError, match=r"mine asks for colour, which is not in its event; there are event, size, too"):
        call(mine, {"size": 1}, TOOLS)


def test_an_event_that_is_handed_on_has_not_the_words_of_its_run() -> None:
    given = {"job": "j", "payload": {"n": 1}, "files": [], "a": 1, "results": {"b": {}}}
    assert object_of({**given, "b": 2}, given) == {"a": 1, "b": 2}
    assert object_of({**given, "files": ["x"], "job": "k"}, given) == {"a": 1, "files": ["x"], "job": "k"}


def test_a_class_is_no_function_of_a_graph(shop: Workshop) -> None:
    shop.write('[work.nodes.a]\nrun = "mine:Mine"\n', mine="class Mine: pass")
    assert "mine:Mine is a class; a function that takes `event` is wanted" in errors_of(shop.run())[0]


def test_items_on_disk_are_a_sequence(tmp_path: Any) -> None:
    spool = Spool(tmp_path / "items.jsonl")
    for number in range(5):
        spool.add(as_json({"n": number, "é": "\n"}, "x"))
    items = spool.done()
    assert isinstance(items, Items)
    assert [one["n"] for one in items] == [one["n"] for one in items] == [0, 1, 2, 3, 4]
    assert (items[-1]["n"], [one["n"] for one in items[1:4:2]], len(items), repr(items)) == (4, [1, 3], 5, "<5 items>")
    assert [one["n"] for one in reversed(items)] == [4, 3, 2, 1, 0]
    assert [one["n"] for one in items[::-2]] == [4, 2, 0]
    with pytest.raises(IndexError):
        items[5]

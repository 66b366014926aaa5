"""What own code leaves in the ledger: registrations, and the results of functions."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

from datagw.ledger.ledger import Ledger
from datagw.ledger.rows import Registration, Result
from datagw_tests.ledger.rows import DAY, NASTY, NOW

Query = Callable[[str], list[tuple[object, ...]]]


def registration(name: str = "a.csv", **changed: Any) -> Registration:
    return Registration(**{"job": "sirene", "day": None, "name": name, "at": NOW, "run": "run-1", **changed})


def result(node: str, item: int = -1, state: str = "done", **changed: Any) -> Result:
    values = {"job": "sirene", "occasion": "o", "day": DAY, "run": "run-1", "fingerprint": "f", "at": NOW}
    return Result(**{**values, "node": node, "item": item, "state": state, **changed})


def test_the_last_row_without_an_error_is_what_is_known_of_a_name(ledger: Ledger) -> None:
    whole = registration(NASTY, size=0, sha256="b" * 64, sha1="c" * 40, etag='"e"', modified="2026", day=DAY)
    ledger.register([registration(NASTY, size=1), whole, registration(NASTY, size=7, error="it rained")])
    assert ledger.last_registered("sirene", NASTY) == whole
    assert ledger.last_registered("another", NASTY) is None
    assert [row.size for row in ledger.registrations("sirene")] == [1, 0, 7]
    assert ledger.registrations("sirene", NOW + timedelta(seconds=1)) == []


def test_the_view_of_a_job_shows_what_its_code_registered(ledger: Ledger, query: Query) -> None:
    ledger.ensure_view("sirene")
    ledger.register([registration(size=5, sha256="b" * 64), registration("b.csv", error="it rained")])
    assert sorted(query("SELECT what, source, size, error FROM job_sirene"), key=repr) == [
        ("failed", "b.csv", None, "it rained"),
        ("registered", "a.csv", 5, None),
    ]


def test_a_view_of_an_older_version_is_made_anew(tmp_path: Path) -> None:
    url = tmp_path / "jobs.db"
    with Ledger.open(url) as ledger:
        ledger.register([registration()])
        with closing(sqlite3.connect(url)) as plain:
            plain.execute("CREATE VIEW job_sirene AS SELECT day FROM receipts WHERE job = 'sirene'")
            ledger.ensure_view("sirene")
            assert plain.execute("SELECT what, source FROM job_sirene").fetchall() == [("registered", "a.csv")]


def test_an_occasion_is_open_until_all_is_done(ledger: Ledger) -> None:
    assert ledger.left_open("sirene", "o") is None
    ledger.write_results(
        [result("a", output="{}"), result("b", state="failed", error="no"), result("", state="failed")]
    )
    assert ledger.left_open("sirene", "o") == 0
    found = ledger.results_of_nodes("sirene", "o", 0)
    assert [(row.node, row.state) for _, row in found] == [("a", "done"), ("b", "failed")]
    assert found[0][0] < found[1][0]
    ledger.write_results([result("b", run="run-2"), result("", run="run-2")])
    assert ledger.left_open("sirene", "o") is None
    ledger.write_results([result("a", state="failed", run="run-3")])
    after = ledger.left_open("sirene", "o")
    assert after is not None
    assert [row.node for _, row in ledger.results_of_nodes("sirene", "o", after)] == ["a"]
    assert (ledger.occasion_of("sirene", "run-2"), ledger.occasion_of("sirene", "run-9")) == ("o", None)


def test_items_come_in_order_each_with_its_newest_output(ledger: Ledger) -> None:
    ledger.write_results([result("a", item, output=str(item)) for item in range(1200)])
    ledger.write_results([result("a", 3, output='"again"'), result("a", 2000, state="failed", error="no")])
    ledger.write_results([result("a", 1, output='"other"', fingerprint="g"), result("b", 5000, output="0")])
    found = list(ledger.done_items("sirene", "o", "a", "f", 0))
    assert [item for item, _ in found] == list(range(1200))
    assert found[3] == (3, '"again"')
    assert found[1] == (1, "1")


def test_results_are_forgotten_in_time_and_registrations_never(ledger: Ledger) -> None:
    ledger.write_results([result("a"), result("b", at=NOW + timedelta(days=1))])
    ledger.register([registration()])
    assert ledger.purge(NOW + timedelta(seconds=1)) == 1
    assert [row.node for _, row in ledger.results_of_nodes("sirene", "o", 0)] == ["b"]
    assert len(ledger.registrations()) == 1

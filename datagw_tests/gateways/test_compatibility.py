"""The page on compatibility fits the promise tests that there are, and is written as these say."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest

from datagw_tests.gateways.promise import Promise
from datagw_tests.gateways.proofs import COLUMNS, MORE, Matrix, proves

PAGE = Path(__file__).resolve().parents[2] / "docs/compatibility.md"


def promised() -> dict[str, type[Promise]]:
    """The classes that pytest runs, by name."""
    modules = [
        importlib.import_module(f"datagw_tests.gateways.{path.stem}")
        for path in Path(__file__).parent.glob("test_*promise.py")
    ]
    found = [vars(module).items() for module in modules]
    return {
        name: one
        for some in found
        for name, one in some
        if name.startswith("Test") and isinstance(one, type) and issubclass(one, Promise)
    }


def rows() -> dict[str, list[str]]:
    """The cells of each row, by the name of its class."""
    lines = [line.strip("| \n").split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines()]
    return {found[1]: line for line in lines if len(line) > 5 and (found := re.match(r"`(\w+)`", line[2]))}


def test_each_class_of_the_promise_has_a_row_and_no_other_has():
    assert rows().keys() == promised().keys(), "make compatibility"


def test_each_column_has_a_cell_and_none_says_that_a_test_failed():
    head = len(["gateway", "server", "tests", *COLUMNS])
    assert {name: len(row) for name, row in rows().items() if len(row) != head} == {}
    text = PAGE.read_text(encoding="utf-8")
    assert "a test failed" not in text
    assert "not there when this was written" not in text
    assert f"| gateway | server | tests | {' | '.join(COLUMNS.values())} |" in text


def test_stand_ins_are_told_of():
    stars = {name for name, row in rows().items() if row[1].endswith("*")}
    assert stars == {name for name, one in promised().items() if one.stand_in}


def test_the_tests_beside_the_promise_are_there():
    text = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_s3_*.py"))
    assert [name for name in MORE if f"def {name}(" not in text] == []


def report(name: str, outcome: str, *told: tuple[str, Any], reason: Any = None) -> pytest.TestReport:
    where = f"datagw_tests/gateways/test_promise.py::TestNew::{name}"
    return pytest.TestReport(where, (where, 1, name), {}, outcome, reason, "call", user_properties=list(told))


def test_a_cell_is_what_its_tests_saw_and_a_failure_is_not_hidden(tmp_path: Path):
    matrix = Matrix(tmp_path / "page.md")
    facts = [("type", "new"), ("server", "New 1.0"), ("says", "A new one.")]
    seen = [("proves", "verification"), ("shows", ("verification", "hash"))]
    skipped = ("promise.py", 1, "Skipped: it has none")
    for one in (
        report("test_a", "passed", *facts, *seen),
        report("test_b", "passed", *facts, ("proves", "keeps")),
        report("test_c", "skipped", *facts, ("proves", "upload"), reason=skipped),
        report("test_d", "failed", *facts, ("proves", "durable"), ("shows", ("durable", "yes"))),
    ):
        matrix.pytest_runtest_logreport(one)
    matrix.pytest_sessionfinish(pytest.ExitCode.INTERRUPTED)
    assert not matrix.page.exists()
    matrix.pytest_sessionfinish(pytest.ExitCode.TESTS_FAILED)
    (row,) = [line for line in matrix.page.read_text().splitlines() if "TestNew" in line]
    cells = dict(zip(COLUMNS, row.strip("| ").split(" | ")[3:], strict=True))
    assert row.startswith("| `new` | New 1.0 | `TestNew`: A new one. |")
    assert (cells["verification"], cells["keeps"], cells["upload"], cells["copies"]) == ("hash", "yes", "–", "–")
    assert "failed" in cells["durable"]


def test_what_an_override_does_not_say_its_sentence_says():
    class Above:
        @proves("keeps")
        def test_it(self) -> None:
            """A sentence."""

    class Below(Above):
        def test_it(self) -> None:
            """The same, of another place."""

    from datagw_tests.gateways.proofs import proven_by

    class Item:
        name = originalname = "test_it"
        cls = Below

    assert proven_by(Item()) == ("keeps",)

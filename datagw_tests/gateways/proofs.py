"""What the promise tests have shown, written down as a page: `docs/compatibility.md`, by `make compatibility`.

A test of the promise says what it proves (`@proves`), and may say more exactly what it saw (`self.shows`). Every
cell of the page comes from a test that ran; what a place has no such thing for says so by the reason of its skip.
"""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import pytest

F = TypeVar("F", bound=Callable[..., Any])

COLUMNS = {
    "atomic": "atomic publish",
    "replaces": "replaces a file",
    "keeps": "keeps what is there",
    "upload": "upload goes on",
    "download": "download goes on",
    "verification": "verification",
    "hashes": "hashes of its own",
    "copies": "copies by itself",
    "durable": "durable",
}
MORE = {
    "test_after_a_cut_only_what_had_not_arrived_is_sent_again": ("upload", "yes"),
    "test_somebody_who_comes_in_between_is_not_replaced_either": ("keeps", "yes, what comes in between as well"),
    "test_a_day_is_copied_proven_and_freed_and_nothing_is_downloaded": ("copies", "yes"),
}
"""Tests beside the promise, on the same servers: the column, and what was seen; their ids have the server's name."""
_OF = {"minio": "TestMinio", "versitygw": "TestVersityGateway"}
_HEAD = """# Compatibility

What each gateway was seen to do on each server, by the tests of its promise
([promise.py](../datagw_tests/gateways/promise.py)). The page is written by these tests: `make compatibility`.

| column | what was seen |
| --- | --- |
| atomic publish | nothing is visible before it is whole; no reader sees a part |
| replaces a file | in one step; or in two, with a gap that the receipt tells of |
| keeps what is there | a file that is not to be replaced stays as it is, and the error says so |
| upload goes on | a large upload that was interrupted goes on behind what has arrived |
| download goes on | a large download that was cut goes on behind what is in hand |
| verification | how a file that was published is known to be equal, as its receipt says |
| hashes of its own | how the SHA-256 of a file that stands there is known |
| copies by itself | a copy within the place is made by the place |
| durable | the place says that a file is on stable storage |

"–": the place has no such thing, or it was not seen.
"""


def proves(*columns: str) -> Callable[[F], F]:
    """Marks a test of the promise, its overrides included, as the proof of what these columns say."""
    assert set(columns) <= COLUMNS.keys()

    def mark(test: F) -> F:
        test.proves = columns
        return test

    return mark


def proven_by(item: pytest.Item) -> tuple[str, ...]:
    """The columns that a test speaks for."""
    name = getattr(item, "originalname", item.name)
    for owner in getattr(getattr(item, "cls", None), "__mro__", ()):
        if (found := getattr(vars(owner).get(name), "proves", None)) is not None:
            return found
    return MORE[name][:1] if name in MORE else ()


class Matrix:
    """Collects what the tests say, wherever they ran, and writes the page at the end."""

    def __init__(self, page: Path) -> None:
        self.page = page
        self.rows: dict[str, dict[str, str]] = defaultdict(dict)
        self.cells: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "teardown" or (report.when == "setup" and report.passed):
            return
        told = defaultdict[str, list[Any]](list)
        for key, value in report.user_properties:
            told[key].append(value)
        parts = report.nodeid.split("::")
        owner = parts[1] if len(parts) > 2 else next((_OF[word] for word in _OF if word in parts[-1]), None)
        if owner is None:
            return
        if len(parts) > 2:
            self.rows[owner].update(
                {"file": Path(parts[0]).name, **{key: told[key][-1] for key in _FACTS if told[key]}}
            )
        reason = str(report.longrepr[2]).removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else ""
        for column in told["proves"]:
            beside = MORE.get(parts[-1].partition("[")[0], ("", "yes"))[1]
            seen = [text for where, text in told["shows"] if where == column] or [beside]
            self.cells[owner, column] += [(report.outcome, text if report.passed else reason) for text in seen]

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """The page is written, failures included, unless the tests did not get to their end."""
        if exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            self.page.write_text(self.text(), encoding="utf-8")

    def text(self) -> str:
        """The page."""
        head = ["gateway", "server", "tests", *COLUMNS.values()]
        lines = [_HEAD, _line(head), _line(["---"] * len(head))]
        notes: list[str] = []
        for owner, row in sorted(self.rows.items(), key=lambda one: (one[1].get("type", "~"), one[1]["file"], one[0])):
            server = row.get("server", "not there when this was written")
            if stands := row.get("stand_in"):
                server += " *"
                notes.append(f"- `{owner}` stands in: {stands}.")
            cells = [_cell(self.cells[owner, column]) for column in COLUMNS]
            tests = f"`{owner}`" + (f": {row['says']}" if row.get("says") else "")
            lines.append(_line([f"`{row.get('type', '?')}`", server, tests, *cells]))
        stood = ["", "\\* A stand-in, or a product that stands on one:", "", *notes] if notes else []
        return "\n".join([*lines, *stood, ""])


_FACTS = ("type", "server", "stand_in", "says")


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _cell(seen: list[tuple[str, str]]) -> str:
    if any(outcome == "failed" for outcome, _ in seen):
        return "**no: a test failed**"
    passed = list(dict.fromkeys(text for outcome, text in seen if outcome == "passed"))
    if len(passed) > 1 and "yes" in passed:
        passed.remove("yes")
    return ", ".join(passed) or "–"


def facts(item: pytest.Item, gateway: Any, server: str) -> list[tuple[str, object]]:
    """What a test of the promise says of its class."""
    owner: Any = item.cls
    says = (inspect.cleandoc(vars(owner).get("__doc__") or "").split("\n\n")[0]).replace("\n", " ")
    found: list[tuple[str, object]] = [("type", gateway.type), ("server", server), ("says", says)]
    return [*found, ("stand_in", owner.stand_in)] if owner.stand_in else found

"""The log as Dagster keeps it: few events, no line lost, and none that waits long."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from typing_extensions import override

from datagw.assets import gathering
from datagw.assets.gathering import Gathering


class Kept(logging.Handler):
    """What has arrived."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[tuple[str, str]] = []

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self.events.append((record.levelname, record.getMessage()))


class Case:
    """A logger that gathers, what it hands on, and a clock that stands until it is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(gathering.time, "monotonic", lambda: self.now)
        self.kept = Kept()
        dagster = logging.Logger("dagster", logging.INFO)  # noqa: LOG001 - of this test alone
        dagster.addHandler(self.kept)
        self.gathering = Gathering(dagster)
        self.log = logging.Logger("datagw", logging.DEBUG)  # noqa: LOG001 - of this test alone
        self.log.addHandler(self.gathering)

    @property
    def events(self) -> list[tuple[str, str]]:
        return self.kept.events


@pytest.fixture
def case(monkeypatch: pytest.MonkeyPatch) -> Case:
    return Case(monkeypatch)


def test_lines_of_one_second_are_one_event(case: Case) -> None:
    case.log.info("%s: screened", "2026-01-01")
    case.log.info("2026-01-01: done")
    assert case.events == []
    case.now += 1.0
    case.log.info("2026-01-02: screened")
    assert case.events == [("INFO", "2026-01-01: screened\n2026-01-01: done\n2026-01-02: screened")]


def test_a_line_that_nothing_follows_is_handed_on_in_time(case: Case) -> None:
    case.log.info("markers set")
    case.gathering.on_time()
    assert case.events == []
    case.now += 1.0
    case.gathering.on_time()
    case.gathering.on_time()
    assert case.events == [("INFO", "markers set")]


def test_a_warning_waits_for_nobody_and_comes_in_its_place(case: Case) -> None:
    case.log.info("before")
    case.log.warning("it smells of fire")
    case.log.info("behind")
    case.gathering.close()
    assert case.events == [("INFO", "before"), ("WARNING", "it smells of fire"), ("INFO", "behind")]


def test_an_event_stays_short_enough_to_be_read(case: Case) -> None:
    for number in range(150):
        case.log.info("line %d", number)
    case.gathering.close()
    assert [text.count("\n") + 1 for _, text in case.events] == [60, 60, 30]
    assert [line for _, text in case.events for line in text.splitlines()] == [f"line {n}" for n in range(150)]


@pytest.mark.parametrize("end", [Gathering.close, Gathering.flush])
def test_the_end_loses_no_line(case: Case, end: Callable[[Gathering], None]) -> None:
    case.log.info("the last word")
    case.log.debug("not kept")
    end(case.gathering)
    assert case.events == [("INFO", "the last word")]

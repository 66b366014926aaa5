"""Who sits before a run: a command in this very process, which watches it, hears its log and may ask for its end.

A run that Dagster starts has nobody; one that `running.py` starts finds its onlooker here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from copy import copy
from dataclasses import dataclass, field
from datetime import date

from typing_extensions import override

from datagw.assets.gathering import Gathering
from datagw.pipelines.report import Report
from datagw.publishing.plans import Step
from datagw.publishing.results import DayResult
from datagw.publishing.world import NoProgress, Progress


@dataclass
class Onlooker:
    """What a run is given by whoever watches it, and what it leaves to them.

    That is its results, what own code reported of each day, and the error that ended it. With `planned`, the run does
    nothing but these steps.
    """

    progress: Progress = field(default_factory=NoProgress)
    should_abort: Callable[[], bool] = lambda: False
    log: logging.Logger | None = None
    planned: frozenset[Step] | None = None
    results: list[DayResult] = field(default_factory=list)
    reports: dict[date | None, Report] = field(default_factory=dict)
    error: BaseException | None = None


_present: ContextVar[Onlooker | None] = ContextVar("datagw_onlooker", default=None)


def onlooker() -> Onlooker:
    """The one who watches this run; somebody who sees nothing, where nobody does."""
    return _present.get() or Onlooker()


@contextmanager
def watched_by(who: Onlooker) -> Iterator[None]:
    """Runs that are executed herein, in this thread, are watched by `who`."""
    token = _present.set(who)
    try:
        yield
    finally:
        _present.reset(token)


def both(kept: Gathering, heard: logging.Logger | None) -> logging.Logger:
    """A logger that is heard by two: what Dagster keeps, and what a terminal shows, line by line."""
    logger = logging.Logger("datagw", logging.DEBUG)  # noqa: LOG001 - nobody else is to find this one
    if heard is not None:
        logger.addHandler(_Forward(heard))
    logger.addHandler(kept)
    return logger


class _Forward(logging.Handler):
    """Hands records on to another logger, each its own, for who gets them may change them."""

    def __init__(self, logger: logging.Logger) -> None:
        super().__init__()
        self._logger = logger

    @override
    def emit(self, record: logging.LogRecord) -> None:
        if self._logger.isEnabledFor(record.levelno):
            self._logger.handle(copy(record))

"""Dagster's memory as the ticks of one process share it.

Dagster opens its databases anew for each tick that asks for the instance, or for its log: ten times what a look costs.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from dataclasses import dataclass, field

from dagster import DagsterInstance, RunRecord, ScheduleEvaluationContext, SensorEvaluationContext
from dagster._core.instance.ref import InstanceRef
from typing_extensions import override

from datagw.assets.runs import unfinished

Context = SensorEvaluationContext | ScheduleEvaluationContext

_FRESH = 1.0  # seconds for which the ticks of many switches are told the same of Dagster's runs
_lock = threading.Lock()
_kept: list[_Kept] = []


@dataclass
class Runs:
    """An instance, and its runs that are queued or at work, asked for at most once in `fresh` seconds."""

    instance: DagsterInstance
    fresh: float = 0.0
    _known: list[RunRecord] = field(default_factory=list[RunRecord])
    _asked: float = float("-inf")
    _asking: threading.Lock = field(default_factory=threading.Lock)

    def unfinished(self) -> list[RunRecord]:
        """The runs that are queued or at work, whoever asked for them."""
        with self._asking:
            if time.monotonic() - self._asked >= self.fresh:
                self._asked = time.monotonic()  # before the question: what happens meanwhile is new
                self._known = unfinished(self.instance)
            return self._known


@dataclass(frozen=True)
class _Kept:
    ref: InstanceRef
    pid: int
    runs: Runs


def runs_of(context: Context) -> Runs:
    """Dagster's runs, by the instance that a tick was given; else by one that all ticks of this process share."""
    ref = context.instance_ref
    if ref is None or context._instance is not None:  # noqa: SLF001 - one that is there already is not to be made anew
        return Runs(context.instance)
    with _lock:
        for kept in _kept:
            if kept.pid == os.getpid() and kept.ref == ref:
                return kept.runs
        found = Runs(DagsterInstance.from_ref(ref), _FRESH)
        _kept[:] = [_Kept(ref, os.getpid(), found)]
    return found


def log_of(context: Context) -> logging.Logger:
    """A log of which warnings and worse stand with the tick in the UI; opened when the first one is said."""
    logger = logging.Logger("datagw", logging.WARNING)  # noqa: LOG001 - nobody else is to find this one
    logger.addHandler(_WithTheTick(context))
    return logger


class _WithTheTick(logging.Handler):
    """Hands records on to the log of a tick."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self._context.log.handle(record)

"""A limit to the time that one call may take: the alarm of the main thread, which ends what runs there."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType

_AGAIN = 1.0  # seconds until it is said once more to code that does not hear
_SOON = 0.02  # seconds until it is said to what must not be ended half-way
_WHOLE = ("datagw.ledger.", "datagw.pipelines.keeping", "sqlalchemy.")


class TimedOut(Exception):
    """A call took longer than it may."""


class _Alarm(BaseException):
    """What the call is ended by; no `except Exception` of its own keeps it from ending."""


@contextmanager
def time_limit(limit: timedelta | None, what: str, log: logging.Logger) -> Generator[None, None, None]:
    """A stretch of work that raises TimedOut when it takes longer; outside the main thread it is only warned of."""
    if limit is None:
        yield
        return
    if threading.current_thread() is not threading.main_thread():
        log.warning("%s: its time limit of %s cannot be kept: it does not run in the main thread", what, words(limit))
        yield
        return
    running = True

    def end(_number: int, frame: FrameType | None) -> None:
        if running and _in_the_ledger(frame):
            signal.setitimer(signal.ITIMER_REAL, _SOON, _AGAIN)
        elif running:
            raise _Alarm

    handler = signal.signal(signal.SIGALRM, end)
    left, every = signal.setitimer(signal.ITIMER_REAL, limit.total_seconds(), _AGAIN)
    try:
        yield
    except _Alarm:
        raise TimedOut(f"took longer than {words(limit)}, and was ended") from None
    finally:
        running = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler if handler is not None else signal.SIG_DFL)
        if left:
            signal.setitimer(signal.ITIMER_REAL, left, every)


def _in_the_ledger(frame: FrameType | None) -> bool:
    """Whether the ledger is at work, whose transactions end only by themselves."""
    while frame is not None:
        if str(frame.f_globals.get("__name__", "")).startswith(_WHOLE):
            return True
        frame = frame.f_back
    return False


def words(limit: timedelta) -> str:
    """`10 min`, `1.5 s`."""
    seconds = limit.total_seconds()
    return f"{seconds:g} s" if seconds < 60 else f"{seconds / 60:g} min"

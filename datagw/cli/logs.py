"""The log on stderr: a line an event, with what belongs to it below, or one JSON document a line."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

from typing_extensions import override

from datagw.errors import printable

_TRACEBACK = "Traceback (most recent call last):\n"
_INDENT = "\n    "


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to what `sys.stderr` is at that moment, so that a progress bar can keep below the log."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr


class _Line(logging.Formatter):
    """`2026-01-31T12:00:00Z INFO message`, whatever the message holds.

    What a program said last, and a traceback, stand below it, indented, so that none of it passes for an event.
    """

    @override
    def format(self, record: logging.LogRecord) -> str:
        message = _message(record)
        first, *more = message.split("\n" if _TRACEBACK in message else _INDENT)
        lines = [printable(f"{_time(record)} {record.levelname} {first}"), *(f"    {printable(line)}" for line in more)]
        return "\n".join(lines)


class _Json(logging.Formatter):
    """`{"time": …, "level": …, "message": …}`, in ASCII."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        return json.dumps({"time": _time(record), "level": record.levelname, "message": _message(record)})


def start_log(*, quiet: bool = False, as_json: bool = False) -> logging.Logger:
    """The logger `datagw`, heard on stderr; a second call takes the place of the first."""
    logger = logging.getLogger("datagw")
    handler = _Stderr()
    handler.setFormatter(_Json() if as_json else _Line())
    logger.handlers = [handler]
    logger.setLevel(logging.WARNING if quiet else logging.INFO)
    logger.propagate = False
    return logger


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _message(record: logging.LogRecord) -> str:
    message = record.getMessage()
    if record.exc_info and record.exc_info[1] is not None:
        message += f" ({record.exc_info[1]})"
    return message

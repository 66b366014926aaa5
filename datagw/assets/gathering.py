"""The log as Dagster keeps it: lines that come close together are one event, because each event is paid like a file."""

from __future__ import annotations

import logging
import time
from copy import copy

from typing_extensions import override

_AT_ONCE = 1.0  # seconds that a line waits for others
_MOST = 60  # lines in one event


class Gathering(logging.Handler):
    """Hands lines on to a logger, joined: those of the same second, up to sixty. A warning waits for nobody.

    Whoever has one calls `on_time` at least every second, and `close` at the end.
    """

    def __init__(self, logger: logging.Logger) -> None:
        super().__init__()
        self._logger = logger
        self._waiting: list[logging.LogRecord] = []
        self._since = 0.0

    @override
    def emit(self, record: logging.LogRecord) -> None:
        if not self._logger.isEnabledFor(record.levelno):
            return
        if record.levelno != logging.INFO or record.exc_info:
            self.flush()
            self._logger.handle(copy(record))
            return
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting.append(record)
        if len(self._waiting) >= _MOST or time.monotonic() - self._since >= _AT_ONCE:
            self.flush()

    def on_time(self) -> None:
        """Hands on what has waited long enough."""
        if self._waiting and time.monotonic() - self._since >= _AT_ONCE:
            self.flush()

    @override
    def flush(self) -> None:
        self.acquire()
        try:
            lines, self._waiting = self._waiting, []
            if lines:
                joined = copy(lines[0])  # for Dagster changes what it is given
                joined.msg, joined.args = "\n".join(line.getMessage() for line in lines), None
                self._logger.handle(joined)
        finally:
            self.release()

    @override
    def close(self) -> None:
        self.flush()
        super().close()

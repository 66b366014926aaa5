"""The clocks that the ledger reads; tests bring their own."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """The clocks of this machine."""

    def wall(self) -> float:
        """Seconds since the epoch; may be set back or forth."""
        return time.time()

    def uptime(self) -> float:
        """Seconds since boot, time asleep included; never set."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def now(self) -> datetime:
        """The wall clock as a datetime in UTC."""
        return datetime.fromtimestamp(self.wall(), UTC)

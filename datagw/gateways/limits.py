"""Bandwidth: a token bucket that a transfer draws its bytes from."""

from __future__ import annotations

import time
from collections.abc import Callable


class Limiter:
    """At most `rate` bytes a second, with bursts of a quarter of a second."""

    def __init__(
        self,
        rate: int,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.rate = rate
        self._clock = clock
        self._sleep = sleep
        self._free_at = clock()

    def take(self, count: int) -> None:
        """Waits until `count` more bytes may pass."""
        now = self._clock()
        self._free_at = max(self._free_at, now - 0.25) + count / self.rate
        if self._free_at > now:
            self._sleep(self._free_at - now)

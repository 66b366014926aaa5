"""Bandwidth: a token bucket that a transfer draws its bytes from."""

from __future__ import annotations

import threading
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
        self._lock = threading.Lock()

    def take(self, count: int) -> None:
        """Waits until `count` more bytes may pass."""
        with self._lock:
            now = self._clock()
            self._free_at = max(self._free_at, now - 0.25) + count / self.rate
            pause = self._free_at - now
        if pause > 0:
            self._sleep(pause)

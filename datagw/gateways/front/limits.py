"""Bandwidth: a token bucket that a transfer draws its bytes from."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from datagw.gateways.front.timetables import Pace

_MINUTE = timedelta(minutes=1)


class Limiter:
    """At most `pace`, with bursts of a quarter of a second.

    A timetable is read for every block, at the minute that `now` (aware) tells; a block that is under way when the pace
    changes goes on at the new one. `clock` counts seconds, from wherever.
    """

    def __init__(
        self,
        pace: Pace,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.pace = pace
        self._clock = clock
        self._sleep = sleep
        self._now = now
        self._free_at = clock()
        self._lock = threading.Lock()

    @property
    def least(self) -> int | None:
        """The lowest rate that there will be, in bytes per second; None where there is never a limit."""
        return self.pace if isinstance(self.pace, int) else self.pace.least

    def take(self, count: int) -> None:
        """Waits until `count` more bytes may pass."""
        with self._lock:
            now = self._clock()
            self._free_at = max(self._free_at, now - 0.25)
            self._free_at += self._seconds(count, max(0.0, self._free_at - now))
            pause = self._free_at - now
        if pause > 0:
            self._sleep(pause)

    def _seconds(self, count: int, ahead: float) -> float:
        """How long `count` bytes take, if the first of them passes in `ahead` seconds."""
        if isinstance(self.pace, int):
            return count / self.pace
        moment, left, gone = self._now() + timedelta(seconds=ahead), float(count), 0.0
        while (rate := self.pace.rate_at(moment)) is not None:
            change = moment.replace(second=0, microsecond=0) + _MINUTE
            until = (change - moment).total_seconds()
            if left <= rate * until:
                return gone + left / rate
            moment, left, gone = change, left - rate * until, gone + until
        return gone


def block_of(limiters: Iterable[Limiter], most: int) -> int:
    """Bytes that are sent or read at once: few, where a limit would make each of them a long pause."""
    rates = [limiter.least for limiter in limiters]
    return min(most, max(4096, min((rate for rate in rates if rate is not None), default=1 << 30) // 4))

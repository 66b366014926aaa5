"""How often, and after how long, a transient error is tried again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential back-off: `max` more tries, the first after `backoff` seconds, doubling up to `cap` seconds.

    With `jitter` each pause is drawn between half of its length and the whole, so that many clients of one server
    do not come back together.
    """

    max: int = 5
    backoff: float = 2.0
    cap: float = 300.0
    jitter: bool = True

    def pauses(self) -> Iterator[float]:
        """The pause before each further try, in seconds."""
        for attempt in range(self.max):
            pause = min(self.cap, self.backoff * 2**attempt)
            yield pause * random.uniform(0.5, 1.0) if self.jitter else pause

    def heeding(self, pause: float, asked: float | None) -> float:
        """The pause, or the longer one that the place itself asks for, up to `cap`."""
        return pause if asked is None else max(pause, min(asked, self.cap))


def wait(seconds: float, fence: Callable[[], None]) -> None:
    """Sleeps, and asks `fence` at least twice a second whether to go on (it raises if not)."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        fence()
        time.sleep(min(left, 0.5))
    fence()

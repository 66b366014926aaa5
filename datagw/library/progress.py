"""How far a call is, for a callback of the caller's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

_EVERY = 0.1  # seconds between two calls, while nothing but bytes moves


@dataclass(frozen=True, slots=True)
class Progress:
    """What was announced, and what is done of it; sizes in bytes. `label` names the job, the day and the copy."""

    label: str = ""
    files: int = 0
    files_done: int = 0
    bytes: int = 0
    bytes_done: int = 0


class Told:
    """Tells a callback of each plan and each file, and of bytes ten times a second; one call at a time."""

    def __init__(self, callback: Callable[[Progress], object], clock: Callable[[], float] = time.monotonic) -> None:
        self._callback = callback
        self._clock = clock
        self._lock = threading.Lock()
        self._now = Progress()
        self._told = 0.0

    def plan(self, label: str, files: int, size: int) -> None:
        """More is about to be sent."""
        with self._lock:
            now = self._now
            self._tell(replace(now, label=label, files=now.files + files, bytes=now.bytes + size))

    def moved(self, count: int) -> None:
        """Bytes have been read for sending; those of a try that failed count again, but never beyond the whole."""
        with self._lock:
            self._now = replace(self._now, bytes_done=min(self._now.bytes, self._now.bytes_done + count))
            if self._clock() - self._told >= _EVERY:
                self._tell(self._now)

    def file_done(self) -> None:
        """A file is proven, or has failed."""
        with self._lock:
            self._tell(replace(self._now, files_done=self._now.files_done + 1))

    def _tell(self, now: Progress) -> None:
        self._now, self._told = now, self._clock()
        self._callback(now)

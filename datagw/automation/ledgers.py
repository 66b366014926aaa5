"""The ledger of a process that looks many times: opened once, so that a tick does not pay for it each time."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from datagw.ledger.ledger import Ledger

_AGE = 60.0  # seconds until it is opened anew, and so looked at whether a newer datagw has changed it

_lock = threading.Lock()
_kept: dict[str, _Kept] = {}


@dataclass(frozen=True)
class _Kept:
    ledger: Ledger
    pid: int
    file: tuple[int, int] | None
    until: float


def ledger_at(url: str) -> Ledger:
    """The ledger at a URL, open; for the ticks of all threads of this process, and to be closed by none of them.

    A file that was removed or replaced meanwhile is opened as it is now.
    """
    with _lock:
        kept = _kept.get(url)
        if kept is not None and kept.pid == os.getpid() and kept.file == _file(url) and time.monotonic() < kept.until:
            return kept.ledger
        ledger = Ledger.open(url)
        _kept[url] = _Kept(ledger, os.getpid(), _file(url), time.monotonic() + _AGE)
    if kept is not None and kept.pid == os.getpid():
        kept.ledger.close()  # who is at work with it now goes on with a connection of its own
    return ledger


def _file(url: str) -> tuple[int, int] | None:
    """Which file it is; None for a database elsewhere, or where there is none."""
    path = url.removeprefix("sqlite:///").partition("?")[0]
    try:
        found = Path(path).stat() if path != url else None
    except OSError:
        return None
    return None if found is None else (found.st_dev, found.st_ino)

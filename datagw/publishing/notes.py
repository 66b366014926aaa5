"""Notes: what places want remembered of large uploads, so that a later run goes on where an earlier one ended."""

from __future__ import annotations

import threading
from collections.abc import Collection
from datetime import date
from functools import partial

from datagw.gateways.front.duplicates import Memo
from datagw.ledger import Ledger


class Notes:
    """The notes of one copy of one day, by the name of the part, which tells the version; kept in the ledger."""

    def __init__(self, ledger: Ledger, job: str, day: date | None, copy: str) -> None:
        self._ledger, self._job = ledger, job
        self._key = f"notes {copy}" + (f" {day.isoformat()}" if day else "")
        self._notes: dict[str, str] = ledger.position(job, self._key, {})
        self._lock = threading.Lock()

    def memo(self, part: str) -> Memo:
        """Its note, and the means to keep another."""
        return Memo(self._notes.get(part), partial(self._keep, part))

    def forget(self, parts: Collection[str]) -> None:
        """Forgets the notes of these parts, which are done."""
        self._set({part: note for part, note in self._notes.items() if part not in parts})

    def keep_only(self, parts: Collection[str]) -> None:
        """Forgets the notes of versions that nobody sends any more."""
        self._set({part: note for part, note in self._notes.items() if part in parts})

    def _keep(self, part: str, note: str | None) -> None:
        with self._lock:
            others = {key: value for key, value in self._notes.items() if key != part}
            self._set(others if note is None else {**others, part: note})

    def _set(self, notes: dict[str, str]) -> None:
        if notes != self._notes:
            self._notes = notes
            self._ledger.set_position(self._job, self._key, notes)

"""Rows as tests like them: everything filled in, one thing changed at a time."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from datagw.ledger.rows import Attempt, DayRow, FailureRow, Intent, MarkerRow, Receipt

DAY = date(2026, 1, 31)
NOW = datetime(2026, 2, 1, 0, 30, 0, 123456, tzinfo=UTC)
NASTY = "a\\b/\udcff\udc80 é\n'\"$(x)\\xff"


def receipt(source: str = "local:/data/a.csv", **changed: Any) -> Receipt:
    values: dict[str, Any] = {
        "job": "readings", "day": DAY, "copy": "institute", "source": source,
        "destination": f"institute:{source.rpartition('/')[2]}", "version": "size:3 mtime:5 inode:1-2 ctime:7",
        "content_version": "size:3 mtime:5 inode:1-2", "size": 3, "sha256": "a" * 64, "verification": "hash",
        "durable": False, "copy_size": 3, "copy_mtime": 1_767_225_600_123_456_789, "copy_etag": '"e"',
        "copy_inode": "64512-99", "at": NOW, "run": "run-1", "gap": False,
    }  # fmt: skip
    return Receipt(**{**values, **changed})


def intent(part: str = "in/.datagw-1.part", **changed: Any) -> Intent:
    values: dict[str, Any] = {
        "part": part, "job": "readings", "day": DAY, "copy": "institute", "gateway": "institute",
        "destination": "in/a.csv", "source": "local:/data/a.csv", "content_version": "size:3 mtime:5",
        "version": "size:3 mtime:5 ctime:7", "size": 3, "sha256": None, "kind": "part", "at": NOW, "run": "run-1",
    }  # fmt: skip
    return Intent(**{**values, **changed})


def day_row(**changed: Any) -> DayRow:
    values: dict[str, Any] = {
        "job": "readings", "day": DAY, "copy": "institute", "state": "published", "files": 2, "bytes": 2**40,
        "manifest": "b" * 64, "updated": NOW, "run": "run-1",
    }  # fmt: skip
    return DayRow(**{**values, **changed})


def marker(**changed: Any) -> MarkerRow:
    values: dict[str, Any] = {
        "job": "readings", "day": DAY, "copy": "", "gateway": "local", "path": "data/20260131/.do-not-touch",
        "run": "run-1", "at": NOW,
    }  # fmt: skip
    return MarkerRow(**{**values, **changed})


def failure(**changed: Any) -> FailureRow:
    values: dict[str, Any] = {
        "job": "readings", "day": DAY, "copy": "institute", "file": "local:/data/a.csv", "error": "it rained",
        "at": NOW, "run": "run-1",
    }  # fmt: skip
    return FailureRow(**{**values, **changed})


def attempt(source: str = "20260131/a.csv", **changed: Any) -> Attempt:
    values: dict[str, Any] = {
        "job": "readings", "day": DAY, "source": source, "version": "size:3 mtime:5", "fingerprint": "f" * 64,
        "gateway": "", "count": 1, "error": "it rained", "at": NOW,
    }  # fmt: skip
    return Attempt(**{**values, **changed})

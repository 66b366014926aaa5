"""What programs have reported, gathered for the report of a run: of each file by its path, where there are many."""

from __future__ import annotations

from typing import cast

from datagw.pipelines.commands.pipes import Pipe
from datagw.pipelines.report import Report

_MOST = 100  # files, and checks, that metadata can show

Row = dict[str, object]


class Reported:
    """Fills `metadata` of a report: a value for each name, or with `each` its values by file; and a table of checks.

    What a file reports again, at a second try, takes the place of what it reported before.
    """

    def __init__(self, report: Report, *, each: bool) -> None:
        self._metadata = report.metadata
        self._each = each

    def take(self, pipe: Pipe, path: str) -> None:
        """What one start has reported, for the file at `path`."""
        for name, value in pipe.metadata.items():
            if not self._each:
                self._metadata[name] = value
                continue
            values = cast("Row", self._metadata.setdefault(name, {}))
            if path in values or len(values) < _MOST:
                values[path] = value
        new: list[Row] = [{"file": path, **check} if self._each else check for check in pipe.checks]
        if not new:
            return
        again = {_key(row) for row in new}
        rows = cast("list[Row]", self._metadata.get("checks", []))
        self._metadata["checks"] = [*(row for row in rows if _key(row) not in again), *new][:_MOST]


def _key(row: Row) -> tuple[object, object]:
    return row.get("file"), row["check"]

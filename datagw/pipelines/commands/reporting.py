"""What programs have reported, gathered for the report of a run: of each file by its path, where there are many."""

from __future__ import annotations

from datagw.pipelines.commands.pipes import Pipe
from datagw.pipelines.report import Report

_MOST = 100  # files, and checks, that metadata can show


class Reported:
    """Fills `metadata` of a report: a value for each name, or with `each` its values by file; and a table of checks."""

    def __init__(self, report: Report, *, each: bool) -> None:
        self._metadata = report.metadata
        self._each = each
        self._values: dict[str, dict[str, object]] = {}
        self._checks: list[dict[str, object]] = []

    def take(self, pipe: Pipe, path: str) -> None:
        """What one start has reported, for the file at `path`."""
        for name, value in pipe.metadata.items():
            if not self._each:
                self._metadata[name] = value
                continue
            values = self._values.setdefault(name, {})
            self._metadata[name] = values
            if len(values) < _MOST:
                values[path] = value
        for check in pipe.checks[: max(_MOST - len(self._checks), 0)]:
            self._checks.append({"file": path, **check} if self._each else check)
            self._metadata["checks"] = self._checks

"""What own code has done, put on Dagster's record: the work, the nodes of a graph, and what was published."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from dagster import AssetExecutionContext, AssetKey, AssetMaterialization, AssetObservation

from datagw.assets import metadata
from datagw.assets.calendars import of_calendar
from datagw.assets.names import WORK_NAME, copy_key
from datagw.assets.shape import outputs
from datagw.assets.work_metadata import nodes_of, of_node, of_work
from datagw.jobs import Job
from datagw.ledger import Ledger
from datagw.pipelines.report import NodeResult, Report
from datagw.publishing.calendar import CalendarDay
from datagw.publishing.new_files import joined_results
from datagw.publishing.results import CopyResult, DayResult


@dataclass
class Doings:
    """What a step of own code does, day by day. `report` is what its code fills; `payload` is fit to be shown."""

    context: AssetExecutionContext
    job: Job
    labels: Sequence[str | None]
    ledger: Ledger
    payload: object = None
    report: Report = field(default_factory=Report)
    _recorded: int = 0

    def record(self, day: DayResult, calendar: Sequence[CalendarDay]) -> Report:
        """Puts down what a day has come to, at once; returns what was reported, of which the next day knows nothing."""
        report = self._taken()
        self._recorded += 1
        if self.job.assets == "file":  # each file is told of by itself
            return report
        shown = of_calendar(self.job, calendar, WORK_NAME)
        days = {"days": shown.pop("days")} if shown else {}  # a hundred rows go last
        self._nodes(nodes_of(report), day.label if day.day else None, shown | days)
        result = day.copies.get(WORK_NAME)
        if not self._is_graph and result is not None:
            key = copy_key(self.job.name, WORK_NAME)
            self._tell(key, day, result.proven, shown | of_work(self.job, result, report, self.payload) | days, result)
        if result is not None and outputs(self.job):
            self._outputs(day, report, proven=result.proven)
        return report

    @contextmanager
    def to_the_end(self) -> Generator[None, None, None]:
        """A time after which the nodes that were done are on record, whatever has ended it."""
        try:
            yield
        except BaseException:
            if self.job.assets == "job" and self._recorded < len(self.labels):
                self._nodes(nodes_of(self._taken()), self.labels[self._recorded], {})
            raise

    @property
    def _is_graph(self) -> bool:
        return self.job.work is not None and bool(self.job.work.nodes)

    def _taken(self) -> Report:
        report = self.report
        found = Report([*report.nodes], [*report.registered], [*report.delivered], {**report.metadata})
        for part in (report.nodes, report.registered, report.delivered, report.metadata):
            part.clear()
        return found

    def _nodes(self, nodes: Sequence[NodeResult], partition: str | None, more: dict[str, Any]) -> None:
        for node in nodes if self._is_graph else ():
            key = copy_key(self.job.name, node.name)
            if node.state == "done" and key in self.context.selected_asset_keys:
                found = more | of_node(node, nodes, self.payload)
                self.context.log_event(AssetMaterialization(key, partition=partition, metadata=found))

    def _tell(
        self, key: AssetKey, day: DayResult, proven: bool, found: dict[str, Any], result: CopyResult | None
    ) -> None:
        """What is proven is materialized; of what failed in part, what was done is to be seen all the same."""
        partition = day.label if day.day else None
        if not proven:
            self.context.log_event(AssetObservation(key, partition=partition, metadata=found))
            return
        manifest = None if result is None or not self.job.watches else result.manifest
        version = {"dagster/data_version": manifest} if manifest else None
        self.context.log_event(AssetMaterialization(key, partition=partition, metadata=found, tags=version))

    def _outputs(self, day: DayResult, report: Report, *, proven: bool) -> None:
        """The copies of what a command has left; of a day that was done before, what the ledger knows."""
        results = joined_results(self.job, report.delivered).copies if report.delivered else {}
        known = {row.copy: row for row in self.ledger.days_on(self.job.name, day.day)}
        for key in outputs(self.job):
            result, row = results.get(key.path[-1]), known.get(key.path[-1])
            if result is not None:
                self._tell(key, day, proven and result.proven, metadata.of_copy(result), None)
            elif proven:
                counts = {"files": row.files, "bytes": row.bytes} if row and day.day else {"files": 0, "bytes": 0}
                self._tell(key, day, True, counts, None)

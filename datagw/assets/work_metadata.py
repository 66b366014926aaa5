"""What a materialization of own code carries: what it took, what it told of, what it published, what it reported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from dagster import MetadataValue, TableColumn, TableRecord, TableSchema

from datagw.assets.metadata import link, of_copy
from datagw.errors import printable
from datagw.gateways.secrets import Secret
from datagw.jobs import Job
from datagw.pipelines.report import NodeResult, Registered, Report
from datagw.pipelines.secrets import Masker
from datagw.publishing.results import CopyResult, DayResult

_MOST_ROWS = 100
_LONGEST = 1_000  # characters of an error in a table

_NODES = TableSchema(
    columns=[
        TableColumn("node"),
        TableColumn("state"),
        TableColumn("seconds", type="float"),
        *(TableColumn(name, type="int") for name in ("tries", "items", "failed")),
        TableColumn("error"),
    ]
)
_REGISTERED = TableSchema(
    columns=[TableColumn("name"), TableColumn("size", type="int"), TableColumn("sha256"), TableColumn("error")]
)
_PUBLISHED = TableSchema(
    columns=[
        TableColumn("copy"),
        TableColumn("destination"),
        TableColumn("size", type="int"),
        TableColumn("verification"),
        TableColumn("sha256"),
    ]
)


def of_work(job: Job, result: CopyResult | None, report: Report, payload: object) -> dict[str, Any]:
    """The metadata of a run of own code, for one day; the numbers keep their names, so that Dagster plots them.

    `files` and `bytes` are those of the source; of a job without one, those that it told of or else published.
    """
    found = {name: plain_value(value) for name, value in _reported(job, report).items()}
    ours: dict[str, Any] = {
        **_counts(job, result, report),
        "failed": sum(one.error is not None for one in report.registered),
    }
    if job.watches and result is not None:
        ours["failed"] = max(ours["failed"], len(result.failures))
    for node in nodes_of(report):  # a class or function is told of as the only node
        ours |= {"tries": node.tries, "failed": max(ours["failed"], node.failed_items)}
        if node.items:
            ours["items"] = node.items
        if node.output:
            ours["output"] = MetadataValue.json(node.output)
    if report.registered:
        rows = [_registered(one) for one in report.registered[:_MOST_ROWS]]
        ours["registered"] = MetadataValue.table(rows, _REGISTERED)
    if report.delivered:
        ours |= _published(report.delivered)
    if payload is not None:
        ours["payload"] = plain_value(payload)
    if job.watches and result is not None and "table" in (told := of_copy(result)):
        ours["table"] = told["table"]
    return {f"reported/{name}" if name in ours else name: value for name, value in found.items()} | ours


def of_node(node: NodeResult, nodes: Sequence[NodeResult], payload: object) -> dict[str, Any]:
    """The metadata of one function of a graph, with a table of all; `resumed`: an earlier run had done it."""
    found: dict[str, Any] = {
        "seconds": round(node.seconds, 3),
        "tries": node.tries,
        "items": node.items,
        "failed": node.failed_items,
        "nodes": MetadataValue.table([_node(one) for one in nodes[:_MOST_ROWS]], _NODES),
    }
    if node.output is not None:
        found["output"] = MetadataValue.json(node.output)
    if node.resumed:
        found["resumed"] = True
    return found if payload is None else found | {"payload": plain_value(payload)}


def shown_payload(job: Job, payload: object) -> object:
    """A payload without secrets of the job, should it hold any."""
    if job.work is None or payload is None:
        return None
    references = [*job.work.secrets.values()]
    if job.work.command is not None:
        references += [one for one in job.work.command.env.values() if isinstance(one, Secret)]
    return Masker(one.reveal() for one in references if one.missing() is None).json(payload)


def nodes_of(report: Report) -> list[NodeResult]:
    """What became of each node: of a graph that ran for several files, all of its runs as one."""
    found: dict[str, NodeResult] = {}
    for one in report.nodes:
        known = found.get(one.name)
        found[one.name] = one if known is None else _both(known, one)
    return [*found.values()]


def plain_value(value: object) -> Any:
    """A JSON value as Dagster shows it: numbers that it can plot, links, texts, and trees."""
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return link(value)
    if value is None:
        return MetadataValue.null()
    if (table := _as_table(value)) is not None:
        return table
    return MetadataValue.json(cast("dict[str, Any]", value))


def _reported(job: Job, report: Report) -> dict[str, object]:
    """What a program reported; of one that was started for a single file, without the name of that file."""
    command = None if job.work is None else job.work.command
    if command is None or command.per != "file" or not job.watches:
        return report.metadata
    found: dict[str, object] = {}
    for name, value in report.metadata.items():
        by_file = cast("dict[str, object]", value) if isinstance(value, dict) else {}
        found[name] = next(iter(by_file.values())) if len(by_file) == 1 else value
    return found


def _as_table(value: object) -> MetadataValue | None:
    """A list of flat objects as a table; None where it is none."""
    rows = cast("list[object]", value) if isinstance(value, list) else []
    flat = [cast("dict[str, Any]", row) for row in rows if isinstance(row, dict)]
    cells = [cell for row in flat for cell in row.values()]
    if not rows or len(flat) < len(rows) or not all(isinstance(one, str | int | float | None) for one in cells):
        return None
    names = [*dict.fromkeys(name for row in flat for name in row)]
    records = [TableRecord({name: row.get(name) for name in names}) for row in flat[:_MOST_ROWS]]
    return MetadataValue.table(records, TableSchema(columns=[TableColumn(name) for name in names]))


def _counts(job: Job, result: CopyResult | None, report: Report) -> dict[str, Any]:
    seconds = 0.0 if result is None else round(result.seconds, 3)
    if job.watches:
        files, size = (0, 0) if result is None else (result.files, result.bytes)
    elif report.registered:
        right = [one for one in report.registered if one.error is None]
        files, size = len(right), sum(one.size or 0 for one in right)
    else:
        copies = [copy for day in report.delivered for copy in day.copies.values()]
        files, size = sum(copy.files for copy in copies), sum(copy.bytes for copy in copies)
    return {"files": files, "bytes": size, "seconds": seconds}


def _published(delivered: Sequence[DayResult]) -> dict[str, Any]:
    copies = [copy for day in delivered for copy in day.copies.values()]
    rows = [
        TableRecord(
            {
                "copy": copy.copy,
                "destination": printable(row.destination),
                "size": row.size,
                "verification": row.verification,
                "sha256": row.sha256,
            }
        )
        for copy in copies
        for row in copy.rows
    ]
    links: Mapping[str, str] = {copy.copy: copy.link for copy in copies if copy.link}
    found = {f"destination/{name}" if len(links) > 1 else "destination": link(where) for name, where in links.items()}
    return {**found, "published": MetadataValue.table(rows[:_MOST_ROWS], _PUBLISHED)} if rows else found


def _both(one: NodeResult, other: NodeResult) -> NodeResult:
    states = {one.state, other.state}
    return replace(
        one,
        state="failed" if "failed" in states else "skipped" if "skipped" in states else "done",
        seconds=one.seconds + other.seconds,
        tries=one.tries + other.tries,
        items=one.items + other.items,
        failed_items=one.failed_items + other.failed_items,
        error=one.error or other.error,
        output=other.output or one.output,
        resumed=one.resumed and other.resumed,
    )


def _node(one: NodeResult) -> TableRecord:
    return TableRecord(
        {
            "node": one.name,
            "state": one.state,
            "seconds": round(one.seconds, 3),
            "tries": one.tries,
            "items": one.items,
            "failed": one.failed_items,
            "error": printable(one.error or "")[:_LONGEST],
        }
    )


def _registered(one: Registered) -> TableRecord:
    return TableRecord(
        {
            "name": printable(one.name),
            "size": one.size,
            "sha256": one.sha256,
            "error": None if one.error is None else printable(one.error)[:_LONGEST],
        }
    )

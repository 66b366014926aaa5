"""A job's own code, made of its table: what a job of files has in `source` and `to`, it has in another way."""

from __future__ import annotations

from collections.abc import Sequence
from graphlib import TopologicalSorter

from datagw.gateways.front.retries import RetryPolicy
from datagw.gateways.paths.templates import Template
from datagw.jobs.models import Command, Copy, Node, Work
from datagw.jobs.places import Place
from datagw.jobs.tables import JobTable
from datagw.jobs.words import OCCASION, WORK

_FROM = ("backend", "nodes", "run")


def has_own_code(table: dict[str, object]) -> bool:
    """Whether a job, as it is written, has code of its own."""
    return any(key in table for key in _FROM)


def occasions(when: object) -> dict[str, Place]:
    """The source of a job that watches nothing: one occasion a day, or one each time."""
    return {"at": Place(OCCASION, "%Y-%m-%d" if when == "daily" else "run")}


def work_copy() -> Copy:
    """The one copy of a job of own code: that the code has taken a file. It shows nothing, so receipts count."""
    return Copy(name="work", gateway=WORK, template=Template.parse("/"), if_gone="leave")


def work_of(table: JobTable, outputs: Sequence[Copy]) -> Work | None:
    """The own code of a job; None where it has none."""
    if not (table.backend or table.nodes or table.run):
        return None
    return Work(
        backend=table.backend,
        nodes=_nodes(table),
        command=_command(table),
        config=table.config,
        secrets=table.secrets,
        outputs=tuple(outputs),
    )


def _command(table: JobTable) -> Command | None:
    run = table.run
    if run is None:
        return None
    return Command(arguments=tuple(run.command), env=run.env, per=run.per, timeout=run.timeout)


def _nodes(table: JobTable) -> tuple[Node, ...]:
    order = TopologicalSorter({name: node.after for name, node in table.nodes.items()}).static_order()
    return tuple(
        Node(
            name=name,
            run=node.run,
            after=tuple(node.after),
            each=node.each,
            payload=node.payload,
            retries=node.retries.policy() if node.retries is not None else RetryPolicy(max=0),
            timeout=node.timeout,
        )
        for name, node in ((name, table.nodes[name]) for name in order)
    )

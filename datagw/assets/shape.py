"""Which assets a job has: what a run of it makes, what comes last, and whose state each of them shares."""

from __future__ import annotations

from collections.abc import Sequence

from dagster import AssetKey

from datagw.assets.items import made_of_items
from datagw.assets.names import WORK_NAME, copy_key, source_key
from datagw.jobs import Job
from datagw.jobs.models import Node


def made_by(job: Job) -> dict[AssetKey, str]:
    """The assets that a run of the job makes, each with the name of the copy whose state it shares.

    The assets of own code all share that of the code itself: the files that it has taken.
    """
    if job.work is None:
        return made_of_items(job)
    return dict.fromkeys([*works(job), *outputs(job)], WORK_NAME)


def works(job: Job) -> list[AssetKey]:
    """What stands for own code: one asset, or one for each node of a graph."""
    if job.work is None:
        return []
    nodes = job.work.nodes
    return [copy_key(job.name, node.name) for node in nodes] or [copy_key(job.name, WORK_NAME)]


def outputs(job: Job) -> list[AssetKey]:
    """The copies of what a command leaves."""
    return [] if job.work is None else [copy_key(job.name, copy.name) for copy in job.work.outputs]


def last_of(job: Job) -> list[AssetKey]:
    """What jobs that come after this one depend on; the source of a job that makes nothing."""
    if job.work is None:
        return [*made_by(job)] or [source_key(job.name)]
    if job.work.nodes:
        return [copy_key(job.name, node.name) for node in leaves(job.work.nodes)]
    return outputs(job) or works(job)


def leaves(nodes: Sequence[Node]) -> list[Node]:
    """The nodes that no other comes after."""
    before = {name for node in nodes for name in node.after}
    return [node for node in nodes if node.name not in before]

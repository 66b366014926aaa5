"""What a run of own code has to show beyond receipts."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal

from datagw.publishing.results import DayResult

StateOfNode = Literal["done", "failed", "skipped"]


@dataclass(slots=True)
class NodeResult:
    """What became of one function; `items` counts those of `each`, or of a list, `tries` how often it was called.

    `output` is what it returned, if that is a small JSON object, without secrets; `resumed` says that an earlier run
    had done it.
    """

    name: str
    state: StateOfNode
    seconds: float = 0.0
    tries: int = 0
    items: int = 0
    failed_items: int = 0
    error: str | None = None
    output: dict[str, object] | None = None
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class Registered:
    """A file that own code has told of: its size in bytes and SHA-256, or what went wrong with it."""

    name: str
    size: int | None = None
    sha256: str | None = None
    error: str | None = None


@dataclass(slots=True)
class Report:
    """Filled while own code runs. `metadata` holds plain JSON values. No text in it has a secret.

    Where code is called for each file, `nodes` has a result of each call, in the order of calls.
    """

    nodes: list[NodeResult] = field(default_factory=list[NodeResult])
    registered: list[Registered] = field(default_factory=list[Registered])
    delivered: list[DayResult] = field(default_factory=list[DayResult])
    metadata: dict[str, object] = field(default_factory=dict[str, object])

    def withdraw(self, nodes: Collection[NodeResult]) -> None:
        """Takes back what was said of nodes in a call that is made once more."""
        self.nodes[:] = [node for node in self.nodes if not any(node is one for one in nodes)]

    @property
    def did_something(self) -> bool:
        """Whether anything was done that stays: a file registered or published, a node or an item of it done."""
        return (
            any(one.error is None for one in self.registered)
            or any(day.published_something for day in self.delivered)
            or any(node.state == "done" or node.items > node.failed_items for node in self.nodes)
        )

"""The event of each function of a graph: what all before it returned, its own payload, and the run's own words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from datagw.jobs.models import Node
from datagw.pipelines.calling import OWN_WORDS, Event
from datagw.pipelines.items import Items


@dataclass(slots=True)
class Done:
    """What a function returned: an event, or many; `fresh` says that this run has called it."""

    event: dict[str, Any] | None = None
    items: Items | None = None
    fresh: bool = True


class Events:
    """The events of one call of a graph; `done` is what its nodes have returned so far."""

    def __init__(self, nodes: Sequence[Node], event: Event) -> None:
        self._nodes = nodes
        self._event = event
        self.done: dict[str, Done] = {}

    def of(self, node: Node, number: int = -1, item: object = None) -> Event:
        """The event of a node, or of one of its items; of the same names, the later one counts."""
        returned: Event = {}
        for name in self._before(node):
            returned |= self.done[name].event or {}
        if isinstance(item, Mapping):
            returned |= cast("dict[str, Any]", item)
        own: Event = {
            **{name: value for name, value in self._event.items() if name in OWN_WORDS},
            "node": node.name,
            "payload": _mixed(self._event["payload"], node.payload),
            "results": {name: self._result(name) for name in node.after},
        }
        if number >= 0:
            own |= {"number": number, "item": item}
        return {**self._event, **node.payload, **returned, **own}

    def _result(self, name: str) -> object:
        done = self.done[name]
        return done.items if done.items is not None else done.event

    def _before(self, node: Node) -> list[str]:
        wanted = set(node.after)
        for one in reversed(self._nodes):
            if one.name in wanted:
                wanted |= set(one.after)
        return [one.name for one in self._nodes if one.name in wanted]


def _mixed(payload: object, more: dict[str, Any]) -> object:
    if isinstance(payload, dict):
        return {**cast("dict[str, Any]", payload), **more}
    return payload

"""A function called for each item of a list: one after the other, flat in memory, and only what failed has failed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import cast

from datagw.jobs.models import Node
from datagw.pipelines.bench import Bench, empty
from datagw.pipelines.calling import Function, object_of
from datagw.pipelines.events import Events
from datagw.pipelines.items import Items, Spool, as_json
from datagw.pipelines.keeping import Results
from datagw.pipelines.report import NodeResult
from datagw.pipelines.tools import Tools
from datagw.pipelines.trying import Failed, Tried, tried

_TOLD = 20  # failed items that the log names
_NAMED = 3  # failed items that an error names


class FanOut:
    """The calls of one node; `outages` counts the items that failed because a place gave no answer."""

    def __init__(self, bench: Bench, node: Node, function: Function, events: Events, results: Results) -> None:
        self._bench = bench
        self._node = node
        self._function = function
        self._events = events
        self._results = results
        self._named: list[str] = []
        self._told = 0
        self.keepable = True
        self.outages = 0

    def run(self, tools: Tools, spool: Spool, *, anew: bool) -> tuple[NodeResult, Items | None]:
        """What became of all items, and what they returned, in order, if all are done.

        Those that an earlier run has done are not called; with `anew` they are, where it had done all of them.
        """
        node = self._node
        source = self._events.done[node.after[0]]
        if source.items is None:
            spool.close()
            raise Failed(f"is called for each item of what {node.after[0]} returns, and that was no list", 0)
        told = NodeResult(node.name, "done", items=len(source.items))
        before = iter(()) if source.fresh else self._results.items(node, anew=anew)
        try:
            with self._bench.tmp_dir() as folder:
                mine = tools.with_folder(folder)
                ahead = next(before, None)
                for number, item in enumerate(source.items):
                    if ahead is not None and ahead[0] == number:
                        spool.add(ahead[1])
                        ahead = next(before, None)
                        continue
                    told.tries += self._one(number, item, mine, spool, told)
                    tools.progress(number + 1, told.items, node.name)
            items = spool.done()
        finally:
            spool.close()
        if not told.failed_items:
            return told, items
        more = told.failed_items - len(self._named)
        listed = "; ".join([*self._named, *([f"and {more:,} more"] if more else [])])
        told.state, told.error = "failed", f"{told.failed_items:,} of {told.items:,} items failed: {listed}"
        return told, None

    def _one(self, number: int, item: object, tools: Tools, spool: Spool, told: NodeResult) -> int:
        """One call; how many tries it took."""
        begin = time.monotonic()
        try:
            result = self._called(number, item, tools)
        except Failed as failure:
            told.failed_items += 1
            self.outages += failure.outage
            self._not_done(number, failure)
            return failure.tries
        spool.add(result.value)
        kept = self._results.kept(result.value)
        self.keepable = self.keepable and kept
        seconds = time.monotonic() - begin
        output = result.value if kept else None
        self._results.put(self._node, "done", number, output=output, seconds=seconds, tries=result.tries)
        return result.tries

    def _called(self, number: int, item: object, tools: Tools) -> Tried[str]:
        given = self._events.of(self._node, number, item)

        def take(returned: object) -> str:
            if isinstance(returned, Iterator):
                returned = list(cast("Iterator[object]", returned))
            if isinstance(returned, Mapping):
                returned = object_of(cast("object", returned), given)
            return as_json({} if returned is None else returned, "returned")

        what = f"{self._node.name}, item {number}"
        try:
            result = tried(self._bench, self._node, self._function, given, tools, take, what)
        finally:
            empty(tools.tmp_dir)
        if tools.tmp_dir.name in result.value:  # the whole path may be escaped there
            raise Failed("returned a path in its tmp_dir, which ends with the item: publish the file", result.tries)
        return result

    def _not_done(self, number: int, failure: Failed) -> None:
        error = self._bench.mask(str(failure))
        self._results.put(self._node, "failed", number, error=error, tries=failure.tries)
        if len(self._named) < _NAMED:
            self._named.append(f"item {number}: {error}")
        if self._told < _TOLD:
            self._told += 1
            self._bench.log.error("%s, item %d: failed: %s", self._node.name, number, error)

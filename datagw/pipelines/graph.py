"""A graph of functions, called in an order that works: each once, after all that it waits for, one after the other.

A function that fails takes down what comes after it, and nothing else. Results are kept in the ledger, so that a repeat
of a failed run calls only what failed, and what comes after that.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from datagw.errors import Changed, Rejected, Unavailable
from datagw.jobs.models import Node
from datagw.pipelines.bench import Bench
from datagw.pipelines.calling import Event, Function, is_many, object_of, refusal, spooled
from datagw.pipelines.events import Done, Events
from datagw.pipelines.fan_out import FanOut
from datagw.pipelines.items import Items, Spool, as_json
from datagw.pipelines.keeping import Results
from datagw.pipelines.report import NodeResult
from datagw.pipelines.tools import Tools
from datagw.pipelines.trying import Failed, Tried, tried

_SHOWN = 10_000  # bytes of an output that a report shows


class Graph:
    """The nodes of a job, called once for one event; `functions` are theirs, by name.

    Where `only` some are asked for, these are called, with what those before them have returned in an earlier run.
    """

    def __init__(
        self,
        bench: Bench,
        nodes: Sequence[Node],
        functions: Mapping[str, Function],
        results: Results,
        event: Event,
        only: Collection[str] | None = None,
    ) -> None:
        self._bench = bench
        self._nodes = nodes
        self._functions = functions
        self._results = results
        self._only = only
        self._folder = Path(tempfile.mkdtemp(prefix="items-", dir=bench.folder))
        self._events = Events(nodes, event)
        self._done = self._events.done
        self._keepable = True
        self._outages: list[bool] = []
        self.told: list[NodeResult] = []

    def run(self, tools: Tools) -> None:
        """Calls what is to be called; `told` then has a result for each node.

        Raises Rejected that names what failed and what was skipped, Unavailable where only outages were the reason, and
        Changed where all that was asked for is done, but not all that there is.
        """
        for node in self._wanted():
            self._bench.fence()
            before = [name for name in node.after if name not in self._done]
            if before:
                self._skip(node, before)
            elif self._only is not None and node.name in self._only:
                self._call(node, tools)
            elif not self._take_up(node):
                self._call(node, tools) if self._only is None else self._miss(node)
        failed = [one for one in self.told if one.state == "failed"]
        if self._only is None:
            self._results.end("failed" if failed else "done")
        if failed:
            raise self._error(failed)
        if self._only is not None and not self._results.all_done(self._nodes):
            raise Changed("what was asked for is done; the other functions have still to be called")

    def _wanted(self) -> list[Node]:
        """The nodes that are asked for, and those that these need something of, in their order."""
        if self._only is None:
            return [*self._nodes]
        wanted = {*self._only}
        for node in reversed(self._nodes):
            if node.name in wanted:
                wanted |= {*node.after}
        return [node for node in self._nodes if node.name in wanted]

    def _error(self, failed: Sequence[NodeResult]) -> Rejected | Unavailable:
        lone = len(self._nodes) == 1 and not self._nodes[0].each
        text = "; ".join(one.error or "" if lone else f"{one.name} failed: {one.error}" for one in failed)
        if skipped := [one.name for one in self.told if one.state == "skipped"]:
            text += f"; skipped, because {'it comes' if len(skipped) == 1 else 'they come'} after: {', '.join(skipped)}"
        return Unavailable(text) if all(self._outages) else Rejected(text)

    # ---- a node

    def _miss(self, node: Node) -> None:
        text = "no result of an earlier run is kept that fits: ask for it as well"
        self._outages.append(False)
        self.told.append(NodeResult(node.name, "failed", error=text))

    def _skip(self, node: Node, before: Sequence[str]) -> None:
        text = f"not called, because {' and '.join(before)} {'is' if len(before) == 1 else 'are'} not done"
        self._bench.log.warning("%s: %s", node.name, text)
        self._results.put(node, "skipped", error=text)
        self.told.append(NodeResult(node.name, "skipped", error=text))

    def _take_up(self, node: Node) -> bool:
        """Whether an earlier run has done this node, for the same events, and what it returned is in hand again."""
        found = self._results.whole(node)
        if found is None or any(self._done[name].fresh for name in node.after):
            return False
        if found.items is None:
            event = cast("dict[str, Any]", json.loads(found.output or "{}"))
            self._done[node.name] = Done(event, None, fresh=False)
        else:
            items = self._kept_items(node)
            if items is None or len(items) != found.items:
                return False
            self._done[node.name] = Done(None, items, fresh=False)
        self._bench.log.info("%s: done by run %s", node.name, found.run)
        self.told.append(NodeResult(node.name, "done", items=found.items or 0, resumed=True))
        return True

    def _kept_items(self, node: Node) -> Items | None:
        spool = self._spool(node)
        try:
            for number, line in self._results.items(node):
                if spool.add(line) != number:
                    return None
            return spool.done()
        finally:
            spool.close()

    def _call(self, node: Node, tools: Tools) -> None:
        begin = time.monotonic()
        try:
            told = self._each(node, tools) if node.each else self._once(node, tools)
        except Failed as failure:
            told = NodeResult(node.name, "failed", tries=failure.tries, error=self._bench.mask(str(failure)))
            self._outages.append(failure.outage)
        if told.error is not None:
            self._bench.log.error("%s: failed: %s", node.name, told.error)
        told.seconds = time.monotonic() - begin
        done = self._done.get(node.name, Done()) if self._keepable else Done()
        many = None if done.items is None else len(done.items)
        output = None if done.event is None else as_json(done.event, "returned")
        self._results.put(
            node, told.state, output=output, items=many, error=told.error, seconds=told.seconds, tries=told.tries
        )
        self.told.append(told)

    def _each(self, node: Node, tools: Tools) -> NodeResult:
        fan = FanOut(self._bench, node, self._functions[node.name], self._events, self._results)
        told, items = fan.run(tools, self._spool(node), anew=self._only is not None)
        self._keepable = fan.keepable
        if items is None:
            self._outages.append(fan.outages == told.failed_items)
        else:
            self._done[node.name] = Done(items=items)
        return told

    def _once(self, node: Node, tools: Tools) -> NodeResult:
        given = self._events.of(node)
        before = set(tools.tmp_dir.iterdir())

        def take(returned: object) -> Done:
            if is_many(returned):
                return Done(items=self._take_many(node, returned))
            if returned is not None and not isinstance(returned, Mapping):
                raise TypeError(refusal(returned))
            found = object_of(cast("object", returned), given) if returned is not None else {}
            return Done(json.loads(as_json(found, "returned")))

        self._keepable = True
        result: Tried[Done] = tried(self._bench, node, self._functions[node.name], given, tools, take)
        done = self._done[node.name] = result.value
        line = "" if done.event is None else as_json(done.event, "returned")
        if set(tools.tmp_dir.iterdir()) != before or not self._results.kept(line):
            self._keepable = False  # what comes after it may need these files, which no later run finds
        output = self._bench.mask.json(done.event) if done.event and len(line) <= _SHOWN else None
        count = 0 if done.items is None else len(done.items)
        return NodeResult(node.name, "done", tries=result.tries, items=count, output=output)

    def _take_many(self, node: Node, returned: object) -> Items:
        """What a function returned, on disk and in the ledger, item by item, as it comes."""
        spool = self._spool(node)

        def keep(number: int, line: str) -> None:
            self._bench.fence()
            if self._results.kept(line):
                self._results.put(node, "done", number, output=line)
            else:
                self._keepable = False

        try:
            return spooled(returned, spool, keep)
        finally:
            spool.close()

    def _spool(self, node: Node) -> Spool:
        return Spool(self._folder / f"{node.name}.jsonl")

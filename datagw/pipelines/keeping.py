"""Results kept in the ledger: written a few at a time, and read again by a run that repeats a failed one."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, cast

from datagw.jobs.models import Node
from datagw.ledger import Ledger, Result
from datagw.pipelines.bench import Bench
from datagw.pipelines.report import StateOfNode

LARGEST = 1 << 20  # bytes of JSON; what is longer is not kept, and its function is called again
_ROWS = 500  # that wait to be written
_BYTES = 1 << 20
_SECONDS = 1.0


def occasion_of(job: str, day: date | None, versions: Sequence[str], payload: object) -> str:
    """What functions are called for, as a short hash: the same day or files, with the same payload."""
    said = json.dumps([job, day.isoformat() if day else None, list(versions), payload], sort_keys=True)
    return hashlib.sha256(said.encode("ascii")).hexdigest()[:32]


def fingerprint_of(node: Node, config: Mapping[str, Any]) -> str:
    """What a node does, as it is written in the job file, with the settings of its job."""
    said = json.dumps([node.run, node.after, node.each, node.payload, config], sort_keys=True, default=str)
    return hashlib.sha256(said.encode("ascii")).hexdigest()[:16]


class Results:
    """The results of one call of a graph; `resume_from` is a run whose occasion is gone on with, whatever it was.

    Where `some` functions alone are asked for, what the others have returned counts, whether their run ended well or
    not; with `once`, because each occasion is another one, on the last occasion that there was.
    """

    def __init__(
        self,
        bench: Bench,
        day: date | None,
        occasion: str,
        resume_from: str | None,
        *,
        some: bool = False,
        once: bool = False,
    ) -> None:
        self._bench = bench
        self._ledger: Ledger = bench.world.ledger
        self._day = day
        job = bench.job.name
        self._occasion = (self._ledger.occasion_of(job, resume_from) if resume_from else None) or occasion
        if some and once and resume_from is None:
            self._occasion = self._ledger.last_occasion(job) or occasion
        self._after = 0 if some else self._ledger.left_open(job, self._occasion)
        self._whole: dict[str, tuple[int, Result]] = {}
        self._last_done: dict[str, int] = {}
        if self._after is not None:
            self._read(self._after)
        self._waiting: list[Result] = []
        self._bytes = 0
        self._since = time.monotonic()

    # ---- what an earlier run has left

    def whole(self, node: Node) -> Result | None:
        """The result of a node that an earlier run has done, kept, and written as it is written now.

        It was put down after those that it was made of: what has been called again since leads to another one.
        """
        number, found = self._whole.get(node.name, (0, None))
        if found is None or found.state != "done" or found.fingerprint != self._fingerprint(node):
            return None
        if number < self._newest(node.after):
            return None
        return found if found.output is not None or found.items is not None else None

    def items(self, node: Node, *, anew: bool = False) -> Iterator[tuple[int, str]]:
        """The items of a node that earlier runs have done, in order: number, and output as JSON.

        Only those of what the nodes before it have returned last; with `anew`, not those of calls that were all done.
        """
        if self._after is None:
            return iter(())
        self.flush()
        since = max(self._after, self._newest(node.after), self._last_done.get(node.name, 0) if anew else 0)
        return self._ledger.done_items(self._bench.job.name, self._occasion, node.name, self._fingerprint(node), since)

    def all_done(self, nodes: Sequence[Node]) -> bool:
        """Whether each of these nodes has been done, as it is written now, by whichever run."""
        self._read(self._after or 0)
        found = [self._whole.get(node.name, (0, None))[1] for node in nodes]
        return all(
            one is not None and one.state == "done" and one.fingerprint == self._fingerprint(node)
            for node, one in zip(nodes, found, strict=True)
        )

    def _read(self, after: int) -> None:
        for number, result in self._ledger.results_of_nodes(self._bench.job.name, self._occasion, after):
            self._whole[result.node] = number, result
            if result.state == "done":
                self._last_done[result.node] = number

    def _newest(self, names: Sequence[str]) -> int:
        """The number of the newest result of any of these nodes."""
        return max((self._whole[name][0] for name in names if name in self._whole), default=0)

    # ---- what this one leaves

    def kept(self, line: str) -> bool:
        """Whether an output, as JSON, may be kept: not too long, without secrets and paths that will be gone."""
        return len(line) <= LARGEST and self._bench.mask(line) == line and self._bench.folder.name not in line

    def put(
        self,
        node: Node,
        state: StateOfNode,
        item: int = -1,
        *,
        output: str | None = None,
        items: int | None = None,
        error: str | None = None,
        seconds: float = 0.0,
        tries: int = 0,
    ) -> None:
        """One more result; written soon, at the latest by `flush`."""
        row = self._row(node.name, state, self._fingerprint(node))
        values = {"item": item, "output": output, "items": items, "error": error}
        self._add(row, {**values, "seconds": round(seconds, 3), "tries": tries})
        if item < 0:
            self.flush()

    def end(self, state: StateOfNode) -> None:
        """All nodes are through; if they are done, the next run for this occasion begins anew."""
        self._add(self._row("", state, ""), {})
        self.flush()

    def flush(self) -> None:
        """Everything written that waits."""
        rows, self._waiting, self._bytes = self._waiting, [], 0
        self._since = time.monotonic()
        self._ledger.write_results(rows)

    def _fingerprint(self, node: Node) -> str:
        return fingerprint_of(node, self._bench.work.config)

    def _row(self, node: str, state: StateOfNode, fingerprint: str) -> Result:
        bench = self._bench
        return Result(
            job=bench.job.name,
            occasion=self._occasion,
            day=self._day,
            run=bench.world.run,
            node=node,
            state=state,
            fingerprint=fingerprint,
            at=bench.world.now(),
        )

    def _add(self, row: Result, values: dict[str, Any]) -> None:
        self._waiting.append(replace(row, **values))
        self._bytes += len(cast("str", values.get("output") or ""))
        late = time.monotonic() - self._since >= _SECONDS
        if late or len(self._waiting) >= _ROWS or self._bytes >= _BYTES:
            self.flush()

"""Files handed to Python code: a class, a function or a graph; and what became of each file."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from datagw.errors import Changed, ConfigError, GatewayError, Rejected, Unavailable
from datagw.gateways.front.reading import Published, Reading
from datagw.jobs.models import Node
from datagw.pipelines.bench import Bench
from datagw.pipelines.calling import Event, Function, function_of
from datagw.pipelines.graph import Graph
from datagw.pipelines.in_hand import accepted, changed, keep_the_last, named, staged_of, unread
from datagw.pipelines.keeping import Results, occasion_of
from datagw.pipelines.loading import find
from datagw.pipelines.pipeline import BasePipeline, pipeline_of, run_pipeline
from datagw.pipelines.report import NodeResult, Registered
from datagw.pipelines.tools import Tools
from datagw.pipelines.trying import Failed

WORK_NODE = "work"  # the name of a class or function among nodes
_NAMED = 3  # files that an error names

Again = dict[str, list[NodeResult]]
"""What was reported of calls that a place's silence ended, by their first file: they are made once more."""


def hand_over(
    bench: Bench,
    readings: Iterable[Reading],
    payload: object,
    resume_from: str | None,
    again: Again,
    only: Collection[str] | None = None,
) -> Iterator[tuple[Reading, Published | GatewayError]]:
    """Calls a job's Python code for files in hand, as `_publish_many` of a place; yields what became of each.

    New files are handed over one by one, all others together; without a payload it is `{}`.
    Raises ConfigError where there is no such code.
    """
    given: object = {} if payload is None else payload
    code = replace(_Code.of(bench, given, resume_from, again), only=only)
    if bench.job.new_files and code.per_file:
        for reading in readings:
            yield from code.call([reading])
    else:
        yield from code.call(list(readings))


@dataclass(frozen=True)
class _Code:
    """A job's code, loaded."""

    bench: Bench
    payload: object
    resume_from: str | None
    again: Again
    pipeline: type[BasePipeline] | None = None
    nodes: Sequence[Node] = ()
    functions: dict[str, Function] = field(default_factory=dict[str, Function])
    only: Collection[str] | None = None

    @classmethod
    def of(cls, bench: Bench, payload: object, resume_from: str | None, again: Again) -> _Code:
        work = bench.work
        empty = cls(bench, payload, resume_from, again)
        if work.nodes:
            functions = {node.name: function_of(node.run, bench.base) for node in work.nodes}
            return replace(empty, nodes=work.nodes, functions=functions)
        if work.backend is None:
            raise ConfigError(f"{bench.job.name} has no Python code")
        found = find(work.backend, bench.base)
        if isinstance(found, type):
            return replace(empty, pipeline=pipeline_of(work.backend, found))
        node = Node(name=WORK_NODE, run=work.backend)
        return replace(empty, nodes=(node,), functions={WORK_NODE: function_of(work.backend, bench.base)})

    @property
    def per_file(self) -> bool:
        """Whether new files come one by one."""
        one = self.pipeline or self.functions.get(WORK_NODE)
        return getattr(one, "per", "file") != "batch"

    def call(self, readings: Sequence[Reading]) -> Iterator[tuple[Reading, Published | GatewayError]]:
        """One call for all of these files; those that cannot be read are left out of it."""
        whole: list[Reading] = []
        for reading in readings:
            problem = unread(reading)
            if problem is None:
                whole.append(reading)
            else:
                yield reading, problem
        if not whole:
            return
        with self.bench.tmp_dir() as links, self.bench.tmp_dir() as folder:
            job, day = self.bench.job, whole[0].upload.day
            files = [named(reading, links) for reading in whole] if job.watches else []
            tools = Tools(self.bench, folder, files, day, self.payload)
            done = False
            try:
                failure = self._run(whole, tools)
                done = failure is None
            finally:
                if not done and job.watches:
                    keep_the_last(folder, whole, self.bench.world.tmp_dir.parent, self.bench.log)
            errors = _errors_of(whole, tools.errors)
            for reading in whole:
                yield reading, failure() if failure else _outcome(reading, errors[reading.final])

    def _run(self, readings: Sequence[Reading], tools: Tools) -> _Raising | None:
        key, report = readings[0].final, self.bench.report
        report.withdraw(self.again.pop(key, []))
        told: list[NodeResult] = []
        failure: GatewayError | None = None
        try:
            if self.pipeline is not None:
                self._run_pipeline(self.pipeline, tools, told)
            else:
                self._run_graph(readings, tools, told)
        except (Rejected, Unavailable, Changed) as error:
            failure = error
        finally:
            report.nodes += told
        if isinstance(failure, Unavailable):
            self.again[key] = told
        return None if failure is None else _Raising(type(failure), self.bench.mask(failure.message))

    def _run_pipeline(self, pipeline: type[BasePipeline], tools: Tools, told: list[NodeResult]) -> None:
        begin = time.monotonic()
        result = NodeResult(WORK_NODE, "failed", tries=1)
        told.append(result)
        try:
            run_pipeline(self.bench, pipeline, tools)
            result.state = "done"
        except Failed as failure:
            result.error = self.bench.mask(str(failure))
            raise (Unavailable if failure.outage else Rejected)(result.error) from None
        finally:
            result.seconds = time.monotonic() - begin

    def _run_graph(self, readings: Sequence[Reading], tools: Tools, told: list[NodeResult]) -> None:
        job = self.bench.job
        versions = [f"{reading.final}\n{staged_of(reading).origin.content_version}" for reading in readings]
        occasion = occasion_of(job.name, tools.day, versions, self.payload)
        once = not job.watches and not job.dated  # else an occasion is known by itself
        results = Results(
            self.bench, tools.day, occasion, self.resume_from if once else None, some=self.only is not None, once=once
        )
        event = _event(job.name, self.bench.world.run, tools.day, self.payload, tools.files)
        graph = Graph(self.bench, self.nodes, self.functions, results, event, self.only)
        try:
            graph.run(tools)
        finally:
            results.flush()
            told += graph.told


@dataclass(frozen=True)
class _Raising:
    """An error that each file of a call has for itself."""

    kind: type[GatewayError]
    text: str

    def __call__(self) -> GatewayError:
        return self.kind(self.text)


def _event(job: str, run: str, day: date | None, payload: object, files: Sequence[Path]) -> Event:
    """What a function is told: all of it JSON."""
    paths = [str(file) for file in files]
    event: Event = {"job": job, "run": run, "day": day.isoformat() if day else None, "payload": payload}
    return event | {"files": paths} | ({"file": paths[0]} if len(paths) == 1 else {})


def _errors_of(readings: Sequence[Reading], errors: Sequence[Registered]) -> dict[str, list[Registered]]:
    """What `register_error` was told, by source file: of the file itself; of all, where it is none of them."""
    by_name: dict[str, str] = {}
    for reading in readings:
        by_name.setdefault(reading.final.rpartition("/")[2], reading.final)
    by_name |= {reading.final: reading.final for reading in readings}
    found: dict[str, list[Registered]] = {reading.final: [] for reading in readings}
    for one in errors:
        for path in [by_name[one.name]] if one.name in by_name else list(found):
            found[path].append(one)
    return found


def _outcome(reading: Reading, errors: Sequence[Registered]) -> Published | GatewayError:
    return Rejected(_listed(errors)) if errors else changed(reading) or accepted(reading)


def _listed(errors: Sequence[Registered]) -> str:
    named = "; ".join(f"{one.name}: {one.error}" for one in errors[:_NAMED])
    more = f"; and {len(errors) - _NAMED} more" if len(errors) > _NAMED else ""
    return f"{len(errors)} {'file' if len(errors) == 1 else 'files'} failed: {named}{more}"

"""What only shows when the keys of a job of own code are read together."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from graphlib import CycleError, TopologicalSorter

from datagw.gateways.paths.notation import date_problem
from datagw.jobs.checks import Draft
from datagw.jobs.complaints import Complaint
from datagw.jobs.problems import nearest_word
from datagw.jobs.words import folded

_BRACED = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_WORDS = ("file", "files", "out", "name", "stem", "suffix")
_OF_A_SOURCE = (
    *("settle", "delete_source", "move_source", "failed_source", "existing", "again", "batch", "assets", "expect"),
    *("verify", "overwrite", "if_gone", "marker", "bandwidth"),
)
_OF_OUTPUTS = ("verify", "overwrite", "bandwidth")


def check_work(draft: Draft, *, watches: bool) -> Iterator[Complaint]:
    """Everything that is wrong with a job of own code whose every key is right; `watches`: it has a source."""
    table = draft.table
    kinds = [key for key in ("backend", "nodes", "run") if getattr(table, key)]
    for key in kinds[1:]:
        yield Complaint((key,), f"a job has one kind of own code, and this one has {kinds[0]}")
    for key in ("config", "secrets"):
        if getattr(table, key) and kinds == ["run"]:
            yield Complaint((key,), "is for Python code; a command has `env`", "run = { command = […], env = { … } }")
    if table.run is None and table.to:
        yield Complaint(("to",), "Python code publishes by itself", 'self.publish(path, "gateway:path")')
    yield from _nodes(draft)
    yield from _command(draft, watches=watches)
    yield from _when(draft, watches=watches)
    for key in _OF_A_SOURCE:
        if not watches and key in draft.own and not (key in _OF_OUTPUTS and table.to):
            yield Complaint((key,), "is for jobs with a source")
    if watches and table.delete_source:
        advice = "move_source keeps what your code has taken"
        yield Complaint(("delete_source",), "own code proves nothing, so its files are not deleted", advice)


def check_after(after: Mapping[str, Collection[str]], jobs: Collection[str]) -> Iterator[tuple[str, str, str]]:
    """What is wrong with the jobs that jobs depend on: the job, what, and what to write; `jobs` are all there are."""
    for name, names in after.items():
        for other in names:
            if other not in jobs:
                yield name, f"there is no job {other}", nearest_word(other, jobs)
    try:
        TopologicalSorter({name: [*names] for name, names in after.items()}).prepare()
    except CycleError as error:
        circle = error.args[1]
        for name in dict.fromkeys(circle):
            yield name, f"these jobs wait for each other: {' → '.join(reversed(circle))}", "take one of them out"


def _nodes(draft: Draft) -> Iterator[Complaint]:
    nodes = draft.table.nodes
    seen: dict[str, str] = {}
    for name, node in nodes.items():
        if folded(name) in seen:
            yield Complaint(("nodes", name), f"is too like {seen[folded(name)]}: `-` and `_` are the same to Dagster")
        elif name in ("source", "records", "work"):
            yield Complaint(("nodes", name), "no node is called so: these are assets of their own")
        seen.setdefault(folded(name), name)
        for other in node.after:
            if other not in nodes:
                yield Complaint(("nodes", name, "after"), f"there is no node {other}", nearest_word(other, nodes))
        if node.each and len(node.after) != 1:
            yield Complaint(("nodes", name, "each"), "takes its items from one node", 'after = ["NODE"]')
    try:
        TopologicalSorter({name: node.after for name, node in nodes.items()}).prepare()
    except CycleError as error:
        yield Complaint(("nodes",), f"these nodes wait for each other: {' → '.join(reversed(error.args[1]))}")


def _command(draft: Draft, *, watches: bool) -> Iterator[Complaint]:
    run = draft.table.run
    if run is None:
        return
    used: set[str] = set()
    for number, argument in enumerate(run.command):
        for found in _BRACED.finditer(argument):
            if found[0] in ("{{", "}}"):
                continue
            if wrong := _placeholder(found, alone=argument == found[0], dated=draft.pattern.dated):
                yield Complaint(("run", "command", number), *wrong)
            else:
                used.add(found[1].partition(":")[0])
    of_one = sorted(used & {"file", "name", "stem", "suffix"})
    if not watches and (of_one or "files" in used):
        yield Complaint(("run", "command"), f"{{{[*of_one, 'files'][0]}}} is for jobs with a source")
    elif run.per == "batch" and of_one:
        yield Complaint(("run", "command"), f"{{{of_one[0]}}} is one file; a batch has {{files}}")
    elif run.per == "file" and "files" in used:
        yield Complaint(("run", "command"), "{files} are those of a batch", 'per = "batch"')
    if draft.table.to and "out" not in used and "run" not in draft.unsure:
        advice = "{out} is an empty folder; what the command leaves there is published"
        yield Complaint(("to",), "the command leaves nothing to publish: {out} is not among its arguments", advice)
    elif "out" in used and not draft.table.to and "to" not in draft.unsure:
        yield Complaint(("run", "command"), "what is left in {out} is published, but there is no `to`")


def _placeholder(found: re.Match[str], *, alone: bool, dated: bool) -> tuple[str, ...]:
    """What is wrong with a placeholder, `alone` in its argument or not, and what to write; nothing if it is right."""
    word = found[1]
    if word is None or not (word in _WORDS or word.startswith("day:")):
        known = "{file} {files} {out} {name} {stem} {suffix} {day:%Y-%m-%d}, and {{ for a brace"
        return (f"`{found[0]}` is not known; there are {known}",)
    if word == "files" and not alone:
        return "{files} stands alone: it becomes one argument for each file", '["script", "--", "{files}"]'
    if not word.startswith("day:"):
        return ()
    wrong = date_problem(found[0]) if dated else "the job has no days to fill into it"
    return (wrong,) if wrong else ()


def _when(draft: Draft, *, watches: bool) -> Iterator[Complaint]:
    table = draft.table
    if watches or "when" in draft.unsure:
        return
    if table.when == "new files":
        yield Complaint(("when",), '"new files" needs a source')
    elif table.when == "change" and not table.after:
        yield Complaint(("when",), '"change" needs a source, or jobs whose news it waits for', 'after = ["JOB"]')
    elif table.when == "daily" and not isinstance(table.start, date) and "start" not in draft.unsure:
        yield Complaint(("start",), "is required: without a source no first day is to be found", "start = 2026-01-31")

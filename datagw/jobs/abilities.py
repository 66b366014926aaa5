"""What places cannot do at all, and which key of a job asks for it: known when the job file is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from datagw.jobs.checks import Draft
from datagw.jobs.complaints import Complaint
from datagw.jobs.lists import is_list


def unable(draft: Draft) -> Iterator[Complaint]:
    """Every key that asks for what its gateway has no way to do."""
    table = draft.table
    source = draft.gateways.get(table.source.at.gateway)
    if source is not None:
        if not source.can("ls") and not is_list(table.source):
            yield from _unlisted(draft, f"a gateway of type {source.type} cannot be listed")
        if table.delete_source and not source.can("rm"):
            why = "" if source.can("publish") or source.can("write") else " is only read:"
            yield Complaint(("delete_source",), f"a gateway of type {source.type}{why or ':'} nothing is deleted there")
        for key in ("move_source", "failed_source"):
            if getattr(table, key) is not None and not (source.can("rename") or source.can("copy")):
                why = "knows no rename" if source.can("publish") else "is only read"
                yield Complaint((key,), f"a gateway of type {source.type} {why}: nothing is moved there")
    for number, copy in enumerate(table.to):
        gateway = draft.gateways.get(copy.at.gateway)
        if gateway is not None and not (gateway.can("write") or gateway.can("publish")):
            yield Complaint(("to", number), f"a gateway of type {gateway.type} is only read: no copy can go there")
        for name in ("manifest", "pointer"):
            if getattr(copy, name) is not None:
                yield from _told_of(draft, number, name)


def _told_of(draft: Draft, number: int, name: str) -> Iterator[Complaint]:
    """A document tells of a set that is whole at some time, and that has a folder of its own, on a place of folders."""
    copy, key = draft.table.to[number], ("to", number, name)
    gateway = draft.gateways.get(copy.at.gateway)
    if draft.table.run is not None:
        yield Complaint(key, "what a command leaves is no set that is ever whole", "is for files that are copied")
    elif draft.table.when == "new files":
        yield Complaint(key, "new files are no set that is ever whole", 'is for "daily" and "change"')
    if gateway is not None and not (gateway.can("ls") and gateway.shows):
        yield Complaint(key, f"a gateway of type {gateway.type} cannot be listed: there is no folder for a {name}")
    if name == "pointer" and copy.pointer in (copy.manifest, copy.marker or draft.table.marker):
        yield Complaint(key, "this is the name of the copy's marker or manifest", 'pointer = "latest"')
    if number >= len(draft.templates):
        return
    template, dated = draft.templates[number], draft.pattern.dated
    of_day = draft.pattern.filled(date(2024, 1, 31)) if dated else draft.pattern
    one = (of_day.exact is not None and not is_list(draft.table.source)) or not template.keeps_name
    mixed = dated and template.folder(date(2024, 1, 30)) == template.folder(date(2024, 1, 31))
    if mixed and name == "manifest":
        yield Complaint(key, "the manifests of two days would have one name", "put %Y%m%d into a folder of `at`")
    elif mixed and copy.manifest is None and not one:
        yield Complaint(key, "a day of several files has no folder to point at", "put %Y%m%d into a folder of `at`")
    elif name == "pointer" and not dated and copy.manifest is None and not one:
        yield Complaint(key, "several files have no one path to point at", 'add manifest = "manifest.json"')


def _unlisted(draft: Draft, why: str) -> Iterator[Complaint]:
    """A source on such a place is one file, or one for each day since a day that is given."""
    table, pattern = draft.table, draft.pattern
    of_day = pattern.filled(date(2024, 1, 31)) if pattern.dated else pattern
    if table.when == "new files":
        yield Complaint(("when",), f'{why}, so that new files cannot be found: name one file, and write "change"')
    elif of_day.exact is None:
        yield Complaint(("source",), why, "name one file, without `*` and without a slash at the end")
    elif pattern.dated and table.start == "first" and "start" not in draft.unsure:
        yield Complaint(("start",), f"is required: {why}, and its oldest day is not to be found", "start = 2026-01-31")

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
        if copy.manifest is not None:
            yield from _manifest(draft, number)


def _manifest(draft: Draft, number: int) -> Iterator[Complaint]:
    """A manifest tells of a set that is whole at some time, and that has a folder of its own, on a place of folders."""
    gateway, key = draft.gateways.get(draft.table.to[number].at.gateway), ("to", number, "manifest")
    if draft.table.when == "new files":
        yield Complaint(key, "new files are no set that is ever whole", 'is for "daily" and "change"')
    if gateway is not None and not (gateway.can("ls") and gateway.shows):
        yield Complaint(key, f"a gateway of type {gateway.type} cannot be listed: there is no folder for a manifest")
    if number < len(draft.templates) and draft.pattern.dated:
        first, second = (draft.templates[number].folder(date(2024, 1, day)) for day in (30, 31))
        if first == second:
            yield Complaint(key, "the manifests of two days would have one name", "put %Y%m%d into a folder of `at`")


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

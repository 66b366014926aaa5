"""A source that is a list: the keys that say how it is read, and what only shows when they are read together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, cast

from pydantic import BeforeValidator

from datagw.gateways.paths.patterns import Pattern
from datagw.gateways.web.items import Items, name_problem
from datagw.jobs.complaints import Complaint
from datagw.jobs.quantities import shown

if TYPE_CHECKING:
    from datagw.jobs.checks import Draft
    from datagw.jobs.tables import SourceTable

KEYS = ("items", "url", "name", "names")
EVERYTHING = "/"
"""The pattern of a source that is a list: all of its items."""


def _path(value: object) -> str:
    if isinstance(value, str) and value.strip() == value and value and ".." not in value:
        return value
    raise ValueError(f'a path in a list is written "data.files", its parts with a dot between; not {shown(value)}')


def _names(value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not value:
        raise ValueError('names are a table, as in { "Stock_utf8.zip" = "stock.zip" }, and not an empty one')
    taken: dict[str, str] = {}
    for name, published in cast("dict[str, object]", value).items():
        if not isinstance(published, str):
            raise ValueError(f"{shown(name)} is published under a name, a text in quotes; not {shown(published)}")  # noqa: TRY004
        if wrong := name_problem(published):
            raise ValueError(f"{shown(published)}: {wrong}")
        if published.casefold() in taken:
            raise ValueError(f"{taken[published.casefold()]} and {name} would both be published as {published}")
        taken[published.casefold()] = name
    return cast("dict[str, str]", value)


PathInList = Annotated[str | None, BeforeValidator(_path)]
Names = Annotated[dict[str, str] | None, BeforeValidator(_names)]


def is_list(source: SourceTable) -> bool:
    """Whether a source is a list, and not a file or files."""
    return any(getattr(source, key) is not None for key in KEYS)


def pattern_of(source: SourceTable) -> Pattern:
    """Which files belong to a source: those that its path means, those with dated names, or all items of the list."""
    if source.dated_regex is not None and not is_list(source):
        return Pattern.dated_by(source.at.path, source.dated_regex)
    return Pattern.parse(EVERYTHING if is_list(source) else source.at.path)


def items_of(source: SourceTable) -> Items | None:
    """How the list is read; None where the source is none."""
    path = Pattern.parse(source.at.path).exact
    if path is None or not is_list(source):
        return None
    return Items(path=path, at=source.items or ".", url=source.url or ".", name=source.name, names=source.names)


def check_list(draft: Draft) -> Iterator[Complaint]:
    """Everything that is wrong with a job whose source is a list."""
    table = draft.table
    if not is_list(table.source):
        return
    gateway = draft.gateways.get(table.source.at.gateway)
    if gateway is not None and gateway.type != "http":
        why = f"a list stands on a web server, and {table.source.at.gateway} is a gateway of type {gateway.type}"
        yield Complaint(("source", "at"), why, 'write its address, "https://…", or declare a gateway of type http')
    elif Pattern.parse(table.source.at.path).exact is None:
        advice = "name one file, without dates, `*`, and a slash at the end"
        yield Complaint(("source", "at"), "a list is one file, whatever it names", advice)
    if table.source.dated_regex is not None:
        yield Complaint(("source", "dated_regex"), "is for files in a folder, and this source is a list")
    if table.when == "new files" and "when" not in draft.unsure:
        advice = 'write "change": each item is published when it is new, and when it changed'
        yield Complaint(("when",), "the items of a list keep their names", advice)
    if table.source.symlinks == "follow":
        yield Complaint(("source", "symlinks"), "there are no links in a list")

"""A source that is a list: the keys that say how it is read, and what only shows when they are read together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, cast
from urllib.parse import unquote, urlsplit

from pydantic import BeforeValidator

from datagw.gateways.paths.patterns import Pattern
from datagw.gateways.web.items import Items, name_problem
from datagw.jobs.addresses import SCHEMES, path_of
from datagw.jobs.complaints import Complaint
from datagw.jobs.places import Place
from datagw.jobs.quantities import shown

if TYPE_CHECKING:
    from datagw.jobs.checks import Draft
    from datagw.jobs.tables import SourceTable

KEYS = ("items", "url", "name", "names", "urls")
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


def _urls(value: object) -> dict[str, str]:
    """Addresses by the names that their files are published under."""
    if isinstance(value, list) and value:
        pairs: list[tuple[str | None, object]] = [(None, one) for one in cast("list[object]", value)]
    elif isinstance(value, dict) and value:
        pairs = list(cast("dict[str | None, object]", value).items())
    else:
        raise ValueError('addresses are a list, ["https://…/a.zip"], or a table, { "a.zip" = "https://…" }; not empty')
    found: dict[str, str] = {}
    for number, (name, address) in enumerate(pairs, 1):
        which = f"address {number}" if name is None else name  # it may hold a secret itself
        if not isinstance(address, str) or not address:
            raise ValueError(f"an address is a text in quotes; not {shown(address)}")
        try:
            _check_address(address)
        except ValueError as error:
            raise ValueError(f"{which}: {error}") from None
        published = unquote(urlsplit(address).path.rpartition("/")[2]) if name is None else name
        if wrong := name_problem(published):
            raise ValueError(f"{which} would be called {shown(published)}: {wrong}; {_TABLE}")
        if published.casefold() in {one.casefold() for one in found}:
            raise ValueError(f"two addresses would be published as {published}; {_TABLE}")
        found[published] = address
    return found


def _check_address(address: str) -> None:
    scheme, mark, rest = address.partition("://")
    if mark and scheme.lower() not in SCHEMES:
        raise ValueError("is no web address")
    if not mark and address.startswith("/"):
        raise ValueError("an address is whole, or relative to `at`, without a slash at its begin")
    if Pattern.parse(path_of(scheme.lower(), rest) if mark else path_of("https", f"at/{address}")).exact is None:
        raise ValueError("each address is one file's, without dates, `*`, and a slash at the end")


def with_place(value: object) -> object:
    """A source of addresses alone, whose place is that of the first."""
    if not isinstance(value, dict):
        return value
    table = cast("dict[str, object]", value)
    urls = table.get("urls")
    if "at" in table or not isinstance(urls, list | dict) or not urls:
        return table
    several = cast("list[object]", urls if isinstance(urls, list) else list(cast("dict[str, object]", urls).values()))
    scheme, mark, rest = str(several[0]).partition("://")
    try:
        return {**table, "at": Place(scheme.lower(), path_of(scheme.lower(), rest))} if mark else table
    except ValueError:
        return table  # it is told of as an address


_TABLE = 'write urls = { "NAME" = "https://…" }'
PathInList = Annotated[str | None, BeforeValidator(_path)]
Urls = Annotated[dict[str, str] | None, BeforeValidator(_urls)]
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
    if not is_list(source):
        return None
    path = _base(source) if source.urls is not None else Pattern.parse(source.at.path).exact
    if path is None:
        return None
    if source.urls is not None:
        return Items(path=path, names={name: name for name in source.urls}, addresses=source.urls)
    return Items(path=path, at=source.items or ".", url=source.url or ".", name=source.name, names=source.names)


def _base(source: SourceTable) -> str | None:
    """The folder that addresses may be relative to; None where it is no single one."""
    path = source.at.path.rstrip("/")
    return Pattern.parse(path).exact if path else ""


def check_list(draft: Draft) -> Iterator[Complaint]:
    """Everything that is wrong with a job whose source is a list."""
    table = draft.table
    if not is_list(table.source):
        return
    gateway = draft.gateways.get(table.source.at.gateway)
    if gateway is not None and gateway.type != "http":
        why = f"a list stands on a web server, and {table.source.at.gateway} is a gateway of type {gateway.type}"
        yield Complaint(("source", "at"), why, 'write its address, "https://…", or declare a gateway of type http')
    elif table.source.urls is not None:
        yield from _check_urls(table.source)
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


def _check_urls(source: SourceTable) -> Iterator[Complaint]:
    for key in set(KEYS) - {"urls"}:
        if getattr(source, key) is not None:
            yield Complaint(("source", key), "is for a list that is fetched, and `urls` is one that is not", _TABLE)
    if _base(source) is None:
        yield Complaint(("source", "at"), "is one folder that addresses are relative to", "without dates, `*`")
    elif source.at.gateway in SCHEMES and not all("://" in address for address in (source.urls or {}).values()):
        advice = 'write them whole, or declare a gateway of type http, and at = "NAME:folder/"'
        yield Complaint(("source", "urls"), "an address is relative, and nothing says to what", advice)

"""What stands at a place: entries as they come, in an order that stays, and pages of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from datagw.errors import ConfigError
from datagw.files import MARKER, RemoteFile, is_own_name
from datagw.gateways.front.at import At
from datagw.gateways.front.paging import pages
from datagw.library.places import Where

if TYPE_CHECKING:
    from datagw.gateways.base import Gateway

_SHOWN_TO_NOBODY = {"Icon\r"}  # a hidden file of macOS without a leading dot


def ls(
    where: Where,
    *,
    recursive: bool = False,
    hidden: bool = False,
    offset: int | None = 0,
    limit: int | None = 0,
    size_limit: int | None = None,
) -> Iterator[RemoteFile]:
    """The entries of a folder, or the one file that the path names, as they come: folder by folder, in name order.

    `where` is taken letter by letter. Buckets are listed in the order of their keys, a page at a time. Without
    `hidden` there are no names with a leading dot, and none that datagw made for itself. Of what is left the first
    `offset` entries are skipped, and `limit` listed (0 or None: all); a file of more than `size_limit` bytes is left
    out, which counts for the offset, not for the limit. Raises GatewayError: an outage is never an end of the list.
    """
    gateway, path = place_of(where)
    with gateway:
        yield from chosen(
            listed(gateway, path, recursive=recursive, hidden=hidden),
            offset=offset,
            limit=limit,
            size_limit=size_limit,
        )


def listed(gateway: Gateway, path: str, *, recursive: bool, hidden: bool) -> Iterator[RemoteFile]:
    """The entries of a folder, folder by folder; a path that is a file is its own only entry."""
    if path.strip("/"):
        itself = gateway.stat(path)
        if itself.kind == "file":
            yield itself
            return
    yield from _below(gateway, path, recursive=recursive, hidden=hidden)


def chosen(
    entries: Iterable[RemoteFile], *, offset: int | None = 0, limit: int | None = 0, size_limit: int | None = None
) -> Iterator[RemoteFile]:
    """The entries after the first `offset`, without those over `size_limit` bytes, `limit` of them (0: all)."""
    rest = islice(entries, offset or 0, None)
    return islice((entry for entry in rest if size_limit is None or entry.size <= size_limit), limit or None)


def place_of(where: object) -> tuple[Gateway, str]:
    """A gateway with a connection of its own, and the path on it; raises ConfigError for what is no place."""
    if isinstance(where, At):
        return where.gateway.using(), where.path
    if isinstance(where, str) and (found := re.match(r"(https?)://", where, re.IGNORECASE)):
        return _web(found[1].lower(), where[found.end() :])
    if not isinstance(where, str | Path) or not str(where):
        raise ConfigError(f'a place is a path, an address, or gateway / "path"; not {where!r}')
    from datagw.gateways.local import Local

    path = Path(str(where).removeprefix("local:")).expanduser().absolute()
    return Local(root="/").using(name="local"), str(path).lstrip("/")


def _web(scheme: str, rest: str) -> tuple[Gateway, str]:
    from datagw.gateways.http import Http
    from datagw.jobs.addresses import path_of

    try:
        path_of(scheme, rest)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    address, mark, query = rest.partition("#")[0].partition("?")
    return Http(url=f"{scheme}://").using(name=scheme), address + mark + query.replace("/", "%2F")


def _below(gateway: Gateway, folder: str, *, recursive: bool, hidden: bool) -> Iterator[RemoteFile]:
    for page in pages(gateway, folder):
        for entry in page:
            if hidden or not _is_hidden(entry.name):
                yield entry
                if recursive and entry.kind == "folder":
                    yield from _below(gateway, entry.path, recursive=True, hidden=hidden)


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in _SHOWN_TO_NOBODY or name == MARKER or is_own_name(name)

"""What is known of the items of a list: where they stand in its document, what each is called, what address it has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urljoin, urlsplit

from pydantic import BaseModel, ConfigDict, Field

from datagw.errors import GatewayError, Rejected, printable
from datagw.files import MARKER, is_own_name
from datagw.gateways.web.documents import value_at

_SHOWN = 5


class Items(BaseModel):
    """Which document lists files, and how it is read.

    `at` is the dotted path of its items, `url` and `name` that of their address and name within each (`name` None: the
    last part of the address). `names` holds the items that are taken, by name, with the names that they are published
    under; None takes all. With `addresses`, by name, there is no document: the job file is the list, and `path` is the
    folder that they may be relative to. `only` are published names, where not all are asked for; it is not part of what
    a job is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    at: str = "."
    url: str = "."
    name: str | None = None
    names: dict[str, str] | None = None
    addresses: dict[str, str] | None = None
    only: frozenset[str] | None = Field(default=None, exclude=True)


@dataclass(frozen=True, slots=True)
class Listed:
    """An item: the name that it is published under, and its address, or the error that stands for it."""

    name: str
    address: str = ""
    error: GatewayError | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What a list says: its items in name order, and notes on those that are left out or missing."""

    items: tuple[Listed, ...]
    notes: tuple[str, ...] = ()


def read_items(items: Items, values: Iterable[object], base: str) -> Found:
    """The items among `values`; addresses are relative to `base`, that of the list.

    One that cannot be a file (no address, a name that is no file's, a name that another one has) carries its error.
    Raises Rejected where `names` are known and not one of them is there.
    """
    found: dict[str, list[Listed]] = {}
    unknown: list[str] = []
    count = 0
    for count, value in enumerate(values, 1):
        try:
            address = address_of(value_at(value, items.url), items.url, base)
        except Rejected as error:
            address, trouble = "", error
        else:
            trouble = None
        try:
            name = _name(items, value, address, trouble)
        except Rejected as error:
            found.setdefault(f"item {count}", []).append(Listed(f"item {count}", "", error))
            continue
        if items.names is not None and name not in items.names:
            unknown.append(name)
            continue
        published = name if items.names is None else items.names[name]
        found.setdefault(published, []).append(Listed(published, address, trouble))
    known = items.names or {}
    lacking = [name for name, published in known.items() if published not in found]
    if known and len(lacking) == len(known) and not any(one.error for some in found.values() for one in some):
        raise Rejected(f"the list has none of the {len(known)} items of `names`, but {_some(unknown) or 'nothing'}")
    listed = (_one(name, some) for name, some in sorted(found.items()))
    if items.only is None:
        return Found(tuple(listed), tuple(_notes(unknown, lacking)))
    asked = [name for name in lacking if known[name] in items.only]
    return Found(tuple(one for one in listed if one.name in items.only), tuple(_notes([], asked)))


def written_items(items: Items, base: str) -> Found:
    """The items whose addresses stand in the job file; those that are not whole are relative to `base`."""
    known = items.addresses or {}
    asked = sorted(known) if items.only is None else sorted(items.only & known.keys())
    return Found(tuple(Listed(name, address_of(known[name], ".", base)) for name in asked))


def _one(name: str, some: list[Listed]) -> Listed:
    if len(some) == 1:
        return some[0]
    return Listed(name, "", Rejected(f"{len(some)} items of the list have this name"))


def _notes(unknown: list[str], lacking: list[str]) -> Iterator[str]:
    if unknown:
        many = "1 item of the list is" if len(unknown) == 1 else f"{len(unknown):,} items of the list are"
        yield f"{many} not in `names`, and skipped: {_some(unknown)}"
    if lacking:
        yield f"missing in the list: {_some(lacking)}"


def _some(names: list[str]) -> str:
    return printable(", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else ""))


def _name(items: Items, value: object, address: str, trouble: Rejected | None) -> str:
    if items.name is None:
        if trouble is not None:
            raise trouble
        name: object = unquote(urlsplit(address).path.rpartition("/")[2])
    else:
        name = value_at(value, items.name)
    if isinstance(name, int) and not isinstance(name, bool):
        name = str(name)
    if not isinstance(name, str) or not name:
        raise Rejected(f"the item has no `{items.name}`" if items.name else "its address ends with no name of a file")
    if items.names is None and (wrong := name_problem(name)):
        raise Rejected(f"an item is called {_quoted(name)}: {wrong}")
    return name


def name_problem(name: str) -> str:
    """What keeps a name from being a file's; nothing if it can be one."""
    try:
        size = len(name.encode("utf-8"))
    except UnicodeEncodeError:
        return "it is no text"
    if name in ("", ".", "..") or "/" in name or "\\" in name:
        return "a file's name is no path"
    if re.search(r"[\x00-\x1f\x7f]", name):
        return "it holds control characters"
    if size > 255:
        return "it has more than 255 bytes"
    if is_own_name(name) or name == MARKER:
        return "datagw calls files of its own so"
    return ""


def _quoted(name: str) -> str:
    return printable(f'"{name[:80]}"' if len(name) <= 80 else f'"{name[:80]}…"')


def address_of(value: object, field: str, base: str) -> str:
    """The address that an item holds, made whole by that of the list; raises Rejected for what is none of the web."""
    if not isinstance(value, str) or not value.strip():
        what = "is no text" if isinstance(value, str | Mapping | list) and field == "." else f"has no `{field}`"
        raise Rejected(f"the item {what}, where its address is looked for")
    text = value.strip()
    if re.search(r"[\x00-\x1f\x7f\\]", text):
        raise Rejected("its address holds what no address can hold")
    try:
        given = urlsplit(text)
        address = text if given.scheme and not given.netloc else urljoin(base, text)
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise Rejected("its address is no web address") from None
    if parts.scheme not in ("http", "https") or not host:
        scheme = f" ({printable(parts.scheme)}:)" if parts.scheme and parts.scheme not in ("http", "https") else ""
        raise Rejected(f"its address is no web address{scheme}")
    if "@" in parts.netloc:
        raise Rejected("its address holds credentials, which do not stand in a list")
    return address.partition("#")[0]

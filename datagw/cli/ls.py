"""`datagw ls`: what stands on a place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import click
from typing_extensions import override

from datagw.cli.opening import gateway_and_path
from datagw.cli.printing import print_json_lists, print_line, print_table
from datagw.cli.settings import Command, Settings, pass_settings
from datagw.cli.units import moment_of_ns, size_of
from datagw.errors import printable
from datagw.files import MARKER, is_own_name, safe_path

if TYPE_CHECKING:
    from datagw.files import RemoteFile
    from datagw.gateways.base import Gateway

_SHOWN_TO_NOBODY = {"Icon\r"}  # a hidden file of macOS without a leading dot


class Size(click.ParamType):
    """Bytes: `1000`, `2MB`, `1GiB`."""

    name = "size"

    @override
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number of bytes."""
        from datagw.jobs.quantities import size

        try:
            return size(int(value) if str(value).isdecimal() else value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command(cls=Command)
@click.argument("place", metavar="GATEWAY:PATH")
@click.option("--recursive", "-r", is_flag=True, help="Folders below as well.")
@click.option("--long", "-l", "long", is_flag=True, help="With kind, size and modification time (UTC).")
@click.option("--full-path", is_flag=True, help="Each as GATEWAY:PATH.")
@click.option(
    "--all", "-a", "everything", is_flag=True, help="Hidden names too, and those that datagw made for itself."
)
@click.option("--offset", type=click.IntRange(min=0), default=0, metavar="N", help="Without the first N entries.")
@click.option("--limit", type=click.IntRange(min=0), default=0, metavar="N", help="At most N entries; 0 for all.")
@click.option("--size-limit", type=Size(), metavar="SIZE", help="Without files larger than that: 500kB, 2MB, 1GiB.")
@pass_settings
def command(
    settings: Settings,
    place: str,
    recursive: bool,
    long: bool,
    full_path: bool,
    everything: bool,
    offset: int,
    limit: int,
    size_limit: int | None,
) -> None:
    """Lists a folder of a gateway, in name order.

    A file that --size-limit leaves out counts for --offset, but not for --limit.
    """
    gateway, path = gateway_and_path(settings, place)
    with gateway:
        entries = chosen(
            listed(gateway, path, recursive=recursive, everything=everything),
            offset=offset,
            limit=limit,
            size_limit=size_limit,
        )
        if settings.json:
            print_json_lists({"files": (_row(gateway, entry) for entry in entries)})
            return
        named = ((entry, _shown(gateway, entry, path, full=full_path)) for entry in entries)
        if not long:
            for _, name in named:
                print_line(name)
            return
        rows = [
            (entry.kind, size_of(entry.size) if entry.kind == "file" else "", _modified(entry), name)
            for entry, name in named
        ]
        print_table([("kind", "left"), ("size", "right"), ("modified", "left"), ("name", "left")], rows)


def listed(gateway: Gateway, path: str, *, recursive: bool, everything: bool) -> Iterator[RemoteFile]:
    """The entries of a folder, folder by folder, each in name order; a path that is a file is its own only entry."""
    if path:
        itself = gateway.stat(path)
        if itself.kind == "file":
            yield itself
            return
    for entry in gateway.ls(path):
        if not everything and _hidden(entry.name):
            continue
        yield entry
        if recursive and entry.kind == "folder":
            yield from listed(gateway, entry.path, recursive=True, everything=everything)


def chosen(
    entries: Iterable[RemoteFile], *, offset: int = 0, limit: int = 0, size_limit: int | None = None
) -> Iterator[RemoteFile]:
    """The entries after the first `offset`, without those over `size_limit` bytes, `limit` of them (0: all)."""
    small = (entry for entry in islice(entries, offset, None) if size_limit is None or entry.size <= size_limit)
    return islice(small, limit or None)


def _hidden(name: str) -> bool:
    return name.startswith(".") or name in _SHOWN_TO_NOBODY or name == MARKER or is_own_name(name)


def _shown(gateway: Gateway, entry: RemoteFile, path: str, *, full: bool) -> str:
    place = f"{gateway.name}:{_whole(gateway, entry)}" if full else _below(entry, path)
    return printable(place + ("/" if entry.kind == "folder" else ""))


def _below(entry: RemoteFile, path: str) -> str:
    """The path from the folder that was asked for; of a file that was asked for, its name."""
    folder = safe_path(path)
    return entry.name if entry.path == folder else entry.path.removeprefix(f"{folder}/")


def _whole(gateway: Gateway, entry: RemoteFile) -> str:
    """The path as one writes it after the gateway's name: that of `local` is whole from `/` on."""
    return f"/{entry.path}" if gateway.name == "local" else entry.path


def _modified(entry: RemoteFile) -> str:
    when = moment_of_ns(entry.mtime_ns)
    return "" if when is None else when[:19] + "Z"


def _row(gateway: Gateway, entry: RemoteFile) -> dict[str, Any]:
    return {
        "path": _whole(gateway, entry),
        "kind": entry.kind,
        "size": entry.size if entry.kind == "file" else None,
        "mtime": moment_of_ns(entry.mtime_ns),
    }

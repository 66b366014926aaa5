"""`datagw ls`: what stands on a place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import click
from typing_extensions import override

from datagw.cli.completing import complete_place
from datagw.cli.opening import gateway_and_path
from datagw.cli.printing import print_json_lists, print_line
from datagw.cli.settings import Command, Settings, pass_settings
from datagw.cli.units import moment_of_ns, size_of
from datagw.errors import printable
from datagw.files import safe_path

if TYPE_CHECKING:
    from datagw.files import RemoteFile
    from datagw.gateways.base import Gateway


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
@click.argument("place", metavar="GATEWAY:PATH|URL", shell_complete=complete_place)
@click.option("--recursive", "-r", is_flag=True, help="Folders below as well.")
@click.option("--long", "-l", "long", is_flag=True, help="With kind, size and modification time (UTC).")
@click.option("--full-path", is_flag=True, help="Each as GATEWAY:PATH.")
@click.option(
    "--all", "--hidden", "-a", "hidden", is_flag=True, help="Hidden names too, and those that datagw made for itself."
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
    hidden: bool,
    offset: int,
    limit: int,
    size_limit: int | None,
) -> None:
    """Lists a folder of a gateway, in name order; or tells size and time of one file, of a web address too.

    A file that --size-limit leaves out counts for --offset, but not for --limit.
    """
    from datagw.library.listing import chosen, listed, place_of

    on_the_web = re.match(r"https?://", place, re.IGNORECASE) is not None
    gateway, path = place_of(place) if on_the_web else gateway_and_path(settings, place)
    with gateway:
        entries = chosen(
            listed(gateway, path, recursive=recursive, hidden=hidden),
            offset=offset,
            limit=limit,
            size_limit=size_limit,
        )
        if settings.json:
            print_json_lists({"files": (_row(gateway, entry) for entry in entries)})
            return
        named = ((entry, _shown(gateway, entry, path, full=full_path)) for entry in entries)
        if long or on_the_web:
            _table(
                (entry.kind, size_of(entry.size) if entry.kind == "file" else "", _modified(entry), name)
                for entry, name in named
            )
            return
        for _, name in named:
            print_line(name)


def _table(rows: Iterable[Sequence[str]]) -> None:
    """Rows as they come, under their headings: the widths are known beforehand."""
    for kind, size, modified, name in chain([("kind", "size", "modified", "name")], rows):
        print_line(f"{kind:<7}  {size:>9}  {modified:<20}  {name}".rstrip())


def _shown(gateway: Gateway, entry: RemoteFile, path: str, *, full: bool) -> str:
    place = gateway.shown(entry.path) if full else _below(entry, path)
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

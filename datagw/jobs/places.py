"""`gateway:path`, the way a job file names a path on a gateway."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from datagw.gateways.paths.notation import escape
from datagw.jobs import addresses
from datagw.jobs.quantities import shown
from datagw.jobs.words import LATER, name_problem


class Place(NamedTuple):
    """A gateway's name and a path on it, still as written.

    But the path of `local:` is whole from `/` on, and that of `https:` is an address without its scheme.
    """

    gateway: str
    path: str


def place(text: object, base: Path) -> Place:
    """What `text` names; relative local paths start at `base`. Raises ValueError that says what to write."""
    if not isinstance(text, str) or not text:
        raise ValueError(f'a place is written "gateway:path"; not {shown(text)}')
    if scheme := re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", text):
        name = scheme[1].lower()
        if name in addresses.SCHEMES:
            return Place(name, addresses.path_of(name, text[scheme.end() :]))
        raise ValueError(f'`{text.partition(":")[0]}://…` is {LATER}; a place is written "gateway:path"')
    gateway, colon, path = text.partition(":")
    if not colon:
        raise ValueError(f'names no gateway; a path of this machine is written "local:{text}"')
    if gateway in addresses.SCHEMES:
        raise ValueError(f"a web address is written {gateway}://…")
    if wrong := name_problem(gateway):
        raise ValueError(f'{shown(gateway)} is no name of a gateway: {wrong}; a place is written "gateway:path"')
    return Place(gateway, _local(path, base) if gateway == "local" else path)


def _local(path: str, base: Path) -> str:
    if path == "~" or path.startswith("~/"):
        return escape(os.path.expanduser("~")) + path[1:]
    if path.startswith("/"):
        return path
    folder = str(base)
    while path == ".." or path.startswith(("../", "./")):
        head, _, path = path.partition("/")
        folder = os.path.dirname(folder) if head == ".." else folder
    return f"{escape(folder.rstrip('/'))}/{path}"

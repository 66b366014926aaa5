"""Where something is published from, or to, as Python code says it: paths, addresses, `gateway / path`."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias, cast
from urllib.parse import urlsplit

from datagw.gateways.base import Gateway
from datagw.gateways.front.at import At

Where: TypeAlias = str | Path | At
"""A path of this machine, an address (`https://…`), or a path on a gateway; globs, dates, slashes as in a job file."""

To: TypeAlias = Where | Sequence[Where] | Mapping[str, Where]
"""One destination or several; a mapping says what each copy is called."""

_LONGEST = 40


@dataclass
class Places:
    """The gateways of one call, each under a name of its own, and what is written of them in the job's table."""

    gateways: dict[str, Gateway] = field(default_factory=dict[str, Gateway])

    def written(self, where: object, called: str = "") -> str:
        """`gateway:path`, or the address. A gateway that has no name yet may be `called` so."""
        if isinstance(where, At):
            return f"{self._name(where.gateway, called)}:{where.path}"
        if isinstance(where, Path):
            folder = "/" if where.expanduser().is_dir() else ""
            return f"local:{where}{folder}"
        if not isinstance(where, str) or not where:
            raise ValueError(f'a place is a path, an address, or gateway / "path"; not {where!r}')
        if where.startswith("local:") or re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", where):
            return where
        if ":" not in where.partition("/")[0]:
            return f"local:{where}"
        raise ValueError(f'{where!r} names no gateway that there is here: write gateway / "path", or "./{where}"')

    def _name(self, gateway: Gateway, called: str) -> str:
        known = next((name for name, one in self.gateways.items() if one is gateway), None)
        if known is not None:
            return known
        name = gateway.name if gateway.name != gateway.type else called or _own_name(gateway)
        if name in self.gateways or name in ("local", "http", "https"):
            name = f"{name}-{digest_of(gateway.place)[:6]}"
        while name in self.gateways:
            name += "-2"
        self.gateways[name] = gateway
        return name


def destinations(to: object) -> list[tuple[str, object]]:
    """Each destination with what its copy is called, `""` where nobody said."""
    if isinstance(to, Mapping):
        return list(cast("Mapping[str, object]", to).items())
    if isinstance(to, Sequence) and not isinstance(to, str):
        return [("", one) for one in cast("Sequence[object]", to)]
    return [("", to)]


def digest_of(*texts: str) -> str:
    """SHA-256 over texts, in hexadecimal digits."""
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogateescape")).hexdigest()


def slug(text: str, otherwise: str) -> str:
    """`text` as a part of a name: letters, digits and `-`, beginning with a letter."""
    found = re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[:_LONGEST].strip("-")
    return found if found[:1].isalpha() else f"{otherwise}-{found}".strip("-")


def folder_name(path: str) -> str:
    """The last name of a path before its first date or glob."""
    fixed = re.split(r"[%*?\[{]", path, maxsplit=1)[0]
    names = [name for name in fixed.split("/") if name]
    return names[-1] if names else ""


def _own_name(gateway: Gateway) -> str:
    """A name that tells people which place it is: its host, bucket or folder."""
    for key in ("host", "bucket", "url"):
        told = str(getattr(gateway, key, None) or "")
        if told:
            return slug(urlsplit(told).hostname or told, gateway.type)
    return slug(f"{gateway.type}-{os.path.basename(gateway.root.rstrip('/'))}", gateway.type)

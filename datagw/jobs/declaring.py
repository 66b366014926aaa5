"""`[gateways.NAME]`: a table as the gateway it declares."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from datagw import gateways
from datagw.errors import ConfigError
from datagw.gateways.base import Gateway
from datagw.jobs.addresses import SCHEMES
from datagw.jobs.complaints import complaints
from datagw.jobs.problems import nearest_word
from datagw.jobs.quantities import duration, octal, shown
from datagw.jobs.report import Report
from datagw.jobs.words import LATER, LATER_IN_A_GATEWAY, LATER_TYPES

_QUANTITIES: Mapping[str, Callable[[object], float]] = {
    "mode": octal,
    "timeout": lambda text: duration(text).total_seconds(),
}
_PATHS = ("private_key", "known_hosts", "ca_file", "client_cert", "client_key")
"""Paths on this machine: relative ones start at the job file, as secret files and local roots do."""


def declared(name: str, given: object, base: Path, report: Report, timezone: str = "UTC") -> Gateway | None:
    """The gateway; None, and a word in the report, if something is wrong with it. `timezone` is for times of day."""
    path = ("gateways", name)
    known = ", ".join(gateways.kinds())
    if not isinstance(given, dict):
        report.add(path, "is a table", f"[gateways.{name}]")
        return None
    table = dict(cast("dict[str, Any]", given))
    kind: object = table.pop("type", None)
    if name == "local":
        report.add(path, "`local` needs no declaration", "another name, with a root, makes a gateway of a folder")
    elif name in SCHEMES:
        report.add(path, f"`{name}://…` needs no declaration", "another name, with a url, makes a gateway of a server")
    elif kind is None:
        report.add((*path, "type"), "is required", f"there are {known}")
    elif isinstance(kind, str) and kind in gateways.kinds():
        return _made(kind, name, table, {"base": base, "timezone": timezone}, report)
    elif kind in LATER_TYPES:
        report.add((*path, "type"), f"{kind} is {LATER}", f"there are {known}")
    else:
        hint = nearest_word(str(kind), gateways.kinds()) or f"there are {known}"
        report.add((*path, "type"), f"there is no type {shown(kind)}", hint)
    return None


def _made(kind: str, name: str, table: dict[str, Any], context: dict[str, Any], report: Report) -> Gateway | None:
    path = ("gateways", name)
    before = len(report.found)
    for key in _QUANTITIES.keys() & table.keys():
        if key == "mode" or isinstance(table[key], list) or _has_unit(table[key]):
            try:
                table[key] = _QUANTITIES[key](table[key])
            except ValueError as error:
                report.add((*path, key), str(error))
                del table[key]
    for key in (*_PATHS, *(["root"] if kind == "local" else [])):
        if isinstance(table.get(key), str) and table[key]:
            table[key] = os.path.join(context["base"], os.path.expanduser(table[key]))
    try:
        model = gateways.load(kind)
    except ConfigError as error:
        report.add((*path, "type"), str(error))
        return None
    try:
        made = model.model_validate(table, context=context).using(name=name)
    except ValidationError as error:
        for complaint in complaints(error, model, {"": LATER_IN_A_GATEWAY}):
            report.add((*path, *complaint.path), complaint.message, complaint.hint)
        return None
    return made if len(report.found) == before and not report.in_doubt(*path) else None


def _has_unit(value: object) -> bool:
    return isinstance(value, str) and not value.replace(".", "").isdigit()

"""Job files as one set of tables: found, read, merged, and the environment filled in."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from datagw.errors import ConfigError
from datagw.jobs.environment import filled
from datagw.jobs.report import Report
from datagw.jobs.syntax import parse
from datagw.jobs.words import LATER, LATER_TABLES, folded, name_problem

type_of_table = dict[str, Any]
DEFAULT = "jobs.toml"


@dataclass
class Tables:
    """What all files say together. `unread` says that a file with `[main]` or `[defaults]` could not be read."""

    main: type_of_table = field(default_factory=dict[str, Any])
    defaults: type_of_table = field(default_factory=dict[str, Any])
    gateways: dict[str, Any] = field(default_factory=dict[str, Any])
    jobs: dict[str, type_of_table] = field(default_factory=dict[str, type_of_table])
    unread: bool = False


def find(path: Path | None, env: Mapping[str, str]) -> tuple[tuple[Path, ...], Path]:
    """The job files and the folder that relative paths start at.

    `path`, else `DATAGW_JOBS`, else `jobs.toml` here; a folder means every `*.toml` in it. Raises ConfigError where
    there is none.
    """
    asked = path or Path(os.path.expanduser(env.get("DATAGW_JOBS") or DEFAULT))
    try:
        if asked.is_dir():
            found = tuple(sorted(one for one in asked.glob("*.toml") if not one.name.startswith(".")))
            if not found:
                raise ConfigError(f"there is no *.toml in the folder {asked}; `datagw init` writes a job file")
            return found, asked.absolute()
        if asked.exists():
            return (asked,), asked.absolute().parent
    except OSError as error:
        raise ConfigError(f"the job file {asked} cannot be reached: {error.strerror}") from error
    raise ConfigError(f"there is no job file {asked}; `datagw init` writes one, `-c FILE` names another")


def read(paths: tuple[Path, ...], env: Mapping[str, str], report: Report) -> Tables:
    """The tables of all files; what is wrong goes to the report. Raises ConfigError for a file that cannot be read."""
    tables = Tables()
    for path in paths:
        try:
            raw = path.read_bytes()
        except OSError as error:
            raise ConfigError(f"the job file {path} cannot be read: {error.strerror}") from error
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            before = raw[: error.start].decode("utf-8")
            at = (before.count("\n") + 1, len(before) - before.rfind("\n"))
            report.add_at(report.add_file(str(path), {}), at, (), "this is no UTF-8", "save the file as UTF-8")
            tables.unread = True
            continue
        written = parse(text)
        number = report.add_file(str(path), written.positions)
        for position, message, hint in written.mistakes:
            report.add_at(number, position, written.path_at(position[0]), message, hint)
        if written.data is None:
            tables.unread = tables.unread or re.search(r"^\s*\[\s*(main|defaults)\b", text, re.MULTILINE) is not None
        else:
            _merge(tables, written.data, number, env, report)
    _names(tables, report)
    return tables


def _merge(tables: Tables, data: type_of_table, number: int, env: Mapping[str, str], report: Report) -> None:
    for top, value in data.items():
        if not isinstance(value, dict):
            report.add((top,), "stands in no table", "a job begins with its name in brackets: [NAME]", number)
            continue
        table = cast("type_of_table", value)
        if top in LATER_TABLES:
            report.add((top,), LATER, "", number)
        elif top == "gateways":
            for name, gateway in table.items():
                _take(tables.gateways, ("gateways", name), gateway, number, env, report)
        elif top in ("main", "defaults"):
            _take({top: True} if (top,) in report.home else {}, (top,), table, number, env, report)
            if report.home[top,] == number:
                setattr(tables, top, _filled(table, (top,), env, report))
        else:
            _take(tables.jobs, (top,), table, number, env, report)


def _take(
    known: dict[str, Any], path: tuple[str, ...], value: Any, number: int, env: Mapping[str, str], report: Report
) -> None:
    if path[-1] in known:
        report.add(path, f"stands in {report.files[report.home[path]]} already", number=number)
        return
    report.home[path] = number
    known[path[-1]] = _filled(value, path, env, report)


def _filled(value: Any, path: tuple[str, ...], env: Mapping[str, str], report: Report) -> Any:
    new, wrong = filled(value, env, path)
    for at, message in wrong:
        report.add(at, message)
    report.doubtful.update(at for at, _ in wrong)
    return new


def _names(tables: Tables, report: Report) -> None:
    for prefix, names in (((), tables.jobs), (("gateways",), tables.gateways)):
        seen: dict[str, str] = {}
        for name in names:
            if wrong := name_problem(name):
                report.add((*prefix, name), wrong)
            elif folded(name) in seen:
                report.add((*prefix, name), f"is too like {seen[folded(name)]}: `-` and `_` are the same to Dagster")
            seen.setdefault(folded(name), name)

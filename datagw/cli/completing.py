"""What shells complete: names of jobs and gateways, as the job file has them at this moment, right or not.

Only its tables are read: nothing is validated, nothing imported that takes its time, no place asked.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from datagw.cli.settings import Settings

VARIABLE = "_DATAGW_COMPLETE"
"""The environment variable by which a shell asks: `bash_complete`, `zsh_complete`, `fish_complete`."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_NO_JOBS = ("main", "defaults", "gateways", "notify", "records")


def complete_job(context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """The jobs whose names begin so."""
    return _beginning({name for table in _tables(context) for name in table if name not in _NO_JOBS}, begun)


def complete_gateway(context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """The declared gateways whose names begin so."""
    return _beginning(_gateways(context), begun)


def complete_place(context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """The gateways whose names begin so, `local` among them, each with its colon."""
    return [f"{name}:" for name in _beginning({*_gateways(context), "local"}, begun)]


def _beginning(names: set[str], begun: str) -> list[str]:
    """Those that begin so, in order; without those that are no names, which a shell might obey."""
    return sorted(name for name in names if _NAME.fullmatch(name) and name.startswith(begun))


def _gateways(context: click.Context) -> set[str]:
    declared = [table.get("gateways") for table in _tables(context)]
    return {name for table in declared if isinstance(table, Mapping) for name in table}


def _tables(context: click.Context) -> Iterator[dict[str, Any]]:
    """The tables of each job file; of one that cannot be read none, for nobody can be told while a name is typed."""
    settings = context.find_object(Settings)
    named = (settings.config if settings else None) or os.environ.get("DATAGW_JOBS") or "jobs.toml"
    path = Path(os.path.expanduser(named))
    for one in sorted(path.glob("*.toml")) if path.is_dir() else [path]:
        try:
            table = tomllib.loads(one.read_text(encoding="utf-8-sig"))
        except (OSError, ValueError):  # `datagw check` tells what is wrong
            continue
        yield {name: value for name, value in table.items() if isinstance(value, dict)}

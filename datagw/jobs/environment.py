"""`${NAME}` and `${NAME:default}` inside the strings of a job file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from datagw.jobs.positions import Path

_REFERENCE = re.compile(r"\$\$\{|\$\{(?P<inside>[^}]*)(?P<end>\}?)")
_INSIDE = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(:(?P<default>.*))?", re.DOTALL)


def filled(value: Any, env: Mapping[str, str], path: Path = ()) -> tuple[Any, list[tuple[Path, str]]]:
    """`value` with the environment filled into all of its strings, and what is wrong at which path.

    `$${` stands for `${`. A string with a mistake is left as it is written.
    """
    wrong: list[tuple[Path, str]] = []
    if isinstance(value, str):
        return _filled(value, env, path, wrong), wrong
    if isinstance(value, (dict, list)):
        done = [(key, *filled(below, env, (*path, key))) for key, below in _entries(value)]
        wrong = [problem for _, _, problems in done for problem in problems]
        return ({key: new for key, new, _ in done} if isinstance(value, dict) else [new for _, new, _ in done]), wrong
    return value, wrong


def _entries(value: Any) -> Iterator[tuple[str | int, Any]]:
    yield from cast("dict[str, Any]", value).items() if isinstance(value, dict) else enumerate(cast("list[Any]", value))


def _filled(text: str, env: Mapping[str, str], path: Path, wrong: list[tuple[Path, str]]) -> str:
    before = len(wrong)

    def fill(found: re.Match[str]) -> str:
        if found["inside"] is None:
            return "${"
        inside = _INSIDE.fullmatch(found["inside"])
        if inside is None or not found["end"]:
            wrong.append((path, "`${` begins a variable: ${NAME} or ${NAME:default}; `$${` is a literal one"))
            return ""
        name, default = inside["name"], cast("str | None", inside["default"])
        value = env.get(name, default)
        if value is None:
            wrong.append((path, f"the environment variable {name} is not set; set it, or write ${{{name}:default}}"))
            return ""
        return value

    new = _REFERENCE.sub(fill, text)
    return text if len(wrong) > before else new

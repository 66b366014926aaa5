"""The tables of a job's own code as they are written: a command, the nodes of a graph, secrets."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictStr, ValidationInfo

from datagw.gateways.secrets import Secret, TextOrSecret
from datagw.jobs.quantities import flag, period, shown
from datagw.jobs.retrying import RetriesTable
from datagw.jobs.words import name_problem

_REFERENCE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def reference(value: object) -> str:
    """`module:name`, as written for Python code; raises ValueError that shows how."""
    if isinstance(value, str) and _REFERENCE.fullmatch(value):
        return value
    hint = ""
    if isinstance(value, str) and re.fullmatch(r"\w+(\.\w+)+", value):
        module, _, name = value.rpartition(".")
        hint = f'; did you mean "{module}:{name}"?'
    raise ValueError(f'Python code is named "module:name"; not {shown(value)}{hint}')


def _arguments(value: object) -> list[str]:
    if isinstance(value, str):
        listed = ", ".join(f'"{word}"' for word in value.split())
        raise ValueError(f"no shell takes it apart: write a list, [{listed}]")  # noqa: TRY004
    words = cast("list[object]", value) if isinstance(value, list) else []
    if not words or not all(isinstance(word, str) and "\0" not in word for word in words) or not words[0]:
        raise ValueError('a command is a list of texts, as in ["script", "{file}"]')
    return cast("list[str]", words)


def _environment(value: object) -> object:
    for name in cast("dict[str, object]", value) if isinstance(value, dict) else ():
        if not _VARIABLE.fullmatch(name):
            raise ValueError(f"{shown(name)} is no name of a variable: letters, digits and `_`")
    return cast("object", value)


def _secrets(value: object, info: ValidationInfo) -> dict[str, Secret]:
    """In this table a plain text is the name of an environment variable."""
    if not isinstance(value, dict):
        raise ValueError('secrets are a table, as in { password = "VARIABLE" }')  # noqa: TRY004
    found: dict[str, Secret] = {}
    for name, given in cast("dict[str, object]", value).items():
        if isinstance(given, str) and not _VARIABLE.fullmatch(given):
            raise ValueError(f"{name}: the name of an environment variable is letters, digits and `_`")
        found[name] = Secret(env=given) if isinstance(given, str) else Secret.of(given, info)
    return found


def _nodes(value: object) -> object:
    for name in cast("dict[str, object]", value) if isinstance(value, dict) else ():
        if wrong := name_problem(name):
            raise ValueError(f"{shown(name)}: {wrong}")
    return cast("object", value)


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _as_run(value: object) -> object:
    return {"command": cast("object", value)} if isinstance(value, (str, list)) else value


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class RunTable(_Table):
    """`run`: a program that is started for the files of the source, or, without one, each time the job runs."""

    command: Annotated[list[str], BeforeValidator(_arguments)] = Field(
        description="The program and its arguments, without a shell. `{file}` is a local path, `{files}` all of a "
        "batch, `{out}` an empty folder; `{name}` `{stem}` `{suffix}` `{day:%Y-%m-%d}` are filled in, `{{` is a brace."
    )
    env: Annotated[dict[str, TextOrSecret], BeforeValidator(_environment)] = Field(
        default_factory=dict[str, TextOrSecret],
        description="Variables added to the environment: texts, or secrets.",
    )
    per: Literal["file", "batch"] = Field("file", description="One start for each file, or one for each batch.")
    timeout: Annotated[timedelta | None, BeforeValidator(period)] = Field(
        None, description='The time that one start may take: `"10m"`.'
    )


class NodeTable(_Table):
    """`[JOB.nodes.NAME]`: one function of a job's graph."""

    run: Annotated[str, BeforeValidator(reference)] = Field(
        description='`"module:function"`; it takes `event`, and what it returns is the event of the next ones.'
    )
    after: Annotated[list[StrictStr], BeforeValidator(_as_list)] = Field(
        default_factory=list[str], description="The nodes that come before."
    )
    each: Annotated[bool, BeforeValidator(flag)] = Field(
        False, description="Run it once for each item of the list that the node before it returns."
    )
    payload: dict[str, Any] = Field(default_factory=dict[str, Any], description="Added to the event of this node.")
    retries: RetriesTable | None = Field(None, description="Of this function, when it raises. Default: none.")
    timeout: Annotated[timedelta | None, BeforeValidator(period)] = Field(
        None, description='The time that one call may take: `"10m"`.'
    )


References = Annotated[str | None, BeforeValidator(reference)]
Secrets = Annotated[dict[str, Secret], BeforeValidator(_secrets)]
Nodes = Annotated[dict[str, NodeTable], BeforeValidator(_nodes)]
Run = Annotated[RunTable | None, BeforeValidator(_as_run)]

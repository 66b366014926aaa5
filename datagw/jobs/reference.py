"""The tables of keys in `docs/job-file.md`, made of the models.

`python -m datagw.jobs.reference docs/job-file.md` brings the page up to date.
"""

from __future__ import annotations

import re
import sys
from datetime import timedelta
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from datagw import gateways
from datagw.gateways.base import Gateway
from datagw.jobs.own_code import NodeTable, RunTable
from datagw.jobs.quantities import spelled
from datagw.jobs.retrying import RetriesTable
from datagw.jobs.tables import CopyTable, JobTable, MainTable, SourceTable

_BLOCK = re.compile(r"(<!-- keys of (?P<name>[\w ]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_DEFAULT = re.compile(r" ?Default: (?P<default>.+?)\.?\Z")


def current(page: str) -> str:
    """The page with each block between `<!-- keys of NAME -->` and `<!-- end -->` as the models have it now.

    Where gateways have blocks, one that has none gets it, behind the last of them.
    """
    tables = _tables()
    known = [block for block in _BLOCK.finditer(page) if block["name"] in gateways.kinds()]
    lacking = {*gateways.kinds()} - {block["name"] for block in known} if known else set[str]()
    new = "".join(_section(kind) for kind in sorted(lacking))
    page = page[: known[-1].end()] + new + page[known[-1].end() :] if new else page
    return _BLOCK.sub(lambda block: f"{block[1]}{tables[block['name']]}{block[3]}", page)


def _section(kind: str) -> str:
    says = (gateways.load(kind).__doc__ or "").partition("\n")[0]
    return (
        f'\n\n### `type = "{kind}"`\n\n{says} More in [{kind}.md]({kind}.md).\n\n<!-- keys of {kind} -->\n<!-- end -->'
    )


def _tables() -> dict[str, str]:
    found = {
        "main": _table(MainTable),
        "a job": _table(JobTable),
        "source": _table(SourceTable),
        "to": _table(CopyTable),
        "retries": _table(RetriesTable),
        "run": _table(RunTable),
        "a node": _table(NodeTable),
        "every gateway": _table(Gateway),
    }
    for kind in gateways.kinds():
        model = gateways.load(kind)
        own = {key: field for key, field in model.model_fields.items() if not _is_common(key, field)}
        found[kind] = _rows(own) if own else "None but those of every gateway.\n"
    return found


def _is_common(key: str, field: FieldInfo) -> bool:
    common = Gateway.model_fields.get(key)
    return common is not None and (common.default, common.description) == (field.default, field.description)


def _table(model: type[BaseModel]) -> str:
    return _rows(model.model_fields)


def _rows(fields: dict[str, FieldInfo]) -> str:
    rows = ["| key | default | meaning |", "| --- | --- | --- |"]
    for key, field in fields.items():
        meaning = (field.description or "").replace("|", "\\|")
        default = _written(field)
        if found := _DEFAULT.search(meaning):
            meaning, default = meaning[: found.start()], found["default"]
        rows.append(f"| `{key}` | {default} | {meaning} |")
    return "\n".join(rows) + "\n"


def _written(field: FieldInfo) -> str:
    """The default as a job file writes it."""
    if field.is_required():
        return "required"
    value: object = field.default
    if value is PydanticUndefined:
        return {list: "`[]`", dict: "`{}`"}.get(_kind(field), "see there")
    return "none" if value is None else f"`{_toml(value)}`"


def _kind(field: FieldInfo) -> type:
    made: object = field.get_default(call_default_factory=True, validated_data={})
    return type(made)


def _toml(value: object) -> str:
    if isinstance(value, BaseModel):
        return "{ " + ", ".join(f"{key} = {_toml(inner)}" for key, inner in value) + " }"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, timedelta):
        return f'"{spelled(value)}"'
    return f'"{value}"' if isinstance(value, str) else str(value)


def main(arguments: list[str]) -> None:
    """Rewrites the pages that are named."""
    for name in arguments:
        page = Path(name)
        page.write_text(current(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])

"""The JSON Schema of a job file (draft 2020-12), made of the models, for editors that complete and check as one types.

It knows keys, forms and words. What belongs together, and what the environment says, `datagw check` knows alone.
`python -m datagw.jobs.schema docs/jobs.schema.json` brings the file up to date.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema
from typing_extensions import override

from datagw import gateways
from datagw.jobs.addresses import SCHEMES
from datagw.jobs.forms import AROUND, FILLED, FLAG, FORMS, LENGTH, NAME, OCTAL, PACE, SECRET, one_of, type_of_schema
from datagw.jobs.quantities import spelled
from datagw.jobs.tables import JobTable, MainTable

FILE_NAME = "jobs.schema.json"

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_OF_A_GATEWAY: dict[str, type_of_schema] = {
    "bandwidth": PACE,
    "mode": OCTAL,
    "timeout": {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, LENGTH]},
}
"""Settings that a job file may write in other forms than code."""


def text() -> str:
    """The schema as a file holds it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def schema() -> type_of_schema:
    """The schema of a whole job file: `[main]`, `[defaults]`, `[gateways.NAME]`; every other table is a job."""
    found: type_of_schema = {"secret": SECRET}
    main, job = _of(MainTable, found), _of(JobTable, found)
    job.pop("required", None)  # own code needs no source, and what is missing may stand in [defaults]
    kinds = [_of_gateway(kind, found) for kind in gateways.kinds()]
    found["job"] = job
    names = {"pattern": NAME["pattern"], "maxLength": NAME["maxLength"], "not": {"enum": ["local", *SCHEMES]}}
    return {
        "$schema": _DRAFT,
        "title": "A job file of datagw",
        "type": "object",
        "properties": {
            "main": main,
            "defaults": {
                "description": "Keys of a job, for every job that does not have them itself.",
                "allOf": [{"$ref": "#/$defs/job"}],
                "not": {"required": ["source"]},
            },
            "gateways": {
                "description": "Places, by name.",
                "type": "object",
                "propertyNames": names,
                "additionalProperties": {
                    "description": "A place.",
                    "type": "object",
                    "properties": {"type": {"enum": list(gateways.kinds())}},  # told by itself where it is no such word
                    "required": ["type"],
                    "oneOf": kinds,
                },
            },
        },
        "propertyNames": NAME,
        "additionalProperties": {"$ref": "#/$defs/job"},
        "$defs": dict(sorted(found.items())),
    }


def _of_gateway(kind: str, found: type_of_schema) -> type_of_schema:
    model = gateways.load(kind)
    made = _of(model, found)
    for key, form in _OF_A_GATEWAY.items():
        kept = {
            name: made["properties"][key][name]
            for name in ("description", "default")
            if name in made["properties"][key]
        }
        made["properties"][key] = {**kept, **form}
    which = {"description": "The protocol that this gateway speaks.", "const": kind}
    made["properties"] = {"type": which, **made["properties"]}
    made["required"] = ["type", *made.get("required", [])]
    found[f"gateway_{kind}"] = made
    return {"$ref": f"#/$defs/gateway_{kind}"}


def _of(model: type[BaseModel], found: type_of_schema) -> type_of_schema:
    """The schema of a model; those of the tables in it go to `found`."""
    made = _referring(model.model_json_schema(schema_generator=_Forms))
    found.update(made.pop("$defs", {}))
    made["description"] = (model.__doc__ or "").partition("\n")[0]
    return made


def _referring(value: Any) -> Any:
    """The same, with the form of secrets written once."""
    if isinstance(value, dict):
        given = cast("dict[str, Any]", value)
        if given.get("properties") == SECRET["properties"]:
            own = {key: given[key] for key in given if given[key] != SECRET.get(key)}
            return {"$ref": "#/$defs/secret", **own}
        return {key: _referring(inner) for key, inner in given.items()}
    return [_referring(inner) for inner in cast("list[Any]", value)] if isinstance(value, list) else value


class _Forms(GenerateJsonSchema):
    """What may be written, in the place of what the models hold once it is read."""

    @override
    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        name = _name_of(schema["function"]["function"])
        if name in FORMS:
            return dict(FORMS[name])
        inner = self.generate_inner(schema["schema"])
        return AROUND[name](inner) if name in AROUND else _unknown(name)

    @override
    def function_plain_schema(self, schema: core_schema.PlainValidatorFunctionSchema) -> JsonSchemaValue:
        name = _name_of(schema["function"]["function"])
        return dict(FORMS[name]) if name in FORMS else _unknown(name)

    @override
    def literal_schema(self, schema: core_schema.LiteralSchema) -> JsonSchemaValue:
        return one_of(schema["expected"])

    @override
    def bool_schema(self, schema: core_schema.BoolSchema) -> JsonSchemaValue:
        return dict(FLAG)

    @override
    def int_schema(self, schema: core_schema.IntSchema) -> JsonSchemaValue:
        return _or_variable(super().int_schema(schema), "[0-9]+")

    @override
    def float_schema(self, schema: core_schema.FloatSchema) -> JsonSchemaValue:
        return _or_variable(super().float_schema(schema), "[0-9]+([.][0-9]+)?")

    @override
    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])  # TOML has no null: what is not said is left out

    @override
    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        inner = self.generate_inner(schema["schema"])
        default: object = schema.get("default")
        return inner if default is None else {**inner, "default": _written(default)}

    @override
    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        made = super().model_schema(schema)
        made.pop("title", None)
        return made

    @override
    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _name_of(function: Callable[..., Any]) -> str:
    return function.__qualname__


def _unknown(name: str) -> JsonSchemaValue:
    raise LookupError(f"datagw/jobs/forms.py does not say what a job file may write for the validator {name}")


def _or_variable(form: JsonSchemaValue, pattern: str) -> JsonSchemaValue:
    return {**form, "type": [form["type"], "string"], "pattern": f"^{pattern}$|{FILLED}"}


def _written(value: object) -> object:
    """A default as a job file writes it."""
    if isinstance(value, BaseModel):
        return {key: _written(inner) for key, inner in value if inner is not None}
    if isinstance(value, dict):
        return {key: _written(inner) for key, inner in cast("dict[str, object]", value).items()}
    return spelled(value) if isinstance(value, timedelta) else value


def main(arguments: list[str]) -> None:
    """Rewrites the files that are named."""
    for name in arguments:
        Path(name).write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])

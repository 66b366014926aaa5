"""The forms in which a job file writes what validators turn into values, as JSON Schema (draft 2020-12).

A form stands under the name of its validator; `schema.py` puts it in the place of what the model holds afterwards.
Wherever a text may stand, so may `${NAME}`, which is filled in before anything is looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from datagw.jobs.words import LATER_TABLES, WHEN

type_of_schema = dict[str, Any]

FILLED = r"\$\{"
"""A text with a variable in it: what it will be is not known yet."""
NAME: type_of_schema = {
    "pattern": "^[A-Za-z][A-Za-z0-9_-]*$",
    "maxLength": 60,
    "not": {"enum": sorted(LATER_TABLES)},
}
"""The names that jobs may have."""

_CRON = r"\s*(@(hourly|daily|midnight|weekly|monthly|yearly|annually)|[0-9A-Za-z*/,-]+(\s+[0-9A-Za-z*/,-]+){4})\s*"
_LENGTH = r"\s*([0-9]+([.][0-9]+)?\s*(ms|s|m|h|d)\s*)+"
_BYTES = r"\s*[0-9]+([.][0-9]+)?\s*([kKMGT]i?)?B\s*"
_VARIABLE = "[A-Za-z_][A-Za-z0-9_]*"


def text(pattern: str = "", *examples: str) -> type_of_schema:
    """A text that matches as a whole, once its variables are filled in."""
    form: type_of_schema = {"type": "string"}
    if pattern:
        form["pattern"] = f"^({pattern})$|{FILLED}"
    return {**form, "examples": list(examples)} if examples else form


def one_of(words: tuple[object, ...] | list[object]) -> type_of_schema:
    """One of some words, or a variable."""
    return {"anyOf": [{"enum": list(words)}, {"type": "string", "pattern": FILLED}]}


def _one_or_several(inner: type_of_schema) -> type_of_schema:
    return {"anyOf": [inner["items"], inner]}


def _named(inner: type_of_schema) -> type_of_schema:
    return {**inner, "propertyNames": NAME}


def _place_or_addresses(inner: type_of_schema) -> type_of_schema:
    """The table of a source, which has a place or the addresses of files."""
    without = {key: value for key, value in inner.items() if key != "required"}
    return {**without, "anyOf": [{"required": ["at"]}, {"required": ["urls"]}]}


LENGTH = text(_LENGTH, "500ms", "10s", "1h30m", "180d")
RATE: type_of_schema = {"anyOf": [{"type": "integer", "minimum": 1}, text(_BYTES + r"/s\s*", "2MB/s", "500KiB/s")]}
_ENTRY = r"\s*([01][0-9]|2[0-3]):[0-5][0-9]\s+(off|" + _BYTES + r"/s)\s*"
PACE: type_of_schema = {
    "anyOf": [
        *RATE["anyOf"],
        {"type": "array", "minItems": 1, "items": text(_ENTRY, "08:00 2MB/s", "20:00 off")},
    ]
}
"""A rate, or a timetable of rates."""
OCTAL = text("(0o?)?[0-7]{3,4}", "0640", "0755")
FLAG: type_of_schema = {"type": ["boolean", "string"], "pattern": f"^(true|false)$|{FILLED}"}

_SIZE: type_of_schema = {"anyOf": [{"type": "integer", "minimum": 0}, text(_BYTES, "500kB", "2MB", "1GiB")]}
_PLACE = text(
    "[A-Za-z][A-Za-z0-9_-]*:.*", "local:incoming/", "local:readings/%Y%m%d/", "institute:readings/%Y%m%d/*.csv"
)
_FOLDER = text("[A-Za-z][A-Za-z0-9_-]*:.*/", "local:done/", "institute:done/")
_REFERENCE = text(rf"{_VARIABLE}([.]{_VARIABLE})*:{_VARIABLE}", "mine:report", "mypackage.pipelines:MyPipeline")
_COPY_NAME: type_of_schema = {**text("[A-Za-z][A-Za-z0-9_-]*"), "maxLength": 60}
_REGEX = {"type": "string", "format": "regex"}
_ADDRESS: type_of_schema = {"type": "string", "minLength": 1}
SECRET: type_of_schema = {
    "description": "A reference to a secret; the value itself does not stand in the file.",
    "type": "object",
    "properties": {
        "env": {"type": "string", "minLength": 1, "description": "Name of an environment variable."},
        "file": {"type": "string", "minLength": 1, "description": "Path of a file."},
    },
    "additionalProperties": False,
    "minProperties": 1,
    "maxProperties": 1,
    "examples": [{"env": "INSTITUTE_PASSWORD"}, {"file": "/run/secrets/institute"}],
}
_COMMAND: type_of_schema = {
    "type": "array",
    "items": {"type": "string"},
    "minItems": 1,
    "examples": [["./load.sh", "{file}"], ["convert", "{file}", "{out}/{name}"]],
}

FORMS: dict[str, type_of_schema] = {
    "duration": LENGTH,
    "period": LENGTH,
    "size": _SIZE,
    "rate": RATE,
    "_bandwidth": PACE,
    "_pace": PACE,
    "flag": FLAG,
    "octal": OCTAL,
    "_octal": OCTAL,
    "_timezone": text("", "Europe/Paris", "UTC"),
    "_when": {"anyOf": [{"enum": list(WHEN)}, text(_CRON, "15 2 * * *", "*/10 * * * *", "@hourly")]},
    "_source_place": _PLACE,
    "_copy_place": _PLACE,
    "_folder_place": _FOLDER,
    "_regex": _REGEX,
    "_dated_regex": text("", r"^%Y%m%d-(\.txt|\.csv)$"),
    "_start": {"anyOf": [{"const": "first"}, text("[0-9]{4}-[0-9]{2}-[0-9]{2}", "2026-01-31")]},
    "_marker": {"type": ["boolean", "string"], "pattern": "^[^/]+$", "examples": [False, ".do-not-touch"]},
    "_copy_name": _COPY_NAME,
    "_owner": text("team:.+|[^@]+@[^@]+", "team:data", "somebody@example.org"),
    "_tags": {"type": "object", "additionalProperties": {"type": "string"}, "examples": [{"topic": "weather"}]},
    "_path": text("", ".", "data.files"),
    "_names": {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {"type": "string"},
        "examples": [{"Stock_utf8.zip": "stock.zip"}],
    },
    "_urls": {
        "anyOf": [
            {"type": "array", "items": _ADDRESS, "minItems": 1},
            {"type": "object", "additionalProperties": _ADDRESS, "minProperties": 1},
        ],
        "examples": [["https://a.example.org/x.zip"], {"z.zip": "https://a.example.org/x.zip"}],
    },
    "reference": _REFERENCE,
    "_arguments": _COMMAND,
    "Secret.of": SECRET,
    "_text_or_secret": {"anyOf": [{"type": "string"}, SECRET]},
    "_secrets": {
        "type": "object",
        "additionalProperties": {"anyOf": [text(_VARIABLE, "INSTITUTE_PASSWORD"), SECRET]},
    },
}
"""Forms that hold whatever the model has behind them."""

AROUND: dict[str, Callable[[type_of_schema], type_of_schema]] = {
    "_as_table": lambda inner: {"anyOf": [_PLACE, inner]},
    "_as_list": _one_or_several,
    "_as_run": lambda inner: {"anyOf": [_COMMAND, inner]},
    "_nodes": _named,
    "_environment": lambda inner: {**inner, "propertyNames": {"pattern": f"^{_VARIABLE}$"}},
    "Ftps._implicit_tls_has_its_own_port": lambda inner: inner,
    "SourceTable._has_a_place": _place_or_addresses,
    "DataSets._are_ids_or_tables": lambda inner: {
        **inner,
        "additionalProperties": {"anyOf": [{"type": "string"}, inner["additionalProperties"]]},
    },
}
"""Forms beside the one that the model has: a short one, one element in the place of a list."""

"""What pydantic finds wrong, in the words of the job file. No input is ever shown: it may be a secret."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from datagw.jobs.positions import Path
from datagw.jobs.problems import nearest_word
from datagw.jobs.words import unknown_key

_WORDS = {
    "missing": "is required",
    "string_type": "is a text in quotes",
    "string_too_short": "is not empty",
    "int_type": "is a whole number",
    "int_parsing": "is a whole number",
    "int_from_float": "is a whole number",
    "float_type": "is a number",
    "float_parsing": "is a number",
    "bool_type": "is true or false",
    "bool_parsing": "is true or false",
    "list_type": "is a list",
    "tuple_type": "is a list",
    "dict_type": "is a table",
    "model_type": "is a table",
    "model_attributes_type": "is a table",
    "date_type": "is a date, as in 2026-01-31",
    "path_type": "is a path in quotes",
}
_BOUNDS = {"gt": "more than", "ge": "at least", "lt": "less than", "le": "at most"}


@dataclass(frozen=True)
class Complaint:
    """A mistake at a path of a table."""

    path: Path
    message: str
    hint: str = ""


def complaints(error: ValidationError, model: type[BaseModel], later: Mapping[str, frozenset[str]]) -> list[Complaint]:
    """The mistakes in a table that `model` refused. `later`: words of later versions, by the key they stand under."""
    return [_complaint(detail, model, later) for detail in error.errors(include_url=False)]


def _complaint(detail: ErrorDetails, model: type[BaseModel], later: Mapping[str, frozenset[str]]) -> Complaint:
    path, kind, context = detail["loc"], detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        outer = next((str(part) for part in reversed(path[:-1]) if isinstance(part, str)), "")
        return Complaint(path, *unknown_key(str(path[-1]), _keys(model, path[:-1]), later.get(outer, frozenset())))
    if kind == "value_error":
        return Complaint(path, str(context["error"]))
    if kind == "literal_error":
        return Complaint(path, *_choice(str(context["expected"]), detail["input"]))
    for bound, words in _BOUNDS.items():
        if bound in context:
            return Complaint(path, f"is {words} {context[bound] or 0}")
    return Complaint(path, _WORDS.get(kind, detail["msg"]))


def _choice(expected: str, given: object) -> tuple[str, str]:
    words = [word.strip("'") for part in expected.split(", ") for word in part.split(" or ")]
    quoted = " or ".join(f'"{word}"' for word in words)
    return f"is {quoted}", nearest_word(given, words) if isinstance(given, str) else ""


def _keys(model: type[BaseModel], path: Path) -> Iterable[str]:
    """The keys of the table at `path` below `model`."""
    for part in path:
        if isinstance(part, str) and part in model.model_fields:
            model = _inner(model.model_fields[part].annotation) or model
    return model.model_fields


def _inner(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _inner(part)) is not None), None)

"""What the page of a resource is to say, and where a link leads: texts of the job file, filled in for one file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, field_validator

from datagw.errors import Denied
from datagw.gateways.paths.notation import CODES
from datagw.gateways.paths.templates import split_name

type_of_language = Literal["fr", "en"]
_Schema = dict[Literal["name", "version", "url"], str]

_MOST = 350  # characters of a title
_PIECE = re.compile(r"\{\{|\}\}|\{([^{}:]*)(?::([^{}]*))?\}|[{}]")
_CODE = re.compile(r"%(.?)")
_FIELDS = ("name", "stem", "suffix", "path")
_MONTHS = "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split()
_DAYS = "lundi mardi mercredi jeudi vendredi samedi dimanche".split()


def _checked(text: str) -> str:
    """The text, if it can be filled in; ValueError says what to write."""
    for piece in _PIECE.finditer(text):
        field, form = piece[1], piece[2]
        if piece[0] in ("{{", "}}"):
            continue
        if field in ("day", "date") and form and all(code in (*CODES, "%") for code in _CODE.findall(form)):
            continue
        if field not in _FIELDS or form is not None:
            known = ", ".join(f"{{{name}}}" for name in _FIELDS)
            raise ValueError(f"`{piece[0]}` is not known; there are {known}, {{day:%d/%m/%Y}}, {{date:%d %B %Y}}")
    return text


class Fields(BaseModel):
    """The fields of a resource, named as in the API; what is left out stays as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    title: str | None = None
    type: Literal["main", "documentation", "update", "api", "code", "other"] | None = None
    description: str | None = None
    schema_: str | _Schema | None = Field(default=None, alias="schema")
    extras: dict[str, str | int | float | bool] = Field(default_factory=dict[str, "str | int | float | bool"])

    @field_validator("title", "description")
    @classmethod
    def _can_be_filled(cls, value: str | None) -> str | None:
        return None if value is None else _checked(value)

    def over(self, general: Fields) -> Fields:
        """These fields where they say something, else the general ones."""
        said = self.model_dump(by_alias=True, exclude_none=True, exclude={"extras", "id"})
        whole = {**general.model_dump(by_alias=True), **said, "extras": {**general.extras, **self.extras}}
        return Fields.model_validate(whole)


class Known(Fields):
    """One resource that is there, by its id, and what its page is to say."""

    id: str | None = None

    @field_validator("id")
    @classmethod
    def _is_one(cls, value: str | None) -> str | None:
        return None if value is None else checked_id(value)


_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def checked_id(value: str) -> str:
    """The id of a resource in small letters; ValueError where it is none."""
    if not is_id(value):
        raise ValueError('the id of a resource is written "d2ac0f0e-1e4f-4f6b-9a52-2c5f0a4b6f3d"')
    return value.lower()


def is_id(text: str) -> bool:
    """Whether it can be the id of a resource."""
    return _ID.fullmatch(text.lower()) is not None


class Filling:
    """What texts are filled in with: the path of a file in its data set, its name, its day, the day of publishing."""

    def __init__(self, path: str, name: str, day: date | None, today: date, language: type_of_language) -> None:
        stem, suffix = split_name(name)
        self._fields = {"name": name, "stem": stem, "suffix": suffix, "path": path}
        self._days = {"day": day, "date": today}
        self._language = language

    def text(self, text: str) -> str:
        """Filled in; Denied where it needs the day of a job that has none."""
        return _PIECE.sub(lambda piece: self._piece(piece, str), text)

    def address(self, text: str) -> str:
        """As `text`, with names written as in a URL."""
        return _PIECE.sub(lambda piece: self._piece(piece, _quoted), text)

    def _piece(self, piece: re.Match[str], written: Callable[[str], str]) -> str:
        if piece[0] in ("{{", "}}"):
            return piece[0][0]
        if piece[1] in self._fields:
            return written(self._fields[piece[1]])
        given = self._days[piece[1]]
        if given is None:
            raise Denied(f"`{piece[0]}` needs a job with days")
        return _CODE.sub(lambda code: "%" if code[1] == "%" else self._date(code[1], given), piece[2])

    def _date(self, code: str, day: date) -> str:
        if self._language == "fr" and code in "AaBb":
            word = _MONTHS[day.month - 1] if code in "Bb" else _DAYS[day.weekday()]
            return word if code in "AB" else word[:4]
        return CODES[code](day)


def _quoted(text: str) -> str:
    return quote(text, errors="surrogateescape")


def checked_address(value: str) -> str:
    """The address of a link, to be filled in for each file; ValueError says what to write."""
    _checked(value)
    if not re.match(r"https?://[^\s/@{}]+/", value):
        raise ValueError('is a web address for each file, as in "https://files.example.org/stocks/{name}"')
    if not re.search(r"\{(name|stem|path)\}", value):
        raise ValueError("is the same for every file: it lacks {name} or {path}")
    return value


def wanted(fields: Fields, filling: Filling) -> dict[str, Any]:
    """The fields as the API takes them; `title` only where one is given."""
    found: dict[str, Any] = {"type": fields.type, "description": None, "title": None, "schema": _schema(fields.schema_)}
    for key, text in (("title", fields.title), ("description", fields.description)):
        found[key] = None if text is None else filling.text(text)
    said = {key: value for key, value in found.items() if value is not None}
    if "title" in said:
        said["title"] = as_title(said["title"])
    return {**said, "extras": dict(fields.extras)}


def _schema(given: str | Mapping[Any, str] | None) -> dict[str, str | None] | None:
    if given is None:
        return None
    if isinstance(given, str):
        given = {"url" if given.startswith(("https://", "http://")) else "name": given}
    return {key: given.get(key) for key in ("name", "url", "version")}


def as_title(text: str) -> str:
    """A text as a title can be: one line, not empty, not too long."""
    line = " ".join(text.encode("utf-8", "replace").decode("utf-8").split())
    return "".join(char if char.isprintable() else "?" for char in line)[:_MOST] or "-"

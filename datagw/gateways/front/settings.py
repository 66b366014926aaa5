"""The settings that every gateway has, and how they may be written."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationInfo, field_validator

from datagw.gateways.front.timetables import Pace, dumped, pace, pace_of_dump


def _octal(value: object) -> object:
    if isinstance(value, str):
        try:
            return int(value, 8)
        except ValueError:
            raise ValueError('a mode is written in octal, as in "0640"') from None
    return value


def _pace(value: object, info: ValidationInfo) -> Pace | None:
    if isinstance(value, str) and value.isdigit():
        return pace(int(value))
    if isinstance(value, dict) and not info.context:  # no job file, but what was read from one
        return pace_of_dump(cast("dict[str, object]", value))
    return pace(cast("object", value), cast("dict[str, Any]", info.context or {}).get("timezone", "UTC"))


if TYPE_CHECKING:
    Bandwidth: TypeAlias = Any  # a text or a list may go in, a Pace comes out: no annotation of a field says both
else:
    Bandwidth = Annotated[Pace | None, BeforeValidator(_pace), PlainSerializer(dumped)]
Mode = Annotated[int, BeforeValidator(_octal), Field(ge=0, le=0o7777)]


class Settings(BaseModel):
    """What a gateway is made of: keyword arguments. In paths on this machine `~` is the home folder."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True)

    root: str = Field(default="", description="Folder that all paths of this gateway start at; it must exist.")
    timeout: float = Field(
        default=30, gt=0, description="Seconds without an answer until the place counts as unreachable."
    )
    connections: int = Field(default=1, ge=1, le=64, description="Connections in flight at once within a run.")
    bandwidth: Bandwidth = Field(
        default=None,
        description='At most: `"2MB/s"`, or bytes per second; or by the time of day, `["08:00 2MB/s", "20:00 off"]`, '
        "in the time zone of `[main]`.",
    )
    mode: Mode | None = Field(
        default=None, description="Permissions of published files, in octal; else the place's default."
    )

    @field_validator("ca_file", "client_cert", "client_key", check_fields=False)
    @classmethod
    def _at_home(cls, value: str | None) -> str | None:
        return None if value is None else os.path.expanduser(value)

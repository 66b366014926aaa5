"""The settings that every gateway has, and how they may be written."""

from __future__ import annotations

import os
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator


def _octal(value: object) -> object:
    if isinstance(value, str):
        try:
            return int(value, 8)
        except ValueError:
            raise ValueError('a mode is written in octal, as in "0640"') from None
    return value


Mode = Annotated[int, BeforeValidator(_octal), Field(ge=0, le=0o7777)]


class Settings(BaseModel):
    """What a gateway is made of: keyword arguments. In paths on this machine `~` is the home folder."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True)

    root: str = Field(default="", description="Folder that all paths of this gateway start at; it must exist.")
    timeout: float = Field(
        default=30, gt=0, description="Seconds without an answer until the place counts as unreachable."
    )
    connections: int = Field(default=1, ge=1, le=64, description="Connections in flight at once within a run.")
    bandwidth: int | None = Field(default=None, gt=0, description="Bytes per second at most.")
    mode: Mode | None = Field(
        default=None, description="Permissions of published files, in octal; else the place's default."
    )

    @field_validator("ca_file", "client_cert", "client_key", check_fields=False)
    @classmethod
    def _at_home(cls, value: str | None) -> str | None:
        return None if value is None else os.path.expanduser(value)

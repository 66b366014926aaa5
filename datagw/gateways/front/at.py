"""A path on a gateway, in Python code: what `gateway:path` is in a job file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from typing_extensions import override

if TYPE_CHECKING:
    from datagw.gateways.base import Gateway


@dataclass(frozen=True, slots=True)
class At:
    """A path on a gateway, as `institute / "readings/%Y%m%d/"` makes it; globs, dates and `/` as in a job file."""

    gateway: Gateway
    path: str

    @override
    def __str__(self) -> str:
        return self.gateway.shown(self.path)

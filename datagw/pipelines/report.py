"""What a run of own code has to show beyond receipts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from datagw.publishing.results import DayResult


@dataclass(slots=True)
class NodeResult:
    """What became of one function of a graph; `items` counts those of `each`, `tries` how often it was called."""

    name: str
    state: Literal["done", "failed", "skipped"]
    seconds: float = 0.0
    tries: int = 0
    items: int = 0
    failed_items: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Registered:
    """A file that own code has told of: its size in bytes and SHA-256, or what went wrong with it."""

    name: str
    size: int | None = None
    sha256: str | None = None
    error: str | None = None


@dataclass(slots=True)
class Report:
    """Filled while own code runs. `metadata` holds plain JSON values."""

    nodes: list[NodeResult] = field(default_factory=list[NodeResult])
    registered: list[Registered] = field(default_factory=list[Registered])
    delivered: list[DayResult] = field(default_factory=list[DayResult])
    metadata: dict[str, object] = field(default_factory=dict[str, object])

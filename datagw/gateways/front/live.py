"""What changes while a gateway is in use: its session, and what the run lends to it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from datagw.errors import GatewayError
from datagw.gateways.front.limits import Limiter
from datagw.gateways.front.retries import RetryPolicy

if TYPE_CHECKING:
    from datagw.gateways.base import Gateway


class Session(Protocol):
    """A driver's open connection; only the driver knows what else it can do."""

    def close(self) -> None:
        """Ends the connection; never raises for one that is broken already."""


class Live:
    """What changes while a gateway is in use: its session, and what the run lends to it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.session: Any = None
        self.refused: str | None = None
        self.retries = RetryPolicy()
        self.limiters: tuple[Limiter, ...] = ()
        self.fence: Callable[[], None] = lambda: None
        self.moved: Callable[[int], None] = lambda _count: None
        self.log = logging.getLogger("datagw")
        self.hash_trusted: bool | None = None
        self.folders: set[str] = set()
        self.gaps: set[str] = set()
        self.unseen: dict[str, GatewayError] = {}  # files that the last listing named, but could not look at
        self.notes: list[str] = []  # what the last listing has to tell
        self.lanes: list[Gateway] = []

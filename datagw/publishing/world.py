"""Everything that a plan or a run needs of its surroundings, in one place, so that nothing is global."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from datagw.errors import Aborted
from datagw.gateways.base import Gateway
from datagw.gateways.front.retries import RetryPolicy
from datagw.ledger import Ledger


class Progress(Protocol):
    """Hears how far a run is. `plan` announces what is to be sent; the rest counts it down."""

    def plan(self, label: str, files: int, size: int) -> None:
        """`files` files of `size` bytes in all are about to be sent; `label` names job, day and copy."""

    def moved(self, count: int) -> None:
        """`count` more bytes have been read for sending."""

    def file_done(self) -> None:
        """One more file is proven, or has failed."""


class NoProgress:
    """Nobody is watching."""

    def plan(self, label: str, files: int, size: int) -> None:
        """Nothing."""

    def moved(self, count: int) -> None:
        """Nothing."""

    def file_done(self) -> None:
        """Nothing."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class World:
    """The surroundings of a run.

    `tmp_dir` is where this run stages (its own folder, removed by whoever made the world); `run` is the id that its
    receipts carry (Dagster's run id, or a fresh one); `should_abort` is asked at least once a second; `retries` take
    the place of the job's own, where somebody does not want to wait for them.
    """

    ledger: Ledger
    gateways: Mapping[str, Gateway]
    tmp_dir: Path
    run: str
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("datagw"))
    should_abort: Callable[[], bool] = lambda: False
    progress: Progress = field(default_factory=NoProgress)
    now: Callable[[], datetime] = _now
    retries: RetryPolicy | None = None

    def fence(self) -> None:
        """Raises Aborted once somebody has asked for the end."""
        if self.should_abort():
            raise Aborted("the run was asked to end; the next one goes on from here")

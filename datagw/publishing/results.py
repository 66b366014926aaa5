"""What a run did, per day and copy: typed, complete, and free of Dagster."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

state_of_day = Literal["published", "empty", "missing", "failed", "unfinished", "waiting"]


@dataclass(frozen=True, slots=True)
class FileRow:
    """One published file, for tables: paths on the gateways, size in bytes, what was done (`sent`, `adopted`…).

    `link` is where a person finds it; `sha256` is `""` where nobody has computed it (see `Receipt`), `content` tells
    one content from another all the same.
    """

    source: str
    destination: str
    size: int
    sha256: str
    verification: str
    done: str
    link: str = ""
    content: str = ""


@dataclass(frozen=True, slots=True)
class FileFailure:
    """One file that could not be published: what happened and, in the same sentence, what to do.

    `unanswered` names the gateway that did not answer, where that was the reason; `final` says that it would fail
    again, and that the file is the reason.
    """

    copy: str
    source: str
    error: str
    unanswered: str = ""
    final: bool = False


@dataclass(frozen=True, slots=True)
class CopyResult:
    """One copy of one day.

    `files` and `bytes` count everything that is proven there by the end, `sent_*` what moved in this run; `manifest` is
    the SHA-256 of the one file, or over the day's sorted lines `sha256  relative path`; equal for all copies, and None
    where the place was out of reach; `verification` is the weakest of its files; `rows` holds the first 100
    (all where each file is an asset's partition).
    """

    copy: str
    state: state_of_day
    files: int = 0
    bytes: int = 0
    sent_files: int = 0
    sent_bytes: int = 0
    adopted: int = 0
    skipped: int = 0
    seconds: float = 0.0
    manifest: str | None = None
    verification: str | None = None
    link: str = ""
    rows: tuple[FileRow, ...] = ()
    failures: tuple[FileFailure, ...] = ()

    @property
    def proven(self) -> bool:
        """Whether this copy of the day may be recorded as published."""
        return self.state in ("published", "empty")

    @property
    def rate(self) -> float:
        """Bytes per second of what was sent."""
        return self.sent_bytes / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True, slots=True)
class DayResult:
    """One day of a job, after a run has worked on it.

    `state` is the worst of its copies'; `deleted` counts source files that were freed, `late` says why a day is
    `unfinished` (files that came, changed or are open for writing), `error` why the whole day failed, if it did.
    """

    job: str
    day: date | None
    state: state_of_day
    copies: dict[str, CopyResult] = field(default_factory=dict[str, CopyResult])
    deleted: int = 0
    late: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    error: str | None = None

    @property
    def failures(self) -> tuple[FileFailure, ...]:
        """All failed files of all copies."""
        return tuple(failure for copy in self.copies.values() for failure in copy.failures)

    @property
    def published_something(self) -> bool:
        """Whether this run sent or adopted at least one file of the day."""
        return any(copy.sent_files or copy.adopted for copy in self.copies.values())

    @property
    def label(self) -> str:
        """The day as in logs and tables; `-` for a job without days."""
        return self.day.isoformat() if self.day else "-"

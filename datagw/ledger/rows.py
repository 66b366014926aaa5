"""The rows of the ledger. Times are timezone-aware datetimes in UTC, sizes bytes, `day` None for a job without days.

Paths may hold lone surrogates (bytes that are no UTF-8, PEP 383).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from datagw.ledger.owner import Owner

RunState = Literal["running", "done", "failed", "partly", "cancelled", "lost"]
DayState = Literal["published", "empty", "failed", "unfinished", "missing"]
Verification = Literal["hash", "readback", "size", "accepted"]
PartKind = Literal["part", "aside", "old"]
ResultState = Literal["done", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a job, by one process; `ended` and `error` are None while it runs."""

    id: str
    job: str
    owner: Owner
    started: datetime
    ended: datetime | None
    state: RunState
    error: str | None


@dataclass(frozen=True, slots=True)
class DayRow:
    """What is known of one day at one copy. `manifest` is the SHA-256 of the day's list of files."""

    job: str
    day: date | None
    copy: str
    state: DayState
    files: int
    bytes: int
    manifest: str | None
    updated: datetime
    run: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The proof of one published file: what, from where, to where, how surely, and what the copy looked like then.

    `sha256` is `""` where nobody has computed it: of a copy that a place made by itself, and knows to be equal by
    another hash; `content` tells one content from another all the same.
    `place` tells which place that was, by host and folder, so that a gateway that has moved is not taken for it.
    `durable` says that the copy is on stable storage; `copy_mtime` is in ns since the epoch; `gap` tells that the
    final name was empty for a moment while the file was replaced.
    """

    job: str
    day: date | None
    copy: str
    source: str
    destination: str
    place: str = ""
    version: str
    content_version: str
    size: int
    sha256: str
    verification: Verification
    durable: bool
    copy_size: int | None = None
    copy_mtime: int | None = None
    copy_etag: str | None = None
    copy_inode: str | None = None
    at: datetime
    run: str
    gap: bool = False

    @property
    def content(self) -> str:
        """What tells its content from another: the SHA-256, else the version of its source."""
        return self.sha256 or self.content_version


@dataclass(frozen=True, slots=True)
class FailureRow:
    """One failure, of a job, a copy or a file, in the words that the user saw."""

    job: str
    day: date | None
    copy: str | None
    file: str | None
    error: str
    at: datetime
    run: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A hidden name that is, or was about to be, on a place: `part` is its path on `gateway`.

    `copy` is `""` for one in the source. `sha256` is None until the part is whole and verified; from then on it is
    about to become `destination`.
    """

    part: str
    job: str
    day: date | None
    copy: str
    gateway: str
    destination: str
    source: str
    content_version: str
    version: str
    size: int
    sha256: str | None = None
    kind: PartKind = "part"
    at: datetime
    run: str

    @property
    def is_request(self) -> bool:
        """Whether nothing is hidden anywhere: a file is about to be published as `destination` in one request.

        `sha256` is then what is known of it before.
        """
        return self.part.endswith((".request", ".copy"))

    @property
    def is_copy(self) -> bool:
        """Whether that request is for a copy which the place makes by itself."""
        return self.part.endswith(".copy")


@dataclass(frozen=True, slots=True)
class MarkerRow:
    """A marker that stands, or is about to, at `path` on `gateway`; `copy` is `""` for the one in the source."""

    job: str
    day: date | None
    copy: str
    gateway: str
    path: str
    run: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of the last try with one file of a day; `source` is `""` for the day as a whole.

    `version` is the content version that was tried (`""`: whatever it is), `fingerprint` that of the job as it was;
    `gateway` names the places that did not answer, with spaces between, if that was the reason; `count` says how many
    times in a row it has failed.
    """

    job: str
    day: date | None
    source: str
    version: str
    fingerprint: str
    gateway: str
    count: int
    error: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A file that own code has told of: what is known of its content, or what went wrong with it."""

    job: str
    day: date | None
    name: str
    size: int | None = None
    sha256: str | None = None
    sha1: str | None = None
    etag: str | None = None
    modified: str | None = None
    error: str | None = None
    at: datetime
    run: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a function of own code has come to: as a whole (`item` is -1), or for one item of a list.

    `occasion` tells what it was called for, `fingerprint` how it was written; `node` is `""` for all functions
    together. `output` is what it returned, as JSON; None where it is not kept. `items` counts those of a list.
    """

    job: str
    occasion: str
    day: date | None
    run: str
    node: str
    item: int = -1
    state: ResultState
    fingerprint: str = ""
    items: int | None = None
    output: str | None = None
    error: str | None = None
    seconds: float = 0.0
    tries: int = 0
    at: datetime

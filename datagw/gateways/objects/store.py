"""What a store of objects is asked for; each protocol has its own, and none knows paths, folders or files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, Protocol

from datagw.gateways.front.duplicates import Known, Memo
from datagw.gateways.front.reading import Reading
from datagw.gateways.objects.threads import Threads

SECOND = 1_000_000_000  # ns


@dataclass(frozen=True, slots=True)
class Found:
    """An object as the store tells of it. `etag` without quotes; times in ns since the epoch, UTC.

    `mtime_ns` is the one that whoever wrote it put down; lists do not tell it.
    """

    key: str
    size: int
    etag: str | None
    changed_ns: int | None
    mtime_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What an object is given beside its content. With `replace = False` an object of that key is kept."""

    content_type: str | None = None
    metadata: dict[str, str] = field(default_factory=dict[str, str])
    replace: bool = True


@dataclass(frozen=True, slots=True)
class Put:
    """What the store said to an object that it took, and whether it has compared a content hash."""

    etag: str | None
    proof: Literal["hash"] | None


@dataclass(frozen=True, slots=True)
class Origin:
    """An object of the store, as it was claimed: in any bucket. `path` and `gateway` are for errors."""

    bucket: str
    key: str
    size: int
    etag: str | None
    path: str
    gateway: str


@dataclass(frozen=True, slots=True)
class Copied:
    """What the store said to a copy that it made, and what it knows of it."""

    etag: str | None
    mtime_ns: int | None
    known: Known


class Store(Protocol):
    """One bucket; every call may come from any thread."""

    threads: Threads
    small: int
    """Bytes up to which an object is asked for, and sent, whole and beside others."""

    def page(self, prefix: str, after: str | None) -> tuple[list[Found | str], str | None]:
        """The objects right below a prefix (the prefix itself among them, if it is one), and the prefixes there.

        As many as the store tells at once, in the order of their keys; and `after`, to ask for what follows.
        """
        ...

    def any_below(self, prefix: str) -> bool:
        """Whether a key begins so; a bucket that is not there is an error."""
        ...

    def found(self, key: str) -> Found:
        """One object; NotFound where there is none."""
        ...

    def whole(self, key: str, etag: str | None) -> bytes:
        """The content of a small object; Changed where it has another etag."""
        ...

    def stream(self, key: str, offset: int, etag: str | None) -> Iterator[bytes]:
        """The content from `offset` on; Changed where it has another etag."""
        ...

    def begin(self, key: str, reading: Reading, facts: Facts) -> Callable[[], Put]:
        """What puts an object, when it is called: all of it or nothing; the content of a small one is read before.

        A large one is seen when its last part is there; a later run goes on with it.
        """
        ...

    def copy(self, origin: Origin, key: str, facts: Facts, memo: Memo) -> Copied:
        """An object copied by the store; its own metadata go with it. Changed where it has another etag."""
        ...

    def compare(self, origin: Origin, key: str, etag: str | None) -> Known:
        """What the store knows of the content of two objects, without telling it; Changed as for `copy`."""
        ...

    def abandon(self, key: str) -> int:
        """Ends the uploads in parts of this very object that nobody has gone on with for a week; how many."""
        ...

    def remove(self, key: str) -> None:
        """Takes an object away; no error where there is none."""
        ...

    def close(self) -> None:
        """Ends threads and connections."""
        ...


def seconds(mtime_ns: int) -> str:
    """A modification time as rclone writes it into metadata: seconds with nine decimals."""
    sign, whole = ("-", -mtime_ns) if mtime_ns < 0 else ("", mtime_ns)
    return f"{sign}{whole // SECOND}.{whole % SECOND:09d}"


def nanoseconds(text: str | None) -> int | None:
    """The time that `seconds` wrote; None where it is none."""
    try:
        return None if text is None else int(Decimal(text) * SECOND)
    except (ArithmeticError, ValueError):
        return None

"""What can go wrong, as one tree.

    DatagwError
    ├── ConfigError            the job file is wrong; found when it is loaded, all errors at once
    ├── LedgerError            the ledger cannot be used as it is
    ├── LeaseLost              another run has taken over; this one must not touch anything more
    ├── NotPublished           a call of the library left something unpublished, and its caller wants to have it raised
    ├── Aborted                somebody asked for the end: Ctrl-C, SIGTERM, Terminate, `should_abort`
    └── GatewayError           a place answered otherwise than hoped
        ├── NotFound           nothing stands at this path
        ├── Denied             the place refuses: credentials, rights, an unknown host key
        ├── Unsupported        the place cannot do this at all
        ├── Rejected           the place, or the file, is against it: a name, a folder in the way
        │   └── Full           there is no space left, or may be none: no file is at fault
        ├── Changed            the file is not the one that was planned; a later run takes it
        └── Unavailable        the place cannot be reached or asked now; the only one that is retried

A message says what, where, and what to try.
"""

from __future__ import annotations

from typing import ClassVar


class DatagwError(Exception):
    """Anything that datagw itself raises."""


class ConfigError(DatagwError):
    """A job file, or a part of one, that cannot be used. `problems` holds one line for each mistake."""

    def __init__(self, message: str, problems: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class LedgerError(DatagwError):
    """A ledger of another version, locked for good, or not to be opened."""


class LeaseLost(DatagwError):
    """The lease of this run has gone to another owner."""


class NotPublished(DatagwError):
    """Files or days that were asked for and are not published; `problems` holds one line for each."""

    def __init__(self, message: str, problems: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class Aborted(DatagwError):
    """The run was asked to end; parts and markers are left for the next one."""


class GatewayError(DatagwError):
    """A failed operation on a place.

    `path` is the path on the place, `gateway` the name of the place, both for the message and for the receipts;
    `transient` says whether the same call may succeed later without anybody mending anything.
    """

    transient: ClassVar[bool] = False

    def __init__(self, message: str, *, path: str | None = None, gateway: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.gateway = gateway
        self.where: str | None = None

    def __str__(self) -> str:  # pyright: ignore[reportImplicitOverride] (`override` is of Python 3.12)
        where = self.where or ":".join(part for part in (self.gateway, self.path) if part is not None)
        return printable(f"{where}: {self.message}" if where else self.message)


class NotFound(GatewayError):
    """Nothing stands at this path."""


class Denied(GatewayError):
    """The place refuses: wrong credentials, missing rights, an unknown host key."""


class Unsupported(GatewayError):
    """The place cannot do this at all."""


class Rejected(GatewayError):
    """The place or the file is against it, and will be again: a bad name, something in the way."""


class Full(Rejected):
    """The place has no space left, or will not say why it takes no more; the file is not at fault."""


class Changed(GatewayError):
    """The file is no longer the one that was planned. Not a failure: a later run takes it as it is then."""


class Unavailable(GatewayError):
    """The place cannot be reached, or gave up half-way. Tried again, after `retry_after` seconds where it says.

    `tried` says that whoever raised it has asked as often as the policy allows: within this run it is not worth more.
    """

    transient = True

    def __init__(
        self, message: str, *, path: str | None = None, gateway: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, path=path, gateway=gateway)
        self.retry_after = retry_after
        self.tried = False


def printable(text: str) -> str:
    """`text` with what a terminal, a log line or UTF-8 cannot carry shown as escapes (bytes that are no UTF-8 too)."""
    escaped = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in escaped)

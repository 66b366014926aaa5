"""Files that own code tells of: what it knows of their content, what went wrong, and whether they have changed."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Protocol

from datagw.ledger import Ledger, Registration
from datagw.pipelines.report import Registered, Report
from datagw.pipelines.secrets import Masker

_BLOCK = 1 << 20
_FIELDS = ("name", "size", "sha256", "sha1", "sha1sum", "etag", "modified", "error", "file")


class Named(Protocol):
    """Anything with a name; of its other attributes, those that `Resource` has are read."""

    @property
    def name(self) -> str:
        """The name of the file."""
        ...


@dataclass
class Resource:
    """A file that own code has in hand or has heard of. Size in bytes; `sha1sum` is another word for `sha1`.

    With `file`, a path, what is not given of size and SHA-256 is read from there.
    """

    name: str
    size: int | None = None
    sha256: str | None = None
    sha1: str | None = None
    sha1sum: str | None = None
    etag: str | None = None
    modified: datetime | str | None = None
    error: str | None = None
    file: Path | None = None


@dataclass
class Entries:
    """What a call of own code has registered, and where that is put down."""

    job: str
    run: str
    day: date | None
    ledger: Ledger
    report: Report
    log: logging.Logger
    mask: Masker
    fence: Callable[[], None]
    now: Callable[[], datetime]
    errors: list[Registered] = field(default_factory=list[Registered])


class Registering:
    """The words for files: `register_file`, `register_error`, `file_has_changed`. What is registered stays."""

    @property
    def _entries(self) -> Entries:
        raise NotImplementedError

    @property
    def errors(self) -> list[Registered]:
        """The files of this call that `register_error` was told of."""
        return list(self._entries.errors)

    def file_has_changed(
        self,
        name: str,
        *,
        sha256: str | None = None,
        sha1: str | None = None,
        etag: str | None = None,
        modified: datetime | str | None = None,
        size: int | None = None,
        sha1sum: str | None = None,
    ) -> bool:
        """Whether a file is another than the one of that name which this job registered last, errors left out.

        The strongest of what is given and known decides: a hash, else the etag, else the time; the size only where
        there is nothing else (and then a file of equal size counts as unchanged). A name that is not known has changed,
        and so has one of which nothing that is given is known.
        """
        entries = self._entries
        known = entries.ledger.last_registered(entries.job, entries.mask(name))
        if known is None:
            return True
        for given, before in ((sha256, known.sha256), (sha1 or sha1sum, known.sha1)):
            if given is not None and before is not None:
                return given.lower() != before
        if etag is not None and known.etag is not None:
            return entries.mask(etag) != known.etag
        if modified is not None and known.modified is not None:
            return entries.mask(_moment(modified)) != known.modified or _differ(size, known.size)
        if size is not None and known.size is not None:
            return size != known.size
        return any(given is not None for given in (sha256, sha1, sha1sum, etag, modified, size))

    def register_file(self, resource: Named | None = None, /, **known: Any) -> None:
        """Puts down a file that is done with, by `name`: `size`, `sha256`, `sha1`, `etag`, `modified`, or `file`.

        `file` is a path, of which size and SHA-256 are read where they are not given. An object with such attributes
        does as well, and is left as it is.
        """
        self._put(_fields_of(resource, known) | {"error": None})

    def register_error(self, resource: Named | None = None, /, **known: Any) -> None:
        """Puts down what went wrong with a file, `error`, a text or an exception. The run goes on, and has failed."""
        fields = _fields_of(resource, known)
        error = fields.get("error")
        if isinstance(error, BaseException):
            fields["error"] = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        if not fields.get("error"):
            raise ValueError(f"register_error: say what went wrong with {fields['name']}, as error=…")
        self._put(fields)

    def _put(self, fields: dict[str, Any]) -> None:
        entries = self._entries
        entries.fence()
        row = _row(entries, fields)
        entries.ledger.register([row])
        told = Registered(row.name, row.size, row.sha256, row.error)
        entries.report.registered.append(told)
        if row.error is not None:
            entries.errors.append(told)
            entries.log.error("%s: %s", row.name, row.error)


def _fields_of(resource: Named | None, known: dict[str, Any]) -> dict[str, Any]:
    if strange := set(known) - set(_FIELDS):
        raise TypeError(f"not known of a file: {', '.join(sorted(strange))}; there are {', '.join(_FIELDS)}")
    found = {name: getattr(resource, name, None) for name in _FIELDS} if resource is not None else {}
    found |= known
    if not isinstance(found.get("name"), str) or not found["name"]:
        raise ValueError("a file is registered by its name: name=…")
    return found


def _row(entries: Entries, fields: dict[str, Any]) -> Registration:
    mask, file = entries.mask, fields.get("file")
    size, sha256 = fields.get("size"), fields.get("sha256")
    sha1 = fields.get("sha1") or fields.get("sha1sum")
    modified = fields.get("modified")
    if file is not None and fields.get("error") is None and (size is None or sha256 is None):
        size, sha256 = os.stat(file).st_size, sha256 or _sha256(Path(file))
    return Registration(
        job=entries.job,
        day=entries.day,
        name=mask(fields["name"]),
        size=None if size is None else int(size),
        sha256=None if sha256 is None else mask(str(sha256)).lower(),
        sha1=None if sha1 is None else mask(str(sha1)).lower(),
        etag=None if fields.get("etag") is None else mask(str(fields["etag"])),
        modified=None if modified is None else mask(_moment(modified)),
        error=None if fields.get("error") is None else mask(str(fields["error"])),
        at=entries.now(),
        run=entries.run,
    )


def _moment(modified: datetime | str) -> str:
    if not isinstance(modified, datetime):
        return str(modified)
    if modified.tzinfo is None:
        raise ValueError(f"{modified.isoformat()} tells no time zone: write datetime(…, tzinfo=UTC)")
    return modified.astimezone(UTC).isoformat()


def _differ(given: int | None, known: int | None) -> bool:
    return given is not None and known is not None and given != known


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while block := opened.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()

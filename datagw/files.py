"""The nouns: a file as a place claims it, a file in hand, its version, and the paths that are safe.

Paths on a gateway are `str` with `/` between the parts, relative to the gateway's root; bytes that are not UTF-8 are
held as lone surrogates (PEP 383), so every name that a disk can hold travels unharmed.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from datagw.errors import Rejected

type_of_entry = Literal["file", "folder", "symlink", "special"]

MARKER = ".do-not-touch"
_OWN = re.compile(r"\.datagw-[0-9a-f]{32}\.(part|aside|old)\Z")


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A claim: what a place says of one entry. Sizes in bytes, times in ns since the epoch, UTC.

    `clock` is the resolution of `mtime_ns` in ns (SFTP tells seconds, a disk nanoseconds).
    """

    path: str
    size: int = 0
    mtime_ns: int | None = None
    kind: type_of_entry = "file"
    etag: str | None = None
    ctime_ns: int | None = None
    inode: str | None = None
    mode: int | None = None
    clock: int = 1

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def content_version(self) -> str:
        """The version without its ctime: what part names derive from, and what tells whether a file must be sent."""
        if self.etag is not None:
            return f"etag:{self.etag}"
        version = f"size:{self.size}"
        if self.mtime_ns is not None:
            version += f" mtime:{self.mtime_ns}"
        if self.inode is not None:
            version += f" inode:{self.inode}"
        return version

    @property
    def version(self) -> str:
        """What tells one state of a file from another: etag; on a disk, size, mtime, ctime, inode; else size, mtime."""
        if self.etag is None and self.ctime_ns is not None:
            return f"{self.content_version} ctime:{self.ctime_ns}"
        return self.content_version

    def at(self, path: str) -> RemoteFile:
        """The same claim under another path."""
        return replace(self, path=path)

    @classmethod
    def from_stat(cls, path: str, found: os.stat_result) -> RemoteFile:
        """What a local disk says of `path`."""
        return cls(
            path=path,
            size=found.st_size,
            mtime_ns=found.st_mtime_ns,
            kind=kind_of_mode(found.st_mode),
            ctime_ns=found.st_ctime_ns,
            inode=f"{found.st_dev}-{found.st_ino}",
            mode=stat.S_IMODE(found.st_mode),
        )


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A fact: a whole file in hand on this machine's disk, with its SHA-256 where it has been read already.

    `origin` is the claim it was fetched by, path and version included. `owned` says whether `local` lies in a staging
    folder (and may be removed) or is the source itself.
    """

    local: Path
    origin: RemoteFile
    sha256: str | None = None
    owned: bool = field(default=False)


def version_of_stat(found: os.stat_result) -> str:
    """The version of a file on a local disk, as `RemoteFile.version` tells it, where no claim is needed."""
    return (
        f"size:{found.st_size} mtime:{found.st_mtime_ns} inode:{found.st_dev}-{found.st_ino} ctime:{found.st_ctime_ns}"
    )


def kind_of_mode(mode: int) -> type_of_entry:
    """The kind that POSIX mode bits tell."""
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "folder"
    if stat.S_ISLNK(mode):
        return "symlink"
    return "special"


def part_name(
    content_version: str, final: str, suffix: Literal["part", "aside", "old", "request", "copy"] = "part"
) -> str:
    """The hidden name beside `final` (a path) under which this version of it waits; of fixed length.

    Nothing ever stands under that of a `request`: it tells one upload from others where a place takes files at once;
    nor under that of a `copy`, which the place makes by itself.
    """
    digest = hashlib.sha256(f"{content_version}\0{final}".encode("utf-8", "surrogateescape")).hexdigest()
    folder, slash, _ = final.rpartition("/")
    return f"{folder}{slash}.datagw-{digest[:32]}.{suffix}"


def is_own_name(path: str) -> bool:
    """Whether datagw made this name for itself: a part, an aside or an old file; never a source."""
    return _OWN.match(path.rpartition("/")[2]) is not None


def safe_path(path: str) -> str:
    """`path` relative and without `.` parts; raises Rejected where it would leave its root or no disk could hold it."""
    if "\0" in path:
        raise Rejected("a path cannot hold a NUL byte", path=path)
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise Rejected("`..` would leave the gateway's root", path=path)
    return "/".join(parts)


def parent(path: str) -> str:
    """The folder that holds `path`; `""` is the gateway's root."""
    return path.rpartition("/")[0]


def join(*parts: str) -> str:
    """The parts joined by `/`, empty ones left out."""
    return "/".join(part.strip("/") for part in parts if part.strip("/"))

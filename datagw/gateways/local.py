"""A folder of this machine's disks (anything that is mounted)."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator, Sequence
from typing import ClassVar

from pydantic import Field, field_validator
from typing_extensions import override

from datagw.errors import Denied, Full, GatewayError, NotFound, Rejected, Unavailable
from datagw.files import RemoteFile, parent, version_of_stat
from datagw.gateways.base import Gateway, Reading

_BLOCK = 1 << 20
_PAGE = 1000  # entries of a folder that are looked at before the first of them is told
_OUTAGES = {errno.EIO, errno.ESTALE, errno.ENODEV, errno.ENXIO, errno.ETIMEDOUT, errno.ENOTCONN, errno.EHOSTDOWN}
_FULL = {errno.ENOSPC: "no space left on the disk", errno.EDQUOT: "the disk quota is used up"}


class Disk:
    """What a session remembers: which folders have been seen to lie within the root."""

    def __init__(self, root: str) -> None:
        self.root = os.path.realpath(root)
        self.inside: set[str] = set()

    def close(self) -> None:
        """Nothing is open."""


class Local(Gateway):
    """Files on this machine. Times to the nanosecond, atomic renames; a link that leads out of the root is refused."""

    type: ClassVar[str] = "local"

    root: str = Field(default="/", description="Folder that all paths of this gateway start at; it must exist.")

    @field_validator("root")
    @classmethod
    def _root_at_home(cls, value: str) -> str:
        return os.path.expanduser(value)

    @property
    @override
    def place(self) -> str:
        return "local:" + os.path.realpath(self.full(""))

    @property
    @override
    def folds(self) -> bool:
        native = self.full("")
        return (
            native.swapcase() != native
            and os.path.exists(native.swapcase())
            and os.path.samefile(native, native.swapcase())
        )

    @override
    def _session(self) -> Disk:
        return Disk(self.full(""))

    @override
    def _ls(self, session: Disk, folder: str) -> Iterator[RemoteFile]:
        prefix = f"{folder}/" if folder else ""
        with os.scandir(self._native(session, folder, itself=True)) as entries:
            for entry in entries:
                try:
                    found = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue  # gone between the listing and the look
                yield RemoteFile.from_stat(prefix + entry.name, found)

    @override
    def _ls_page(
        self, session: Disk, folder: str, after: tuple[list[str], int] | None
    ) -> tuple[list[RemoteFile], tuple[list[str], int] | None]:
        """Of a whole folder only the names are held, for they have to be put in order; looks are taken on the way."""
        native, prefix = self._native(session, folder, itself=True), f"{folder}/" if folder else ""
        names, start = after or (sorted(os.listdir(native)), 0)
        page: list[RemoteFile] = []
        for name in names[start : start + _PAGE]:
            with contextlib.suppress(FileNotFoundError):  # gone between the listing and the look
                page.append(RemoteFile.from_stat(prefix + name, os.lstat(f"{native}/{name}")))
        return page, (names, start + _PAGE) if start + _PAGE < len(names) else None

    @override
    def _ls_unknown(self, session: Disk, folder: str, known: dict[str, str]) -> list[RemoteFile]:
        """In one pass, in which a file that is known costs a look and a text, and no claim."""
        prefix = f"{folder}/" if folder else ""
        unknown: list[RemoteFile] = []
        again: list[str] = []
        with os.scandir(self._native(session, folder, itself=True)) as entries:
            for entry in entries:
                path = prefix + entry.name
                try:
                    found = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue  # gone between the listing and the look
                if stat.S_ISREG(found.st_mode) and known.get(path) == version_of_stat(found):
                    again.append(path)
                else:
                    unknown.append(RemoteFile.from_stat(path, found))
        for path in again:
            del known[path]
        return unknown

    @override
    def _stat(self, session: Disk, path: str) -> RemoteFile:
        native = self._native(session, path)
        return RemoteFile.from_stat(path, os.stat(native) if not path else os.lstat(native))

    @override
    def _read(self, session: Disk, path: str, offset: int = 0) -> Iterator[bytes]:
        descriptor = os.open(self._native(session, path), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            while block := os.pread(descriptor, _BLOCK, offset):
                offset += len(block)
                yield block
        finally:
            os.close(descriptor)

    @override
    def _write(self, session: Disk, reading: Reading, sync: bool) -> None:
        native = self._native(session, reading.part)
        flags = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
        if reading.offset == 0:
            flags |= os.O_CREAT | os.O_EXCL
            try:
                descriptor = os.open(native, flags, 0o666)
            except FileExistsError:
                os.unlink(native)
                descriptor = os.open(native, flags, 0o666)
        else:
            descriptor = os.open(native, flags)
        try:
            os.lseek(descriptor, reading.offset, os.SEEK_SET)
            for block in reading.blocks(_BLOCK):
                view = memoryview(block)
                while view:
                    view = view[os.write(descriptor, view) :]
            if reading.mode is not None:
                os.fchmod(descriptor, reading.mode)
            if reading.mtime_ns is not None:
                os.utime(descriptor, ns=(reading.mtime_ns, reading.mtime_ns))
            if sync:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @override
    def _rm(self, session: Disk, path: str) -> None:
        os.unlink(self._native(session, path))

    @override
    def _mkdir(self, session: Disk, folder: str) -> None:
        native = self._native(session, folder)
        try:
            os.makedirs(native, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise Rejected("a file stands in the way of a folder", path=folder) from error

    @override
    def _rmdir(self, session: Disk, folder: str) -> None:
        os.rmdir(self._native(session, folder))

    @override
    def _rename(self, session: Disk, source: str, target: str, replace: bool) -> None:
        old, new = self._native(session, source), self._native(session, target)
        if replace:
            os.replace(old, new)
            return
        try:
            os.link(old, new, follow_symlinks=False)
        except OSError as error:
            if error.errno not in {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}:
                raise
            if os.path.lexists(new):  # a disk without links (FAT): between this look and the rename a window remains
                raise Rejected("a file stands there already", path=target) from error
            os.rename(old, new)
        else:
            os.unlink(old)

    @override
    def _sync(self, session: Disk, paths: Sequence[str]) -> bool:
        for path in paths:
            _fsync(self._native(session, path), os.O_RDONLY)
        for folder in {parent(path) for path in paths}:
            _fsync(self._native(session, folder), os.O_RDONLY | os.O_DIRECTORY)
        return True

    @override
    def _translate(self, error: BaseException) -> GatewayError | None:
        if not isinstance(error, OSError):
            return None
        text = error.strerror or str(error)
        if isinstance(error, FileNotFoundError):
            return NotFound("no such file or folder")
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return Denied(f"{text}; may this user read and write here?")
        if error.errno in _FULL:
            return Full(_FULL[error.errno])
        if error.errno in (errno.ENOTDIR, errno.EISDIR):
            return Rejected("a folder or a file stands in the way")
        if error.errno == errno.EEXIST:
            return Rejected("a file stands there already")
        if error.errno == errno.ENOTEMPTY:
            return Rejected("the folder is not empty")
        if error.errno == errno.ELOOP:
            return Rejected("a symbolic link, not a file")
        if error.errno in _OUTAGES:
            return Unavailable(f"the disk does not answer: {text}")
        return Rejected(text)

    def _native(self, session: Disk, path: str, *, itself: bool = False) -> str:
        """The path on the disk, once the folder that it stands in is seen to lie within the root."""
        native = self.full(path)
        folder = path if itself else parent(path)
        if session.root != "/" and folder not in session.inside:
            real = os.path.realpath(self.full(folder))
            if real != session.root and not real.startswith(session.root + "/"):
                raise Denied("a symbolic link on the way leads out of the gateway's root", path=path)
            session.inside.add(folder)
        return native


def _fsync(native: str, flags: int) -> None:
    descriptor = os.open(native, flags | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

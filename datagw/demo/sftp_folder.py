"""SFTP version 3 spoken over one folder: enough of it for any client, names as bytes, nothing outside of the folder.

Numbers and layouts are those of draft-ietf-secsh-filexfer-02; of OpenSSH's extensions there are posix-rename and fsync.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
from collections.abc import Callable
from typing import BinaryIO

_OK, _EOF, _NO_SUCH_FILE, _DENIED, _FAILURE, _BAD_MESSAGE, _UNSUPPORTED = 0, 1, 2, 3, 4, 5, 8
_STATUS, _HANDLE, _DATA, _NAME, _ATTRS = 101, 102, 103, 104, 105
_HAS_SIZE, _HAS_OWNER, _HAS_MODE, _HAS_TIMES, _HAS_MORE = 1, 2, 4, 8, 1 << 31
_READ, _WRITE, _APPEND, _CREATE, _TRUNCATE, _EXCLUSIVE = 1, 2, 4, 8, 16, 32
_LONGEST = 1 << 18  # bytes in one answer to a read
_ENTRIES = 128  # names in one answer to a listing


class Packet:
    """A request, read field by field."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def number(self, form: str = ">I") -> int:
        """The next integer; `>Q` takes eight bytes."""
        (value,) = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return int(value)

    def string(self) -> bytes:
        """The next string."""
        size = self.number()
        if self.at + size > len(self.data):
            raise struct.error("a string is longer than its packet")
        self.at += size
        return self.data[self.at - size : self.at]


class SftpFolder:
    """One session over `root`; `answer` takes a request (type, id, fields) and returns the packet to send back."""

    def __init__(self, root: bytes) -> None:
        self.root = os.path.realpath(root)
        self.files: dict[bytes, BinaryIO] = {}
        self.listings: dict[bytes, list[tuple[bytes, os.stat_result]]] = {}
        self.handles = 0
        self.requests: dict[int, Callable[[int, Packet], bytes]] = {
            3: self._open,
            4: self._close,
            5: self._read,
            6: self._write,
            7: lambda n, p: self._attributes(n, os.lstat(self._native(p.string()))),
            8: lambda n, p: self._attributes(n, os.fstat(self._file(p).fileno())),
            9: self._setstat,
            10: self._fsetstat,
            11: self._opendir,
            12: self._readdir,
            13: self._remove,
            14: self._mkdir,
            15: self._rmdir,
            16: self._realpath,
            17: lambda n, p: self._attributes(n, os.stat(self._native(p.string(), follow=True))),
            18: self._rename,
            200: self._extended,
        }

    def version(self) -> bytes:
        """The answer to INIT."""
        told = b"".join(_string(part) for part in (b"posix-rename@openssh.com", b"1", b"fsync@openssh.com", b"1"))
        return struct.pack(">BI", 2, 3) + told

    def answer(self, kind: int, number: int, packet: Packet) -> bytes:
        """What is sent back; every error is a status, none ends the session."""
        request = self.requests.get(kind)
        if request is None:
            return _status(number, _UNSUPPORTED, "not offered here")
        try:
            return request(number, packet)
        except OSError as error:
            codes = {errno.ENOENT: _NO_SUCH_FILE, errno.EACCES: _DENIED, errno.EPERM: _DENIED}
            return _status(number, codes.get(error.errno or 0, _FAILURE), os.strerror(error.errno or errno.EIO))
        except (struct.error, ValueError, KeyError) as error:
            return _status(number, _BAD_MESSAGE, f"not understood: {type(error).__name__}")

    def close(self) -> None:
        """Closes what the client left open."""
        for file in self.files.values():
            file.close()
        self.files.clear()

    def _native(self, path: bytes, *, follow: bool = False) -> bytes:
        """The path on the disk; `/` is the folder. One that would leave it, by `..` or by a link, is refused."""
        if b"\0" in path:
            raise OSError(errno.EINVAL, "NUL")
        inside = os.path.normpath(b"/" + path).lstrip(b"/")
        native = os.path.join(self.root, inside) if inside else self.root
        checked = native if follow or not inside else os.path.dirname(native)
        real = os.path.realpath(checked)
        if real != self.root and not real.startswith(self.root + b"/"):
            raise OSError(errno.EACCES, "outside")
        return native

    def _file(self, packet: Packet) -> BinaryIO:
        return self.files[packet.string()]

    def _handle(self) -> bytes:
        self.handles += 1
        return b"%d" % self.handles

    def _open(self, number: int, packet: Packet) -> bytes:
        native, wanted = self._native(packet.string(), follow=True), packet.number()
        flags = os.O_RDWR if wanted & _READ and wanted & _WRITE else os.O_WRONLY if wanted & _WRITE else os.O_RDONLY
        for bit, flag in ((_CREATE, os.O_CREAT), (_TRUNCATE, os.O_TRUNC), (_EXCLUSIVE, os.O_EXCL)):
            flags |= flag if wanted & bit else 0
        attributes = _Attributes(packet)
        descriptor = os.open(native, flags | os.O_CLOEXEC, 0o666 if attributes.mode is None else attributes.mode)
        mode = "r+b" if flags & os.O_RDWR else "wb" if flags & os.O_WRONLY else "rb"
        handle = self._handle()
        self.files[handle] = os.fdopen(descriptor, mode, buffering=0)  # type: ignore[assignment]
        return struct.pack(">BI", _HANDLE, number) + _string(handle)

    def _close(self, number: int, packet: Packet) -> bytes:
        handle = packet.string()
        if handle in self.files:
            self.files.pop(handle).close()
        else:
            del self.listings[handle]
        return _status(number)

    def _read(self, number: int, packet: Packet) -> bytes:
        file, offset, size = self._file(packet), packet.number(">Q"), packet.number()
        block = os.pread(file.fileno(), min(size, _LONGEST), offset)
        return struct.pack(">BI", _DATA, number) + _string(block) if block else _status(number, _EOF, "end of file")

    def _write(self, number: int, packet: Packet) -> bytes:
        file, offset, block = self._file(packet), packet.number(">Q"), packet.string()
        while block:
            written = os.pwrite(file.fileno(), block, offset)
            offset, block = offset + written, block[written:]
        return _status(number)

    def _attributes(self, number: int, found: os.stat_result) -> bytes:
        return struct.pack(">BI", _ATTRS, number) + _attrs(found)

    def _setstat(self, number: int, packet: Packet) -> bytes:
        native = self._native(packet.string(), follow=True)
        _Attributes(packet).apply(native)
        return _status(number)

    def _fsetstat(self, number: int, packet: Packet) -> bytes:
        file = self._file(packet)
        _Attributes(packet).apply(file.fileno())
        return _status(number)

    def _opendir(self, number: int, packet: Packet) -> bytes:
        native = self._native(packet.string(), follow=True)
        entries: list[tuple[bytes, os.stat_result]] = []
        for name in os.listdir(native):
            try:
                entries.append((name, os.lstat(os.path.join(native, name))))
            except FileNotFoundError:  # gone meanwhile
                continue
        handle = self._handle()
        self.listings[handle] = entries
        return struct.pack(">BI", _HANDLE, number) + _string(handle)

    def _readdir(self, number: int, packet: Packet) -> bytes:
        entries = self.listings[packet.string()]
        page, entries[:] = entries[:_ENTRIES], entries[_ENTRIES:]
        if not page:
            return _status(number, _EOF, "end of listing")
        rows = [_string(name) + _string(_long_name(name, found)) + _attrs(found) for name, found in page]
        return struct.pack(">BII", _NAME, number, len(rows)) + b"".join(rows)

    def _remove(self, number: int, packet: Packet) -> bytes:
        os.unlink(self._native(packet.string()))
        return _status(number)

    def _mkdir(self, number: int, packet: Packet) -> bytes:
        native = self._native(packet.string())
        attributes = _Attributes(packet)
        os.mkdir(native, 0o777 if attributes.mode is None else attributes.mode)
        return _status(number)

    def _rmdir(self, number: int, packet: Packet) -> bytes:
        os.rmdir(self._native(packet.string()))
        return _status(number)

    def _realpath(self, number: int, packet: Packet) -> bytes:
        path = os.path.normpath(b"/" + packet.string().lstrip(b"/"))
        return struct.pack(">BII", _NAME, number, 1) + _string(path) + _string(path) + struct.pack(">I", 0)

    def _rename(self, number: int, packet: Packet) -> bytes:
        old, new = self._native(packet.string()), self._native(packet.string())
        if stat.S_ISDIR(os.lstat(old).st_mode):
            os.mkdir(new)  # refuses what is there; an empty folder may then be renamed over
            os.rename(old, new)
        else:
            os.link(old, new, follow_symlinks=False)  # refuses what is there, without a window
            os.unlink(old)
        return _status(number)

    def _extended(self, number: int, packet: Packet) -> bytes:
        name = packet.string()
        if name == b"posix-rename@openssh.com":
            os.replace(self._native(packet.string()), self._native(packet.string()))
        elif name == b"fsync@openssh.com":
            os.fsync(self._file(packet).fileno())
        else:
            return _status(number, _UNSUPPORTED, "not offered here")
        return _status(number)


class _Attributes:
    """What a client wants a file to have; None where it did not say."""

    def __init__(self, packet: Packet) -> None:
        flags = packet.number()
        self.size = packet.number(">Q") if flags & _HAS_SIZE else None
        if flags & _HAS_OWNER:
            packet.number(">Q")  # owners stay as they are
        self.mode = stat.S_IMODE(packet.number()) if flags & _HAS_MODE else None
        self.times = (packet.number(), packet.number()) if flags & _HAS_TIMES else None

    def apply(self, target: bytes | int) -> None:
        """Size, mode, then times, because the others change them."""
        if self.size is not None:
            os.truncate(target, self.size)
        if self.mode is not None:
            os.chmod(target, self.mode)
        if self.times is not None:
            os.utime(target, self.times)


def _string(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


def _status(number: int, code: int = _OK, message: str = "done") -> bytes:
    return struct.pack(">BII", _STATUS, number, code) + _string(message.encode()) + _string(b"en")


def _attrs(found: os.stat_result) -> bytes:
    flags = _HAS_SIZE | _HAS_OWNER | _HAS_MODE | _HAS_TIMES
    times = (int(found.st_atime) & 0xFFFFFFFF, int(found.st_mtime) & 0xFFFFFFFF)
    return struct.pack(">IQIIIII", flags, found.st_size, found.st_uid, found.st_gid, found.st_mode, *times)


def _long_name(name: bytes, found: os.stat_result) -> bytes:
    return f"{stat.filemode(found.st_mode)} {found.st_nlink} - - {found.st_size} ".encode() + name

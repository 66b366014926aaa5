"""The packets of the SFTP protocol, version 3: what stands in a request, and what an answer says.

Written after draft-ietf-secsh-filexfer-02. Paths are `str` with undecodable bytes as lone surrogates; times are in
seconds since the epoch, sizes in bytes.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Generator
from typing import NamedTuple

INIT, VERSION, OPEN, CLOSE, READ, WRITE, LSTAT, FSTAT, SETSTAT, FSETSTAT, OPENDIR, READDIR, REMOVE = range(1, 14)
MKDIR, RMDIR, REALPATH, STAT, RENAME = range(14, 19)
STATUS, HANDLE, DATA, NAME, ATTRS = range(101, 106)
EXTENDED, EXTENDED_REPLY = 200, 201

OK, EOF, NO_SUCH_FILE, PERMISSION_DENIED, FAILURE, BAD_MESSAGE = range(6)
NO_CONNECTION, CONNECTION_LOST, OP_UNSUPPORTED = range(6, 9)

FOR_READING, FOR_WRITING, CREATE, TRUNCATE, EXCLUSIVE = 0x01, 0x02, 0x08, 0x10, 0x20

_HAS_SIZE, _HAS_OWNER, _HAS_MODE, _HAS_TIMES, _HAS_MORE = 0x1, 0x2, 0x4, 0x8, 0x80000000


class Status(Exception):
    """A server's refusal: one of the SSH_FX codes, and the server's own words."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{message} (SFTP status {code})")
        self.code = code
        self.message = message


class Attributes(NamedTuple):
    """What a server tells of an entry; None where it tells nothing. `mode` holds the type bits as well."""

    size: int | None = None
    mode: int | None = None
    mtime: int | None = None


class Answer:
    """The reply that will come to one request. The readers below wait for it; a refusal is raised as Status."""

    __slots__ = ("_wait", "error", "kind", "patience", "payload", "weight")

    def __init__(self, wait: Callable[[Answer], None], weight: int, patience: float) -> None:
        self._wait = wait
        self.weight = weight
        self.patience = patience
        self.kind = 0
        self.payload = b""
        self.error: ConnectionError | None = None

    @property
    def done(self) -> bool:
        return self.kind != 0 or self.error is not None

    def wait(self) -> None:
        """Until the reply is there. ConnectionError where none will come."""
        if not self.done:
            self._wait(self)
        if self.error is not None:
            raise ConnectionError(*self.error.args) from self.error

    def status(self) -> Status | None:
        """None for OK; for any other reply that is a status, that one."""
        self.wait()
        if self.kind != STATUS:
            raise ConnectionError(f"the server answered out of turn (packet type {self.kind})")
        with understood():
            (code,) = struct.unpack_from(">I", self.payload)
            if code == OK:
                return None
            text = string(self.payload, 4)[0] if len(self.payload) > 4 else b""
        return Status(code, text.decode("utf-8", "replace"))

    def ok(self) -> None:
        refused = self.status()
        if refused is not None:
            raise refused

    def handle(self) -> bytes:
        payload = self._of(HANDLE)
        with understood():
            return string(payload, 0)[0]

    def data(self) -> bytes:
        """The bytes that were read; b"" at the end of the file."""
        self.wait()
        if self.kind == STATUS:
            refused = self.status()
            if refused is not None and refused.code == EOF:
                return b""
        payload = self._of(DATA)
        with understood():
            return string(payload, 0)[0]

    def attributes(self) -> Attributes:
        payload = self._of(ATTRS)
        with understood():
            return _attributes(payload, 0)[0]

    def names(self) -> list[tuple[str, Attributes]] | None:
        """The entries of one READDIR or REALPATH; None at the end of the folder."""
        self.wait()
        if self.kind == STATUS:
            refused = self.status()
            if refused is not None and refused.code == EOF:
                return None
        payload = self._of(NAME)
        found: list[tuple[str, Attributes]] = []
        with understood():
            (count,) = struct.unpack_from(">I", payload)
            at = 4
            for _ in range(count):
                name, at = string(payload, at)
                _, at = string(payload, at)
                attributes, at = _attributes(payload, at)
                found.append((name.decode("utf-8", "surrogateescape"), attributes))
        return found

    def reply(self) -> bytes:
        return self._of(EXTENDED_REPLY)

    def _of(self, kind: int) -> bytes:
        self.wait()
        if self.kind == kind:
            return self.payload
        self.ok()
        raise ConnectionError(f"the server answered out of turn (packet type {self.kind})")


@contextlib.contextmanager
def understood() -> Generator[None]:
    """Turns an answer that cannot be taken apart into the end of the connection."""
    try:
        yield
    except struct.error as error:
        raise ConnectionError("the server's answer makes no sense") from error


def pack_bytes(value: bytes) -> bytes:
    """A string of the protocol: its length, then itself."""
    return struct.pack(">I", len(value)) + value


def pack_text(value: str) -> bytes:
    """A path, as a string of the protocol."""
    return pack_bytes(value.encode("utf-8", "surrogateescape"))


def string(payload: bytes, at: int) -> tuple[bytes, int]:
    """The string that begins at `at`, and where it ends."""
    (size,) = struct.unpack_from(">I", payload, at)
    end = at + 4 + size
    if end > len(payload):
        raise struct.error
    return payload[at + 4 : end], end


def _attributes(payload: bytes, at: int) -> tuple[Attributes, int]:
    (flags,) = struct.unpack_from(">I", payload, at)
    at += 4
    size = mode = mtime = None
    if flags & _HAS_SIZE:
        (size,) = struct.unpack_from(">Q", payload, at)
        at += 8
    if flags & _HAS_OWNER:
        at += 8
    if flags & _HAS_MODE:
        (mode,) = struct.unpack_from(">I", payload, at)
        at += 4
    if flags & _HAS_TIMES:
        (mtime,) = struct.unpack_from(">I", payload, at + 4)
        at += 8
    if flags & _HAS_MORE:
        (count,) = struct.unpack_from(">I", payload, at)
        at += 4
        for _ in range(2 * count):
            _, at = string(payload, at)
    return Attributes(size, mode, mtime), at


def pack_attributes(mtime: int | None, mode: int | None) -> bytes:
    """Times in seconds (the same for access and change), permission bits; None leaves either as it is."""
    flags, packed = 0, b""
    if mode is not None:
        flags |= _HAS_MODE
        packed += struct.pack(">I", mode)
    if mtime is not None:
        flags |= _HAS_TIMES
        packed += struct.pack(">II", mtime, mtime)
    return struct.pack(">I", flags) + packed

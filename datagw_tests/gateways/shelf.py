"""A place that publishes in one request, as object stores do: for tests of what needs no rename. It is kept on a disk.

Each file is put whole or not at all, and its etag is the hash of its content. There are no folders, only names with
slashes in them.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from pydantic import Field
from typing_extensions import override

from datagw.errors import GatewayError, NotFound, Rejected, Unavailable
from datagw.files import RemoteFile
from datagw.gateways.base import Gateway, Reading
from datagw.gateways.front.reading import Published

_INCOMING = ".incoming"


class Board:
    """The session: a disk with one file for each name; it begins with the length of the name, and the name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def close(self) -> None:
        """Nothing is held."""

    def put(self, name: str, content: bytes) -> None:
        written = self.folder / f"{uuid.uuid4().hex}{_INCOMING}"
        key = os.fsencode(name)
        written.write_bytes(len(key).to_bytes(4, "big") + key + content)
        written.replace(self._file(name))

    def get(self, name: str) -> bytes:
        try:
            return _parted(self._file(name))[1]
        except FileNotFoundError:
            raise NotFound("no such file", path=name) from None

    def rm(self, name: str) -> None:
        self._file(name).unlink(missing_ok=True)  # as a store does: what is not there is gone already

    def names(self) -> dict[str, bytes]:
        """Every name that there is, with its content."""
        try:
            return dict(_parted(path) for path in self.folder.iterdir() if path.suffix != _INCOMING)
        except FileNotFoundError as error:
            raise Unavailable("the store is away") from error

    def _file(self, name: str) -> Path:
        if not self.folder.exists():
            raise Unavailable("the store is away")
        return self.folder / hashlib.sha256(os.fsencode(name)).hexdigest()


class Shelf(Gateway):
    """Files in `folder`. With `checks` a checksum travels with each and the place refuses what differs; else nothing
    is known of a file before it is compared.
    """

    type: ClassVar[str] = "shelf"

    folder: str
    checks: bool = True
    spoils: list[int] = Field(default_factory=list[int])
    """Of the uploads, from 0, those that a bad line spoils."""
    refuses: tuple[str, ...] = ()
    """Names that nothing may have."""
    asked: list[str] = Field(default_factory=list[str])
    """The uploads so far, by name."""

    @property
    @override
    def place(self) -> str:
        return f"shelf:{self.folder}:{self.root}"

    @override
    def _session(self) -> Board:
        return Board(Path(self.folder))

    @override
    def _ls(self, session: Board, folder: str) -> Iterator[RemoteFile]:
        prefix = f"{folder}/" if folder else ""
        folders: set[str] = set()
        found = False
        for name, content in session.names().items():
            if name.startswith(prefix):
                found = True
                first, slash, _ = name.removeprefix(prefix).partition("/")
                if slash:
                    folders.add(prefix + first)
                else:
                    yield _claim(name, content)
        if prefix and not found:
            raise NotFound("no such folder", path=folder)
        yield from (RemoteFile(name, kind="folder") for name in folders)

    @override
    def _stat(self, session: Board, path: str) -> RemoteFile:
        if path:
            try:
                return _claim(path, session.get(path))
            except NotFound:
                if not any(name.startswith(f"{path}/") for name in session.names()):
                    raise
        return RemoteFile(path, kind="folder")

    @override
    def _read(self, session: Board, path: str, offset: int = 0) -> Iterator[bytes]:
        content = session.get(path)
        for at in range(offset, len(content), 1 << 16):
            yield content[at : at + (1 << 16)]

    @override
    def _rm(self, session: Board, path: str) -> None:
        session.get(path)
        session.rm(path)

    @override
    def _publish(self, session: Board, reading: Reading) -> Published:
        if not reading.replace and reading.final in session.names():
            raise Rejected("a file stands there already", path=reading.final)
        if reading.final in self.refuses:
            raise Rejected("no file may have this name", path=reading.final)
        content = b"".join(bytes(block) for block in reading.blocks(1 << 16))
        if len(content) != reading.size:
            raise Unavailable("fewer bytes than were announced", path=reading.final)
        self.asked.append(reading.final)
        if len(self.asked) - 1 in self.spoils:
            content = bytes([content[0] ^ 1]) + content[1:]
        if self.checks and hashlib.sha256(content).hexdigest() != reading.sha256:
            raise Unavailable("the checksum differs from that of what arrived", path=reading.final)
        session.put(reading.final, content)
        return Published(_claim(reading.final, content), "hash" if self.checks else None)

    @override
    def _translate(self, error: BaseException) -> GatewayError | None:
        return None


def _claim(name: str, content: bytes) -> RemoteFile:
    return RemoteFile(name, len(content), etag=hashlib.sha256(content).hexdigest()[:32])


def _parted(file: Path) -> tuple[str, bytes]:
    held = file.read_bytes()
    end = 4 + int.from_bytes(held[:4], "big")
    return os.fsdecode(held[4:end]), held[end:]

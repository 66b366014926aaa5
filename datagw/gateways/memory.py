"""A place in this process's memory: the reference driver, for tests and try-outs. Gone when the process ends."""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Iterator, Sequence
from typing import ClassVar

from pydantic import PrivateAttr
from typing_extensions import override

from datagw.errors import GatewayError, NotFound, Rejected
from datagw.files import RemoteFile, parent
from datagw.gateways.base import Gateway, Reading


class Store:
    """The folders and files of one memory gateway; shared by all that were made of it."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[bytes, RemoteFile]] = {}
        self.folders: set[str] = {""}
        self.numbers = itertools.count(1)
        self.lock = threading.RLock()

    def close(self) -> None:
        """Nothing is held."""


class Memory(Gateway):
    """Files held in memory."""

    type: ClassVar[str] = "memory"

    _store: Store = PrivateAttr(default_factory=Store)

    @override
    def _session(self) -> Store:
        return self._store

    @override
    def _ls(self, session: Store, folder: str) -> Iterator[RemoteFile]:
        with session.lock:
            if folder in session.files:
                raise Rejected("a file, not a folder", path=folder)
            if folder not in session.folders:
                raise NotFound("no such folder", path=folder)
            for name in session.folders - {""}:
                if parent(name) == folder:
                    yield RemoteFile(name, kind="folder")
            for name, (_, claim) in session.files.items():
                if parent(name) == folder:
                    yield claim

    @override
    def _stat(self, session: Store, path: str) -> RemoteFile:
        if path in session.folders:
            return RemoteFile(path, kind="folder")
        return self._entry(session, path)[1]

    @override
    def _read(self, session: Store, path: str, offset: int = 0) -> Iterator[bytes]:
        content = self._entry(session, path)[0]
        for at in range(offset, len(content), 1 << 16):
            yield content[at : at + (1 << 16)]

    @override
    def _write(self, session: Store, reading: Reading, sync: bool) -> None:
        if reading.part in session.folders:
            raise Rejected("a folder stands in the way", path=reading.part)
        if parent(reading.part) not in session.folders:
            raise NotFound("no such folder", path=parent(reading.part))
        number = next(session.numbers)
        before = session.files[reading.part][0][: reading.offset] if reading.offset else b""
        for content in itertools.accumulate(reading.blocks(1 << 16), initial=before):
            claim = RemoteFile(reading.part, len(content), reading.mtime_ns, inode=str(number), mode=reading.mode)
            session.files[reading.part] = (bytes(content), claim)

    @override
    def _rm(self, session: Store, path: str) -> None:
        if path in session.folders:
            raise Rejected("a folder, not a file", path=path)
        self._entry(session, path)
        del session.files[path]

    @override
    def _mkdir(self, session: Store, folder: str) -> None:
        while folder:
            if folder in session.files:
                raise Rejected("a file stands in the way of a folder", path=folder)
            session.folders.add(folder)
            folder = parent(folder)

    @override
    def _rmdir(self, session: Store, folder: str) -> None:
        if folder not in session.folders:
            raise NotFound("no such folder", path=folder)
        if any(parent(name) == folder for name in [*session.files, *session.folders - {""}]):
            raise Rejected("the folder is not empty", path=folder)
        session.folders.remove(folder)

    @override
    def _rename(self, session: Store, source: str, target: str, replace: bool) -> None:
        content, claim = self._entry(session, source)
        if target in session.folders:
            raise Rejected("a folder stands in the way", path=target)
        if target in session.files and not replace:
            raise Rejected("a file stands there already", path=target)
        session.files[target] = (content, claim.at(target))
        del session.files[source]

    @override
    def _hash(self, session: Store, files: Sequence[RemoteFile]) -> list[str | None]:
        return [hashlib.sha256(self._entry(session, file.path)[0]).hexdigest() for file in files]

    @override
    def _translate(self, error: BaseException) -> GatewayError | None:
        return None

    @staticmethod
    def _entry(session: Store, path: str) -> tuple[bytes, RemoteFile]:
        try:
            return session.files[path]
        except KeyError:
            raise NotFound("no such file", path=path) from None

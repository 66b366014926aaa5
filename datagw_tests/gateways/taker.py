"""A place that takes files and shows nothing of them, as own code and mail do: for tests. What it took is on a disk."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from typing_extensions import override

from datagw.errors import GatewayError, NotFound, Rejected, Unavailable
from datagw.files import RemoteFile
from datagw.gateways.base import Gateway, Reading
from datagw.gateways.front.reading import Published


class Tray:
    """The session: a file with one line for each file that was taken."""

    def __init__(self, log: Path) -> None:
        self.log = log

    def close(self) -> None:
        """Nothing is held."""

    def take(self, name: str, content: bytes) -> None:
        line = json.dumps([name, content.decode("latin-1")]) + "\n"
        descriptor = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line.encode("ascii"))
        finally:
            os.close(descriptor)

    def taken(self) -> list[tuple[str, bytes]]:
        if not self.log.exists():
            return []
        lines = self.log.read_text("ascii").splitlines()
        return [(name, content.encode("latin-1")) for name, content in map(json.loads, lines)]


class Taker(Gateway):
    """Takes each file by its path, in one request. `refuses` and `silent` are names that it does not take."""

    type: ClassVar[str] = "taker"
    shows: ClassVar[bool] = False
    needs_a_file: ClassVar[bool] = True

    log: str
    refuses: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()

    def taken(self) -> list[tuple[str, bytes]]:
        """Every file that was taken, as often as it was."""
        return Tray(Path(self.log)).taken()

    @override
    def _session(self) -> Tray:
        return Tray(Path(self.log))

    @override
    def _ls(self, session: Tray, folder: str) -> Iterator[RemoteFile]:
        return iter(())

    @override
    def _stat(self, session: Tray, path: str) -> RemoteFile:
        if path:
            raise NotFound("nothing is shown here", path=path)
        return RemoteFile(path, kind="folder")

    @override
    def _publish(self, session: Tray, reading: Reading) -> Published:
        with reading.whole() as local:
            if reading.final in self.refuses:
                raise Rejected("makes no sense", path=reading.final)
            if reading.final in self.silent:
                raise Unavailable("not now", path=reading.final)
            session.take(reading.final, local.read_bytes())
        return Published(RemoteFile(reading.final, reading.size), "accepted")

    @override
    def _translate(self, error: BaseException) -> GatewayError | None:
        return None

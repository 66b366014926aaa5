"""WebDAV, put through the promise, on servers that differ as the servers of the world do; a line that can be cut before each."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from datagw.errors import GatewayError
from datagw.gateways.base import Gateway
from datagw.gateways.webdav import Webdav
from datagw_tests.conftest import require_server
from datagw_tests.gateways.promise import NASTY, Place, Promise, hold, publish
from datagw_tests.servers import apache
from datagw_tests.servers.chaos import Chaos
from datagw_tests.servers.process import Process
from datagw_tests.servers.rclone import Rclone
from datagw_tests.servers.sftpgo import Sftpgo


class TestWebdav(Promise):
    """Apache's mod_dav: locks, and PUT with Content-Range, so that a file is gone on with."""

    given: ClassVar[dict[str, Any]] = {}
    keeps_time: ClassVar[bool] = False
    goes_on: ClassVar[bool] = True

    @classmethod
    def made(cls, folder: Path) -> Process:
        """A server that is not started yet; the test is skipped where there can be none."""
        if lack := apache.missing():
            require_server(*lack)
        return apache.Apache(digest=cls.given.get("auth") == "digest")

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
        with cls.made(tmp_path_factory.mktemp("webdav")) as server:
            yield server

    @pytest.fixture
    def place(self, server: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
        monkeypatch.setenv("PASSWORD", "right-password")
        monkeypatch.setenv("WRONG", "wrong-password")
        self.folder = folder = server.root / uuid.uuid4().hex
        folder.mkdir()
        folder.chmod(0o777)
        with Chaos("127.0.0.1", server.port) as line:
            fields: dict[str, Any] = {"url": f"http://127.0.0.1:{line.port}", "root": folder.name, "timeout": 20}
            fields |= {"username": "station7", "password": {"env": "PASSWORD"}, **self.given}
            gateway = Webdav(**fields)
            yield Place(
                gateway,
                lambda: gateway.using(),
                secret="right-password",
                wrong=lambda: Webdav(**{**fields, "password": {"env": "WRONG"}}),
                cut=line.reset_all,
                stop=server.kill,
                keeps_time=self.keeps_time,
                goes_on=self.goes_on,
            )
        if not server.running:
            server.start()

    def test_a_long_listing_is_complete_and_in_order(self, gateway: Gateway, tmp_path: Path) -> None:
        """Sent by the slow ones alone: here the files are on the server's disk already."""
        names = [f"many/{n:04}" for n in range(1200)]
        (self.folder / "many").mkdir()
        for name in names:
            (self.folder / name).write_bytes(b"1")
        assert [entry.path for entry in gateway.ls("many")] == names
        assert sum(1 for _ in gateway.ls(recursive=True)) == 1201


@pytest.mark.slow
class TestWebdavOnSftpgo(TestWebdav):
    """SFTPGo: it keeps the time that it is told (X-OC-Mtime)."""

    keeps_time = True
    goes_on = False

    @classmethod
    def made(cls, folder: Path) -> Process:
        return Sftpgo(folder, service="webdav")


@pytest.mark.slow
class TestWebdavOnRclone(TestWebdavOnSftpgo):
    """`rclone serve webdav`: no control characters in names, which it cannot find again."""

    @classmethod
    def made(cls, folder: Path) -> Process:
        return Rclone(folder, "webdav", "--vfs-cache-mode", "off")

    @pytest.mark.parametrize("name", NASTY, ids=range(len(NASTY)))
    def test_hostile_names_travel_safely(
        self, place: Place, gateway: Gateway, filler: Gateway, tmp_path: Path, name: str
    ) -> None:
        if not re.search(r"[\x00-\x1f]", name):
            super().test_hostile_names_travel_safely(place, gateway, filler, tmp_path, name)
            return
        with pytest.raises(GatewayError):
            publish(gateway, hold(tmp_path, "a", b"x"), f"dir {name}/{name}")
        assert [entry.path for entry in gateway.ls(recursive=True) if entry.kind == "file"] == []


@pytest.mark.slow
class TestWebdavByDigestOnThreeConnections(TestWebdav):
    """The same promise where several connections share the work, and the password is never sent."""

    test_a_long_listing_is_complete_and_in_order = Promise.test_a_long_listing_is_complete_and_in_order
    given: ClassVar[dict[str, Any]] = {"auth": "digest", "connections": 3}

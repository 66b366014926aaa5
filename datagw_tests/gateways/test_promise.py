"""Each gateway, put through the promise. A new gateway adds one class here."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from datagw.gateways.base import Gateway
from datagw.gateways.http import Http
from datagw.gateways.local import Local
from datagw.gateways.memory import Memory
from datagw.gateways.sftp import Sftp
from datagw_tests.conftest import require_server
from datagw_tests.gateways.promise import QUICK, Place, Promise
from datagw_tests.gateways.shelf import Shelf
from datagw_tests.servers import nginx
from datagw_tests.servers.openssh import OpenSSH, make_key, missing


class TestMemory(Promise):
    @pytest.fixture
    def place(self) -> Place:
        gateway = Memory()
        return Place(gateway, lambda: gateway.using())


class TestShelf(Promise):
    """A place that publishes in one request, and refuses what does not arrive as it was sent."""

    checks: ClassVar[bool] = True
    stand_in: ClassVar[str] = "a gateway of the tests, for places that take a file in one request"

    @pytest.fixture
    def place(self, tmp_path: Path) -> Place:
        folder = tmp_path / "shelf"
        folder.mkdir()
        gateway = Shelf(folder=str(folder), checks=self.checks)
        return Place(gateway, lambda: gateway.using(), stop=lambda: folder.rename(tmp_path / "away"))


class TestShelfThatDoesNotCheck(TestShelf):
    """One that takes whatever arrives: the content is read back."""

    checks: ClassVar[bool] = False


@pytest.mark.slow
class TestShelfOnThreeConnections(TestShelf):
    """The same where several connections share the work."""

    @pytest.fixture
    def gateway(self, place: Place) -> Gateway:
        return place.gateway.model_copy(update={"connections": 3}).using(retries=QUICK)


class TestLocal(Promise):
    @pytest.fixture
    def place(self, tmp_path: Path) -> Place:
        root = tmp_path / "root"
        root.mkdir()
        gateway = Local(root=str(root))
        return Place(gateway, lambda: gateway.using(), stop=lambda: root.rename(tmp_path / "unmounted"))


class TestSftp(Promise):
    """OpenSSH as its users have it: posix-rename, exec with sha256sum."""

    config: ClassVar[dict[str, Any]] = {}

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSSH]:
        if lack := missing():
            require_server(*lack)
        with OpenSSH(tmp_path_factory.mktemp("sshd"), **cls.config) as server:
            yield server

    @pytest.fixture
    def place(self, server: OpenSSH) -> Iterator[Place]:
        root = server.root / uuid.uuid4().hex
        root.mkdir()
        gateway = Sftp(**server.fields(root=str(root)))

        def wrong() -> Gateway:
            stranger = server.folder / "stranger"
            key = stranger if stranger.exists() else make_key(stranger)
            return Sftp(**server.fields(root=str(root), private_key=str(key)))

        yield Place(gateway, lambda: gateway.using(), wrong=wrong, cut=server.cut, stop=server.kill)
        if not server.running:
            server.start()


class TestSftpWithoutExec(TestSftp):
    """A server that lets nothing be run: content is read back."""

    config: ClassVar[dict[str, Any]] = {"exec_allowed": False}


@pytest.mark.slow
class TestSftpOnThreeConnections(TestSftp):
    """The same promise where several connections share the work."""

    @pytest.fixture
    def gateway(self, place: Place) -> Gateway:
        return type(place.gateway)(**{**place.gateway.model_dump(exclude_none=True), "connections": 3}).using(
            retries=QUICK
        )


class TestHttp(Promise):
    """nginx, with a password; files are put into its folder, for HTTP only reads."""

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[nginx.Nginx]:
        if lack := nginx.missing():
            require_server(*lack)
        with nginx.Nginx(tmp_path_factory.mktemp("nginx"), users={"station7": "right-password"}) as server:
            yield server

    @pytest.fixture
    def place(self, server: nginx.Nginx, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
        monkeypatch.setenv("PASSWORD", "right-password")
        monkeypatch.setenv("WRONG", "wrong-password")
        root = uuid.uuid4().hex
        (server.root / root).mkdir()
        fields: dict[str, Any] = {"url": server.url, "root": root, "username": "station7", "timeout": 20}
        gateway = Http(**fields, password={"env": "PASSWORD"})

        yield Place(
            gateway,
            lambda: gateway.using(),
            secret="right-password",
            wrong=lambda: Http(**fields, password={"env": "WRONG"}),
            logins=lambda: len([line for line in server.asked() if line.startswith("401 ")]),
            cut=server.cut,
            stop=server.kill,
            filler=Local(root=str(server.root / root)),
        )
        if not server.running:
            server.start()

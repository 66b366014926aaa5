"""SFTP, put through the promise on servers that are not OpenSSH; that one is in `test_promise.py`."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from datagw.errors import GatewayError
from datagw.gateways.base import Gateway
from datagw.gateways.sftp import Sftp
from datagw_tests.gateways.promise import NASTY, QUICK, Place, Promise, hold, publish
from datagw_tests.servers.rclone import PASSWORD, Rclone
from datagw_tests.servers.sftpgo import Sftpgo


class PromiseOfSftp(Promise):
    """The promise on a server program that lets `station7` in."""

    keeps_time: ClassVar[bool] = True
    goes_on: ClassVar[bool] = True

    @classmethod
    def made(cls, folder: Path) -> Any:
        """A server that is not started yet."""
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
        with cls.made(tmp_path_factory.mktemp("sftp")) as server:
            yield server

    @pytest.fixture
    def place(self, server: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
        monkeypatch.setenv("PASSWORD", PASSWORD)
        monkeypatch.setenv("WRONG", "wrong-password")
        (server.root / (name := uuid.uuid4().hex)).mkdir()
        port = getattr(server, "ssh_port", server.port)
        fields = server.fields(root=f"/{name}", port=port, insecure=True)
        gateway = Sftp(**fields)
        yield Place(
            gateway,
            lambda: gateway.using(),
            secret=PASSWORD,
            wrong=lambda: Sftp(**{**fields, "password": {"env": "WRONG"}}),
            cut=server.cut,
            stop=server.kill,
            keeps_time=self.keeps_time,
            goes_on=self.goes_on,
        )
        if not server.running:
            server.start()


@pytest.mark.slow
class TestSftpOnSftpgo(PromiseOfSftp):
    """SFTPGo: its plain rename replaces, and commands that it does not know close the channel."""

    @classmethod
    def made(cls, folder: Path) -> Sftpgo:
        return Sftpgo(folder)


@pytest.mark.slow
class TestSftpOnRclone(PromiseOfSftp):
    """`rclone serve sftp`: a few commands, no links, no writing into a file that is there."""

    goes_on = False

    def test_a_reader_sees_the_old_or_the_new_file_never_a_part(
        self, place: Place, filler: Gateway, tmp_path: Path
    ) -> None:
        """One that does not read while the file is replaced: it is given the new file up to the size of the old one."""
        for content in (b"o" * 4000, b"n" * 5000):
            publish(filler, hold(tmp_path, "f", content), "f")
            assert place.again().using(retries=QUICK).read("f") == content

    @pytest.mark.parametrize("name", NASTY, ids=range(len(NASTY)))
    def test_hostile_names_travel_safely(
        self, place: Place, gateway: Gateway, filler: Gateway, tmp_path: Path, name: str
    ) -> None:
        if not {"\t", "\n"} & set(name):
            super().test_hostile_names_travel_safely(place, gateway, filler, tmp_path, name)
            return
        with pytest.raises((GatewayError, AssertionError), match="no such"):  # it loses its way in such a folder
            publish(filler, hold(tmp_path, "a", b"x"), f"dir {name}/{name}")
        publish(filler, hold(tmp_path, "a", b"x"), "other")
        assert filler.read("other") == b"x"

    @classmethod
    def made(cls, folder: Path) -> Rclone:
        return Rclone(folder, "sftp", "--vfs-cache-mode", "off")

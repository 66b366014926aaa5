"""FTP and FTPS, put through the promise, on servers that differ as the servers of the world do."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from datagw.errors import Rejected
from datagw.files import is_own_name
from datagw.gateways.base import Gateway
from datagw.gateways.ftp import Ftp
from datagw.gateways.ftps import Ftps
from datagw_tests.gateways.promise import NASTY, QUICK, Place, Promise, hold, publish
from datagw_tests.servers.certificates import Authority
from datagw_tests.servers.ftp_pyftpdlib import PASSWORD, Pyftpd


class PromiseOfFtp(Promise):
    """The promise, but for what FTP, or one of its servers, cannot carry, and says so."""

    keeps_time: ClassVar[bool] = True
    leaves_no_gap: ClassVar[bool] = True
    type: ClassVar[type[Ftp]] = Ftp

    def test_what_was_put_is_there_whole_with_its_time(self, gateway: Gateway, tmp_path: Path) -> None:
        if self.keeps_time:
            super().test_what_was_put_is_there_whole_with_its_time(gateway, tmp_path)
            return
        assert publish(gateway, hold(tmp_path, "a", b"x" * 300_000), "folder/b.txt") in ("hash", "readback")
        assert gateway.stat("folder/b.txt").size == 300_000
        assert gateway.read("folder/b.txt") == b"x" * 300_000

    def test_a_reader_sees_the_old_or_the_new_file_never_a_part(
        self, place: Place, filler: Gateway, tmp_path: Path
    ) -> None:
        if self.leaves_no_gap:
            super().test_a_reader_sees_the_old_or_the_new_file_never_a_part(place, filler, tmp_path)
            return
        seen: list[list[bytes]] = []

        def look(_count: int) -> None:
            names = [entry.path for entry in filler.ls() if not is_own_name(entry.path)]
            seen.append([filler.read(name) for name in names])

        publish(filler, hold(tmp_path, "old", b"o" * 4000), "f")
        writer = place.again().using(retries=QUICK, moved=look)
        publish(writer, hold(tmp_path, "new", b"n" * 5000), "f")
        look(0)
        assert seen == [[b"o" * 4000], [b"n" * 5000]]
        assert writer.live.gaps == {"f"}
        assert [entry.path for entry in filler.ls()] == ["f"], "nothing is left of the steps"

    def test_a_long_listing_is_complete_and_in_order(self, gateway: Gateway, tmp_path: Path) -> None:
        """Sent by `TestFtp` alone: here the files are on the server's disk already."""
        names = [f"many/{n:04}" for n in range(1200)]
        gateway.mkdir("many")
        for name in names:
            (self.folder(gateway) / name).write_bytes(b"1")
        assert [entry.path for entry in gateway.ls("many")] == names
        assert sum(1 for _ in gateway.ls(recursive=True)) == 1201

    def folder(self, gateway: Gateway) -> Path:
        """The gateway's root, on the server's disk."""
        raise NotImplementedError

    @pytest.mark.parametrize("name", NASTY, ids=range(len(NASTY)))
    def test_hostile_names_travel_safely(self, gateway: Gateway, filler: Gateway, tmp_path: Path, name: str) -> None:
        if "\n" not in name:
            super().test_hostile_names_travel_safely(gateway, filler, tmp_path, name)
            return
        for call in (gateway.stat, gateway.read, gateway.rm, lambda path: gateway.put(b"x", path)):
            with pytest.raises(Rejected, match="line break"):
                call(name)
        assert list(gateway.ls()) == []


class OnPyftpd(PromiseOfFtp):
    """Servers in a thread of the test's own."""

    options: ClassVar[dict[str, Any]] = {}

    @pytest.fixture(autouse=True)
    def _here(self, server: Pyftpd) -> None:
        self.server_root = server.root

    def folder(self, gateway: Gateway) -> Path:
        return self.server_root / gateway.root.strip("/")

    @pytest.fixture(scope="class")
    @classmethod
    def authority(cls, tmp_path_factory: pytest.TempPathFactory) -> Authority:
        return Authority(tmp_path_factory.mktemp("authority"))

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Pyftpd]:
        certificate = authority.signed() if cls.type is Ftps else None
        with Pyftpd(tmp_path_factory.mktemp("ftp"), certificate=certificate, **cls.options) as server:
            yield server

    @pytest.fixture
    def place(self, server: Pyftpd, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
        monkeypatch.setenv("PASSWORD", PASSWORD)
        monkeypatch.setenv("WRONG", "wrong-password")
        root = uuid.uuid4().hex
        (server.root / root).mkdir()
        fields = server.fields(root=f"/{root}", **({"ca_file": str(authority.file)} if self.type is Ftps else {}))
        gateway = self.type(**fields)
        yield Place(
            gateway,
            lambda: gateway.using(),
            secret=PASSWORD,
            wrong=lambda: self.type(**{**fields, "password": {"env": "WRONG"}}),
            logins=lambda: server.asked.count("PASS"),
            cut=server.cut,
            stop=server.kill,
        )
        gateway.close()
        if not server.running:
            server.start()


class TestFtp(OnPyftpd):
    """pyftpdlib: MLSD, REST, MFMT, UTF-8."""

    test_a_long_listing_is_complete_and_in_order = Promise.test_a_long_listing_is_complete_and_in_order


class TestFtps(OnPyftpd):
    """The same under TLS, which the server insists on."""

    type = Ftps


class TestFtpOfOldServers(OnPyftpd):
    """No MLSD, no MFMT, no EPSV, no FEAT, and no rename over what is there."""

    keeps_time = False
    leaves_no_gap = False
    options = {"without": ("MLSD", "MLST", "MFMT", "EPSV", "FEAT"), "keep": True}


class TestFtpOnThreeConnections(OnPyftpd):
    """The same promise where several connections share the work."""

    @pytest.fixture
    def gateway(self, place: Place) -> Gateway:
        fields = place.gateway.model_dump(exclude_none=True)
        return type(place.gateway)(**{**fields, "connections": 3}).using(retries=QUICK)

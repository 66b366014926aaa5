"""FTP and FTPS, put through the promise, on servers that differ as the servers of the world do."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import pytest

from datagw.errors import Rejected, Unavailable
from datagw.files import is_own_name
from datagw.gateways.base import Gateway
from datagw.gateways.ftp import Ftp
from datagw.gateways.ftps import Ftps
from datagw_tests.conftest import require_server
from datagw_tests.gateways.promise import NASTY, QUICK, Place, Promise, hold, publish
from datagw_tests.servers import vsftpd
from datagw_tests.servers.certificates import Authority
from datagw_tests.servers.ftp_pyftpdlib import Pyftpd
from datagw_tests.servers.rclone import Rclone
from datagw_tests.servers.sftpgo import Sftpgo


class Server(Protocol):
    """What the servers of the tests have in common."""

    root: Path

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def at(self, folder: str) -> str: ...
    def fields(self, **changed: Any) -> dict[str, Any]: ...
    @property
    def logins(self) -> Callable[[], int] | None: ...
    def start(self) -> None: ...
    def cut(self) -> None: ...
    def kill(self) -> None: ...
    @property
    def running(self) -> bool: ...


class PromiseOfFtp(Promise):
    """The promise, but for what FTP, or one of its servers, cannot carry, and says so."""

    type: ClassVar[type[Ftp]] = Ftp
    keeps_time: ClassVar[bool] = True
    leaves_no_gap: ClassVar[bool] = True
    goes_on: ClassVar[bool] = True
    reads_while_replaced: ClassVar[bool] = True

    @classmethod
    def made(cls, folder: Path, certificate: Path | None) -> Server:
        """A server that is not started yet; the test is skipped where there can be none."""
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def authority(cls, tmp_path_factory: pytest.TempPathFactory) -> Authority:
        return Authority(tmp_path_factory.mktemp("authority"))

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Server]:
        with cls.made(tmp_path_factory.mktemp("ftp"), authority.signed() if cls.type is Ftps else None) as server:
            yield server

    @pytest.fixture
    def place(self, server: Server, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
        monkeypatch.setenv("PASSWORD", "right-password")
        monkeypatch.setenv("WRONG", "wrong-password")
        self.folder = server.root / uuid.uuid4().hex
        self.folder.mkdir()
        trust = {"ca_file": str(authority.file)} if self.type is Ftps else {}
        fields = server.fields(root=server.at(self.folder.name), **trust)
        gateway = self.type(**fields)
        yield Place(
            gateway,
            lambda: gateway.using(),
            secret="right-password",
            wrong=lambda: self.type(**{**fields, "password": {"env": "WRONG"}}),
            logins=server.logins,
            cut=server.cut,
            stop=server.kill,
            keeps_time=self.keeps_time,
            goes_on=self.goes_on,
        )
        if not server.running:
            server.start()

    def test_a_reader_sees_the_old_or_the_new_file_never_a_part(
        self, place: Place, filler: Gateway, tmp_path: Path
    ) -> None:
        if self.leaves_no_gap and self.reads_while_replaced:
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
        assert writer.live.gaps == (set() if self.leaves_no_gap else {"f"})
        self.shows("replaces", "in one step" if self.leaves_no_gap else "in two steps, the gap told")
        assert [entry.path for entry in filler.ls()] == ["f"], "nothing is left of the steps"

    def test_a_long_listing_is_complete_and_in_order(self, gateway: Gateway, tmp_path: Path) -> None:
        """Sent by `TestFtp` alone: here the files are on the server's disk already."""
        names = [f"many/{n:04}" for n in range(1200)]
        gateway.mkdir("many")
        for name in names:
            (self.folder / name).write_bytes(b"1")
        assert [entry.path for entry in gateway.ls("many")] == names
        assert sum(1 for _ in gateway.ls(recursive=True)) == 1201

    @pytest.mark.parametrize("name", NASTY, ids=range(len(NASTY)))
    def test_hostile_names_travel_safely(
        self, place: Place, gateway: Gateway, filler: Gateway, tmp_path: Path, name: str
    ) -> None:
        if "\n" not in name:
            super().test_hostile_names_travel_safely(place, gateway, filler, tmp_path, name)
            return
        gone: list[int] = []
        writer = gateway.using(retries=QUICK, moved=gone.append)
        for call in (gateway.stat, gateway.read, gateway.rm, lambda path: writer.put(b"x", path)):
            with pytest.raises(Rejected, match="line break"):
                call(name)
        assert (gone, list(gateway.ls())) == ([], [])


class TestFtp(PromiseOfFtp):
    """pyftpdlib: MLSD, REST, MFMT, UTF-8."""

    test_a_long_listing_is_complete_and_in_order = Promise.test_a_long_listing_is_complete_and_in_order
    options: ClassVar[dict[str, Any]] = {}

    @classmethod
    def made(cls, folder: Path, certificate: Path | None) -> Server:
        return Pyftpd(folder, certificate=certificate, **cls.options)


@pytest.mark.slow
class TestFtps(TestFtp):
    """The same under TLS, which the server insists on."""

    test_a_long_listing_is_complete_and_in_order = PromiseOfFtp.test_a_long_listing_is_complete_and_in_order
    type = Ftps


class TestFtpOfOldServers(TestFtp):
    """No MLSD, no MFMT, no EPSV, no FEAT, and no rename over what is there."""

    keeps_time = False
    leaves_no_gap = False
    options = {"without": ("MLSD", "MLST", "MFMT", "EPSV", "FEAT"), "keep": True}


@pytest.mark.slow
class TestFtpOnThreeConnections(TestFtp):
    """The same promise where several connections share the work."""

    @pytest.fixture
    def gateway(self, place: Place) -> Gateway:
        fields = place.gateway.model_dump(exclude_none=True)
        return type(place.gateway)(**{**fields, "connections": 3}).using(retries=QUICK)


class TestFtpOnVsftpd(PromiseOfFtp):
    """vsftpd: LIST, no MFMT, hidden names on demand."""

    keeps_time = False

    @classmethod
    def made(cls, folder: Path, certificate: Path | None) -> Server:
        if lack := vsftpd.missing():
            require_server(*lack)
        return vsftpd.Vsftpd(folder, certificate=certificate)


@pytest.mark.slow
class TestFtpsOnVsftpd(TestFtpOnVsftpd):
    """vsftpd under TLS: it wants data in the TLS session of the control connection, and ends that are said."""

    type = Ftps


class TestFtpOnSftpgo(PromiseOfFtp):
    """SFTPGo: it computes SHA-256 itself, so that nothing is read back."""

    @classmethod
    def made(cls, folder: Path, certificate: Path | None) -> Server:
        return Sftpgo(folder, certificate=certificate)

    def test_its_hashes_are_believed(self, gateway: Gateway, tmp_path: Path) -> None:
        assert publish(gateway, hold(tmp_path, "a", b"x" * 300_000), "b c.txt") == "hash"


@pytest.mark.slow
class TestFtpsOnSftpgo(TestFtpOnSftpgo):
    """The same under TLS."""

    type = Ftps


@pytest.mark.slow
class TestFtpOnRclone(PromiseOfFtp):
    """`rclone serve ftp`: no MFMT, no hashes, no REST behind a file's end; APPE begins the file again, unasked."""

    keeps_time = False
    goes_on = False
    reads_while_replaced = False  # it gives the new file up to the size of the old one

    @pytest.mark.parametrize("name", NASTY, ids=range(len(NASTY)))
    def test_hostile_names_travel_safely(
        self, place: Place, gateway: Gateway, filler: Gateway, tmp_path: Path, name: str
    ) -> None:
        if "\t" not in name:
            super().test_hostile_names_travel_safely(place, gateway, filler, tmp_path, name)
            return
        # It loses its way in a folder whose name has a tab: it refuses the file, or takes it and does not find it again.
        with pytest.raises((Unavailable, AssertionError), match="450|no such file"):
            publish(filler, hold(tmp_path, "a", b"x"), f"dir {name}/{name}")
        publish(filler, hold(tmp_path, "a", b"x"), "other")
        assert filler.read("other") == b"x"

    @classmethod
    def made(cls, folder: Path, certificate: Path | None) -> Server:
        return Rclone(folder, "ftp", "--vfs-cache-mode", "off")

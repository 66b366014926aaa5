"""Every gateway of a network, on a line that is late, cut, refused, or silent: an outage is told, and nothing else is.

A new gateway adds one class here, as in `test_promise.py`.
"""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from datagw.errors import Unavailable
from datagw.files import StagedFile
from datagw.gateways.base import Gateway
from datagw.gateways.datagouv import Datagouv
from datagw.gateways.front.retries import RetryPolicy
from datagw.gateways.ftp import Ftp
from datagw.gateways.ftps import Ftps
from datagw.gateways.http import Http
from datagw.gateways.local import Local
from datagw.gateways.s3 import S3
from datagw.gateways.sftp import Sftp
from datagw.gateways.webdav import Webdav
from datagw_tests.conftest import require_server
from datagw_tests.gateways.conftest import an_sshd
from datagw_tests.gateways.promise import QUICK, calls, hold, publish
from datagw_tests.servers import apache, nginx, udata
from datagw_tests.servers.certificates import Authority
from datagw_tests.servers.chaos import Chaos
from datagw_tests.servers.ftp_pyftpdlib import PASSWORD, Pyftpd
from datagw_tests.servers.s3 import SECRET, Minio

ONCE = RetryPolicy(max=0)
OFTEN = RetryPolicy(max=6, backoff=0.01, cap=0.02)
STUBBORN = RetryPolicy(max=60, backoff=0.01, cap=0.02)  # a reset takes along what has arrived and nobody has read yet
SMALL = b"1;2\n" * 1000
BIG = bytes(range(256)) * 24_000
HALF = len(BIG) // 2


@dataclass
class Far:
    """A gateway behind lines. `made` is another one with these settings, `near` stands before the lines."""

    made: Callable[..., Gateway]
    near: Gateway
    lines: list[Chaos]

    def fall(self, **faults: Any) -> None:
        """The lines are so from now on."""
        for line in self.lines:
            for name, value in faults.items():
                setattr(line, name, value)

    def heal(self) -> None:
        """The lines are well again."""
        well = dict.fromkeys(("cut_after", "cut_after_down", "silent_after", "silent_after_down"))
        self.fall(**well, latency=0.0, refuse=False, silent=False)

    def seen(self) -> list[str]:
        """The names that everybody sees; of the others some are ours, and some the server's."""
        return [one.path for one in self.near.ls() if not one.path.startswith(".")]

    def cut(self) -> None:
        """What is open now is reset."""
        for line in self.lines:
            line.reset_all()


def midway(act: Callable[[], None]) -> Callable[[int], None]:
    """Something that happens once, when half of a large file has moved."""
    moved: list[int] = []

    def count(size: int) -> None:
        before, after = sum(moved), sum(moved) + size
        moved.append(size)
        if before < HALF <= after:
            act()

    return count


@contextlib.contextmanager
def soon(gateway: Gateway) -> Generator[None]:
    """It ends by the gateway's own timeout, many times that of the tests: the machine may be busy."""
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < 10 * gateway.timeout + 10


def whole(gateway: Gateway, path: str, content: bytes) -> None:
    """The file is there, and once whoever was away has come back."""
    end = time.monotonic() + 30
    while True:
        try:
            assert gateway.read(path) == content
        except Unavailable:
            assert time.monotonic() < end
        else:
            return


class Faults:
    """The table: each test is a fault, each class a gateway. `far` is the fixture that each of them provides."""

    timeout: ClassVar[float] = 0.3
    cut_every: ClassVar[int] = 4_500_000
    goes_on: ClassVar[bool] = True
    """Whether a send goes on where it was cut, and does not begin again."""

    @pytest.fixture
    def there(self, far: Far, tmp_path: Path) -> str:
        """A large file that is there, and has been for long: of a new one some do not tell for sure which it is."""
        staged = hold(tmp_path, "source", BIG)
        os.utime(staged.local, (1_760_000_000, 1_760_000_000))
        publish(far.near, StagedFile(staged.local, Local(root=str(tmp_path)).stat("source")), "there.csv")
        return "there.csv"

    @pytest.fixture
    def into(self, tmp_path: Path) -> Path:
        folder = tmp_path / "into"
        folder.mkdir()
        return folder

    @pytest.fixture
    def writes(self, far: Far) -> None:
        if not (far.made().can("write") or far.made().can("publish")):
            pytest.skip("this gateway only reads")

    def hasty(self, far: Far) -> Gateway:
        return far.made(timeout=self.timeout).using(name="far", retries=ONCE)

    def outages(self, gateway: Gateway, there: str, folder: Path) -> Iterator[Callable[[], object]]:
        """All that may be asked of it, each of which is an outage by now."""
        for call in calls(gateway):
            yield lambda call=call: call("absent.csv")
        if gateway.can("ls"):
            yield lambda: list(gateway.ls())
        yield lambda: gateway.stat_many([there, "absent.csv"])
        yield lambda: gateway.get(gateway.stat(there), folder)
        if gateway.can("write") or gateway.can("publish"):
            yield lambda: publish(gateway, hold(folder.parent, "small", SMALL), "small.csv")
            yield lambda: publish(gateway, hold(folder.parent, "big", BIG), "big.csv")

    def test_latency_changes_nothing(self, far: Far, there: str, into: Path, tmp_path: Path) -> None:
        far.fall(latency=0.02)
        with far.made().using(retries=ONCE) as gateway:
            claim = gateway.stat(there)
            assert gateway.get(claim, into).local.read_bytes() == BIG
            if gateway.can("publish") or gateway.can("write"):
                publish(gateway, hold(tmp_path, "a", SMALL), "new.csv")
                assert [one.path for one in gateway.ls()] == ["new.csv", there]

    @pytest.mark.usefixtures("writes")
    def test_a_send_that_is_cut_is_tried_again_and_no_half_of_it_is_seen(self, far: Far, tmp_path: Path) -> None:
        seen: list[list[str]] = []

        def cut() -> None:
            far.cut()
            seen.append(far.seen())

        with far.made().using(retries=QUICK, moved=midway(cut)) as gateway:
            assert publish(gateway, hold(tmp_path, "a", BIG), "new.csv") in ("hash", "readback")
            assert seen == [[]]
            whole(gateway, "new.csv", BIG)
        assert far.seen() == ["new.csv"]

    @pytest.mark.usefixtures("writes")
    def test_a_line_that_is_cut_again_and_again_takes_a_file_or_nothing(self, far: Far, tmp_path: Path) -> None:
        far.fall(cut_after=self.cut_every)
        with far.made().using(retries=OFTEN) as gateway:
            if self.goes_on:
                publish(gateway, hold(tmp_path, "a", BIG), "new.csv")
            else:
                with pytest.raises(Unavailable):
                    publish(gateway, hold(tmp_path, "a", BIG), "new.csv")
                far.heal()
                assert far.seen() == []
                publish(gateway, hold(tmp_path, "a", BIG), "new.csv")
        far.heal()
        whole(far.near, "new.csv", BIG)

    def test_a_line_that_is_cut_again_and_again_gives_the_file_in_the_end(
        self, far: Far, there: str, into: Path
    ) -> None:
        far.fall(cut_after_down=self.cut_every)
        with far.made().using(retries=STUBBORN) as gateway:
            staged = gateway.get(gateway.stat(there), into)
        assert staged.local.read_bytes() == BIG
        assert [path.name for path in into.iterdir()] == [staged.local.name]

    def test_a_line_that_ends_at_once_gives_no_file_and_no_absence(self, far: Far, there: str, into: Path) -> None:
        far.fall(cut_after_down=20)
        with self.hasty(far) as gateway:
            for call in self.outages(gateway, there, into):
                with pytest.raises(Unavailable):
                    call()
            assert list(into.iterdir()) == []
            far.heal()
            whole(gateway, there, BIG)

    def test_a_refused_connection_is_an_outage_and_heals(self, far: Far, there: str, into: Path) -> None:
        with self.hasty(far) as gateway:
            gateway.stat(there)
            far.fall(refuse=True)
            far.cut()
            for call in self.outages(gateway, there, into):
                with pytest.raises(Unavailable):
                    call()
            far.heal()
            whole(gateway, there, BIG)
        assert far.seen() == [there]

    def test_a_black_hole_is_left_by_the_gateways_own_timeout(self, far: Far, there: str, into: Path) -> None:
        """New connections go into it as well as those that are open: each call finds the one after the other."""
        with self.hasty(far) as gateway:
            for number, call in enumerate(self.outages(gateway, there, into)):
                far.heal()
                if number % 2 == 0:
                    whole(gateway, there, BIG)
                far.fall(silent=True)
                with soon(gateway), pytest.raises(Unavailable):
                    call()
            far.heal()
            whole(gateway, there, BIG)

    def test_a_get_that_falls_silent_midway_is_an_outage(self, far: Far, there: str, into: Path) -> None:
        with far.made() as patient:
            claim = patient.stat(there)
        with self.hasty(far) as reader, soon(reader):
            far.fall(silent_after_down=HALF)
            (found,) = reader.get_many([claim], into)
            assert isinstance(found, Unavailable)
            assert list(into.iterdir()) == []
            far.heal()
            whole(reader, there, BIG)

    @pytest.mark.usefixtures("writes")
    def test_a_send_that_falls_silent_midway_is_an_outage_and_no_half_is_seen(self, far: Far, tmp_path: Path) -> None:
        with self.hasty(far) as writer:
            far.fall(silent_after=min(HALF, self.cut_every))
            with soon(writer), pytest.raises(Unavailable):
                publish(writer, hold(tmp_path, "a", BIG), "new.csv")
            far.heal()  # what was on its way arrives now
            assert all(far.near.read(name) == BIG for name in far.seen())
            with far.made().using(retries=QUICK) as patient:
                publish(patient, hold(tmp_path, "a", BIG), "new.csv")
            whole(writer, "new.csv", BIG)


class TestSftp(Faults):
    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
        with an_sshd(tmp_path_factory.mktemp("sshd")) as server:
            yield server

    @pytest.fixture
    def far(self, server: Any) -> Iterator[Far]:
        root = server.root / uuid.uuid4().hex
        root.mkdir()
        with Chaos("127.0.0.1", server.port) as line:
            fields = server.fields(root=str(root), insecure=True)
            yield Far(lambda **more: Sftp(**{**fields, "port": line.port, **more}), Local(root=str(root)), [line])


class TestFtp(Faults):
    """Control and data go through lines of their own: the server is at another address of this machine."""

    type: ClassVar[type[Ftp]] = Ftp

    @pytest.fixture
    def far(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Far]:
        monkeypatch.setenv("PASSWORD", PASSWORD)
        safe = issubclass(self.type, Ftps)
        authority = Authority(tmp_path) if safe else None
        trust = {"ca_file": str(authority.file)} if authority else {}
        with contextlib.ExitStack() as stack:
            data = [stack.enter_context(Chaos("127.0.0.2", 0)) for _ in range(3)]
            certificate = authority.signed() if authority else None
            ports = {"passive_ports": [line.port for line in data]}
            made = Pyftpd(tmp_path / "ftp", host="127.0.0.2", certificate=certificate, handler=ports)
            server = stack.enter_context(made)
            control = stack.enter_context(Chaos("127.0.0.2", server.port))
            fields = server.fields(host="127.0.0.1", port=control.port, **trust)
            yield Far(lambda **more: self.type(**{**fields, **more}), Local(root=str(server.root)), [control, *data])


@pytest.mark.slow
class TestFtps(TestFtp):
    type = Ftps


class TestHttp(Faults):
    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[nginx.Nginx]:
        if lack := nginx.missing():
            require_server(*lack)
        with nginx.Nginx(tmp_path_factory.mktemp("nginx")) as server:
            yield server

    @pytest.fixture
    def far(self, server: nginx.Nginx) -> Iterator[Far]:
        root = uuid.uuid4().hex
        (server.root / root).mkdir()
        with Chaos("127.0.0.1", server.port) as line:
            fields: dict[str, Any] = {"url": f"http://127.0.0.1:{line.port}", "root": root, "timeout": 20}
            yield Far(lambda **more: Http(**{**fields, **more}), Local(root=str(server.root / root)), [line])


class TestWebdav(Faults):
    """Apache, which keeps nothing of a request that breaks off."""

    goes_on = False

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls) -> Iterator[apache.Apache]:
        if lack := apache.missing():
            require_server(*lack)
        with apache.Apache() as server:
            yield server

    @pytest.fixture
    def far(self, server: apache.Apache, monkeypatch: pytest.MonkeyPatch) -> Iterator[Far]:
        monkeypatch.setenv("PASSWORD", PASSWORD)
        root = server.root / uuid.uuid4().hex
        root.mkdir()
        root.chmod(0o777)
        with Chaos("127.0.0.1", server.port) as line:
            fields: dict[str, Any] = {"url": f"http://127.0.0.1:{line.port}", "root": root.name, "timeout": 20}
            fields |= {"username": "station7", "password": {"env": "PASSWORD"}}
            yield Far(lambda **more: Webdav(**{**fields, **more}), Local(root=str(root)), [line])


class TestS3(Faults):
    goes_on = False

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Minio]:
        with Minio(tmp_path_factory.mktemp("s3")) as server:
            yield server

    @pytest.fixture
    def far(self, server: Minio, monkeypatch: pytest.MonkeyPatch) -> Iterator[Far]:
        monkeypatch.setenv("S3_SECRET", SECRET)
        with Chaos("127.0.0.1", server.port) as line:
            fields = server.fields(bucket=server.bucket())
            there = f"http://127.0.0.1:{line.port}"
            yield Far(lambda **more: S3(**{**fields, "endpoint_url": there, **more}), S3(**fields), [line])


@pytest.mark.slow
class TestDatagouv(Faults):
    """The real udata, which only knows itself by the address of its line."""

    goes_on = False
    cut_every = 1_500_000  # less than a chunk
    timeout = 1.0

    @pytest.fixture
    def far(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Far]:
        server = udata.shared()
        monkeypatch.setenv("UDATA_TOKEN", server.token)
        fields = server.fields(root=server.data_set())
        found = Far(lambda **more: Datagouv(**{**fields, **more}), Datagouv(**fields), [server.line])
        yield found
        found.heal()

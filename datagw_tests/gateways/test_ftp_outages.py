"""Control connections that end, go silent or never come to be, and data that breaks off: Unavailable, and soon."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from datagw.errors import Aborted, Unavailable
from datagw.files import part_name
from datagw.gateways.base import Upload
from datagw.gateways.front.limits import Limiter
from datagw.gateways.front.retries import RetryPolicy
from datagw.gateways.ftp import Ftp
from datagw_tests.gateways.promise import hold
from datagw_tests.servers.chaos import Chaos
from datagw_tests.servers.ftp_pyftpdlib import PASSWORD, Pyftpd

ONCE = RetryPolicy(max=0)
TWICE = RetryPolicy(max=2, backoff=0.01, cap=0.02)
SOON = 15  # seconds; generous, because the machine may be busy: the timeouts below are of 1 s
BIG = bytes(range(256)) * 60_000


@contextlib.contextmanager
def soon() -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < SOON


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", PASSWORD)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Pyftpd]:
    with Pyftpd(tmp_path / "ftp") as server:
        yield server


@pytest.fixture
def line(server: Pyftpd) -> Iterator[Chaos]:
    """What the control connection goes through; data goes straight to the server."""
    with Chaos("127.0.0.1", server.port) as proxy:
        yield proxy


@pytest.fixture
def far(server: Pyftpd, line: Chaos) -> Iterator[Ftp]:
    """A gateway through the proxy, that gives up after a second."""
    with Ftp(**server.fields(port=line.port, timeout=1)).using(retries=ONCE) as gateway:
        yield gateway


def wish(final: str = "big") -> Upload:
    return Upload(BIG, part_name(final, final), final)


def during(gateway: Ftp, event: Callable[[], object], retries: RetryPolicy = ONCE, after: int = 5) -> Ftp:
    """The gateway, with something that happens once, while its first file is under way."""
    moved: list[int] = []

    def count(size: int) -> None:
        moved.append(size)
        if len(moved) == after:
            event()

    return gateway.using(retries=retries, moved=count)


@pytest.mark.parametrize("way", ["reset", "silent"])
def test_a_control_connection_that_is_lost_during_a_transfer_is_no_success(far: Ftp, line: Chaos, way: str) -> None:
    event = line.reset_all if way == "reset" else lambda: setattr(line, "silent", True)
    with soon(), during(far, event) as gateway:
        (sent,) = gateway.send([wish()])
    assert isinstance(sent.error, Unavailable)


def test_after_a_lost_control_connection_what_arrived_is_not_sent_again(far: Ftp, line: Chaos, server: Pyftpd) -> None:
    upload = wish()
    with soon(), during(far, line.reset_all, TWICE, after=45) as gateway:
        (sent,) = gateway.send([upload])
        assert sent.error is None
        assert gateway.verify([sent], "content") == ["readback"]
    assert sent.moved < len(BIG)
    assert (server.root / upload.part).read_bytes() == BIG


@pytest.mark.parametrize("way", ["reset", "silent"])
def test_a_control_connection_that_is_lost_while_a_file_is_read_is_no_success(
    far: Ftp, line: Chaos, server: Pyftpd, way: str
) -> None:
    (server.root / "f").write_bytes(BIG)
    with soon(), pytest.raises(Unavailable):
        far.attempt("f", lambda session: _read_and(far, session, line, way))


def _read_and(gateway: Ftp, session: object, line: Chaos, way: str) -> None:
    for number, _ in enumerate(gateway._read(session, "f")):
        if number == 2:
            line.reset_all() if way == "reset" else setattr(line, "silent", True)


@pytest.mark.parametrize("way", ["refuse", "silent"])
def test_a_server_that_nobody_reaches_is_unavailable(far: Ftp, line: Chaos, way: str) -> None:
    setattr(line, way, True)
    for call in (far.stat, lambda path: list(far.ls(path))):
        with soon(), pytest.raises(Unavailable):
            call("x")


def test_a_cut_at_any_byte_of_the_talk_is_an_outage_and_never_an_absence(far: Ftp, line: Chaos, server: Pyftpd) -> None:
    (server.root / "folder").mkdir()
    (server.root / "folder/file").write_bytes(b"content")
    whole = 0
    for cut in range(5, 2000, 41):
        line.cut_after_down = cut
        far.close()
        try:
            assert [entry.path for entry in far.ls("folder")] == ["folder/file"]
            assert far.read("folder/file") == b"content"
            whole += 1
        except Unavailable:
            pass
    assert whole > 0


def test_latency_changes_nothing(far: Ftp, line: Chaos) -> None:
    line.latency = 0.02
    far.put(b"content", "folder/file")
    assert far.read("folder/file") == b"content"


def test_a_port_that_is_not_ftp_is_unavailable_soon() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute, soon(), pytest.raises(Unavailable, match="no answer within"):
        Ftp(host="127.0.0.1", port=mute.getsockname()[1], timeout=0.5).using(retries=ONCE).stat("")


def test_a_name_that_nobody_knows_is_told() -> None:
    with pytest.raises(Unavailable, match="no-such-host.invalid cannot be found"):
        Ftp(host="no-such-host.invalid").using(retries=ONCE).stat("")


def test_a_run_that_is_told_to_end_does_not_wait_for_a_silent_server(far: Ftp, line: Chaos) -> None:
    over = threading.Event()

    def fence() -> None:
        if over.is_set():
            raise Aborted("told to end")

    gateway = Ftp(**{**far.model_dump(exclude_none=True), "timeout": 60}).using(retries=ONCE, fence=fence)
    gateway.stat("")
    line.silent = True
    threading.Timer(0.3, over.set).start()
    with soon(), pytest.raises(Aborted):
        gateway.stat("")


def test_after_a_file_that_changed_meanwhile_the_connection_goes_on(server: Pyftpd, tmp_path: Path) -> None:
    staged = hold(tmp_path, "a", BIG)
    touched: list[int] = []

    def touch(_count: int) -> None:
        if not touched:
            touched.append((tmp_path / "a").write_bytes(BIG + b"more"))

    with Ftp(**server.fields()).using(retries=ONCE, moved=touch) as gateway:
        gateway.live.limiters = (Limiter(200_000_000),)
        one, two = gateway.send([Upload(staged, "a.part", "a"), Upload(b"second", "b.part", "b")])
        assert type(one.error).__name__ == "Changed"
        assert two.error is None
        assert gateway.read("b.part") == b"second"
    assert len([line for line in server.asked if line.startswith("USER")]) == 1

"""Connections that end, go silent, or never come to be: Unavailable, and soon."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from datagw.errors import Aborted, Unavailable
from datagw.files import RemoteFile, part_name
from datagw.gateways.base import Sent, Upload
from datagw.gateways.front.retries import RetryPolicy
from datagw.gateways.sftp import Sftp
from datagw_tests.gateways.conftest import ONCE
from datagw_tests.servers.chaos import Chaos
from datagw_tests.servers.openssh import OpenSSH

SOON = 15  # seconds; generous, because the machine may be busy: the timeouts below are of 1 s


@contextlib.contextmanager
def soon() -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < SOON


@pytest.fixture
def line(sshd: OpenSSH) -> Iterator[Chaos]:
    with Chaos("127.0.0.1", sshd.port) as proxy:
        yield proxy


@pytest.fixture
def far(sshd: OpenSSH, root: Path, line: Chaos) -> Iterator[Sftp]:
    """A gateway through the proxy, that gives up after a second."""
    fields = sshd.fields(port=line.port, root=str(root), insecure=True, timeout=1)
    with Sftp(**fields).using(retries=ONCE) as gateway:
        yield gateway


@pytest.fixture(autouse=True)
def no_thread_stays() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    for thread in {one for one in threading.enumerate() if one.name != "sshd-log"} - before:
        thread.join(10)
        assert not thread.is_alive(), f"{thread.name} is still there"


def big(final: str = "big") -> Upload:
    return Upload(os.urandom(20_000_000), part_name(final, final), final)


def during(gateway: Sftp, event: Callable[[], None], after: int = 3) -> Sftp:
    """The gateway, with something that happens while its first upload is under way."""
    moved: list[int] = []

    def count(size: int) -> None:
        moved.append(size)
        if len(moved) == after:
            event()

    return gateway.using(retries=ONCE, moved=count)


def outcomes(gateway: Sftp, *uploads: Upload) -> list[Sent]:
    with gateway:
        return list(gateway.send(uploads))


def test_a_killed_server_is_unavailable_at_once(sshd: OpenSSH, gateway: Sftp) -> None:
    def kill() -> None:
        for pid in sshd.children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    with soon():
        found = outcomes(during(gateway, kill), big(), big("next"))
    assert [type(one.error) for one in found] == [Unavailable] * 2


def test_a_killed_server_that_comes_back_is_gone_on_with(sshd: OpenSSH, gateway: Sftp, root: Path) -> None:
    def restart() -> None:
        sshd.kill()
        sshd.start()

    upload = big()
    place = during(gateway, restart, after=40).using(retries=RetryPolicy(max=2, backoff=0.01))
    with place:
        (sent,) = place.send([upload])
        assert sent.error is None
        assert place.verify([sent], "content") == ["hash"]
    assert (root / upload.part).read_bytes() == upload.content


@pytest.mark.parametrize("way", ["reset_all", "silent"])
def test_a_line_that_breaks_while_a_file_is_sent(far: Sftp, line: Chaos, way: str) -> None:
    event = line.reset_all if way == "reset_all" else lambda: setattr(line, "silent", True)
    with soon():
        found = outcomes(during(far, event), big(), big("next"))
    assert [type(one.error) for one in found] == [Unavailable] * 2


@pytest.mark.parametrize("way", ["reset_all", "silent"])
def test_a_line_that_breaks_while_a_file_is_read(far: Sftp, line: Chaos, root: Path, way: str) -> None:
    (root / "f").write_bytes(bytes(30_000_000))
    with soon(), far.speaking("f"), pytest.raises(ConnectionError):
        for piece, _ in enumerate(far._read_many(far.session(), [RemoteFile("f", 30_000_000)])):
            if piece == 2:
                line.reset_all() if way == "reset_all" else setattr(line, "silent", True)


@pytest.mark.parametrize(
    "call",
    [
        lambda gateway: gateway.stat("x"),
        lambda gateway: list(gateway.ls()),
        lambda gateway: gateway.read("x"),
        lambda gateway: gateway.rm("x"),
        lambda gateway: gateway.mkdir("a/b"),
        lambda gateway: gateway.put(b"x", "x"),
        lambda gateway: gateway.stat_many(["x", "y"]),
        lambda gateway: gateway.sync(["x"]),
    ],
    ids=["stat", "ls", "read", "rm", "mkdir", "put", "stat_many", "sync"],
)
def test_a_silent_line_is_no_empty_folder(far: Sftp, line: Chaos, call: Callable[[Sftp], object]) -> None:
    far.stat("")
    line.silent = True
    with soon(), pytest.raises(Unavailable, match="no answer"):
        call(far)


def test_a_line_that_falls_silent_under_a_hash_is_no_hash(far: Sftp, line: Chaos) -> None:
    far.put(b"x", "x")
    session = far.session()
    assert far._hash(session, [RemoteFile("x", 1)]) != [None]
    line.silent = True
    with soon():
        assert far._hash(session, [RemoteFile("x", 1)]) == [None]


@pytest.mark.parametrize("way", ["refuse", "silent"])
def test_a_server_that_does_not_let_us_in(far: Sftp, line: Chaos, way: str) -> None:
    setattr(line, way, True)
    with soon(), pytest.raises(Unavailable):
        far.stat("")


@pytest.mark.parametrize("count", [0, 10, 1_000, 2_000, 2_500, 3_000, 4_000, 100_000])
@pytest.mark.parametrize("way", ["cut_after", "cut_after_down"])
def test_wherever_a_connection_is_cut_it_is_an_outage(far: Sftp, line: Chaos, root: Path, way: str, count: int) -> None:
    (root / "f").write_bytes(bytes(500_000))
    setattr(line, way, count)
    with soon(), pytest.raises(Unavailable):
        far.read("f")
        far.put(bytes(500_000), "g")


def test_nobody_listens() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with soon(), pytest.raises(Unavailable, match="refused"):
        Sftp(host="127.0.0.1", port=port).using(retries=ONCE).stat("")


def test_a_name_that_leads_nowhere() -> None:
    with soon(), pytest.raises(Unavailable, match="not known"):
        Sftp(host="no-such-host.invalid").using(retries=ONCE).stat("")


@pytest.mark.parametrize("greeting", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-Silent\r\n"])
def test_what_listens_is_no_ssh_server(greeting: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        gateway = Sftp(host="127.0.0.1", port=listener.getsockname()[1], timeout=1).using(retries=ONCE)
        accepted: list[socket.socket] = []

        def greet() -> None:
            accepted.append(listener.accept()[0])
            accepted[0].sendall(greeting)

        thread = threading.Thread(target=greet)
        thread.start()
        with soon(), pytest.raises(Unavailable):
            gateway.stat("")
        thread.join(10)
        accepted[0].close()


def test_an_outage_is_tried_again_and_told(
    sshd: OpenSSH, root: Path, line: Chaos, caplog: pytest.LogCaptureFixture
) -> None:
    line.refuse = True
    fields = sshd.fields(port=line.port, root=str(root), insecure=True, timeout=1)
    with Sftp(**fields).using(retries=RetryPolicy(max=2, backoff=0.01)) as gateway:
        with pytest.raises(Unavailable):
            gateway.stat("")
        assert line.accepted == 3
        assert caplog.text.count("trying again") == 2
        line.refuse = False
        assert gateway.stat("").kind == "folder"


def test_closing_from_another_thread_ends_what_is_under_way(far: Sftp, line: Chaos) -> None:
    session = far.session()
    line.silent = True
    threading.Timer(0.05, session.close).start()
    with soon(), pytest.raises(Unavailable, match="closed"):
        far.stat("x")


# ---- somebody asks for the end while the server says nothing


def ends_when(wanted: threading.Event) -> Callable[[], None]:
    def fence() -> None:
        if wanted.is_set():
            raise Aborted("somebody asked for the end")

    return fence


@pytest.mark.parametrize("what", ["look", "list", "send", "connect"])
def test_a_wish_to_end_is_heard_while_the_server_keeps_silent(
    sshd: OpenSSH, root: Path, line: Chaos, what: str
) -> None:
    wanted, moved = threading.Event(), list[int]()

    def count(size: int) -> None:
        moved.append(size)
        line.silent = line.silent or len(moved) > 3

    fields = sshd.fields(port=line.port, root=str(root), insecure=True, timeout=60)
    with Sftp(**fields).using(retries=ONCE, fence=ends_when(wanted), moved=count) as gateway:
        if what != "connect":
            gateway.stat("")
        line.silent = what != "send"
        timer = threading.Timer(1.0, wanted.set)
        timer.start()
        with soon(), pytest.raises(Aborted):
            if what == "list":
                list(gateway.ls(""))
            elif what == "send":
                list(gateway.send([big(), big("next")]))
            else:
                gateway.stat("x")
        timer.join()
        line.silent = False

"""The SFTP session, against a scripted server at the other end of a socket."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagw.gateways.ssh import packets as p
from datagw.gateways.ssh.packets import Status
from datagw.gateways.ssh.wire import LARGE_BLOCK, MOST_REQUESTS, SMALL_BLOCK, NotSftp, Wire

Answering = Callable[["Scripted", int, int, bytes], None]
VERSION_3 = struct.pack(">IBI", 5, p.VERSION, 3)


class SocketChannel:
    """A socket that looks like a paramiko channel."""

    out_window_size = 1 << 20
    out_max_packet_size = 32768

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def send(self, s: Any, /) -> int:
        return self._sock.send(s)

    def recv(self, nbytes: int, /) -> bytes:
        return self._sock.recv(nbytes)

    def settimeout(self, timeout: float | None, /) -> None:
        self._sock.settimeout(timeout)


class Scripted:
    """A server that hands each request to `answering`; it remembers how many were unanswered at once."""

    def __init__(self, answering: Answering, greeting: bytes = VERSION_3) -> None:
        self.near, self.far = socket.socketpair()
        self.answering = answering
        self.seen: list[tuple[int, int, bytes]] = []
        self.arrived = threading.Condition()
        self.open = 0
        self.most_open = 0
        self._greeting = greeting
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def status(self, number: int, code: int = p.OK, message: bytes = b"") -> None:
        self.send(p.STATUS, number, struct.pack(">I", code) + p.pack_bytes(message) + p.pack_bytes(b"en"))

    def send(self, kind: int, number: int, payload: bytes) -> None:
        self.open -= 1
        self.far.sendall(struct.pack(">IBI", 5 + len(payload), kind, number) + payload)

    def wait_for(self, count: int) -> None:
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.seen) >= count, 10), f"only {len(self.seen)} requests came"

    def hang_up(self) -> None:
        for end in (self.far, self.near):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            self._receive(9)
            self.far.sendall(self._greeting)
            while True:
                (size,) = struct.unpack(">I", self._receive(4))
                body = self._receive(size)
                kind, number = struct.unpack_from(">BI", body)
                with self.arrived:
                    self.seen.append((kind, number, body[5:]))
                    self.open += 1
                    self.most_open = max(self.most_open, self.open)
                    self.arrived.notify_all()
                self.answering(self, kind, number, body[5:])

    def _receive(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            chunk = self.far.recv(size - len(found))
            if not chunk:
                raise OSError
            found += chunk
        return found


def nothing(*_: object) -> None:
    """No answer."""


def ok(server: Scripted, _kind: int, number: int, _payload: bytes) -> None:
    server.status(number)


@contextlib.contextmanager
def session(answering: Answering, greeting: bytes = VERSION_3, timeout: float = 10) -> Iterator[tuple[Wire, Scripted]]:
    server = Scripted(answering, greeting)
    wire = Wire(SocketChannel(server.near), timeout, server.hang_up)
    try:
        yield wire, server
    finally:
        wire.close()
        wire._reader.join(10)
        assert not wire._reader.is_alive()
        server.near.close()
        server.far.close()


def test_answers_reach_their_requests_in_whatever_order_they_come() -> None:
    held: list[tuple[int, bytes]] = []

    def backwards(server: Scripted, _kind: int, number: int, payload: bytes) -> None:
        held.append((number, payload))
        if len(held) == 20:
            for one, path in reversed(held):
                server.send(p.NAME, one, struct.pack(">I", 1) + path + p.pack_bytes(b"long") + struct.pack(">I", 0))

    with session(backwards) as (wire, _):
        answers = [wire.realpath(f"path {n}") for n in range(20)]
        names = [answer.names() for answer in answers]
    assert [name[0][0] for name in names if name] == [f"path {n}" for n in range(20)]


def test_threads_share_a_session() -> None:
    def echo(server: Scripted, _kind: int, number: int, payload: bytes) -> None:
        server.send(p.HANDLE, number, payload[: 4 + struct.unpack_from(">I", payload)[0]])

    with session(echo) as (wire, _):
        wrong: list[object] = []

        def work(me: int) -> None:
            for turn in range(200):
                found = wire.open(f"{me} {turn}", p.FOR_READING).handle()
                if found != f"{me} {turn}".encode():
                    wrong.append(found)

        threads = [threading.Thread(target=work, args=(me,)) for me in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert wrong == []
        assert not any(thread.is_alive() for thread in threads)


def test_unanswered_requests_are_bounded_in_number() -> None:
    with session(nothing) as (wire, server):
        answers: list[p.Answer] = []
        asking = threading.Thread(target=lambda: answers.extend(wire.lstat("x") for _ in range(MOST_REQUESTS + 100)))
        asking.start()
        server.wait_for(MOST_REQUESTS)
        server.answering = ok
        for _, number, _ in list(server.seen):
            server.status(number)
        asking.join(10)
        assert len(answers) == MOST_REQUESTS + 100
        assert server.most_open <= MOST_REQUESTS


def test_unanswered_bytes_are_bounded() -> None:
    with session(nothing) as (wire, server):
        block = bytes(SMALL_BLOCK)
        asking = threading.Thread(target=lambda: [wire.write(b"h", 0, block) for _ in range(300)])
        asking.start()
        server.wait_for(256)
        server.answering = ok
        for _, number, _ in list(server.seen):
            server.status(number)
        asking.join(10)
        assert not asking.is_alive()
        assert server.most_open <= 256


@pytest.mark.parametrize("size", [0, 1, 32703, 32704, 32705, 65408, LARGE_BLOCK])
def test_blocks_of_every_size_arrive_as_they_are(size: int) -> None:
    block = os.urandom(size)
    with session(ok) as (wire, server):
        for answer in [wire.lstat("before"), wire.write(b"h", 7, block), wire.lstat("after")]:
            answer.ok()
        assert [kind for kind, _, _ in server.seen] == [p.LSTAT, p.WRITE, p.LSTAT]
        head = p.pack_bytes(b"h") + struct.pack(">QI", 7, size)
        assert server.seen[1][2] == head + block


def test_a_server_that_hangs_up_fails_what_is_open_and_what_comes_after() -> None:
    def leave(server: Scripted, *_: object) -> None:
        if len(server.seen) == 3:
            server.hang_up()

    with session(leave) as (wire, _):
        answers = [wire.lstat(str(n)) for n in range(3)]
        for answer in answers:
            with pytest.raises(ConnectionError):
                answer.ok()
        with pytest.raises(ConnectionError):
            wire.lstat("more").ok()
        assert not wire.alive


def test_silence_over_a_request_is_a_lost_connection() -> None:
    began = time.monotonic()
    with session(nothing, timeout=0.4) as (wire, _), pytest.raises(ConnectionError, match="no answer"):
        wire.lstat("x").ok()
    assert time.monotonic() - began < 5


def test_silence_while_nothing_is_asked_is_none() -> None:
    with session(ok, timeout=1) as (wire, _):
        wire._heard = wire._since = 0.0
        wire._check_silence()
        wire.lstat("x").ok()
        assert wire.alive


def test_a_slow_disk_is_waited_for() -> None:
    with session(nothing, timeout=1) as (wire, _):
        wire.fsync(b"h", 10**9)
        wire._heard = wire._since = time.monotonic() - 100
        wire._check_silence()
        wire._heard = wire._since = time.monotonic() - 1000
        with pytest.raises(ConnectionError, match="no answer"):
            wire._check_silence()


def test_closing_frees_those_who_wait() -> None:
    with session(nothing) as (wire, server):
        closing = threading.Thread(target=lambda: (server.wait_for(1), wire.close()))
        closing.start()
        with pytest.raises(ConnectionError, match="closed"):
            wire.lstat("x").ok()
        closing.join(10)


@pytest.mark.parametrize(
    "rubbish",
    [
        b"\xff\xff\xff\xff" + bytes(20),
        b"\x00\x00\x00\x01" + bytes(20),
        struct.pack(">IBI", 5, p.STATUS, 99),
        struct.pack(">IBIII", 13, p.HANDLE, 1, 400, 1),
        struct.pack(">IBI", 5, p.ATTRS, 1),
        struct.pack(">IBII", 9, 77, 1, 0),
    ],
    ids=["endless packet", "tiny packet", "nobody asked", "string beyond its packet", "no flags", "unknown kind"],
)
def test_an_answer_that_makes_no_sense_ends_the_connection(rubbish: bytes) -> None:
    with (
        session(lambda server, *_: server.far.sendall(rubbish)) as (wire, _),
        pytest.raises(ConnectionError, match=r"makes no sense|out of turn|not made"),
    ):
        wire.lstat("x").attributes()


@pytest.mark.parametrize(
    ("greeting", "complaint"),
    [
        (b"Welcome to our server, please behave\n", "does not speak SFTP"),
        (struct.pack(">IBI", 5, p.VERSION, 2), "SFTP 2"),
    ],
)
def test_what_does_not_speak_sftp_is_told(greeting: bytes, complaint: str) -> None:
    server = Scripted(nothing, greeting)
    with pytest.raises(NotSftp, match=complaint):
        Wire(SocketChannel(server.near), 5, server.hang_up)


def test_a_server_that_never_greets_is_given_up() -> None:
    server = Scripted(nothing, b"")
    with pytest.raises(ConnectionError, match="greeting"):
        Wire(SocketChannel(server.near), 0.2, server.hang_up)


def test_blocks_are_as_large_as_the_server_says() -> None:
    body = struct.pack(">I", 3) + p.pack_bytes(b"limits@openssh.com") + p.pack_bytes(b"1")
    greeting = struct.pack(">IB", 1 + len(body), p.VERSION) + body

    def limits(server: Scripted, kind: int, number: int, _payload: bytes) -> None:
        assert kind == p.EXTENDED
        server.send(p.EXTENDED_REPLY, number, struct.pack(">4Q", 0, 1000, 2**40, 12))

    with session(limits, greeting) as (wire, _):
        assert (wire.read_size, wire.write_size, wire.handles) == (1000, LARGE_BLOCK, 12)


def test_a_refusal_says_its_code_and_the_words_of_the_server() -> None:
    with (
        session(lambda server, _kind, number, _payload: server.status(number, p.FAILURE, b"no way")) as (wire, _),
        pytest.raises(Status, match="no way") as refused,
    ):
        wire.remove("x").ok()
    assert refused.value.code == p.FAILURE


def test_names_that_are_not_utf_8_travel_both_ways() -> None:
    name = b"caf\xe9 \xff/\n".decode("utf-8", "surrogateescape")

    def echo(server: Scripted, _kind: int, number: int, payload: bytes) -> None:
        server.send(p.NAME, number, struct.pack(">I", 1) + payload + p.pack_bytes(b"") + struct.pack(">I", 0))

    with session(echo) as (wire, _):
        assert wire.realpath(name).names() == [(name, p.Attributes())]


def test_attributes_are_taken_apart_whatever_comes_with_them() -> None:
    told = struct.pack(">IQIIIII", 0x8000000F, 2**40, 1, 2, 0o100640, 5, 7)
    told += struct.pack(">I", 1) + p.pack_bytes(b"key@vendor") + p.pack_bytes(b"value")
    with session(lambda server, _kind, number, _payload: server.send(p.ATTRS, number, told)) as (wire, _):
        assert wire.lstat("x").attributes() == p.Attributes(2**40, 0o100640, 7)


@given(st.lists(st.binary(max_size=300), max_size=12), st.lists(st.integers(1, 40), min_size=1, max_size=50))
def test_how_the_stream_is_cut_makes_no_difference(contents: list[bytes], cuts: list[int]) -> None:
    with session(nothing) as (wire, server):
        answers = [wire.read(b"h", 0, 300) for _ in contents]
        wire.flush()
        server.wait_for(len(contents))
        stream = b"".join(
            struct.pack(">IBI", 9 + len(content), p.DATA, number) + p.pack_bytes(content)
            for content, (_, number, _) in zip(contents, server.seen, strict=True)
        )
        turn = 0
        while stream:
            size = cuts[turn % len(cuts)]
            server.far.sendall(stream[:size])
            stream = stream[size:]
            turn += 1
        assert [answer.data() for answer in answers] == contents


def test_an_interrupt_while_sending_ends_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    with session(ok) as (wire, _):
        wire.lstat("x").ok()

        def interrupted(_self: SocketChannel, _data: Any, /) -> int:
            raise KeyboardInterrupt

        monkeypatch.setattr(SocketChannel, "send", interrupted)
        with pytest.raises(KeyboardInterrupt):
            wire.lstat("x").ok()
        assert not wire.alive

"""An SFTP session with many requests under way at once.

Callers send from their own threads and get an `Answer` at once; one thread reads, and matches what comes to the
requests by their numbers. Requests are gathered into packets of 32 KiB, and leave when such a packet is full or when
somebody waits. What is unanswered is bounded, in bytes and in requests. A connection that ends, or stays silent for
`timeout` while something is unanswered, fails every open answer with ConnectionError.

OpenSSH's extensions (limits, fsync, posix-rename, hardlink, statvfs) are those of its PROTOCOL file.
"""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from datagw.errors import DatagwError
from datagw.gateways.ssh import packets as p
from datagw.gateways.ssh.packets import Answer, pack_attributes, pack_bytes, pack_text, understood

Buffer = bytes | bytearray | memoryview

SMALL_BLOCK = 32 * 1024
LARGE_BLOCK = 255 * 1024
MOST_BYTES = 64 * LARGE_BLOCK
MOST_REQUESTS = 1_000
_LONGEST_ANSWER = 4 * 1024 * 1024
_GATHER = 16  # small requests that leave together
_ASK_EVERY = 0.5  # seconds between two looks at the fence, while nothing comes
_RECEIVE = 8 * 1024 * 1024


class Channel(Protocol):
    """What is needed of a paramiko Channel."""

    out_window_size: int
    out_max_packet_size: int

    def send(self, s: Buffer, /) -> int: ...
    def recv(self, nbytes: int, /) -> bytes: ...
    def settimeout(self, timeout: float | None, /) -> None: ...


class NotSftp(Exception):
    """What is at the other end speaks something else."""


class Space(NamedTuple):
    """What a disk has left for us: bytes, inodes (None where it does not count them), or nothing at all."""

    free: int
    files: int | None
    read_only: bool


class Wire:
    """One SFTP session on a channel whose subsystem has been started.

    `timeout` is in seconds; `hang_up` ends the whole connection below, at once and from any thread.
    `read_size` and `write_size` are the largest blocks the server takes, in bytes; `handles` how many files may be open
    at once (0: not told); `extensions` what the server offers. `openssh` is for the caller to set: whether the server
    is known to be OpenSSH's, which works through its requests in order, and whose RENAME replaces nothing. `fence` is
    the caller's too: asked twice a second while the server keeps us waiting, it raises to end that.
    """

    def __init__(self, channel: Channel, timeout: float, hang_up: Callable[[], None]) -> None:
        self._channel = channel
        self._hang_up = hang_up
        self._timeout = timeout
        self._changed = threading.Condition(threading.Lock())
        self._pending: dict[int, Answer] = {}
        self._bytes = 0
        self._number = 0
        self._dead: ConnectionError | None = None
        self._sending = threading.Lock()
        self._outgoing = bytearray()
        self._gathered = 0
        self._packet = channel.out_max_packet_size - 64  # what one packet of a paramiko channel takes
        self._heard = self._since = time.monotonic()
        self.openssh = False
        self.fence: Callable[[], None] = lambda: None
        self.read_size = self.write_size = SMALL_BLOCK
        self.most_bytes = 256 * SMALL_BLOCK
        self.handles = 0
        channel.settimeout(timeout)
        self.extensions = self._greet()
        channel.settimeout(min(1.0, timeout / 4))
        self._reader = threading.Thread(target=self._listen, name="datagw-sftp", daemon=True)
        self._reader.start()
        self._ask_limits()

    def request(
        self, kind: int, payload: bytes, block: Buffer = b"", *, weight: int = 0, patience: float = 0
    ) -> Answer:
        """Sends one request, or gathers it for the next packet; every request goes through here.

        `weight` is how many bytes it, or its answer, carries; `patience` how many seconds beyond `timeout` the server
        may be silent over it.
        """
        answer = Answer(self.wait_for, weight, patience)
        self._admit(weight)
        with self._sending:
            with self._changed:
                if self._dead is not None:
                    self._bytes -= weight
                    raise self._lost()
                self._number = number = (self._number + 1) & 0xFFFFFFFF
                if not self._pending:
                    self._since = time.monotonic()
                self._pending[number] = answer
            self._outgoing += struct.pack(">IBI", 5 + len(payload) + len(block), kind, number)
            self._outgoing += payload
            self._gathered += 1
            if block:
                self._gather(block)
            if self._gathered >= _GATHER:
                self._send_gathered()
        return answer

    def flush(self) -> None:
        """Sends what was gathered."""
        if self._outgoing:
            with self._sending:
                self._send_gathered()

    def wait_for(self, answer: Answer) -> None:
        self.flush()
        self._wait_until(lambda: answer.done)

    def _wait_until(self, done: Callable[[], bool]) -> None:
        while True:
            with self._changed:
                if self._changed.wait_for(done, _ASK_EVERY):
                    return
            self.fence()

    @property
    def alive(self) -> bool:
        """Whether the connection is not known to have ended."""
        return self._dead is None

    def close(self) -> None:
        """The end of the session, from any thread; open answers fail."""
        self._fail(ConnectionError("the connection was closed"))

    # the requests

    def open(self, path: str, flags: int) -> Answer:
        return self.request(p.OPEN, pack_text(path) + struct.pack(">II", flags, 0))

    def close_handle(self, handle: bytes, *, patience: float = 0) -> Answer:
        return self.request(p.CLOSE, pack_bytes(handle), patience=patience)

    def read(self, handle: bytes, offset: int, size: int) -> Answer:
        return self.request(p.READ, pack_bytes(handle) + struct.pack(">QI", offset, size), weight=size)

    def write(self, handle: bytes, offset: int, block: Buffer) -> Answer:
        head = pack_bytes(handle) + struct.pack(">QI", offset, len(block))
        return self.request(p.WRITE, head, block, weight=len(block))

    def lstat(self, path: str) -> Answer:
        return self.request(p.LSTAT, pack_text(path))

    def stat(self, path: str) -> Answer:
        return self.request(p.STAT, pack_text(path))

    def fstat(self, handle: bytes) -> Answer:
        return self.request(p.FSTAT, pack_bytes(handle))

    def fsetstat(self, handle: bytes, *, mtime: int | None, mode: int | None) -> Answer:
        return self.request(p.FSETSTAT, pack_bytes(handle) + pack_attributes(mtime, mode))

    def fsync(self, handle: bytes, size: int = 0) -> Answer:
        """OpenSSH's fsync; `size` in bytes makes for patience with a slow disk."""
        patience = 60 + size / 10e6
        return self.request(p.EXTENDED, pack_bytes(b"fsync@openssh.com") + pack_bytes(handle), patience=patience)

    def remove(self, path: str) -> Answer:
        return self.request(p.REMOVE, pack_text(path))

    def mkdir(self, path: str) -> Answer:
        return self.request(p.MKDIR, pack_text(path) + struct.pack(">I", 0))

    def rmdir(self, path: str) -> Answer:
        return self.request(p.RMDIR, pack_text(path))

    def rename(self, source: str, target: str) -> Answer:
        return self.request(p.RENAME, pack_text(source) + pack_text(target))

    def posix_rename(self, source: str, target: str) -> Answer:
        return self.request(p.EXTENDED, pack_bytes(b"posix-rename@openssh.com") + pack_text(source) + pack_text(target))

    def hardlink(self, source: str, target: str) -> Answer:
        return self.request(p.EXTENDED, pack_bytes(b"hardlink@openssh.com") + pack_text(source) + pack_text(target))

    def realpath(self, path: str) -> Answer:
        return self.request(p.REALPATH, pack_text(path))

    def opendir(self, path: str) -> Answer:
        return self.request(p.OPENDIR, pack_text(path))

    def readdir(self, handle: bytes) -> Answer:
        return self.request(p.READDIR, pack_bytes(handle))

    def space(self, path: str) -> Space:
        """What is left on the disk that holds `path`, by OpenSSH's statvfs."""
        reply = self.request(p.EXTENDED, pack_bytes(b"statvfs@openssh.com") + pack_text(path)).reply()
        with understood():
            fields = struct.unpack_from(">11Q", reply)
        return Space(free=fields[1] * fields[4], files=fields[7] if fields[5] else None, read_only=bool(fields[9] & 1))

    # the machinery

    def _greet(self) -> dict[str, bytes]:
        try:
            self._send(memoryview(struct.pack(">IBI", 5, p.INIT, 3)))
            head = self._receive_exactly(5)
            (size,) = struct.unpack_from(">I", head)
            if head[4] != p.VERSION or not 5 <= size <= _LONGEST_ANSWER:
                raise NotSftp("the server does not speak SFTP; does a login script write something?")
            body = self._receive_exactly(size - 1)
        except TimeoutError as error:
            raise ConnectionError(f"no SFTP greeting within {self._timeout:g} s") from error
        offered: dict[str, bytes] = {}
        with understood():
            (version,) = struct.unpack_from(">I", body)
            at = 4
            while at < len(body):
                name, at = p.string(body, at)
                value, at = p.string(body, at)
                offered[name.decode("utf-8", "replace")] = value
        if version < 3:
            raise NotSftp(f"the server speaks SFTP {version} only; version 3 is needed")
        return offered

    def _receive_exactly(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            chunk = self._channel.recv(size - len(found))
            if not chunk:
                raise ConnectionError("the server closed the connection before its SFTP greeting")
            found += chunk
        return found

    def _ask_limits(self) -> None:
        if "limits@openssh.com" not in self.extensions:
            return
        reply = self.request(p.EXTENDED, pack_bytes(b"limits@openssh.com")).reply()
        with understood():
            _, reading, writing, self.handles = struct.unpack_from(">4Q", reply)
        self.read_size = min(reading or SMALL_BLOCK, LARGE_BLOCK)
        self.write_size = min(writing or SMALL_BLOCK, LARGE_BLOCK)
        self.most_bytes = min(MOST_BYTES, 256 * max(self.read_size, self.write_size))

    def _admit(self, weight: int) -> None:
        """Waits until one more request of this weight may be under way, and counts its bytes."""
        with self._changed:
            if self._has_room(weight):
                self._bytes += weight
                return
        self.flush()
        while True:
            self._wait_until(lambda: self._has_room(weight))
            with self._changed:
                if self._has_room(weight):  # nobody was quicker
                    self._bytes += weight
                    return

    def _has_room(self, weight: int) -> bool:
        if self._dead is not None:
            raise self._lost()
        few = len(self._pending) < MOST_REQUESTS
        return few and (self._bytes == 0 or self._bytes + weight <= self.most_bytes)

    def _gather(self, block: Buffer) -> None:
        """Sends a block in full packets, copied once; what is left over waits for the next request."""
        view = memoryview(block)
        head = max(0, min(len(view), self._packet - len(self._outgoing)))
        self._outgoing += view[:head]
        if len(self._outgoing) >= self._packet:
            self._send_gathered()
        whole = head + (len(view) - head) // self._packet * self._packet
        self._send(view[head:whole])
        self._outgoing += view[whole:]

    def _send_gathered(self) -> None:
        gathered, self._outgoing, self._gathered = self._outgoing, bytearray(), 0
        self._send(memoryview(gathered))

    def _send(self, view: memoryview) -> None:
        """Sends bytes of the stream; the caller holds `_sending`."""
        sent = 0
        try:
            while sent < len(view):
                full = self._channel.out_window_size == 0
                try:
                    size = self._channel.send(bytes(view[sent : sent + self._packet]))  # paramiko is slow with views
                except TimeoutError:
                    if self._dead is not None:
                        raise self._lost() from None
                    self.fence()
                    continue
                if size == 0:
                    raise ConnectionError("the server closed the connection")
                if full:
                    self._heard = time.monotonic()  # the window was opened: the server lives
                sent += size
        except BaseException as error:  # also an interrupt: half a packet may have left, nothing can follow it
            self._fail(_as_connection_error(error))
            if isinstance(error, Exception) and not isinstance(error, DatagwError):
                raise self._lost() from error
            raise

    def _listen(self) -> None:
        buffer = bytearray()
        try:
            while self._dead is None:
                try:
                    chunk = self._channel.recv(_RECEIVE)
                except TimeoutError:
                    self._check_silence()
                    continue
                if not chunk:
                    raise ConnectionError("the server closed the connection")
                self._heard = time.monotonic()
                buffer += chunk
                self._take(buffer)
        except Exception as error:  # noqa: BLE001 - whatever ends this thread must reach those who wait
            self._fail(_as_connection_error(error))

    def _take(self, buffer: bytearray) -> None:
        """Gives every whole packet in `buffer` to the request it answers."""
        at, end = 0, len(buffer)
        arrived: list[tuple[int, int, bytes]] = []
        while end - at >= 4:
            (size,) = struct.unpack_from(">I", buffer, at)
            if not 5 <= size <= _LONGEST_ANSWER:
                raise ConnectionError(f"the server sent a packet of {size} bytes, which makes no sense")
            if end - at < 4 + size:
                break
            kind, number = struct.unpack_from(">BI", buffer, at + 4)
            arrived.append((kind, number, bytes(memoryview(buffer)[at + 9 : at + 4 + size])))
            at += 4 + size
        if not arrived:
            return
        del buffer[:at]
        with self._changed:
            for kind, number, payload in arrived:
                answer = self._pending.pop(number, None)
                if answer is None:
                    raise ConnectionError("the server answered a request that was not made")
                self._bytes -= answer.weight
                answer.payload = payload
                answer.kind = kind
            self._changed.notify_all()

    def _check_silence(self) -> None:
        with self._changed:
            if not self._pending:
                return
            silent = time.monotonic() - max(self._heard, self._since)
            patience = max(answer.patience for answer in self._pending.values())
        if silent > self._timeout + patience:
            raise ConnectionError(f"no answer for {silent:.0f} s")

    def _fail(self, error: ConnectionError) -> None:
        with self._changed:
            if self._dead is None:
                self._dead = error
            for answer in self._pending.values():
                answer.error = self._dead
            self._pending.clear()
            self._changed.notify_all()
        self._hang_up()

    def _lost(self) -> ConnectionError:
        return ConnectionError(*(self._dead.args if self._dead is not None else ()))


def _as_connection_error(error: BaseException) -> ConnectionError:
    if isinstance(error, ConnectionError):
        return error
    return ConnectionError(str(error) or type(error).__name__)

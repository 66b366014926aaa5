"""A web server on 127.0.0.1 that says exactly what a test wants it to say, byte for byte, right or wrong."""

from __future__ import annotations

import re
import socket
import ssl
import struct
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self


class Asked(NamedTuple):
    """A request: its method, its target (query included) and its headers, their names in lower case."""

    method: str
    target: str
    headers: dict[str, str]

    @property
    def first(self) -> int:
        """The first byte that is asked for."""
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("range", ""))
        return int(found[1]) if found else 0


class Line:
    """The connection, as an answer uses it."""

    def __init__(self, sock: socket.socket, over: threading.Event) -> None:
        self._sock = sock
        self.over = over

    def send(self, data: bytes) -> None:
        """These bytes, now."""
        self._sock.sendall(data)

    def hold(self) -> None:
        """Nothing any more, while the line stays open until the server ends or the client hangs up."""
        self._sock.settimeout(0.05)
        while not self.over.is_set():
            try:
                if not self._sock.recv(1):
                    return
            except TimeoutError:
                continue
            except OSError:
                return

    def reset(self) -> None:
        """The line is cut, without a farewell."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


Reply = Callable[[Asked, Line], None]


class Misbehaving:
    """Answers each path with the replies that were laid out for it, in their order; the last one stays.

    `head` and `get` lay out; a path without any is 404. Each connection carries one answer. `asked` has all requests.
    With a `certificate` (and its key, in one PEM file) it speaks TLS, with `clients`, an authority, only with those
    who show a certificate of it (unless they need not, without `must`); `shown` has the name in each certificate that was shown, or nothing.
    """

    def __init__(self, certificate: Path | None = None, *, clients: Path | None = None, must: bool = True) -> None:
        self._tls: ssl.SSLContext | None = None
        if certificate is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(certificate)
        if self._tls is not None and clients is not None:
            self._tls.load_verify_locations(clients)
            self._tls.verify_mode = ssl.CERT_REQUIRED if must else ssl.CERT_OPTIONAL
        self.shown: list[str] = []
        self.connections = 0
        self.asked: list[Asked] = []
        self._replies: dict[tuple[str, str], list[Reply]] = defaultdict(list)
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self.port}"
        self._threads: list[threading.Thread] = []

    def head(self, path: str, *replies: Reply) -> None:
        """What HEAD is answered there."""
        self._replies["HEAD", path] = list(replies)

    def get(self, path: str, *replies: Reply) -> None:
        """What GET is answered there."""
        self._replies["GET", path] = list(replies)

    def both(self, path: str, *replies: Reply) -> None:
        """What either is answered there."""
        self.head(path, *replies)
        self.get(path, *replies)

    def count(self, method: str, path: str = "") -> int:
        """How often it was asked so."""
        return sum(one.method == method and path in ("", one.target) for one in self.asked)

    def __enter__(self) -> Self:
        thread = threading.Thread(target=self._accept, name="misbehaving", daemon=True)
        self._threads.append(thread)
        thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                sock, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(sock,), name="misbehaving", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        with sock:
            try:
                sock.settimeout(10)
                if self._tls is not None:
                    sock = self._tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
                    _shake_hands(sock)
                    subject: Any = (sock.getpeercert() or {}).get("subject", ())
                    self.shown.append("".join(value for ((_, value),) in subject))
                request = _read(sock)
                if request is None:
                    return
                with self._lock:
                    self.asked.append(request)
                    replies = self._replies[request.method, request.target.partition("?")[0]]
                    reply = (replies.pop(0) if len(replies) > 1 else replies[0]) if replies else status(404)
                reply(request, Line(sock, self._over))
            except OSError:
                return  # the client has hung up, which is its right


def _shake_hands(sock: ssl.SSLSocket) -> None:
    """Whoever is refused hears of it: the line is not cut before it has hung up."""
    try:
        sock.do_handshake()
    except ssl.SSLError:
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(4096):
            continue
        raise


def _read(sock: socket.socket) -> Asked | None:
    text = b""
    while b"\r\n\r\n" not in text:
        block = sock.recv(4096)
        if not block:
            return None
        text += block
    first, *lines = text.decode("latin-1").split("\r\n\r\n")[0].split("\r\n")
    method, target, _ = first.split(" ")
    pairs = (line.partition(":") for line in lines)
    return Asked(method, target, {name.lower(): value.strip() for name, _, value in pairs})


def told(code: int, headers: dict[str, object], *, reason: str = "So") -> bytes:
    """The head of an answer."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {code} {reason}\r\n{lines}Connection: close\r\n\r\n".encode("latin-1")


def status(code: int, **headers: object) -> Reply:
    """An answer of this status and a page with some words."""

    def reply(asked: Asked, line: Line) -> None:
        page = b"<html>words</html>" if asked.method == "GET" else b""
        line.send(told(code, {"Content-Length": 18, **_dashed(headers)}) + page)

    return reply


def file(content: bytes, *, ranges: bool = True, length: bool = True, **headers: object) -> Reply:
    """A file as a good server sends it; with `ranges` those are known, without `length` it is sent in chunks.

    `headers` are further ones, as `ETag='"1"'`.
    """

    def reply(asked: Asked, line: Line) -> None:
        sent = _dashed(headers)
        start = asked.first
        same = asked.headers.get("if-range") in (None, sent.get("ETag"), sent.get("Last-Modified"))
        code, body = 200, content
        if ranges and start and same:
            code, body = 206, content[start:]
            sent["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        sent |= {"Content-Length": len(body)} if length else {"Transfer-Encoding": "chunked"}
        line.send(told(code, sent))
        if asked.method == "GET":
            line.send(body if length else chunks(body))

    return reply


def raw(head: bytes, body: bytes = b"", *, then: Sequence[str] = ()) -> Reply:
    """These very bytes, the body not for HEAD; `then` the line is held ("hold") or cut ("reset")."""

    def reply(asked: Asked, line: Line) -> None:
        line.send(head + (body if asked.method == "GET" else b""))
        for word in then:
            getattr(line, word)()

    return reply


def chunks(body: bytes, size: int = 50_000) -> bytes:
    """The body in chunks, with the one that ends it."""
    found = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in found) + b"0\r\n\r\n"


def _dashed(headers: dict[str, object]) -> dict[str, object]:
    return {name.replace("_", "-"): value for name, value in headers.items()}

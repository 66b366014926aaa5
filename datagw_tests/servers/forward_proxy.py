"""A forward proxy on 127.0.0.1: tunnels by CONNECT, and requests whose target is a whole address."""

from __future__ import annotations

import base64
import socket
import struct
import threading
from typing import NamedTuple, Self
from urllib.parse import urlsplit


class Asked(NamedTuple):
    """A request to the proxy: its method, its target and its headers, their names in lower case."""

    method: str
    target: str
    headers: dict[str, str]


class ForwardProxy:
    """Leads on to where it is asked to; with `user`, `name:password`, only those who say so.

    `refuse` is a status that it answers instead; `mute` lets it take requests and say nothing.
    """

    def __init__(self, *, user: str | None = None) -> None:
        self.asked: list[Asked] = []
        self.refuse: int | None = None
        self.mute = False
        self._user = user
        self._over = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.host}"
        self._threads: list[threading.Thread] = []
        self._lines: list[socket.socket] = []

    def __enter__(self) -> Self:
        self._begin(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.cut()
        for thread in self._threads:
            thread.join(10)

    def cut(self) -> None:
        """Ends all lines that are open now, without a farewell."""
        for line in self._lines:
            try:
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                line.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it has ended already

    def _begin(self, work: object, *args: object) -> None:
        thread = threading.Thread(target=work, args=args, name="forward-proxy", daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                line, _ = self._listening.accept()
            except OSError:
                return
            self._lines.append(line)
            self._begin(self._serve, line)

    def _serve(self, line: socket.socket) -> None:
        with line:
            try:
                line.settimeout(10)
                head, rest = _head(line)
                if head is None:
                    return
                self.asked.append(head)
                if self.mute:
                    line.settimeout(None)
                    line.recv(1)
                    return
                if (code := self._refusal(head)) is not None:
                    said = "Proxy-Authenticate: Basic realm=p\r\n" if code == 407 else ""
                    line.sendall(f"HTTP/1.1 {code} So\r\n{said}Content-Length: 0\r\nConnection: close\r\n\r\n".encode())
                    return
                self._lead(line, head, rest)
            except OSError:
                return  # one side has hung up

    def _refusal(self, head: Asked) -> int | None:
        if self.refuse is not None:
            return self.refuse
        said = head.headers.get("proxy-authorization", "")
        right = self._user is None or said == "Basic " + base64.b64encode(self._user.encode()).decode()
        return None if right else 407

    def _lead(self, line: socket.socket, head: Asked, rest: bytes) -> None:
        tunnel = head.method == "CONNECT"
        parts = urlsplit(f"//{head.target}" if tunnel else head.target)
        try:
            there = socket.create_connection((str(parts.hostname), parts.port or 80), timeout=10)
        except OSError:
            line.sendall(b"HTTP/1.1 502 So\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        self._lines.append(there)
        with there:
            if tunnel:
                line.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            else:
                path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
                kept = {name: value for name, value in head.headers.items() if not name.startswith("proxy-")}
                lines = "".join(f"{name}: {value}\r\n" for name, value in {**kept, "connection": "close"}.items())
                rest = f"{head.method} {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + rest
            there.sendall(rest)
            self._begin(_pour, line, there)
            _pour(there, line)


def _pour(source: socket.socket, target: socket.socket) -> None:
    try:
        while block := source.recv(65536):
            target.sendall(block)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return  # one side has hung up, and the other will see it


def _head(line: socket.socket) -> tuple[Asked | None, bytes]:
    text = b""
    while b"\r\n\r\n" not in text:
        block = line.recv(4096)
        if not block:
            return None, b""
        text += block
    head, _, rest = text.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    pairs = (one.partition(":") for one in lines)
    return Asked(method, target, {name.lower(): value.strip() for name, _, value in pairs}), rest

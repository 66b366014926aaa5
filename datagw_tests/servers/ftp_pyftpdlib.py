"""pyftpdlib in a thread of the test's own: quick, and as odd as a test asks it to be."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler, TLS_FTPHandler
from pyftpdlib.ioloop import IOLoop
from pyftpdlib.servers import FTPServer

from datagw_tests.servers.ports import free_port

USERNAME, PASSWORD = "station7", "right-password"


class Pyftpd:
    """A server on `root`. `without` are commands that it does not know.

    `certificate` (PEM, with its key) makes it one of TLS, which it then insists on. `keep` refuses renames over what
    is there. `handler` are further attributes of pyftpdlib's handler; `mixin` is a class before it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        without: tuple[str, ...] = (),
        certificate: Path | None = None,
        keep: bool = False,
        mixin: type | None = None,
        handler: dict[str, Any] | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self.root = folder / "root"
        self.root.mkdir(parents=True)
        self.host = host
        self.port = free_port()
        self.asked: list[str] = []
        """Commands, as they came; of PASS only the name."""
        base = FTPHandler if certificate is None else TLS_FTPHandler
        self.authorizer = authorizer = DummyAuthorizer()
        authorizer.add_user(USERNAME, PASSWORD, str(self.root), perm="elradfmwMT")
        found: dict[str, Any] = {
            "authorizer": authorizer,
            "asked": self.asked,
            "keep": keep,
            "unicode_errors": "surrogateescape",
            "proto_cmds": {name: what for name, what in base.proto_cmds.items() if name not in without},
            "auth_failed_timeout": 0,
            "max_login_attempts": 1,
            "tcp_no_delay": True,
            "timeout": 60,
            **(handler or {}),
        }
        if certificate is not None:
            found |= {"certfile": str(certificate), "tls_control_required": True, "tls_data_required": True}
        bases = (*([mixin] if mixin is not None else []), _Odd, base)
        self._handler = type("Handler", bases, found)
        self._thread: threading.Thread | None = None
        self._todo: queue.SimpleQueue[Callable[[Any], None]] = queue.SimpleQueue()
        self._over = threading.Event()

    def fields(self, **changed: Any) -> dict[str, Any]:
        """Keyword arguments for a gateway on it; its password is in the environment, as PASSWORD."""
        told = {"host": self.host, "port": self.port, "username": USERNAME, "password": {"env": "PASSWORD"}}
        return {**told, "root": "/", "timeout": 20, **changed}

    def at(self, folder: str) -> str:
        """The path of a folder below `root`, as the server's clients see it."""
        return f"/{folder}"

    def logins(self) -> int:
        """How many have been tried."""
        return self.asked.count("PASS")

    @property
    def running(self) -> bool:
        """Whether it has been started and not killed."""
        return self._thread is not None

    def start(self) -> None:
        """Starts it, again on the same port, unless it runs; it listens at once."""
        if self.running:
            return
        logging.getLogger("pyftpdlib").setLevel(logging.CRITICAL)
        logging.getLogger("pyftpdlib").addHandler(logging.NullHandler())
        loop = IOLoop()
        server = FTPServer((self.host, self.port), self._handler, ioloop=loop)
        self._over.clear()
        self._thread = threading.Thread(target=self._serve, args=(server, loop), name="pyftpdlib", daemon=True)
        self._thread.start()

    def _serve(self, server: Any, loop: Any) -> None:
        while not self._over.is_set():
            while not self._todo.empty():
                self._todo.get()(server)
            server.serve_forever(timeout=0.01, blocking=False)
        server.close_all()
        loop.close()

    def cut(self) -> None:
        """Breaks off every connection that is open now, control and data."""
        done = threading.Event()

        def act(server: Any) -> None:
            for channel in list(server.ioloop.socket_map.values()):
                if channel is not server:
                    channel.close()
            done.set()

        self._todo.put(act)
        assert done.wait(10)

    def kill(self) -> None:
        """Ends it, and all its connections."""
        if self._thread is not None:
            self._over.set()
            self._thread.join(10)
            self._thread = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


class _Odd(FTPHandler):
    """Writes down what it is asked, and speaks names that are no UTF-8."""

    asked: list[str]
    keep: bool

    def pre_process_command(self, line: str, cmd: str, arg: str) -> Any:
        self.asked.append(cmd if cmd == "PASS" else line)
        return super().pre_process_command(line, cmd, arg)

    def push(self, data: str) -> None:
        self.push_bytes(data.encode(self.encoding, "surrogateescape"))

    def push_bytes(self, data: bytes) -> None:
        """What asynchat's `push` is, below pyftpdlib's own."""
        for start in range(0, len(data), 65536):
            self.producer_fifo.append(data[start : start + 65536])
        self.initiate_send()

    def ftp_RNTO(self, path: str) -> Any:  # noqa: N802 - pyftpdlib's name
        if self.keep and self.fs.lexists(path):
            self._rnfr = None
            self.respond("550 File exists.")
            return None
        return super().ftp_RNTO(path)

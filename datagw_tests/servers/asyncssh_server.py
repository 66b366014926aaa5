"""An SFTP server inside the test's process, for what OpenSSH does not do: passwords counted, extensions absent, faults.

It keeps files below `root`, as one user, `anna`, whose password is `PASSWORD`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import asyncssh
from asyncssh.sftp import SFTPServerHandler

PASSWORD = "open sesame 99"
Fault = Callable[["FilesOf", str], None]


class FilesOf(asyncssh.SFTPServer):
    """Files below a folder. `fault`, called with the name of each operation, may raise SFTPError, or drop the line."""

    def __init__(self, channel: Any, place: AsyncSSH) -> None:
        self.place = place
        super().__init__(channel, chroot=str(place.root).encode())

    def drop(self) -> None:
        """Ends the connection in the middle of whatever is under way."""
        self.connection.abort()

    def open(self, path: bytes, pflags: int, attrs: Any) -> Any:
        self.place.happens(self, "open")
        return super().open(path, pflags, attrs)

    def write(self, file_obj: Any, offset: int, data: bytes) -> Any:
        self.place.happens(self, "write")
        return super().write(file_obj, offset, data)

    def read(self, file_obj: Any, offset: int, size: int) -> Any:
        self.place.happens(self, "read")
        if self.place.short_reads:
            size = max(1, size // 3)
        return super().read(file_obj, offset, size)

    def fsetstat(self, file_obj: Any, attrs: Any) -> None:
        self.place.happens(self, "fsetstat")
        super().fsetstat(file_obj, attrs)

    def close(self, file_obj: Any) -> None:
        self.place.happens(self, "close")
        super().close(file_obj)

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        self.place.happens(self, "rename")
        if self.place.rename_overwrites:
            super().posix_rename(oldpath, newpath)
        else:
            super().rename(oldpath, newpath)


class _Login(asyncssh.SSHServer):
    def __init__(self, place: AsyncSSH) -> None:
        self._place = place

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._place.connections.append(conn)

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        self._place.attempts.append((username, password == PASSWORD))
        return username == "anna" and password == PASSWORD


class AsyncSSH:
    """The server, started at entry and stopped at exit.

    `extensions` are those of its own that it offers, as in `posix-rename@openssh.com` (one such server at a time: the
    list is the library's); `run` is what it does with a command (asyncssh's process factory), None for a server that
    runs nothing.
    """

    def __init__(
        self, root: Path, *, extensions: tuple[str, ...] | None = None, run: Callable[[Any], Any] | None = None
    ) -> None:
        self.root = root
        self.root.mkdir(parents=True, exist_ok=True)
        self._offered = None if extensions is None else [(name.encode(), b"1") for name in extensions]
        self._usual = SFTPServerHandler._extensions
        self.attempts: list[tuple[str, bool]] = []
        self.calls: list[str] = []
        self.connections: list[asyncssh.SSHServerConnection] = []
        self.fault: Fault = lambda _server, _operation: None
        self.short_reads = False
        self.rename_overwrites = False
        self.host_key = asyncssh.generate_private_key("ssh-ed25519")
        self.port = 0
        self._run_command = run
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="asyncssh", daemon=True)

    def happens(self, server: FilesOf, operation: str) -> None:
        self.calls.append(operation)
        self.fault(server, operation)

    def known_hosts(self, path: Path) -> Path:
        """A file that knows this server."""
        public = self.host_key.export_public_key().decode()
        path.write_text(f"[127.0.0.1]:{self.port} {public}")
        return path

    def fields(self, folder: Path, **changed: Any) -> dict[str, Any]:
        """Keyword arguments for a gateway of type sftp on this server; its known hosts go to `folder`."""
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "username": "anna",
            "password": {"env": "ANNA_PASSWORD"},
            "known_hosts": str(self.known_hosts(folder / "known_hosts")),
            "timeout": 10,
            **changed,
        }

    def __enter__(self) -> Self:
        if self._offered is not None:
            SFTPServerHandler._extensions = self._offered
        self._thread.start()
        assert self._ready.wait(10), "the server did not start"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        SFTPServerHandler._extensions = self._usual

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        acceptor = self._loop.run_until_complete(self._listen())
        self.port = acceptor.get_port()
        self._ready.set()
        self._loop.run_forever()
        acceptor.close()
        for connection in self.connections:
            connection.abort()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(0))  # for the sockets to be closed
        self._loop.close()

    async def _listen(self) -> Any:
        return await asyncssh.create_server(
            lambda: _Login(self),
            "127.0.0.1",
            0,
            server_host_keys=[self.host_key],
            sftp_factory=lambda channel: FilesOf(channel, self),
            process_factory=self._run_command,
            encoding=None,
            allow_scp=False,
        )

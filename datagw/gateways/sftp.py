"""A folder on an SSH server, by SFTP.

Times are told and kept to the second. A part becomes the final file by `posix-rename@openssh.com`, where the server
offers it; content is proven by `sha256sum` or `openssl` on the server, where it lets us run them, else by reading back.
"""

from __future__ import annotations

import contextlib
import getpass
import importlib
import stat
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any, ClassVar, TypeVar

from pydantic import Field, field_validator
from typing_extensions import override

from datagw.errors import Denied, GatewayError, NotFound, Rejected, Unavailable, Unsupported
from datagw.files import RemoteFile, join, kind_of_mode, parent
from datagw.gateways.base import Gateway, Reading, Rename
from datagw.gateways.front.limits import block_of
from datagw.gateways.secrets import GivenSecret
from datagw.gateways.ssh import hosts, keys
from datagw.gateways.ssh import packets as p
from datagw.gateways.ssh.connection import Connection, start_sftp
from datagw.gateways.ssh.errors import is_folder, look, meaning, why_not_made, why_not_removed
from datagw.gateways.ssh.exec import Ask, Shell
from datagw.gateways.ssh.packets import Answer, Attributes, Status
from datagw.gateways.ssh.read import read_from, read_many
from datagw.gateways.ssh.send import AHEAD, Sender
from datagw.gateways.ssh.wire import Wire
from datagw.gateways.web.waiting import in_time

Item = TypeVar("Item")
Asked = TypeVar("Asked")

_SECOND = 1_000_000_000
_IN_STEP = 256  # small requests of one kind under way at once
_FOLDER_READS = 4  # READDIRs under way at once


class Sftp(Gateway):
    """A folder on an SSH server. No OpenSSH configuration file is read: what is needed stands here."""

    type: ClassVar[str] = "sftp"

    root: str = Field(
        default="", description="Folder that all paths start at; a relative one starts at the login folder."
    )
    host: str = Field(min_length=1, description="Name or address of the server.")
    port: int = Field(default=22, ge=1, le=65535, description="TCP port.")
    username: str = Field(default_factory=getpass.getuser, description="Login name; else that of the current user.")
    password: GivenSecret | None = Field(default=None, description="Reference to the password.")
    private_key: str | None = Field(
        default=None,
        description="Path of a private key; else an ssh agent is asked, then ~/.ssh/id_ed25519, id_ecdsa, id_rsa.",
    )
    passphrase: GivenSecret | None = Field(default=None, description="Reference to the passphrase of the private key.")
    known_hosts: str = Field(default="~/.ssh/known_hosts", description="File with the keys of known servers.")
    keepalive: float = Field(
        default=30, ge=0, description="Seconds of silence after which a sign of life is sent; 0 for none."
    )
    insecure: bool = Field(default=False, description="Take any host key: whoever answers is believed.")

    @property
    @override
    def place(self) -> str:
        return f"sftp://{self.username}@{self.host}:{self.port}/{self.full('')}"

    @field_validator("private_key")
    @classmethod
    def _is_a_path(cls, value: str | None) -> str | None:
        if value is not None and ("PRIVATE KEY" in value or "\n" in value or "\r" in value):
            raise ValueError("the path of a key file is meant, not the key itself")
        return value

    @override
    def _session(self) -> Connection:
        kinds = hosts.known_kinds(self.known_hosts, self.host, self.port)
        transport = in_time(
            lambda: keys.dial(self.host, self.port, self.timeout, kinds),
            4 * self.timeout,  # as many steps as it has, each with a time-out of its own
            self._ask_fence,
            keys.hang_up,
        )
        try:
            self._believe(transport)
            keys.log_in(
                transport,
                self.username,
                private_key=self.private_key,
                passphrase=self.passphrase,
                password=self.password,
            )
            transport.set_keepalive(self.keepalive)
            wire = start_sftp(transport, self.timeout)
            wire.fence = self._ask_fence
            return Connection(wire, Shell(transport, self.timeout))
        except BaseException:
            keys.hang_up(transport)
            raise

    def _ask_fence(self) -> None:
        """That of the moment: a lane has one of its own while it works."""
        self.live.fence()

    def _believe(self, transport: Any) -> None:
        key = keys.shown_key(transport)
        if self.insecure:
            self.live.log.warning(
                "%s: the key of %s is not checked (insecure = true): %s", self.name, self.host, key.fingerprint
            )
        else:
            keys.refuse_unknown(self.known_hosts, self.host, self.port, key, self.name)

    # ---- looking

    @override
    def _ls(self, session: Connection, folder: str) -> Iterator[RemoteFile]:
        wire = session.wire
        native = self.full(folder)
        try:
            handle = wire.opendir(native).handle()
        except Status as status:
            if status.code == p.FAILURE and look(wire, native) is not None:
                raise Rejected("a file, not a folder", path=folder) from status
            raise
        try:
            asked: deque[Answer] = deque()
            while True:
                while len(asked) < (_FOLDER_READS if wire.openssh else 1):
                    asked.append(wire.readdir(handle))
                names = asked.popleft().names()
                if names is None:
                    return
                for name, attributes in names:
                    if name in (".", ".."):
                        continue
                    if not name or "/" in name or "\0" in name:
                        raise Rejected(f"the server lists a name that no file can have: {name!r}", path=folder)
                    path = join(folder, name)
                    found = attributes if attributes.mode is not None else look(wire, self.full(path))
                    if found is not None:  # else it has gone meanwhile
                        yield self._claim(path, found)
        finally:
            if wire.alive:
                wire.close_handle(handle)

    @override
    def _stat(self, session: Connection, path: str) -> RemoteFile:
        return self._claim(path, self._look(session, path).attributes())

    @override
    def _stat_many(self, session: Connection, paths: Sequence[str]) -> Iterator[RemoteFile | GatewayError]:
        for path, answer in in_step(paths, lambda path: self._look(session, path)):
            try:
                with self.speaking(path):
                    found: RemoteFile | GatewayError = self._claim(path, answer.attributes())
            except Unavailable:
                raise
            except GatewayError as error:
                found = error
            yield found

    def _look(self, session: Connection, path: str) -> Answer:
        """LSTAT, except of the root, which may be reached by a link."""
        return session.wire.lstat(self.full(path)) if path else session.wire.stat(self.full(path))

    @staticmethod
    def _claim(path: str, found: Attributes) -> RemoteFile:
        mode = found.mode if found.mode is not None else stat.S_IFREG
        return RemoteFile(
            path,
            size=found.size or 0,
            mtime_ns=None if found.mtime is None else found.mtime * _SECOND,
            kind=kind_of_mode(mode),
            mode=None if found.mode is None else stat.S_IMODE(mode),
            clock=_SECOND,
        )

    # ---- content

    @override
    def _read(self, session: Connection, path: str, offset: int = 0) -> Iterator[bytes]:
        native = self.full(path)
        size = session.wire.stat(native).attributes().size or 0
        return read_from(session.wire, native, RemoteFile(path, size), offset)

    @override
    def _read_many(
        self, session: Connection, files: Iterable[RemoteFile]
    ) -> Iterator[tuple[RemoteFile, bytes | GatewayError | None]]:
        return read_many(session.wire, self.full, files)

    @override
    def _write(self, session: Connection, reading: Reading, sync: bool) -> None:
        for _, error in self._send_many(session, [reading], sync):
            if error is not None:
                raise error

    @override
    def _send_many(
        self, session: Connection, readings: Iterable[Reading], sync: bool
    ) -> Iterator[tuple[Reading, GatewayError | None]]:
        if session.sender is None:
            session.sender = Sender(session.wire, self.full, lambda folder: self._mkdir(session, folder), self.live.log)
        block = block_of(self.live.limiters, session.wire.write_size)
        return session.sender.send_many(readings, sync, block)

    @override
    def _hash(self, session: Connection, files: Sequence[RemoteFile]) -> list[str | None]:
        if not session.shell.answers:
            return [None] * len(files)
        if session.absolute is None:
            names = session.wire.realpath(self.full("")).names()
            session.absolute = names[0][0].rstrip("/") if names else ""
        paths = [f"{session.absolute}/{file.path}".encode("utf-8", "surrogateescape") for file in files]
        asks = [Ask(path, file.size) for path, file in zip(paths, files, strict=True)]
        found = session.shell.hashes(asks, self.live.fence)
        return [found.get(path) for path in paths]

    @override
    def _sync(self, session: Connection, paths: Sequence[str]) -> bool:
        """By fsync@openssh.com: the files, then their folders, where the server opens these as OpenSSH does."""
        wire = session.wire
        if "fsync@openssh.com" not in wire.extensions:
            return False
        self._fsync(wire, paths, must=True)
        self._fsync(wire, sorted({parent(path) for path in paths}), must=False)
        return True

    def _fsync(self, wire: Wire, paths: Sequence[str], *, must: bool) -> None:
        def begun() -> Iterator[tuple[str, Answer]]:
            opened = in_step(paths, lambda path: wire.open(self.full(path), p.FOR_READING), AHEAD)
            for path, answer in opened:
                with self._refusal(path, must=must):
                    handle = answer.handle()
                    yield path, wire.fsync(handle)
                    wire.close_handle(handle)

        for (path, answer), _ in in_step(begun(), lambda _: None, AHEAD):
            with self._refusal(path, must=must):
                answer.ok()

    @contextlib.contextmanager
    def _refusal(self, path: str, *, must: bool) -> Generator[None]:
        try:
            yield
        except Status as status:
            error = meaning(status)
            if must or isinstance(error, Unavailable):
                error.path = path
                raise error from status
            self.live.log.debug("%s: %s is not put on stable storage: %s", self.name, path or "the root", error)

    # ---- names

    @override
    def _rename(self, session: Connection, source: str, target: str, replace: bool) -> None:
        (error,) = self._rename_many(session, [Rename(source, target, replace)])
        if error is not None:
            raise error

    @override
    def _rename_many(self, session: Connection, renames: Iterable[Rename]) -> Iterator[GatewayError | None]:
        """Renames without a window: posix-rename to replace; to refuse to, OpenSSH's own RENAME, or a hard link.

        A server whose RENAME is not known to refuse, and that has no hard links, is looked at first: between that look
        and the rename a window remains. One without posix-rename cannot replace: Unsupported.
        """
        for one, answer in in_step(renames, lambda one: self._ask_rename(session, one)):
            yield self._outcome(one.target, lambda a=answer, o=one: self._renamed(session, a, o))

    def _ask_rename(self, session: Connection, one: Rename) -> Answer | None:
        wire, source, target = session.wire, self.full(one.source), self.full(one.target)
        if one.replace and "posix-rename@openssh.com" in wire.extensions:
            return wire.posix_rename(source, target)
        return wire.rename(source, target) if wire.openssh and not one.replace else None

    def _renamed(self, session: Connection, answer: Answer | None, one: Rename) -> None:
        wire, source, target = session.wire, self.full(one.source), self.full(one.target)
        try:
            if answer is not None:
                answer.ok()
            elif one.replace:
                raise Unsupported("the server cannot rename over an existing file")
            else:
                _rename_carefully(wire, source, target)
        except Status as status:
            if status.code == p.NO_SUCH_FILE:
                missing = one.source if look(wire, source) is None else parent(one.target)
                raise NotFound("no such file or folder", path=missing) from status
            if one.replace and status.code == p.FAILURE and not is_folder(look(wire, target)):
                raise meaning(status) from status
            raise why_not_made(wire, status, target) from status

    @override
    def _rm(self, session: Connection, path: str) -> None:
        self._removed(session, session.wire.remove(self.full(path)), path)

    @override
    def _rm_many(self, session: Connection, paths: Iterable[str]) -> Iterator[GatewayError | None]:
        for path, answer in in_step(paths, lambda path: session.wire.remove(self.full(path))):
            yield self._outcome(path, lambda a=answer, p=path: self._removed(session, a, p))

    def _removed(self, session: Connection, answer: Answer, path: str) -> None:
        status = answer.status()
        if status is not None:
            raise why_not_removed(session.wire, status, self.full(path)) from status

    @override
    def _mkdir(self, session: Connection, folder: str) -> None:
        wire = session.wire
        if not folder or is_folder(_reached(wire, self.full(folder))):
            return
        parts = folder.split("/")
        chain = ["/".join(parts[: count + 1]) for count in range(len(parts))]
        for path, answer in in_step(chain, lambda path: wire.mkdir(self.full(path)), len(chain) if wire.openssh else 1):
            status = answer.status()
            if status is None or is_folder(_reached(wire, self.full(path))):
                continue
            if look(wire, self.full(path)) is not None:
                raise Rejected("a file stands in the way of a folder", path=path) from status
            error = meaning(status)
            error.path = path
            raise error from status

    @override
    def _rmdir(self, session: Connection, folder: str) -> None:
        wire, native = session.wire, self.full(folder)
        status = wire.rmdir(native).status()
        if status is None:
            return
        if status.code in {p.FAILURE, p.NO_SUCH_FILE}:
            found = look(wire, native)
            if found is None:
                raise NotFound("no such folder") from status
            what = "the folder is not empty, or in use" if is_folder(found) else "a file, not a folder"
            raise Rejected(what) from status
        raise meaning(status) from status

    @override
    def _translate(self, error: BaseException) -> GatewayError | None:
        if isinstance(error, Status):
            return meaning(error)
        if isinstance(error, (OSError, EOFError)):
            return Unavailable(f"the connection to {self.host} failed: {error or type(error).__name__}")
        paramiko: Any = importlib.import_module("paramiko")
        if isinstance(error, paramiko.AuthenticationException):
            return Denied(f"the server refuses {self.username}")
        if isinstance(error, paramiko.SSHException):
            return Unavailable(f"the connection to {self.host} failed: {error}")
        return None


def in_step(items: Iterable[Item], ask: Callable[[Item], Asked], most: int = _IN_STEP) -> Iterator[tuple[Item, Asked]]:
    """Each item with its request, in order, while the requests of up to `most` items are under way."""
    under_way: deque[tuple[Item, Asked]] = deque()
    for item in items:
        under_way.append((item, ask(item)))
        if len(under_way) >= most:
            yield under_way.popleft()
    yield from under_way


def _reached(wire: Wire, native: str) -> Attributes | None:
    """What stands at a path, symlinks followed; None where nothing does, or nothing that may be seen."""
    try:
        return wire.stat(native).attributes()
    except Status as status:
        if isinstance(meaning(status), (NotFound, Denied)):
            return None
        raise


def _rename_carefully(wire: Wire, source: str, target: str) -> None:
    if "hardlink@openssh.com" in wire.extensions:
        status = wire.hardlink(source, target).status()
        if status is None:
            wire.remove(source).ok()
            return
        if isinstance(meaning(status), NotFound):
            raise status
    if look(wire, target) is not None:  # also for a disk without hard links
        raise Rejected("a file stands there already")
    wire.rename(source, target).ok()

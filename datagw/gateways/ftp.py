"""A folder on an FTP server (RFC 959), in the clear: passwords and content can be read by whoever is in between.

Passive, binary, by MLSD where the server has it. A part becomes the final file by RNFR and RNTO; content is proven by
HASH or XSHA256 where the server computes SHA-256, else by reading back.
"""

from __future__ import annotations

import codecs
import contextlib
import ftplib
import re
import socket
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import ClassVar

from pydantic import Field, PrivateAttr, field_validator
from typing_extensions import override

from datagw.errors import ConfigError, Denied, Full, GatewayError, NotFound, Rejected, Unavailable, Unsupported
from datagw.files import RemoteFile, join, parent
from datagw.gateways.base import Gateway, Reading
from datagw.gateways.front.limits import block_of
from datagw.gateways.ftp_wire import data, looking
from datagw.gateways.ftp_wire.control import Control
from datagw.gateways.ftp_wire.facts import SECOND, Entry
from datagw.gateways.ftp_wire.replies import code_of, is_refusal, meaning, of_line
from datagw.gateways.secrets import GivenSecret

_HASHED = re.compile(r"SHA-256 0-\d+ ([0-9a-fA-F]{64})\b")
_DIGEST = re.compile(r"\b[0-9a-fA-F]{64}\b")
_VAGUE = {"550", "551", "553"}  # replies that may mean anything
_WORTH_A_LOOK = 1_000_000  # bytes; a smaller file is sent again soon enough, once its content was compared
_HASH_RATE = 10_000_000  # bytes a second that any server hashes


class Ftp(Gateway):
    """A folder on an FTP server."""

    type: ClassVar[str] = "ftp"

    root: str = Field(
        default="", description="Folder that all paths start at; a relative one starts at the login folder."
    )
    host: str = Field(min_length=1, description="Name or address of the server.")
    port: int = Field(default=21, ge=1, le=65535, description="TCP port.")
    username: str = Field(default="anonymous", min_length=1, description="Login name.")
    password: GivenSecret | None = Field(default=None, description="Reference to the password; `anonymous` needs none.")
    account: GivenSecret | None = Field(
        default=None, description="Reference to the account, for servers that ask for one."
    )
    passive: bool = Field(
        default=True, description="Connect to the server for data (EPSV, PASV); else it connects to us (EPRT, PORT)."
    )
    follow_pasv: bool = Field(
        default=False, description="Believe the address in an answer to PASV, even if it is not that of `host`."
    )
    encoding: str = Field(
        default="utf-8", description="Encoding of names on the server, as Python calls it: `cp1252`, `latin-1`."
    )
    keepalive: float = Field(
        default=30, ge=0, description="Seconds of silence during a transfer after which NOOP is sent; 0 for none."
    )

    _known: dict[str, bool] = PrivateAttr(default_factory=dict[str, bool])

    @field_validator("encoding")
    @classmethod
    def _is_an_encoding(cls, value: str) -> str:
        try:
            if "MKD /".encode(value) != b"MKD /":
                raise ValueError(f"{value} does not write ASCII as it is, which FTP needs")
        except LookupError:
            raise ValueError(f"there is no encoding {value}") from None
        return codecs.lookup(value).name

    @property
    @override
    def place(self) -> str:
        return f"ftp://{self.username}@{self.host.lower()}:{self.port}/{self.full('')}"

    @override
    def _session(self) -> Control:
        control = self._connected()
        try:
            control.passiveserver = self.passive
            control.follow_pasv = self.follow_pasv
            password = self.password.reveal() if self.password is not None else ""
            if self.password is None and self.username.lower() in ("anonymous", "ftp"):
                password = "anonymous@"  # noqa: S105 - what everybody says there
            account = self.account.reveal() if self.account is not None else None
            for what, value in (("username", self.username), ("password", password), ("account", account or "")):
                if "\r" in value or "\n" in value:
                    raise ConfigError(f"the {what} holds a line break, which FTP cannot carry")
            control.log_in(self.username, password, account, has_password=self.password is not None)
        except BaseException:
            control.hang_up()
            raise
        return control

    def _connected(self) -> Control:
        """The server has greeted us; nothing that is secret has been said."""
        return Control(
            self.host,
            self.port,
            timeout=self.timeout,
            encoding=self.encoding,
            keepalive=self.keepalive,
            fence=self._ask_fence,
            known=self._known,
        )

    def _ask_fence(self) -> None:
        """That of the moment: a lane has one of its own while it works."""
        self.live.fence()

    # ---- looking

    @override
    def _ls(self, session: Control, folder: str) -> Iterator[RemoteFile]:
        for entry in looking.entries(session, self._native(session, folder)):
            yield entry.at(join(folder, entry.name))

    @override
    def _stat(self, session: Control, path: str) -> RemoteFile:
        (found,) = self._stat_many(session, [path])
        if isinstance(found, GatewayError):
            raise found
        return found

    @override
    def _stat_many(self, session: Control, paths: Sequence[str]) -> Iterator[RemoteFile | GatewayError]:
        listed: dict[str, dict[str, Entry] | GatewayError] = {}
        for path in paths:
            try:
                with self.speaking(path):
                    native = self._native(session, path)
                    found: RemoteFile | GatewayError = self._seen(session, native, path, listed)
            except Unavailable:
                raise
            except GatewayError as error:
                found = error
            yield found

    def _seen(
        self, session: Control, native: str, path: str, listed: dict[str, dict[str, Entry] | GatewayError]
    ) -> RemoteFile:
        if not path and not looking.knows_facts(session) and looking.enters(session, native):
            return RemoteFile("", kind="folder")
        return looking.look(session, native, listed).at(path)

    def _there(self, session: Control, path: str) -> Entry | None:
        return looking.exists(session, self._native(session, path))

    # ---- content

    @override
    def _read(self, session: Control, path: str, offset: int = 0) -> Iterator[bytes]:
        native, skip = self._native(session, path), 0
        try:
            try:
                conn = data.begun(session, f"RETR {native}", offset)
            except ftplib.error_perm as error:
                if not offset or not error.args or code_of(error) == "550":
                    raise
                conn, skip = data.begun(session, f"RETR {native}"), offset  # it knows no REST
        except (ftplib.error_perm, ftplib.error_temp) as error:
            raise self._why_not(session, path, error) from error
        for block in data.receive(session, conn, self._block()):
            if skip < len(block):
                yield block[skip:] if skip else block
            skip = max(0, skip - len(block))

    @override
    def _read_on(self, session: Control, file: RemoteFile, offset: int) -> Iterator[bytes]:
        left = file.size - offset
        for block in self._read(session, file.path, offset):
            left -= len(block)
            if left < 0:
                raise Rejected("the server sends more than it told; does it know how to go on (REST)?", path=file.path)
            yield block

    @override
    def _read_listed(self, session: Control, file: RemoteFile) -> Iterator[bytes]:
        """Some servers say that they have sent everything while some of it is still on its way, and then lost."""
        size = 0
        for block in self._read(session, file.path):
            size += len(block)
            yield block
        if size < file.size == self._stat(session, file.path).size:
            raise Unavailable(f"of {file.size} bytes only {size} have come", path=file.path)

    @override
    def _write(self, session: Control, reading: Reading, sync: bool) -> None:
        native = self._native(session, reading.part)
        self._native(session, reading.final)  # one that cannot be is refused before the first byte
        if reading.offset == 0 or reading.offset < reading.size:
            self._sent(session, native, reading)
        else:  # all of it is there already; the content is compared with its source all the same
            for _ in reading.blocks(data.BLOCK):
                pass
        if reading.mode is not None and not session.does("SITE CHMOD", f"{reading.mode:o}", native):
            raise Unsupported("the server does not set permissions (SITE CHMOD); leave `mode` out")
        if reading.mtime_ns is not None and "MFMT" in session.features:
            moment = datetime.fromtimestamp(reading.mtime_ns // SECOND, UTC)
            session.does("MFMT", f"{moment:%Y%m%d%H%M%S}", native)

    def _sent(self, session: Control, native: str, reading: Reading) -> None:
        way, conn = self._to(session, native, reading)
        try:
            data.send(session, conn, reading.blocks(self._block()))
        except (ftplib.error_perm, ftplib.error_temp) as error:
            if not way or not is_refusal(error) or isinstance(meaning(error), Full):
                raise
            self._known[way] = False  # it said yes, and could not
            raise Unavailable(f"the server does not go on with a file by {way}: {error}") from error
        worth_it = way or reading.size >= _WORTH_A_LOOK  # data that are cut off look to many as if they had ended
        there = self._there(session, reading.part) if worth_it else None
        if there is not None and there.size not in (None, reading.size):
            if way:
                self._known[way] = False  # it wrote the rest elsewhere than behind what was there
            raise Unavailable(f"the server says that it has all, but has {there.size} bytes of {reading.size}")

    def _to(self, session: Control, native: str, reading: Reading) -> tuple[str, socket.socket]:
        """The data connection to a part: behind what is there, by REST or APPE; else (`""`) from the first byte."""
        for way in ("REST", "APPE") if reading.offset else ():
            if not self._known.get(way, True):
                continue
            try:
                if way == "REST":
                    return way, data.begun(session, f"STOR {native}", reading.offset)
                return way, data.begun(session, f"APPE {native}")
            except (ftplib.error_perm, ftplib.error_temp) as error:
                if not is_refusal(error):
                    raise
                self._known[way] = False
                self.live.log.debug("%s: cannot go on with a file by %s: %s", self.name, way, error)
        reading.forget_prefix()
        try:
            return "", data.begun(session, f"STOR {native}")
        except (ftplib.error_perm, ftplib.error_temp) as error:
            if is_refusal(error) and session.does("DELE", native):  # some do not write over what is there
                return "", data.begun(session, f"STOR {native}")
            raise self._why_not_made(session, reading.part, error) from error

    @override
    def _hash(self, session: Control, files: Sequence[RemoteFile]) -> list[str | None]:
        ask = self._asks_hash(session)
        return [ask(session, file) if ask is not None else None for file in files]

    def _asks_hash(self, session: Control) -> Callable[[Control, RemoteFile], str | None] | None:
        """By HASH or XSHA256, as the server announces; None where it computes no SHA-256."""
        offered = session.features.get("HASH", "").upper()
        if "SHA-256*" in offered or ("SHA-256" in offered and session.does("OPTS HASH", "SHA-256")):
            return self._by_hash
        return self._by_xsha256 if "XSHA256" in session.features else None

    def _by_hash(self, session: Control, file: RemoteFile) -> str | None:
        found = _HASHED.search(self._asked(session, "HASH", file))
        return found[1].lower() if found else None

    def _by_xsha256(self, session: Control, file: RemoteFile) -> str | None:
        found = _DIGEST.search(self._asked(session, "XSHA256", file))
        return found[0].lower() if found else None

    def _asked(self, session: Control, command: str, file: RemoteFile) -> str:
        self.live.fence()
        try:
            return session.ask(f"{command} {self._native(session, file.path)}", self.timeout + file.size / _HASH_RATE)
        except ftplib.error_perm:
            return ""  # it is read back instead

    # ---- names

    @override
    def _rename(self, session: Control, source: str, target: str, replace: bool) -> None:
        """RNTO replaces or refuses, as the server likes. Not to replace takes a look first: a window remains."""
        there = None if replace else self._there(session, target)
        if there is not None:
            raise Rejected("a file stands there already" if there.kind == "file" else "something stands there already")
        try:
            session.sendcmd(f"RNFR {self._native(session, source)}")
        except (ftplib.error_perm, ftplib.error_temp) as error:
            raise self._why_not(session, source, error) from error
        try:
            session.voidcmd(f"RNTO {self._native(session, target)}")
        except (ftplib.error_perm, ftplib.error_temp) as error:
            if not is_refusal(error):
                raise
            there = self._there(session, target)
            if there is not None and there.kind == "folder":
                raise Rejected("a folder stands in the way") from error
            if there is not None and replace:
                raise Unsupported("the server does not rename over an existing file") from error
            raise self._why_not_made(session, target, error) from error

    @override
    def _rm(self, session: Control, path: str) -> None:
        try:
            session.voidcmd(f"DELE {self._native(session, path)}")
        except (ftplib.error_perm, ftplib.error_temp) as error:
            raise self._why_not(session, path, error) from error

    @override
    def _mkdir(self, session: Control, folder: str) -> None:
        if not folder or looking.enters(session, self._native(session, folder)):
            return
        self._mkdir(session, parent(folder))
        try:
            session.voidcmd(f"MKD {self._native(session, folder)}")
        except (ftplib.error_perm, ftplib.error_temp) as error:
            there = self._there(session, folder) if is_refusal(error) else None
            if there is None:
                raise self._why_not_made(session, folder, error) from error
            if there.kind == "file":
                raise Rejected("a file stands in the way of a folder", path=folder) from error

    @override
    def _rmdir(self, session: Control, folder: str) -> None:
        """RMD of what is empty: some servers remove what is not."""
        native = self._native(session, folder)
        if looking.entries(session, native):
            raise Rejected("the folder is not empty")
        try:
            session.voidcmd(f"RMD {native}")
        except ftplib.error_perm as error:
            raise self._why_not(session, folder, error) from error

    # ---- words

    @override
    def _translate(self, error: BaseException) -> GatewayError | None:
        return of_line(error, self.host)

    def _why_not(self, session: Control, path: str, error: ftplib.Error) -> GatewayError:
        """What a refusal about a path means: 550 may be anything, so that its text, or else a look, has to tell."""
        ours = meaning(error)
        if not is_refusal(error) or type(ours) is not Rejected or code_of(error) not in _VAGUE:
            return ours
        with contextlib.suppress(Denied):
            there = self._there(session, path)
            if there is None:
                return NotFound("no such file or folder", path=path)
            if there.kind == "folder":
                return Rejected("a folder, not a file", path=path)
        return Denied(f"{ours.message}; may this user do that?", path=path)

    def _why_not_made(self, session: Control, path: str, error: ftplib.Error) -> GatewayError:
        """The same of a path that is to be made."""
        ours = meaning(error)
        if not is_refusal(error) or isinstance(ours, Full) or code_of(error) not in _VAGUE:
            return ours
        folder = parent(path)
        with contextlib.suppress(Denied):
            there = self._there(session, path)
            if there is not None and there.kind == "folder":
                return Rejected("a folder stands in the way", path=path)
            above = self._there(session, folder)
            if above is None:
                return NotFound("no such folder", path=folder)
            if above.kind == "file":
                return Rejected("a file stands in the way of a folder", path=folder)
        return ours if not isinstance(ours, NotFound) else Rejected(ours.message)

    def _native(self, session: Control, path: str) -> str:
        """The path on the server, from its `/` on, so that it means the same wherever we stand."""
        if "\n" in path or "\r" in path:
            raise Rejected("FTP cannot carry a name with a line break", path=path)
        root = self.root if self.root.startswith("/") else f"{session.home.rstrip('/')}/{self.root}"
        return f"{root.rstrip('/')}/{path}".rstrip("/") or "/"

    def _block(self) -> int:
        return block_of(self.live.limiters, data.BLOCK)

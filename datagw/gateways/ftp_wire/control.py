"""The control connection of FTP (RFC 959): commands and replies, login, features (RFC 2389), TLS (RFC 4217).

Names are bytes: what is not text in the server's encoding travels as lone surrogates. Whoever waits here for an answer
asks the run's fence meanwhile.
"""

from __future__ import annotations

import contextlib
import ftplib
import re
import socket
import ssl
import time
from collections.abc import Callable, Generator
from typing import TypeVar

from typing_extensions import override

from datagw.errors import Denied, Rejected, Unavailable
from datagw.gateways.ftp_wire.replies import code_of, masked, meaning

T = TypeVar("T")

_SLICE = 0.5  # seconds between two questions to the fence
_BRIEFLY = 5.0  # seconds for answers that nothing depends on
_TO_NOOP = {"200", "500", "501", "502", "503"}
_HOME = re.compile(r'257[ -][^"]*"((?:[^"]|"")*)"')
_MOST_HEARD = 1 << 20  # bytes of one line


class Control(ftplib.FTP):
    """One login. `features` are those of FEAT, in capitals; `home` is the folder that the login starts in."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        timeout: float,
        encoding: str = "utf-8",
        keepalive: float = 0,
        fence: Callable[[], None] = lambda: None,
        known: dict[str, bool] | None = None,
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
    ) -> None:
        super().__init__(timeout=timeout, encoding=encoding)
        self.host, self.port = host, port
        self.tls = tls
        self.protected = tls is not None
        """Whether the server has said that it encrypts data, too."""
        self.home = "/"
        self.features: dict[str, str] = {}
        self.known: dict[str, bool] = {} if known is None else known
        """What was found out of this server beyond its features, in this session or a former one."""
        self.follow_pasv = False
        self._implicit = implicit
        self._patience = timeout
        self._keepalive = keepalive
        self._fence = fence
        self._heard = bytearray()
        self._noops = 0
        self._spoke = time.monotonic()
        self._dial()

    # ---- beginning and end

    def _dial(self) -> None:
        self.sock = socket.create_connection((self.host, self.port), self._patience)
        try:
            self.af = self.sock.family
            self._stay_alive(self.sock)
            if self._implicit:
                self.sock = self.wrapped(self.sock)
            self.sock.settimeout(min(_SLICE, self._patience))
            self.welcome = self.getresp()
            if self.tls is not None and not self._implicit:
                self._start_tls()
        except BaseException:
            self.hang_up()
            raise

    def _stay_alive(self, sock: socket.socket) -> None:
        """Keeps what stands in between from forgetting a connection that is silent for the length of a transfer."""
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._keepalive:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            every = max(1, int(self._keepalive))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, every)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, every)

    def _start_tls(self) -> None:
        try:
            self.voidcmd("AUTH TLS")
        except ftplib.error_perm as error:
            raise Denied(f"{self.host} offers no TLS ({error}); nothing was sent that is secret") from error
        if self._heard:
            raise Denied(f"{self.host} said more than it was asked before TLS began; somebody may be in between")
        self.sock = self.wrapped(self.sock)
        self.sock.settimeout(min(_SLICE, self._patience))

    def wrapped(self, sock: socket.socket | None, session: ssl.SSLSession | None = None) -> ssl.SSLSocket:
        """The connection under TLS, its certificate checked; of the same TLS session where one is given."""
        if self.tls is None or sock is None:
            raise ConnectionError("it has been broken off")
        sock.settimeout(self._patience)
        return self.tls.wrap_socket(sock, server_hostname=self.host, session=session)

    def log_in(self, username: str, password: str, account: str | None, *, has_password: bool) -> None:
        """USER, PASS, ACCT, then what every session needs; raises Denied, once, for what is refused."""
        secrets = [password if has_password else "", account or ""]
        try:
            reply = self.sendcmd(f"USER {username}")
            if reply.startswith("331"):
                if not (has_password or password):
                    raise Denied(f"{self.host} asks for the password of {username}, and there is none")
                reply = self.sendcmd(f"PASS {password}")
            if reply.startswith("332"):
                if account is None:
                    raise Denied(f"{self.host} asks for an account: set `account`")
                reply = self.sendcmd(f"ACCT {account}")
        except ftplib.Error as error:
            ours = meaning(type(error)(masked(str(error), secrets)))
            if isinstance(error, ftplib.error_perm) and not isinstance(ours, Denied | Unavailable):
                ours = Denied(f"{ours.message}; is it {username} that may log in, and in this way?")
            raise ours from None
        if not reply.startswith("2"):
            raise Denied(f"{self.host} does not let {username} in: {masked(reply, secrets)}")
        if self.tls is not None:
            self._protect()
        self._look_around()

    def _protect(self) -> None:
        """Data is encrypted from now on; where TLS was there from the start, it may be without being asked for."""
        try:
            self.voidcmd("PBSZ 0")
            self.voidcmd("PROT P")
        except ftplib.error_perm as error:
            self.protected = False
            if not self._implicit:
                raise Denied(f"{self.host} does not encrypt data connections ({error})") from error

    def _look_around(self) -> None:
        self.features = self._feat()
        if "UTF8" in self.features and self.encoding == "utf-8":
            with contextlib.suppress(ftplib.error_perm):
                self.sendcmd("OPTS UTF8 ON")
        self.voidcmd("TYPE I")
        with contextlib.suppress(ftplib.error_perm):
            if found := _HOME.match(self.sendcmd("PWD")):
                self.home = found[1].replace('""', '"') or "/"

    def _feat(self) -> dict[str, str]:
        try:
            reply = self.sendcmd("FEAT")
        except ftplib.error_perm:
            return {}
        lines = [line.strip() for line in reply.split("\n")[1:] if not line.startswith("211")]
        return {name.upper(): rest for name, _, rest in (line.partition(" ") for line in lines) if name}

    @override
    def close(self) -> None:
        """A farewell, if the connection stands; never raises."""
        if self.sock is not None:
            with contextlib.suppress(OSError, ftplib.Error):
                self.putline("QUIT")
        self.hang_up()

    def hang_up(self) -> None:
        """Ends the connection without a word; whatever is asked of it later is a broken connection."""
        sock, self.sock = self.sock, None
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.close()

    def __del__(self) -> None:
        """One that was forgotten is hung up, as any other connection is."""
        self.hang_up()

    @property
    def peer(self) -> tuple[str, int]:
        """The address and port of the server, as the connection has them."""
        sock: socket.socket | None = self.sock
        if sock is None:
            raise ConnectionError("it has been broken off")
        host, port, *_ = sock.getpeername()
        return host, port

    @property
    def tls_session(self) -> ssl.SSLSession | None:
        """What makes a data connection one with this one."""
        return self.sock.session if isinstance(self.sock, ssl.SSLSocket) else None

    # ---- lines

    @override
    def putline(self, line: str) -> None:
        """One line, as it is; the byte 255 is said twice to servers that speak Telnet, as RFC 959 has it."""
        if self.sock is None:
            raise ConnectionError("it has been broken off")
        if "\r" in line or "\n" in line:
            raise Rejected("FTP cannot carry a line break")
        try:
            said = line.encode(self.encoding, "surrogateescape")
        except UnicodeEncodeError:
            raise Rejected(f"the name cannot be written in the server's encoding, {self.encoding}") from None
        if self.known.get("TELNET") or "proftpd" in (self.welcome or "").lower():
            said = said.replace(b"\xff", b"\xff\xff")
        self._spoke = time.monotonic()
        try:
            self.sock.sendall(said + b"\r\n")
        except OSError:
            self.hang_up()
            raise

    @override
    def getline(self) -> str:
        try:
            while (end := self._heard.find(b"\n")) < 0:
                if len(self._heard) > _MOST_HEARD:
                    raise ConnectionError("the server speaks without end")
                self._hear()
            if self._heard.startswith(b"\xff"):
                self.known["TELNET"] = True
                raise ConnectionError("the server took a byte of a name for a command of Telnet")
        except BaseException:
            self.hang_up()  # what comes later could be taken for the answer to something else
            raise
        line = bytes(self._heard[:end])
        del self._heard[: end + 1]
        return line.removesuffix(b"\r").decode(self.encoding, "surrogateescape")

    def _hear(self) -> None:
        sock = self.sock
        if sock is None:
            raise ConnectionError("it has been broken off")
        block = self.patiently(lambda: sock.recv(8192))
        if not block:
            raise ConnectionError("the server has closed it")
        self._heard += block

    def patiently(self, call: Callable[[], T], seconds: float | None = None) -> T:
        """What a call of a socket comes back with, for as long as patience lasts; the fence is asked meanwhile."""
        end = 0.0
        while True:
            try:
                return call()
            except TimeoutError as error:
                if error.errno is not None:  # the network's own
                    raise
                self._fence()
                limit = self._patience if seconds is None else seconds
                end = end or time.monotonic() - _SLICE + limit
                if time.monotonic() >= end:
                    raise TimeoutError(f"no answer within {limit:g} s") from None

    @property
    def patience(self) -> float:
        """Seconds that an answer is waited for."""
        return self._patience

    @contextlib.contextmanager
    def with_patience(self, seconds: float) -> Generator[None]:
        """Answers are waited for so long."""
        before, self._patience = self._patience, seconds
        try:
            yield
        finally:
            self._patience = before

    # ---- transfers

    def sign_of_life(self) -> None:
        """NOOP, if nothing was said for a while; its answer is taken when the transfer is over."""
        if self._keepalive and time.monotonic() - self._spoke >= self._keepalive and self.known.get("NOOP", True):
            self.putline("NOOP")
            self._noops += 1

    def end_of_transfer(self) -> None:
        """The reply that ends a transfer; raises what it says, if that is not success.

        Some servers answer each NOOP when it comes, some after the transfer, some never.
        """
        outcome: ftplib.Error | None = None
        over = False
        while not over:
            try:
                self.getresp()
            except ftplib.Error as error:
                outcome = error
            over = not (self._noops and self.lastresp in _TO_NOOP)
            if not over:
                self._noops -= 1
                outcome = None
        self._hear_of_noops()
        if outcome is not None:
            raise outcome

    def _hear_of_noops(self) -> None:
        with contextlib.suppress(ftplib.Error), self.with_patience(_BRIEFLY):
            try:
                while self._noops:
                    self._noops -= 1
                    self.getresp()
            except (TimeoutError, ConnectionError):  # the transfer is done; the next command finds out
                self.known["NOOP"] = False
                self._noops = 0

    def give_up_transfer(self) -> None:
        """Takes the reply to a transfer that was broken off here, so that the next command gets its own."""
        with contextlib.suppress(ftplib.Error), self.with_patience(min(_BRIEFLY, self._patience)):
            try:
                self.end_of_transfer()
            except OSError:
                self.hang_up()

    def end_of_transfer_or_break(self) -> None:
        """What the server says of data that broke off: raised if it is a refusal, else the connection is given up."""
        with self.with_patience(min(_BRIEFLY, self._patience)):
            try:
                self.end_of_transfer()
            except OSError:
                pass
        self.hang_up()

    def ask(self, command: str, seconds: float | None = None) -> str:
        """A reply of success, with more patience where the server has much to do."""
        with self.with_patience(max(self._patience, seconds or 0)):
            return self.voidcmd(command)

    def does(self, command: str, *arguments: str) -> bool:
        """Whether the server does this; False where it does not know how, or refuses."""
        try:
            self.voidcmd(" ".join([command, *arguments]))
        except ftplib.error_perm as error:
            if code_of(error) in ("500", "501", "502", "504"):
                self.features.pop(command, None)
            return False
        return True

"""Files on a web server, by HTTP(S): read only, one file at a time, for HTTP knows no listing.

A version is the server's ETag, else Last-Modified and size, else the SHA-256 of the content.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import ClassVar
from urllib.parse import quote, unquote, urlencode, urlsplit

from pydantic import Field, PrivateAttr, field_validator
from typing_extensions import override

from datagw import __version__
from datagw.errors import Changed, ConfigError, GatewayError, Rejected, Unavailable
from datagw.files import RemoteFile
from datagw.gateways.base import Gateway
from datagw.gateways.secrets import Secret, TextOrSecret
from datagw.gateways.web import asking
from datagw.gateways.web.answers import Answer, condition, is_digest
from datagw.gateways.web.asking import Asking, host_of

ANY_SERVER = ("https://", "http://")
_NO_HEAD = {400, 403, 405, 501}  # what servers answer that know GET alone
_REACHED = {403, 404, 405, 410, 501}  # what a base may answer whose files are there all the same
_SECRET_NAME = re.compile(r"auth|cookie|key|pass|pwd|secret|sig|token", re.IGNORECASE)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_MOST_SIZES = 10_000


class Http(Gateway):
    """Files on a web server; nothing is written or deleted there, and folders cannot be listed."""

    type: ClassVar[str] = "http"

    root: str = Field(default="", description="Folder below `url` that all paths start at.")
    url: str = Field(description='Address that all paths start at: `"https://data.example.org/exports"`.')
    username: str | None = Field(default=None, description="Login name (basic authentication).")
    password: Secret | None = Field(default=None, description="Reference to the password.")
    token: Secret | None = Field(default=None, description="Reference to a bearer token.")
    headers: dict[str, TextOrSecret] = Field(
        default_factory=dict[str, TextOrSecret],
        description='Further headers: `{ X-Api-Key = { env = "KEY" }, Accept = "text/csv" }`.',
    )
    params: dict[str, TextOrSecret] = Field(
        default_factory=dict[str, TextOrSecret],
        description='Added to each address as its query: `{ token = { env = "TOKEN" } }`.',
    )
    user_agent: str | None = Field(default=None, description="What datagw calls itself. Default: `datagw/VERSION`.")

    _sizes: dict[tuple[str, str], int] = PrivateAttr(default_factory=dict[tuple[str, str], int])

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if value in ANY_SERVER:
            return value
        try:
            parts = urlsplit(value)
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise ValueError("is no web address") from None
        if parts.scheme not in ("http", "https") or not host or re.search(r"[\s\x00-\x1f\x7f\\]", value):
            raise ValueError('is a web address, as in "https://data.example.org/exports"')
        if "@" in parts.netloc:
            raise ValueError('credentials do not stand in the address: username = "…", password = { env = "NAME" }')
        if parts.query or parts.fragment:
            raise ValueError("has neither query nor fragment; a query is given by `params`")
        return value.rstrip("/")

    @field_validator("headers", "params")
    @classmethod
    def _hide_secrets(cls, value: dict[str, str | Secret]) -> dict[str, str | Secret]:
        for name, one in value.items():
            if isinstance(one, str) and _SECRET_NAME.search(name):
                raise ValueError(f'{name} is a secret: write {{ env = "NAME" }} or {{ file = "/run/secrets/name" }}')
        return value

    @field_validator("headers")
    @classmethod
    def _are_headers(cls, value: dict[str, str | Secret]) -> dict[str, str | Secret]:
        for name, one in value.items():
            if not _TOKEN.fullmatch(name):
                raise ValueError("the name of a header holds letters, digits and `-`")
            if name.lower() in ("range", "if-range", "accept-encoding", "host", "content-length"):
                raise ValueError(f"the header {name} is datagw's own business")
            if isinstance(one, str) and (wrong := _wrong_header(name, one)):
                raise ValueError(wrong)
        return value

    # ---- names

    @property
    def _any_server(self) -> bool:
        """Whether paths are whole addresses without their scheme, written as in a URL."""
        return self.url in ANY_SERVER

    @property
    @override
    def place(self) -> str:
        return f"{self.url}/{self.full('')}" if self.root else self.url

    @override
    def link(self, path: str) -> str:
        return _masked(self.url + path) if self._any_server else self._address(path)

    @override
    def shown(self, path: str) -> str:
        return _masked(self.url + path) if self._any_server else super().shown(path)

    @override
    def named(self, relative: str) -> str:
        if not self._any_server:
            return relative
        folder, slash, name = relative.rpartition("/")
        return folder + slash + (unquote(name.partition("?")[0]).replace("/", "_").replace("\0", "_") or "index")

    def _address(self, path: str) -> str:
        """The address of a path, without the query of `params`."""
        if self._any_server:
            return self.url + path
        whole = "/".join(part for part in (self.root.strip("/"), path) if part)
        return f"{self.url}/{quote(whole.encode('utf-8', 'surrogateescape'))}"

    # ---- the session

    @override
    def _session(self) -> Asking:
        try:
            requests = asking.client()
        except ImportError:
            raise ConfigError("a gateway of type http needs a library: pip install 'datagw[http]'") from None
        secret = {name: _revealed(one) for name, one in self.headers.items()}
        if self.token is not None:
            secret["Authorization"] = f"Bearer {self.token.reveal()}"
        elif self.username is not None or self.password is not None:
            password = self.password.reveal() if self.password is not None else ""
            pair = f"{self.username or ''}:{password}".encode()
            secret["Authorization"] = f"Basic {base64.b64encode(pair).decode('ascii')}"
        for name, value in secret.items():
            if wrong := _wrong_header(name, value):
                raise ConfigError(wrong)
        return Asking(
            requests,
            home=self.url,
            secret=secret,
            query=urlencode({name: _revealed(one) for name, one in self.params.items()}),
            headers={
                "Accept": "*/*",
                "Accept-Encoding": "identity",
                "User-Agent": self.user_agent or f"datagw/{__version__}",
            },
            timeout=self.timeout,
            fence=self.live.fence,
            warn=lambda text: self.live.log.warning("%s: %s", self.name, text),
        )

    # ---- looking

    @override
    def _stat(self, session: Asking, path: str) -> RemoteFile:
        if not path:
            return self._reached(session)
        known = session.just_read.pop(path, None)
        return known if known is not None else self._looked_at(session, path)

    def _reached(self, session: Asking) -> RemoteFile:
        """The base: whatever the server says of it, it is there if the server answers and lets us in."""
        if not self._any_server:
            with session.ask("HEAD", self._asked(session, "")) as answer:
                refusal = answer.refusal()
                if refusal is not None and answer.status not in _REACHED:
                    raise refusal
        return RemoteFile("", kind="folder")

    def _looked_at(self, session: Asking, path: str) -> RemoteFile:
        url = self._asked(session, path)
        host, refused = host_of(url), False
        if host not in session.without_head:
            with session.ask("HEAD", url) as answer:
                refused = answer.status in _NO_HEAD
                found = None if refused else self._told(answer, path)
                if found is not None:
                    return found
        with session.ask("GET", url) as answer:
            found = self._told(answer, path, whole=True)
            if refused:
                session.without_head.add(host)
            if found is None:
                found = self._counted(session, answer, path)
            return found

    def _told(self, answer: Answer, path: str, *, whole: bool = False) -> RemoteFile | None:
        """The claim that the headers make; None where they lack version or size."""
        if (refusal := answer.refusal()) is not None:
            raise refusal
        answer.check_encoding(path)
        if not answer.versioned:
            return None
        claim = answer.claim(path)
        if answer.size is not None and (whole or answer.size > 0):  # to HEAD, some say 0 of all that they compute
            return claim
        size = self._sizes.get((path, claim.version))
        return None if size is None else answer.claim(path, size)

    def _counted(self, session: Asking, answer: Answer, path: str) -> RemoteFile:
        """The claim that takes a look at the whole content: its size, and its hash where there is no version."""
        digest, size = hashlib.sha256(), 0
        for block in self._body(session, answer):
            self.live.fence()
            digest.update(block)
            size += len(block)
        if answer.versioned:
            if len(self._sizes) >= _MOST_SIZES:
                self._sizes.clear()
            self._sizes[path, answer.claim(path).version] = size
            return answer.claim(path, size)
        session.warn_once(
            f"{answer.host} tells neither ETag nor Last-Modified: each look reads the whole file; "
            "let them be rare, by `every`"
        )
        return RemoteFile(path, size, etag=f"sha256:{digest.hexdigest()}")

    # ---- content

    @override
    def _read(self, session: Asking, path: str, offset: int = 0) -> Iterator[bytes]:
        left = offset
        for block in self._content(session, path):
            if left < len(block):
                yield block[left:]
            left = max(0, left - len(block))

    @override
    def _read_many(
        self, session: Asking, files: Iterable[RemoteFile]
    ) -> Iterator[tuple[RemoteFile, bytes | GatewayError | None]]:
        for file in files:
            try:
                with self.speaking(file.path):
                    for block in self._of_version(session, file):
                        yield file, block
            except Unavailable:
                raise
            except GatewayError as error:
                yield file, error
            else:
                yield file, None

    @override
    def _can_go_on(self, file: RemoteFile) -> bool:
        return condition(file) is not None

    @override
    def _read_on(self, session: Asking, file: RemoteFile, offset: int) -> Iterator[bytes]:
        return self._content(session, file.path, file, offset)

    def _of_version(self, session: Asking, file: RemoteFile) -> Iterator[bytes]:
        """The whole content, which has to be that of the claim."""
        digest = hashlib.sha256() if is_digest(file.etag) else None
        for block in self._content(session, file.path, file):
            if digest is not None:
                digest.update(block)
            yield block
        if digest is not None:
            if f"sha256:{digest.hexdigest()}" != file.etag:
                raise Changed("the file changed while it was read", path=file.path)
            session.just_read[file.path] = file  # so the look that follows need not read it again

    def _content(self, session: Asking, path: str, file: RemoteFile | None = None, offset: int = 0) -> Iterator[bytes]:
        """The content from `offset` on, to the end that was told, and not a byte less or more."""
        if file is not None and 0 < file.size <= offset:
            return
        asked = {}
        if file is not None and offset and (unchanged := condition(file)) is not None:
            asked = {"Range": f"bytes={offset}-", "If_Range": unchanged}
        with session.ask("GET", self._asked(session, path), **asked) as answer:
            if asked and answer.status == 416:
                raise Changed("the file became shorter while it was read", path=path)
            if (refusal := answer.refusal(ranged=bool(asked))) is not None:
                raise refusal
            answer.check_encoding(path)
            if file is not None and not answer.is_of(file):
                raise Changed("the file changed since it was looked at", path=path)
            position = offset if answer.status == 206 else 0
            if answer.status != 206 or answer.begins_at(offset):
                yield from self._exactly(session, answer, file, position, offset - position)
                return
        session.warn_once(f"{answer.host} sends another part than was asked for; the file is read from its start again")
        for block in self._content(session, path, file):
            if offset < len(block):
                yield block[offset:]
            offset = max(0, offset - len(block))

    def _exactly(
        self, session: Asking, answer: Answer, file: RemoteFile | None, position: int, skip: int
    ) -> Iterator[bytes]:
        """The body, without its first `skip` bytes."""
        end = file.size if file is not None else answer.total
        for block in self._body(session, answer):
            position += len(block)
            if end is not None and position > end:
                raise Rejected(f"{answer.host} sends more than the {end} bytes that it told")
            if skip < len(block):
                yield block[skip:] if skip else block
            skip = max(0, skip - len(block))
        if end is not None and position < end:
            raise Unavailable(f"{answer.host} ended the file after {position} of {end} bytes")

    def _body(self, session: Asking, answer: Answer) -> Iterator[bytes]:
        try:
            yield from answer.blocks()
        except GatewayError:
            raise
        except Exception as error:
            ours = session.speak(error, answer.host)
            if ours is None:
                raise
            raise ours from None

    def _asked(self, session: Asking, path: str) -> str:
        address = self._address(path)
        return f"{address}?{session.query}" if session.query else address

    @override
    def _translate(self, error: BaseException) -> GatewayError | None:
        return None  # `Asking` has done so, for what is raised there may hold secrets


def _revealed(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value


def _wrong_header(name: str, value: str) -> str:
    """What keeps the header from being sent; nothing if it can be. The value, which may be a secret, is not told."""
    if re.search(r"[^\t\x20-\x7e\xa0-\xff]", value):
        return f"the value of the header {name} holds what a header cannot carry"
    return f"the value of the header {name} begins or ends with a blank" if value != value.strip() else ""


def _masked(url: str) -> str:
    """A URL as it may be shown: the values of its query, which may be secrets, are left out."""
    address, mark, query = url.partition("?")
    return address + mark + re.sub(r"(^|&)([^=&]*=)?[^&]*", r"\1\2…", query) if mark else address

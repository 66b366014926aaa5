"""Files on a web server, by HTTP(S): read only, one file at a time, for HTTP knows no listing.

A version is the server's ETag, else Last-Modified and size, else the SHA-256 of the content.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator
from typing_extensions import override

from datagw import __version__
from datagw.errors import Changed, ConfigError, GatewayError, Rejected, Unavailable
from datagw.files import RemoteFile
from datagw.gateways.base import Gateway
from datagw.gateways.secrets import GivenSecret, Secret, TextOrSecret
from datagw.gateways.web import addresses, asking, credentials
from datagw.gateways.web.answers import Answer, condition, is_digest
from datagw.gateways.web.asking import Asking, host_of
from datagw.gateways.web.digest import digest
from datagw.gateways.web.reaching import Way, checked_proxy

_NO_HEAD = {400, 403, 405, 501}  # what servers answer that know GET alone
_REFUSED = {401, 407}
_JUST = 5.0  # seconds for which a whole content that was read counts as a look
_MOST_SIZES = 10_000


class Http(Gateway):
    """Files on a web server; nothing is written or deleted there, and folders cannot be listed."""

    type: ClassVar[str] = "http"

    root: str = Field(default="", description="Folder below `url` that all paths start at.")
    url: str = Field(description='Address that all paths start at: `"https://data.example.org/exports"`.')
    username: str | None = Field(default=None, description="Login name.")
    password: GivenSecret | None = Field(default=None, description="Reference to the password.")
    auth: Literal["basic", "digest"] = Field(
        default="basic", description="How name and password are told: `basic`, or `digest`."
    )
    token: GivenSecret | None = Field(default=None, description="Reference to a bearer token.")
    headers: dict[str, TextOrSecret] = Field(
        default_factory=dict[str, TextOrSecret],
        description='Further headers: `{ X-Api-Key = { env = "KEY" }, Accept = "text/csv" }`.',
    )
    params: dict[str, TextOrSecret] = Field(
        default_factory=dict[str, TextOrSecret],
        description='Added to each address as its query: `{ token = { env = "TOKEN" } }`.',
    )
    user_agent: str | None = Field(default=None, description="What datagw calls itself. Default: `datagw/VERSION`.")

    etags: bool = Field(
        default=True,
        description="Believe ETags; `false` where the nodes of a network disagree: the time is the version.",
    )
    ca_file: str | None = Field(
        default=None, description="File with the certificates of authorities to believe; else those of this machine."
    )
    insecure: bool = Field(
        default=False, description="Take any certificate of this server: whoever answers is believed."
    )
    client_cert: str | None = Field(
        default=None, description="File with the certificate that datagw shows to this server, in PEM."
    )
    client_key: str | None = Field(
        default=None, description="File with its private key, not encrypted; else it is in `client_cert`, too."
    )
    proxy: TextOrSecret | None = Field(
        default=None,
        description='Address of a proxy, `"http://proxy.example.org:3128"`; with credentials: a reference. '
        "Default: HTTPS_PROXY, HTTP_PROXY. Servers in NO_PROXY are asked directly.",
    )

    _insecure_told: set[str] = PrivateAttr(default_factory=set[str])
    _packing: set[str] = PrivateAttr(default_factory=set[str])
    _sizes: dict[tuple[str, str], int] = PrivateAttr(default_factory=dict[tuple[str, str], int])

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        return addresses.checked(value)

    @field_validator("token")
    @classmethod
    def _is_the_only_one(cls, value: Secret | None, info: ValidationInfo) -> Secret | None:
        if value is not None and (info.data.get("password") or info.data.get("username")) is not None:
            raise ValueError("either a token, or username and password")
        return value

    @field_validator("auth")
    @classmethod
    def _has_a_name(cls, value: str, info: ValidationInfo) -> str:
        if value == "digest" and (info.data.get("username") is None or info.data.get("password") is None):
            raise ValueError("digest needs username and password")
        return value

    @field_validator("client_key")
    @classmethod
    def _has_a_certificate(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("client_cert") is None:
            raise ValueError("client_key is of no use without client_cert")
        return value

    @field_validator("proxy")
    @classmethod
    def _is_a_proxy(cls, value: str | Secret | None, info: ValidationInfo) -> str | Secret | None:
        return checked_proxy(value, by_code=info.context is None)

    @field_validator("headers")
    @classmethod
    def _are_headers(cls, value: dict[str, str | Secret], info: ValidationInfo) -> dict[str, str | Secret]:
        credentials.check_headers(value)
        return credentials.hidden(value, by_code=info.context is None)

    @field_validator("params")
    @classmethod
    def _are_hidden(cls, value: dict[str, str | Secret], info: ValidationInfo) -> dict[str, str | Secret]:
        return credentials.hidden(value, by_code=info.context is None)

    # ---- names

    @property
    def _any_server(self) -> bool:
        """Whether paths are whole addresses without their scheme, written as in a URL."""
        return self.url in addresses.ANY_SERVER

    @property
    @override
    def place(self) -> str:
        return f"{self.url}/{self.full('')}" if self.root else self.url

    @override
    def link(self, path: str) -> str:
        return addresses.masked(self._address(path))

    @override
    def shown(self, path: str) -> str:
        return self.link(path) if self._any_server else super().shown(path)

    @override
    def named(self, relative: str) -> str:
        return addresses.file_name(relative) if self._any_server else relative

    def _address(self, path: str) -> str:
        """The address of a path, without the query of `params`."""
        return self.url + path if self._any_server else addresses.below(self.url, self.root, path)

    def _asked(self, session: Asking, path: str) -> str:
        address = self._address(path)
        return f"{address}?{session.query}" if session.query else address

    @override
    def _session(self) -> Asking:
        try:
            requests = asking.client()
        except ImportError:
            raise ConfigError(
                f"a gateway of type {self.type} needs a library: pip install 'datagw[{self.type}]'"
            ) from None
        way = self._way()
        way.check()
        if way.insecure and not self._insecure_told:
            asking.without_warnings()
            self._insecure_told.add(self.url)
            self.live.log.warning("%s: the certificate of %s is not checked (insecure = true)", self.name, self.url)
        basic, auth = (self.username, self.password), None
        if self.auth == "digest":
            auth = digest(self.username or "", self.password.reveal() if self.password else "")
            basic = None, None
        agent = self.user_agent or f"datagw/{__version__}"
        return Asking(
            requests,
            home=self.url,
            secret=credentials.headers(self.headers, *basic, self.token),
            headers={"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": agent},
            query=credentials.query(self.params),
            timeout=self.timeout,
            fence=self.live.fence,
            warn=lambda text: self.live.log.warning("%s: %s", self.name, text),
            way=way,
            auth=auth,
            etags=self.etags,
        )

    def _way(self) -> Way:
        return Way(
            ca_file=self.ca_file,
            insecure=self.insecure,
            client_cert=self.client_cert,
            client_key=self.client_key,
            proxy=self.proxy.reveal() if isinstance(self.proxy, Secret) else self.proxy,
        )

    # ---- looking

    @override
    def _stat(self, session: Asking, path: str) -> RemoteFile:
        if not path:
            return self._reached(session)
        known, when = session.just_read.pop(path, (None, 0.0))
        if known is not None and time.monotonic() - when < _JUST:
            return known
        return self._looked_at(session, path)

    def _reached(self, session: Asking) -> RemoteFile:
        """The base: whatever the server says of it, it is there if the server answers and lets us in."""
        if not self._any_server:
            with session.ask("HEAD", self._asked(session, "")) as answer:
                refusal = answer.refusal()
                if refusal is not None and (answer.status in _REFUSED or isinstance(refusal, Unavailable)):
                    raise refusal
        return RemoteFile("", kind="folder")

    def _looked_at(self, session: Asking, path: str) -> RemoteFile:
        url = self._asked(session, path)
        host, refused = host_of(url), False
        if host not in session.without_head:
            with session.ask("HEAD", url) as answer:
                refused = answer.status in _NO_HEAD
                found = None if refused else self._told(session, answer, path)
                if found is not None:
                    return found
        with session.ask("GET", url) as answer:
            found = self._told(session, answer, path, whole=True)
            if refused:
                session.without_head.add(host)
            if found is None:
                found = self._counted(session, answer, path)
            return found

    def _told(self, session: Asking, answer: Answer, path: str, *, whole: bool = False) -> RemoteFile | None:
        """The claim that the headers make; None where they lack version or size."""
        if (refusal := answer.refusal()) is not None:
            raise refusal
        self._unpack(session, answer, path)
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
            for limiter in self.live.limiters:
                limiter.take(len(block))
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
    def _can_go_on(self, file: RemoteFile) -> bool:
        return condition(file) is not None

    @override
    def _read_on(self, session: Asking, file: RemoteFile, offset: int) -> Iterator[bytes]:
        return self._content(session, file.path, file, offset)

    @override
    def _read_listed(self, session: Asking, file: RemoteFile) -> Iterator[bytes]:
        """The whole content, which has to be that of the claim."""
        digest = hashlib.sha256() if is_digest(file.etag) else None
        for block in self._content(session, file.path, file):
            if digest is not None:
                digest.update(block)
            yield block
        if digest is not None:
            if f"sha256:{digest.hexdigest()}" != file.etag:
                raise Changed("the file changed while it was read", path=file.path)
            session.just_read[file.path] = file, time.monotonic()  # so the look that follows need not read it again

    def _content(self, session: Asking, path: str, file: RemoteFile | None = None, offset: int = 0) -> Iterator[bytes]:
        """The content from `offset` on, to the end that was told, and not a byte less or more."""
        if file is not None and 0 < file.size <= offset:
            return
        asked = {}
        parts = host_of(self._address(path)) not in self._packing  # else they would be parts of what it packs
        if parts and file is not None and offset and (unchanged := condition(file)) is not None:
            asked = {"Range": f"bytes={offset}-", "If_Range": unchanged}
        with session.ask("GET", self._asked(session, path), **asked) as answer:
            if asked and answer.status == 416:
                raise Changed("the file became shorter while it was read", path=path)
            if (refusal := answer.refusal(ranged=bool(asked))) is not None:
                raise refusal
            self._unpack(session, answer, path)
            if file is not None and not answer.is_of(file):
                raise Changed(f"the file changed since it was looked at{self._doubt(answer, file)}", path=path)
            position = offset if answer.status == 206 else 0
            if answer.status != 206 or answer.begins_at(offset):
                yield from self._exactly(session, answer, file, position, offset - position)
                return
        session.warn_once(f"{answer.host} sends another part than was asked for; the file is read from its start again")
        for block in self._content(session, path, file):
            if offset < len(block):
                yield block[offset:]
            offset = max(0, offset - len(block))

    def _doubt(self, answer: Answer, file: RemoteFile) -> str:
        """What to say where nothing but the ETag is another."""
        same = answer.mtime_ns is not None and answer.mtime_ns == file.mtime_ns and answer.total in (None, file.size)
        return ", by its ETag alone: if it changes from node to node, etags = false" if same else ""

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

    def _unpack(self, session: Asking, answer: Answer, path: str) -> None:
        answer.check_encoding(path)
        if answer.packed:
            self._packing.add(host_of(self._address(path)))
            session.warn_once(
                f"{answer.host} packs files on their way though asked not to; to know a size is to read it"
            )

    def _body(self, session: Asking, answer: Answer) -> Iterator[bytes]:
        try:
            yield from answer.blocks()
        except GatewayError:
            raise
        except Exception as error:
            ours = session.speak(error, answer.host, answer.proxy)
            if ours is None:
                raise
            raise ours from None

    @override
    def _translate(self, error: BaseException) -> GatewayError | None:
        return None  # `Asking` has done so, for what is raised there may hold secrets

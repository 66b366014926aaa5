"""A folder on a WebDAV server (RFC 4918): Nextcloud, ownCloud, Apache, SFTPGo, rclone, and whatever else speaks it.

Reached and read as web servers are (`http.py`). A part becomes the final file by MOVE; content is proven by a SHA-256
that the server computes (Nextcloud: PATCH with X-Recalculate-Hash), else by reading back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

from pydantic import Field, PrivateAttr, field_validator
from typing_extensions import override

from datagw.errors import Changed, Denied, Full, GatewayError, NotFound, Rejected, Unavailable, Unsupported
from datagw.files import RemoteFile, join, parent
from datagw.gateways.base import Reading
from datagw.gateways.front.limits import block_of
from datagw.gateways.front.reading import Block
from datagw.gateways.http import Http
from datagw.gateways.web import addresses, refusals
from datagw.gateways.web.answers import SECOND, Answer, tag_of, time_of
from datagw.gateways.web.asking import Asking
from datagw.gateways.web.documents import each_of_xml, value_at, values_at

_BLOCK = 1 << 18
_PIECE = 1 << 25  # bytes sent in one request, where the server goes on with a file
_TRIES = 10
_SLOWEST = 20_000  # bytes a second, of a line
_SLOWEST_PLACE = 50_000_000  # bytes a second, of a place that stores what has arrived
_WANTED = (
    b'<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:"><prop>'
    b"<resourcetype/><getcontentlength/><getlastmodified/><getetag/></prop></propfind>"
)
_LOCK = (
    b'<?xml version="1.0" encoding="utf-8"?><lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope>'
    b"<locktype><write/></locktype></lockinfo>"
)
_XML = {"Content-Type": "application/xml; charset=utf-8"}
_DONE = {200, 201, 204}
_GONE = {404, 410}
_PROPERTIES = ("getcontentlength", "getlastmodified", "getetag")
_GOES_ON = "http://apache.org/dav/propset/fs/1"  # in the DAV header: PUT with Content-Range writes into a file
_HASHES = "nextcloud-checksum-update"


class Webdav(Http):
    """A folder on a WebDAV server."""

    type: ClassVar[str] = "webdav"

    root: str = Field(default="", description="Folder below `url` that all paths start at; it must exist.")
    url: str = Field(
        description="Address that all paths start at: "
        '`"https://cloud.example.org/remote.php/dav/files/station7"`, `"https://dav.example.org"`.'
    )

    _abilities: dict[str, str] = PrivateAttr(default_factory=dict[str, str])

    @field_validator("url")
    @classmethod
    def _is_a_server(cls, value: str) -> str:
        if value in addresses.ANY_SERVER:
            raise ValueError('is the address of one server, as in "https://dav.example.org/files"')
        return value

    @override
    def _session(self) -> Asking:
        session = super()._session()
        if self.auth == "digest":
            self._stat(session, "")  # the server asks who is there, before a body is sent for nothing
        return session

    # ---- looking

    @override
    def _stat(self, session: Asking, path: str) -> RemoteFile:
        for _, found in self._told_of(session, path, "0"):
            return found.at(path)
        raise NotFound("no such file or folder")

    @override
    def _ls(self, session: Asking, folder: str) -> Iterator[RemoteFile]:
        itself, told = _path_of(self._address(folder)), False
        for where, found in self._told_of(session, folder, "1"):
            if where == itself:
                told = True
                if found.kind != "folder":
                    raise NotFound("a file, not a folder", path=folder)
                continue
            name = where.rpartition("/")[2]
            if name in ("", ".", "..") or "\0" in name:
                raise Rejected("the server lists what can be no file", path=folder)
            yield found.at(join(folder, name))
        if not told:
            raise Rejected("the server lists something else than this folder; is `url` right?", path=folder)

    def _told_of(self, session: Asking, path: str, depth: str) -> Iterator[tuple[str, RemoteFile]]:
        """What PROPFIND says: the path in each address, decoded and without a slash at its end, and the claim."""
        folder = depth == "1" or not path
        given = {**_XML, "Depth": depth}
        with self._send(session, "PROPFIND", path, _WANTED, headers=given, folder=folder) as answer:
            if answer.status != 207:
                if answer.status in (*_DONE, 405, 501):
                    raise Rejected(
                        f"{answer.host} speaks no WebDAV here ({answer.status} to PROPFIND); is `url` right?"
                    )
                raise _refusal(answer)
            answer.check_encoding("")
            yield from _entries(self._body(session, answer), answer.host)

    # ---- content

    @override
    def _read(self, session: Asking, path: str, offset: int = 0) -> Iterator[bytes]:
        """Apache tells the size of one version and sends the next, if it is replaced just then: a look tells."""
        for _ in range(_TRIES):
            before = self._stat(session, path)
            try:
                content = list(self._content(session, path, before, offset))
            except Changed:
                continue
            if self._stat(session, path).version == before.version:
                return iter(content)
        raise Unavailable("the file changes faster than it can be read")

    @override
    def _write(self, session: Asking, reading: Reading, sync: bool) -> None:
        if reading.mode is not None:
            raise Unsupported("WebDAV sets no permissions; leave `mode` out")
        size = block_of(self.live.limiters, _BLOCK)
        piece = max(1, _PIECE // size) * size
        if reading.offset or reading.size > piece:
            goes_on = _GOES_ON in self._ability(session)
            if not goes_on:
                reading.forget_prefix()
            piece = piece if goes_on else reading.size
        blocks, at, first = reading.blocks(size), reading.offset, True
        while at < reading.size or (first and not reading.size):
            count = min(piece, reading.size - at)
            self._put(session, reading, _Body(blocks, count), at)
            at, first = at + count, False
        for _ in blocks:  # nothing is left to send; the content is compared with its source all the same
            pass

    def _put(self, session: Asking, reading: Reading, body: _Body, at: int) -> None:
        given = {"Content-Type": "application/octet-stream"}
        if reading.mtime_ns is not None:
            given["X-OC-Mtime"] = str(reading.mtime_ns // SECOND)
        if at:
            given["Content-Range"] = f"bytes {at}-{at + len(body) - 1}/{reading.size}"
        self._do(session, "PUT", reading.part, body if len(body) else b"", headers=given)

    @override
    def _hash(self, session: Asking, files: Sequence[RemoteFile]) -> list[str | None]:
        if not files or _HASHES not in self._ability(session):
            return [None] * len(files)
        return [self._hashed(session, file) for file in files]

    def _hashed(self, session: Asking, file: RemoteFile) -> str | None:
        """As the server computes it from what it has; None where it does not, so that it is read back instead."""
        self.live.fence()
        given = {"X-Recalculate-Hash": "sha256"}
        with self._send(session, "PATCH", file.path, None, headers=given, size=file.size) as answer:
            found = re.search(r"\bSHA256:([0-9a-fA-F]{64})\b", answer.header("OC-Checksum") or "")
            if found is None and isinstance(error := _refusal(answer), Unavailable):
                raise error
            return found[1].lower() if found else None

    def _ability(self, session: Asking) -> str:
        """The server's DAV header, which says what else it knows; asked for once."""
        if self.url not in self._abilities:
            with self._send(session, "OPTIONS", "", None, folder=True) as answer:
                if answer.status not in _DONE and isinstance(error := _refusal(answer), Unavailable):
                    raise error
                self._abilities[self.url] = answer.header("DAV") or ""
        return self._abilities[self.url]

    # ---- names

    @override
    def _rename(self, session: Asking, source: str, target: str, replace: bool) -> None:
        """MOVE; one that replaces deletes first, by RFC 4918 §9.9.3, so that the name is empty for a moment."""
        if self._moved(session, source, target, overwrite=False):
            return
        there = self._stat(session, target)
        if there.kind != "file":  # MOVE would replace it, and all that is in it
            raise Rejected("a folder stands in the way", path=target)
        if not replace:
            raise Rejected("a file stands there already", path=target)
        self.live.gaps.add(target)
        if not self._moved(session, source, target, overwrite=True):
            raise Rejected("the server does not replace what stands there", path=target)

    def _moved(self, session: Asking, source: str, target: str, *, overwrite: bool) -> bool:
        given = {"Destination": self._address(target), "Overwrite": "T" if overwrite else "F"}
        with self._send(session, "MOVE", source, None, headers=given) as answer:
            if answer.status == 412:
                return False
            if answer.status == 409:
                raise NotFound("no such folder", path=parent(target))
            self._require(session, answer, source)
        return True

    @override
    def _rm(self, session: Asking, path: str) -> None:
        """DELETE takes a folder with all that is in it, so a look comes first."""
        if self._stat(session, path).kind != "file":
            raise Rejected("a folder, not a file")
        self._do(session, "DELETE", path)

    @override
    def _mkdir(self, session: Asking, folder: str) -> None:
        if not folder:
            return
        with self._send(session, "MKCOL", folder, None, folder=True) as answer:
            if answer.status in _DONE:
                self._require(session, answer, folder)
                return
            error = _refusal(answer)
        if isinstance(error, Unavailable):
            raise error
        there = self._there(session, folder)
        if there is None:
            self._mkdir(session, parent(folder))
            self._do(session, "MKCOL", folder, folder=True)
        elif there.kind != "folder":
            raise Rejected("a file stands in the way of a folder", path=folder)

    @override
    def _rmdir(self, session: Asking, folder: str) -> None:
        """DELETE of what is empty, under a lock, so that nothing comes in between; without locks the folder stays."""
        if self._stat(session, folder).kind != "folder":  # to lock what is not there would make it
            raise Rejected("a file, not a folder")
        if not (lock := self._locked(session, folder)):
            raise Rejected("the server knows no locks, and would delete what comes in the meantime")
        try:
            if any(True for _ in self._ls(session, folder)):
                raise Rejected("the folder is not empty")
            held = {"If": f"<{self._address(folder)}/> ({lock})"}
            self._do(session, "DELETE", folder, headers=held, folder=True)
        except BaseException:
            self._do(session, "UNLOCK", folder, headers={"Lock-Token": lock}, folder=True)
            raise

    def _locked(self, session: Asking, folder: str) -> str:
        if not re.search(r"(^|[\s,])2($|[\s,])", self._ability(session)):
            return ""
        given = {**_XML, "Depth": "infinity", "Timeout": "Second-60"}
        with self._send(session, "LOCK", folder, _LOCK, headers=given, folder=True) as answer:
            self._require(session, answer, folder)
            return answer.header("Lock-Token") or ""

    def _there(self, session: Asking, path: str) -> RemoteFile | None:
        try:
            return self._stat(session, path)
        except NotFound:
            return None

    # ---- words

    def _do(self, session: Asking, method: str, path: str, body: Any = None, **given: Any) -> None:
        with self._send(session, method, path, body, **given) as answer:
            self._require(session, answer, path)

    def _require(self, session: Asking, answer: Answer, path: str) -> None:
        """Raises what a refusal stands for; else the answer is read, so that its connection serves the next request."""
        if answer.status not in _DONE:
            raise _refusal(answer, path)
        for _ in self._body(session, answer):
            pass

    def _send(
        self,
        session: Asking,
        method: str,
        path: str,
        body: Any,
        *,
        headers: dict[str, str] | None = None,
        folder: bool = False,
        size: int = 0,
    ) -> Answer:
        size = size or (len(body) if isinstance(body, _Body) else 0)
        seconds = self.timeout + size / _SLOWEST_PLACE
        url = self._address(path) + ("/" if folder and path else "")
        url = f"{url}?{session.query}" if session.query else url
        whole = 2 * seconds + size / _SLOWEST
        return session.send(method, url, body, seconds=seconds, whole=whole, headers=headers or {})


class _Body:
    """So many bytes of a file on its way out, as the body of one request; they can be read once."""

    def __init__(self, blocks: Iterator[Block], count: int) -> None:
        self._blocks = blocks
        self._count = count
        self._left = count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Block]:
        if self._left != self._count:
            raise Unavailable("the server asks again who is there, with the file half sent")
        while self._left > 0:
            block = next(self._blocks)
            self._left -= len(block)
            yield block


def _refusal(answer: Answer, path: str | None = None) -> GatewayError:
    """What a status that is not hoped for stands for (RFC 4918 §11, RFC 9110 §15)."""
    said = f"{answer.host} answers {answer.status}"
    if answer.status == 423:
        return Rejected(f"{said}: somebody has locked it", path=path)
    if answer.status == 507:
        return Full(f"{said}: no space is left, or none for this user", path=path)
    if answer.status == 409:
        return NotFound(f"no such folder above it ({said})", path=path)
    if answer.status == 207:
        return Rejected(f"{said}: not all of it could be done", path=path)
    if answer.status == 403:
        return Denied(f"{said}: these credentials may not do that", path=path)
    if 300 <= answer.status < 400:
        return Rejected(f"{said}: it leads elsewhere; is `url` right, its https too?", path=path)
    return answer.refusal() or Rejected(said, path=path)


def _path_of(address: str) -> str:
    return unquote(urlsplit(address).path, errors="surrogateescape").rstrip("/")


def _entries(blocks: Iterator[bytes], host: str) -> Iterator[tuple[str, RemoteFile]]:
    """The entries of a 207 (RFC 4918 §13) as they come: paths and claims. What is gone by now is left out."""
    empty = True
    for one in each_of_xml(blocks, "multistatus.response"):
        empty = False
        code = _code(value_at(one, "status"))
        if code in _GONE:
            continue
        if code not in _DONE:
            raise refusals.of_status(code, host, None)
        said: list[object] = []
        for some in values_at(one, "propstat"):
            code = _code(value_at(some, "status"))
            if code in _DONE:
                said += values_at(some, "prop")
            elif code not in _GONE:  # not that it has no such property: it does not tell, whether file or folder
                raise refusals.of_status(code, host, None)
        yield _path_of(_text(one, "href")), _claim(said)
    if empty:
        raise Rejected(f"{host} answers 207 and tells nothing")


def _claim(said: list[object]) -> RemoteFile:
    """The claim that properties make. A weak ETag is as good as any to tell one version from another."""
    if any(value_at(prop, "resourcetype.collection") is not None for prop in said):
        return RemoteFile("", kind="folder")
    told = {name: next((text for prop in said if (text := _text(prop, name))), "") for name in _PROPERTIES}
    size = int(told["getcontentlength"]) if re.fullmatch(r"[0-9]{1,18}", told["getcontentlength"]) else 0
    mtime_ns = time_of(told["getlastmodified"])
    return RemoteFile("", size, mtime_ns, etag=tag_of(told["getetag"]) or None, clock=SECOND)


def _code(status: object) -> int:
    """Of `HTTP/1.1 404 Not Found`; where nothing is said, all is well."""
    found = re.search(r"\s([1-5]\d\d)\b", status) if isinstance(status, str) else None
    return int(found[1]) if found else 200


def _text(item: object, path: str) -> str:
    found = value_at(item, path)
    return found if isinstance(found, str) else ""

"""An answer: what its headers tell of the file, whether that is the file that was meant, and its body."""

from __future__ import annotations

import email.utils
import re
from collections.abc import Callable, Generator
from typing import Any, Self

from datagw.errors import GatewayError, Rejected
from datagw.files import RemoteFile
from datagw.gateways.web import packing, refusals
from datagw.gateways.web.waiting import read_ahead

SECOND = 1_000_000_000
_BLOCK = 1 << 18
_WHOLE = {200, 203}
_RANGE = re.compile(r"bytes\s+(\d+)-(\d+)/(\d+|\*)\s*")
_STORED = {  # encodings that a server may claim of what simply is stored like that
    "gzip": (".gz", ".tgz"),
    "x-gzip": (".gz", ".tgz"),
    "compress": (".Z",),
    "x-compress": (".Z",),
    "bzip2": (".bz2",),
    "x-bzip2": (".bz2",),
    "zstd": (".zst",),
    "br": (".br",),
}


class Answer:
    """What a server answered to one question, redirects followed. The body is read, or the connection is closed."""

    def __init__(
        self, response: Any, url: str, host: str, timeout: float, fence: Callable[[], None], proxy: str | None = None
    ) -> None:
        self._response = response
        self._timeout = timeout
        self._fence = fence
        self._reads = False
        self.packed = False
        self.url = url
        self.host = host
        self.proxy = proxy
        self.status: int = response.status_code
        self.size = _number(self.header("Content-Length"))
        self.etag = self.header("ETag") or None
        self.mtime_ns = time_of(self.header("Last-Modified"))

    def header(self, name: str) -> str | None:
        """The value of a header, without the blanks around it."""
        value: str | None = self._response.headers.get(name)
        return None if value is None else value.strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._reads:
            self._response.close()

    # ---- what it tells

    @property
    def versioned(self) -> bool:
        """Whether it has anything by which one state of the file is told from another."""
        return self.etag is not None or self.mtime_ns is not None

    def refusal(self, *, ranged: bool = False) -> GatewayError | None:
        """The error that its status stands for; None where the file (or, `ranged`, a part of it) follows."""
        if self.status in _WHOLE or (ranged and self.status == 206):
            return None
        asks = self.header("WWW-Authenticate") or ""
        return refusals.of_status(self.status, self.host, self.header("Retry-After"), asks=asks, proxy=self.proxy)

    def check_encoding(self, path: str) -> None:
        """Finds out whether the body is `packed` on its way, so that its length is not that of the file.

        What is called so because it is stored so (`x.gz` as gzip) is the file's own bytes. Raises Rejected for a
        packing that is not known.
        """
        encoding = (self.header("Content-Encoding") or "identity").lower()
        name = path.partition("?")[0]
        if encoding == "identity" or name.endswith(_STORED.get(encoding, ("\0",))):
            return
        if encoding not in packing.KNOWN:
            raise Rejected(
                f"{self.host} packs the file on its way (Content-Encoding {encoding}) though asked not to, "
                "so that its size and hash cannot be proven"
            )
        self.packed, self.size = True, None

    def claim(self, path: str, size: int | None = None) -> RemoteFile:
        """The file as the headers tell it, or of a size that they do not tell."""
        return RemoteFile(path, size or self.size or 0, self.mtime_ns, etag=self.etag, clock=SECOND)

    def is_of(self, file: RemoteFile) -> bool:
        """Whether this is still the version that was looked at, as far as both tell."""
        total = self.total
        if total is not None and total != file.size:
            return False
        if self.etag is not None and is_tag(file.etag):
            return tag_of(self.etag) == tag_of(file.etag)
        return self.mtime_ns is None or file.mtime_ns is None or self.mtime_ns == file.mtime_ns

    @property
    def total(self) -> int | None:
        """The size of the whole file, in bytes."""
        if self.status != 206 or self.packed:
            return self.size
        found = self._range()
        return None if found is None or found[3] == "*" else int(found[3])

    def begins_at(self, offset: int) -> bool:
        """Whether it is the part of the file that begins there and goes to its end."""
        found = self._range()
        if found is None or int(found[1]) != offset or self.packed:
            return False
        return found[3] == "*" or int(found[2]) + 1 == int(found[3])

    def _range(self) -> re.Match[str] | None:
        return _RANGE.fullmatch(self.header("Content-Range") or "")

    # ---- its body

    def blocks(self) -> Generator[bytes]:
        """The body, unpacked, however it was cut into chunks; raises where it ends too early."""
        raw = self._response.raw
        self._reads = True
        sent = read_ahead(
            lambda: raw.read1(_BLOCK, decode_content=False) or b"", self._response.close, self._timeout, self._fence
        )
        return packing.unpacked(sent, self.host) if self.packed else sent


def is_tag(etag: str | None) -> bool:
    """Whether it is a server's own, and not the hash that stands in for one."""
    return etag is not None and not is_digest(etag)


def is_digest(etag: str | None) -> bool:
    """Whether it is the SHA-256 of a content that the server tells no version of."""
    return etag is not None and re.fullmatch(r"sha256:[0-9a-f]{64}", etag) is not None


def condition(file: RemoteFile) -> str | None:
    """What to put into If-Range, so that the rest of this very version is sent or nothing of it; None for nothing."""
    if is_tag(file.etag):
        return None if str(file.etag).startswith("W/") else file.etag
    if file.etag is None and file.mtime_ns is not None:
        return email.utils.formatdate(file.mtime_ns // SECOND, usegmt=True)
    return None


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"[0-9]{1,18}", text) else None


def tag_of(etag: str | None) -> str | None:
    """An ETag for comparison as a version: without the mark of a weak one, in quotes (RFC 9110 §8.8.3)."""
    found = (etag or "").strip().removeprefix("W/")
    return found if not found or found.startswith('"') else f'"{found}"'


def time_of(text: str | None) -> int | None:
    """A date of HTTP, in ns since the epoch; None for what is none."""
    if not text:
        return None
    try:
        return int(email.utils.parsedate_to_datetime(text).timestamp()) * SECOND
    except (ValueError, OverflowError):
        return None

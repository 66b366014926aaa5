"""An S3 server that answers at once, so that it is the client that is measured: `python -m benchmarks.s3.sink`.

It speaks the protocol rightly and keeps what it says of objects, but it checks no signature and drops large contents in
the kernel. An ETag is the MD5 that the client has sent along (`Content-MD5`), or the MD5 of a small content; a large
content that came without one gets an ETag that is none, as with objects that a store encrypts. The SHA-256 of an upload
is made of those that came with its parts. While it `looks`, which
is slow, it hashes large contents as well, and knows the MD5 of each part.

One process, one thread, one bucket for all names. https://docs.aws.amazon.com/AmazonS3/latest/API/.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import selectors
import socket
import sys
from collections.abc import Generator
from dataclasses import dataclass, field
from email.utils import formatdate
from urllib.parse import parse_qsl, unquote
from xml.etree import ElementTree as ET

from benchmarks.s3 import answers

_SMALL = 1 << 20  # bytes up to which a content is kept
_BUFFER = memoryview(bytearray(1 << 20))
_END = b"\r\n\r\n"

Waiting = Generator[None, None, None]


@dataclass
class Part:
    """A content: `md5` where the client or the sink has computed it, `content` where it is small."""

    size: int
    etag: str
    md5: str | None = None
    content: bytes | None = None
    sha256: str | None = None  # as the client has told it, in base64


@dataclass
class Entry:
    """An object: its parts, in order, and the headers that are given back."""

    parts: list[Part]
    etag: str
    headers: dict[str, str] = field(default_factory=dict)
    changed: float = 0.0

    @property
    def size(self) -> int:
        return sum(part.size for part in self.parts)


class Asked:
    """A request: its head, and its content once it has been read."""

    def __init__(self, head: bytes) -> None:
        first, *lines = head.decode("latin-1").split("\r\n")
        self.method, target, _ = first.split(" ")
        path, _, query = target.partition("?")
        _, _, self.key = unquote(path).removeprefix("/").partition("/")
        self.query = dict(parse_qsl(query, keep_blank_values=True))
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self.length = int(self.headers.get("content-length", 0))
        self.chunked = "x-amz-decoded-content-length" in self.headers
        self.size = int(self.headers["x-amz-decoded-content-length"]) if self.chunked else self.length
        self.content: bytes | None = None
        self.md5: str | None = None  # of a large content that was looked at

    def part(self, number: int) -> Part:
        """The content as a part, with the ETag that it gets."""
        content = b"".join(_unpacked(self.content)) if self.content is not None and self.chunked else self.content
        told = self.headers.get("content-md5")
        md5 = base64.b64decode(told).hex() if told else None
        found = self.md5 if content is None else md5 or hashlib.md5(content).hexdigest()
        if found is not None and md5 not in (None, found):
            raise ValueError(f"{self.key}: its Content-MD5 is not that of its content")
        known = found or md5
        return Part(self.size, known or f"{number:032x}-0", known, content, self.headers.get("x-amz-checksum-sha256"))


def _unpacked(content: bytes) -> Generator[bytes, None, None]:
    """The content of `aws-chunked`; https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html."""
    at = 0
    while True:
        end = content.index(b"\r\n", at)
        size = int(content[at:end].partition(b";")[0], 16)
        if size == 0:
            return
        yield content[end + 2 : end + 2 + size]
        at = end + 2 + size + 2


def _joined(told: list[str | None]) -> str | None:
    """The SHA-256 of parts whose own were told: that of theirs, and how many they are."""
    if None in told:
        return None
    digest = hashlib.sha256(b"".join(base64.b64decode(one or "") for one in told)).digest()
    return f"{base64.b64encode(digest).decode()}-{len(told)}"


class Sink:
    """All that it knows: objects by key, uploads by id."""

    def __init__(self) -> None:
        self.objects: dict[str, Entry] = {}
        self.uploads: dict[str, tuple[str, dict[str, str], dict[int, Part]]] = {}
        self.looks = False
        self.numbers = itertools.count(1)

    def answer(self, asked: Asked) -> bytes:
        if asked.method == "POST" and asked.key == "-/empty":
            self.objects.clear()
            self.uploads.clear()
            self.looks = "looks" in asked.query
            return answers.plain()
        if asked.method == "GET" and asked.key == "-/objects":
            known = {key: [(part.size, part.md5) for part in entry.parts] for key, entry in self.objects.items()}
            return answers.plain(json.dumps(known).encode())
        if not asked.key:
            return self._of_bucket(asked)
        if "uploads" in asked.query or "uploadId" in asked.query:
            return self._of_upload(asked)
        return self._of_object(asked)

    def _of_bucket(self, asked: Asked) -> bytes:
        if asked.method == "GET" and "location" in asked.query:
            return answers.location()
        if asked.method == "GET" and "uploads" in asked.query:
            return answers.no_uploads()
        if asked.method == "GET":
            return answers.listing(asked.query, self.objects)
        return answers.plain() if asked.method in ("HEAD", "PUT") else answers.refused(501, "NotImplemented")

    def _of_object(self, asked: Asked) -> bytes:
        if asked.method == "PUT" and "x-amz-copy-source" not in asked.headers:
            part = asked.part(next(self.numbers))
            self.objects[asked.key] = Entry([part], part.etag, answers.kept(asked.headers), answers.now())
            return answers.plain(headers={"ETag": f'"{part.etag}"'})
        if asked.method == "DELETE":
            self.objects.pop(asked.key, None)
            return answers.plain(status=204)
        entry = self.objects.get(asked.key)
        if entry is None:
            return answers.refused(404, "NoSuchKey", asked.method)
        told = {**entry.headers, "ETag": f'"{entry.etag}"', "Last-Modified": formatdate(entry.changed, usegmt=True)}
        if asked.method == "HEAD":
            return answers.plain(headers={**told, "Content-Length": str(entry.size)})
        content = [part.content for part in entry.parts]
        if asked.method == "GET" and None not in content:
            return answers.plain(b"".join(one or b"" for one in content), headers=told)
        return answers.refused(501, "NotImplemented")

    def _of_upload(self, asked: Asked) -> bytes:
        if asked.method == "POST" and "uploads" in asked.query:
            upload = f"upload-{next(self.numbers)}"
            self.uploads[upload] = asked.key, answers.kept(asked.headers), {}
            return answers.begun(asked.key, upload, asked.headers.get("x-amz-checksum-algorithm"))
        upload = asked.query["uploadId"]
        if upload not in self.uploads:
            return answers.refused(404, "NoSuchUpload")
        key, headers, parts = self.uploads[upload]
        if asked.method == "PUT":
            number = int(asked.query["partNumber"])
            parts[number] = asked.part(number)
            return answers.plain(headers={"ETag": f'"{parts[number].etag}"'})
        if asked.method == "POST":
            wanted = [
                int(element.text or 0)
                for element in ET.fromstring(asked.content or b"").iter()
                if element.tag.endswith("PartNumber")
            ]
            chosen = [parts[number] for number in wanted]
            joined = b"".join(bytes.fromhex(part.etag.partition("-")[0]) for part in chosen)
            etag = f"{hashlib.md5(joined).hexdigest()}-{len(chosen)}"
            self.objects[key] = Entry(chosen, etag, headers, answers.now())
            del self.uploads[upload]
            return answers.completed(key, etag, _joined([part.sha256 for part in chosen]))
        if asked.method == "DELETE":
            del self.uploads[upload]
            return answers.plain(status=204)
        return answers.parts(upload, {number: (part.size, part.etag) for number, part in parts.items()})


def _converse(sink: Sink, connection: socket.socket) -> Waiting:
    """One connection, to its end; each `yield` waits for bytes."""
    rest = bytearray()
    while True:
        while _END not in rest:
            yield
            block = connection.recv(1 << 18, socket.MSG_DONTWAIT)
            if not block:
                return
            rest += block
        at = rest.index(_END)
        asked = Asked(bytes(rest[:at]))
        del rest[: at + len(_END)]
        if asked.headers.get("expect", "").lower() == "100-continue" and not rest:
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if asked.length > _SMALL:
            left = asked.length - len(rest)
            digest = hashlib.md5(rest)
            rest.clear()
            flags = socket.MSG_DONTWAIT if sink.looks else socket.MSG_DONTWAIT | socket.MSG_TRUNC
            while left:
                yield
                count = connection.recv_into(_BUFFER, min(left, len(_BUFFER)), flags)  # or dropped, uncopied: tcp(7)
                if not count:
                    return
                left -= count
                if sink.looks:
                    digest.update(_BUFFER[:count])
            asked.md5 = digest.hexdigest() if sink.looks and not asked.chunked else None
        else:
            while len(rest) < asked.length:
                yield
                block = connection.recv(asked.length - len(rest), socket.MSG_DONTWAIT)
                if not block:
                    return
                rest += block
            asked.content = bytes(rest[: asked.length])
            del rest[: asked.length]
        connection.sendall(sink.answer(asked))


def serve(listener: socket.socket) -> None:
    """Answers for ever."""
    sink = Sink()
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.data is None:
                connection, _ = listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                waiting = _converse(sink, connection)
                next(waiting)
                selector.register(connection, selectors.EVENT_READ, waiting)
                continue
            connection = key.fileobj
            assert isinstance(connection, socket.socket)
            try:
                next(key.data)
                continue
            except BlockingIOError:
                raise AssertionError("woken for nothing") from None
            except (StopIteration, ConnectionError):
                pass
            selector.unregister(connection)
            connection.close()


if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
        print(listening.getsockname()[1], flush=True)
        try:
            serve(listening)
        except KeyboardInterrupt:
            sys.exit(0)

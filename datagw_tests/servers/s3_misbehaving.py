"""An S3 store of one bucket in memory, on 127.0.0.1, that says what a test wants it to say."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple, Self
from urllib.parse import parse_qsl, quote, unquote, urlsplit

_LIST = '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><KeyCount>{}</KeyCount>{}</ListBucketResult>'
_ENTRY = "<Contents><Key>{}</Key><LastModified>2026-11-21T18:00:00.000Z</LastModified><ETag>{}</ETag><Size>{}</Size></Contents>"
_PREFIX = "<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>"


class Asked(NamedTuple):
    """A request: method, key (empty for the bucket itself), query, headers in lower case, and body."""

    method: str
    key: str
    query: str
    headers: dict[str, str]
    body: bytes


class Answer(NamedTuple):
    """What is answered."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


def refusal(status: int, code: str, *headers: tuple[str, str]) -> Answer:
    """An error as S3 words it."""
    return Answer(status, f"<Error><Code>{code}</Code><Message>as told</Message></Error>".encode(), headers)


class MisbehavingStore:
    """Takes and gives objects, unless `says` has another answer; an ETag is what `etag` makes of the content."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.asked: list[Asked] = []
        self.says: Callable[[Asked], Answer | None] = lambda _asked: None
        self.etag: Callable[[bytes], str] = lambda content: hashlib.md5(content).hexdigest()
        store = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                parts = urlsplit(self.path)
                key = unquote(parts.path).removeprefix("/bucket").removeprefix("/")
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, key, parts.query, headers, self.rfile.read(length))
                store.asked.append(asked)
                answer = store.says(asked) or store.plainly(asked)
                self.send_response_only(answer.status)
                for name, value in answer.headers:
                    self.send_header(name, value)
                if not any(name == "Content-Length" for name, _ in answer.headers):
                    self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer.body)

            do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = answer  # noqa: N815 - the names that http.server asks for

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def plainly(self, asked: Asked) -> Answer:
        """What a store in a good mood says."""
        if not asked.key:
            return Answer(200, self._list(asked.query))
        if asked.method == "PUT":
            self.objects[asked.key] = asked.body
            return Answer(200, headers=(("ETag", f'"{self.etag(asked.body)}"'),))
        if asked.method == "DELETE":
            self.objects.pop(asked.key, None)
            return Answer(204)
        if asked.key not in self.objects:
            return refusal(404, "NoSuchKey")
        content = self.objects[asked.key]
        told = (("ETag", f'"{self.etag(content)}"'), ("Last-Modified", "Sat, 21 Nov 2026 18:00:00 GMT"))
        return Answer(200, content, (*told, ("Content-Length", str(len(content)))))

    def _list(self, query: str) -> bytes:
        asked = dict(parse_qsl(query))
        prefix, delimiter = asked.get("prefix", ""), asked.get("delimiter")
        found: dict[str, str] = {}
        for key, content in sorted(self.objects.items()):
            below = key.removeprefix(prefix)
            if key.startswith(prefix) and delimiter and delimiter in below:
                folder = prefix + below.partition(delimiter)[0] + delimiter
                found[folder] = _PREFIX.format(quote(folder))
            elif key.startswith(prefix):
                found[key] = _ENTRY.format(quote(key), self.etag(content), len(content))
        return _LIST.format(len(found), "".join(found.values())).encode()

    def count(self, method: str) -> int:
        """How many requests of this method came for objects."""
        return len([asked for asked in self.asked if asked.method == method and asked.key])

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

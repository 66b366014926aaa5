"""A source file on its way out: read once, hashed in the same pass, and watched for change."""

from __future__ import annotations

import contextlib
import hashlib
import os
import queue
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from datagw.errors import Aborted, Changed, GatewayError
from datagw.files import RemoteFile, StagedFile
from datagw.gateways.front.streaming import Content, StreamedFile, Unread
from datagw.gateways.front.unchanged import open_unchanged

_INLINE = 1 << 20  # smaller files are read and hashed where they are sent: a thread would cost more than it saves
_BLOCK = 1 << 20
_AHEAD = 3  # blocks that are read before they can be sent

Block = bytes | memoryview
Readable = StagedFile | StreamedFile


class Digest(Protocol):
    """A running hash, as hashlib's."""

    def update(self, data: bytes, /) -> None:
        """More content."""


class Rename(NamedTuple):
    """One rename on a place; `replace` says whether a file at `target` may be replaced."""

    source: str
    target: str
    replace: bool


@dataclass(frozen=True, slots=True)
class Upload:
    """A wish: this content, under this part name, to become `final`.

    `content` is a file in hand, one that is read where it stands, or the bytes themselves (markers). `resume` says
    that a part may be there already.
    For places that publish in one request: with `replace = False` what stands at `final` is kept, and the upload
    Rejected; `note` is what an earlier, interrupted try of this very version wanted remembered, `keep` remembers.
    """

    content: Readable | bytes
    part: str
    final: str
    mtime_ns: int | None = None
    mode: int | None = None
    resume: bool = False
    day: date | None = None
    replace: bool = True
    note: str | None = None
    keep: Callable[[str | None], None] | None = None

    @property
    def size(self) -> int:
        """In bytes, as planned."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.origin.size


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of an upload: its SHA-256 and the bytes that moved, or the error that ended it.

    `published` is what the place said where it publishes in one request; `alone` says that an outage concerned this
    file and no other.
    """

    upload: Upload
    sha256: str = ""
    moved: int = 0
    error: GatewayError | None = None
    published: Published | None = None
    alone: bool = False

    @classmethod
    def not_done(cls, upload: Upload, error: GatewayError) -> Sent:
        """An upload that failed; an outage of the place that it was read from concerns it alone."""
        if isinstance(error, Unread):
            return cls(upload, error=error.outage, alone=True)
        return cls(upload, error=error)


@dataclass(frozen=True, slots=True)
class Published:
    """What a place says of a file that it took in one request: what stands there now, and how it is known to be equal.

    `proof` is `hash` where the place checked or computed a content hash, `readback` where the driver has compared the
    content already, `accepted` where the place shows nothing back; None means that nobody has compared yet.
    """

    file: RemoteFile
    proof: Literal["hash", "readback", "accepted"] | None = None


class Reading:
    """The one pass over an upload's content; the driver takes `blocks` and writes them to `part` from `offset` on.

    A driver whose client tries again by itself may take `blocks` again from the beginning.
    """

    def __init__(self, upload: Upload, pulse: Callable[[int], None]) -> None:
        self.upload = upload
        self.part = upload.part
        self.final = upload.final
        self.size = upload.size
        self.mtime_ns = upload.mtime_ns
        self.mode = upload.mode
        self.day = upload.day
        self.replace = upload.replace
        self.note = upload.note
        self.offset = 0
        self.spared = 0  # bytes behind `offset` that the driver found at the place already
        self.complete = False
        self._pulse = pulse
        self._prefix = self._hash = hashlib.sha256()
        self._known: str | None = None
        self._under_way: Generator[Block] | None = None
        self._over = threading.Event()  # nobody waits for more of the pass that is under way

    def hash_prefix(self, length: int, see: Callable[[bytes], None] | None = None) -> str:
        """Takes the first `length` bytes as sent before; returns their SHA-256. `blocks` then begins behind them.

        `see` is shown each block of them.
        """
        content = self.upload.content
        known = content.prefixes if isinstance(content, StreamedFile) and see is None else dict[int, Any]()
        start = max((one for one in known if one <= length), default=0)
        self._prefix = self._hash = known[start].copy() if start else hashlib.sha256()
        for block in self._content(start, length):
            self._prefix.update(block)
            if see is not None:
                see(block)
        known[length] = self._prefix.copy()
        self.offset = length
        return self._prefix.hexdigest()

    def tail_sha256(self, length: int) -> str:
        """The SHA-256 of the last `length` bytes before `offset`."""
        tail = hashlib.sha256()
        for block in self._content(self.offset - length, self.offset):
            tail.update(block)
        return tail.hexdigest()

    def forget_prefix(self) -> None:
        """Starts again from the first byte."""
        self._prefix = self._hash = hashlib.sha256()
        self.offset = 0

    def keep_note(self, note: str | None) -> None:
        """Remembers how a later run can go on with this upload (None: it cannot): the next one has it as `note`.

        A large file only: each note is a transaction of the ledger. May be called from any thread.
        """
        self.note = note
        if self.upload.keep is not None:
            self.upload.keep(note)

    @contextlib.contextmanager
    def whole(self) -> Generator[Path]:
        """The file in hand itself, hashed, for places that take a path; Changed if it is another before or after."""
        content = self.upload.content
        if not isinstance(content, StagedFile):
            raise TypeError(f"{self.final}: no file in hand; does the gateway say that it `needs_a_file`?")
        if content.sha256 is None:
            for _ in self.blocks(_BLOCK):
                pass
        self._known, self.complete = content.sha256, True
        with open_unchanged(content):
            yield content.local

    def blocks(self, size: int) -> Iterator[Block]:
        """The content from `offset` on in blocks of `size` bytes; raises Changed if it is not what was planned.

        Where it is read from another place: Unread, when that is out of reach.
        """
        self._under_way = self._blocks(size)
        return self._under_way

    def close(self) -> None:
        """Ends a pass that was left in the middle: whoever keeps the error that ended it may keep the pass as well.

        The front does so once a file is done. A driver with several under way does it as soon as it reads no more of
        one: it may hold the only connection to the place that the others are read from.
        """
        if self.complete:
            return
        self._over.set()
        if self._under_way is not None:
            with contextlib.suppress(ValueError):  # another thread, nobody waits for it, is in it, and hears of the end
                self._under_way.close()

    def _blocks(self, size: int) -> Generator[Block]:
        large = self.size - self.offset >= _INLINE
        self._over = over = threading.Event()
        self._hash = self._prefix.copy()
        self.complete = False
        with self._opened(over) as content:
            found = self._ahead(content, size, over) if large else self._here(content, size)
            with contextlib.closing(found):
                for block in found:
                    if over.is_set():
                        raise Aborted("nobody reads on")
                    self._pulse(len(block))
                    yield block
            over.clear()  # the last look at the source is still wanted
        self.complete = True

    @property
    def sha256(self) -> str:
        """Of the whole content, once `blocks` has ended, or while `whole` lasts."""
        return self._known or self._hash.hexdigest()

    def _content(self, start: int, end: int) -> Iterator[bytes]:
        with self._opened() as content:
            yield from content(start, end, _BLOCK)

    @contextlib.contextmanager
    def _opened(self, over: threading.Event | None = None) -> Generator[Content]:
        """The content, as a function; its source is compared with what was planned at entry and at exit.

        `over` says that nobody waits for it any more.
        """
        content = self.upload.content
        if isinstance(content, bytes):
            yield partial(_slices, content)
        elif isinstance(content, StagedFile):
            with open_unchanged(content) as descriptor:
                yield partial(_reads, content, descriptor)
        else:

            def fence() -> None:
                if over is not None and over.is_set():
                    raise Aborted("nobody reads on")
                self._pulse(0)

            with content.opened(fence) as found:
                yield found

    def _here(self, content: Content, size: int) -> Generator[bytes]:
        for block in content(self.offset, self.size, size):
            self._hash.update(block)
            yield block

    def _ahead(self, content: Content, size: int, over: threading.Event) -> Generator[memoryview]:
        """The blocks out of larger ones, which another thread reads and hashes."""
        whole = max(_BLOCK // size, 1) * size
        with contextlib.closing(_read_ahead(content(self.offset, self.size, whole), self._hash, over)) as read:
            for block in read:
                view = memoryview(block)
                for at in range(0, len(view), size):
                    yield view[at : at + size]


def _slices(content: bytes, start: int, end: int, size: int) -> Generator[bytes]:
    for at in range(start, end, size):
        yield content[at : min(at + size, end)]


def _reads(staged: StagedFile, descriptor: int, start: int, end: int, size: int) -> Generator[bytes]:
    while start < end:
        block = os.pread(descriptor, min(size, end - start), start)
        if not block:
            raise Changed("the file became shorter while it was read", path=staged.origin.path)
        start += len(block)
        yield block


def _read_ahead(blocks: Generator[bytes], digest: Digest, over: threading.Event) -> Generator[bytes]:
    """The blocks, read and hashed on a thread of their own, a few of them ahead (both let the sending thread run).

    `over` is set when no more are wanted.
    """
    ready: queue.SimpleQueue[bytes | BaseException | None] = queue.SimpleQueue()
    room = threading.Semaphore(_AHEAD)

    def work() -> None:
        try:
            with contextlib.closing(blocks):
                for block in blocks:
                    ready.put(block)
                    digest.update(block)
                    room.acquire()
                    if over.is_set():
                        raise Aborted("nobody reads on")
            ready.put(None)
        except BaseException as error:  # noqa: BLE001 - whatever it is belongs to the sending thread
            ready.put(error)

    thread = threading.Thread(target=work, name="datagw-read", daemon=True)
    thread.start()
    try:
        while (block := ready.get()) is not None:
            if isinstance(block, BaseException):
                raise block
            yield block
            room.release()
    finally:
        over.set()
        room.release()
        thread.join()

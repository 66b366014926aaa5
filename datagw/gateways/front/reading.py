"""A source file on its way out: read once, hashed in the same pass, and watched for change."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from datagw.errors import Changed, GatewayError, NotFound, Rejected
from datagw.files import RemoteFile, StagedFile

_INLINE = 1 << 20  # smaller files are hashed where they are read: a thread would cost more than it saves
_BLOCK = 1 << 20


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

    `content` is a file in hand, or the bytes themselves (markers). `resume` says that a part may be there already.
    """

    content: StagedFile | bytes
    part: str
    final: str
    mtime_ns: int | None = None
    mode: int | None = None
    resume: bool = False

    @property
    def size(self) -> int:
        """In bytes, as planned."""
        return len(self.content) if isinstance(self.content, bytes) else self.content.origin.size


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of an upload: its SHA-256 and the bytes that moved, or the error that ended it."""

    upload: Upload
    sha256: str = ""
    moved: int = 0
    error: GatewayError | None = None


class Reading:
    """The one pass over an upload's content; the driver takes `blocks` and writes them to `part` from `offset` on."""

    def __init__(self, upload: Upload, pulse: Callable[[int], None]) -> None:
        self.upload = upload
        self.part = upload.part
        self.final = upload.final
        self.size = upload.size
        self.mtime_ns = upload.mtime_ns
        self.mode = upload.mode
        self.offset = 0
        self._pulse = pulse
        self._hash = hashlib.sha256()

    def hash_prefix(self, length: int) -> str:
        """Takes the first `length` bytes as sent before; returns their SHA-256. `blocks` then begins behind them."""
        for block in self._content(0, length, _BLOCK):
            self._hash.update(block)
        self.offset = length
        return self._hash.hexdigest()

    def tail_sha256(self, length: int) -> str:
        """The SHA-256 of the last `length` bytes before `offset`."""
        tail = hashlib.sha256()
        for block in self._content(self.offset - length, self.offset, _BLOCK):
            tail.update(block)
        return tail.hexdigest()

    def forget_prefix(self) -> None:
        """Starts again from the first byte."""
        self._hash = hashlib.sha256()
        self.offset = 0

    def blocks(self, size: int) -> Iterator[bytes]:
        """The content from `offset` on in blocks of `size` bytes; raises Changed if it is not what was planned."""
        update, finish = _hasher(self._hash, self.size - self.offset)
        try:
            for block in self._content(self.offset, self.size, size):
                self._pulse(len(block))
                update(block)
                yield block
        finally:
            finish()

    @property
    def sha256(self) -> str:
        """Of the whole content, once `blocks` has ended."""
        return self._hash.hexdigest()

    def _content(self, start: int, end: int, size: int) -> Iterator[bytes]:
        if isinstance(self.upload.content, bytes):
            for at in range(start, end, size):
                yield self.upload.content[at : min(at + size, end)]
            return
        staged = self.upload.content
        with open_unchanged(staged) as descriptor:
            position = start
            while position < end:
                block = os.pread(descriptor, min(size, end - position), position)
                if not block:
                    raise Changed("the file became shorter while it was read", path=staged.origin.path)
                position += len(block)
                yield block


class open_unchanged:  # noqa: N801 - reads as the function it stands for
    """A descriptor of a staged file that is, at entry and at exit, still the version that was planned.

    Raises Changed where it is not, or where somebody has the file open for writing; NotFound where it is gone.
    """

    def __init__(self, staged: StagedFile) -> None:
        self._staged = staged
        self._descriptor = -1

    def __enter__(self) -> int:
        staged = self._staged
        try:
            self._descriptor = os.open(staged.local, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError as error:
            raise NotFound("the source file is gone", path=staged.origin.path) from error
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise Changed("a symbolic link has taken the file's place", path=staged.origin.path) from error
            raise Rejected(f"the source file cannot be read: {error.strerror}", path=staged.origin.path) from error
        try:
            self._compare()
            if not staged.owned and open_for_writing(self._descriptor):
                raise Changed("somebody has the file open for writing; left for later", path=staged.origin.path)
        except BaseException:
            os.close(self._descriptor)
            raise
        return self._descriptor

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._compare()
        finally:
            os.close(self._descriptor)

    def _compare(self) -> None:
        staged = self._staged
        found = RemoteFile.from_stat(staged.origin.path, os.fstat(self._descriptor))
        if staged.owned:
            if found.size != staged.origin.size:
                raise Rejected(
                    f"the staged file has {found.size} bytes instead of {staged.origin.size}", path=staged.origin.path
                )
        elif found.version != staged.origin.version:
            raise Changed("the file changed while it was read", path=staged.origin.path)


def open_for_writing(descriptor: int) -> bool:
    """Whether any process has this local file open for writing, by F_SETLEASE, else by what /proc shows of others."""
    try:
        fcntl.fcntl(
            descriptor, fcntl.F_SETSIG, signal.SIGURG
        )  # a broken lease's own signal, SIGIO, would end the process
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:
        return _open_for_writing_by_proc(descriptor)
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def _open_for_writing_by_proc(descriptor: int) -> bool:
    wanted = os.fstat(descriptor)
    for process in Path("/proc").glob("[0-9]*"):
        try:
            entries = list(os.scandir(process / "fd"))
        except OSError:
            continue  # a process that ended, or that is not ours to look into
        for entry in entries:
            try:
                found = entry.stat()
                if (found.st_dev, found.st_ino) != (wanted.st_dev, wanted.st_ino):
                    continue
                flags = (process / "fdinfo" / entry.name).read_text("ascii")
            except OSError:
                continue  # closed meanwhile
            access = next(int(line.split()[1], 8) for line in flags.splitlines() if line.startswith("flags:"))
            if access & os.O_ACCMODE != os.O_RDONLY:
                return True
    return False


def _hasher(digest: Digest, size: int) -> tuple[Callable[[bytes], None], Callable[[], None]]:
    """`update` and `finish` for a digest: on a thread of its own for what is large (hashlib releases the GIL)."""
    if size < _INLINE:
        return digest.update, lambda: None
    blocks: queue.Queue[bytes | None] = queue.Queue(8)

    def work() -> None:
        while (block := blocks.get()) is not None:
            digest.update(block)

    thread = threading.Thread(target=work, name="datagw-sha256", daemon=True)
    thread.start()

    def finish() -> None:
        blocks.put(None)
        thread.join()

    return blocks.put, finish

"""Files on their way from an SFTP server: many are asked for at once, in their order, and come in it.

What is asked for and not yet handed on is bounded in bytes and in files. A file is read to its end, wherever the
server finds it: before the size that was told, or behind it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from datagw.errors import GatewayError, Unavailable
from datagw.files import RemoteFile
from datagw.gateways.ssh import packets as p
from datagw.gateways.ssh.errors import meaning
from datagw.gateways.ssh.packets import Answer, Status
from datagw.gateways.ssh.wire import Wire

AHEAD = 64  # files that are open, or being opened, behind the one that is handed on

Piece = tuple[RemoteFile, bytes | GatewayError | None]


def read_many(wire: Wire, full: Callable[[str], str], files: Iterable[RemoteFile]) -> Iterator[Piece]:
    """The blocks of each file, then None, or the error that ended it; in the order given."""
    waiting = ((file, wire.open(full(file.path), p.FOR_READING)) for file in files)
    most = min(AHEAD, max(1, wire.handles // 2)) if wire.handles else AHEAD
    opening: deque[tuple[RemoteFile, Answer]] = deque()
    asked: deque[_Download] = deque()
    budget = _Budget(wire.most_bytes)
    more = True
    try:
        while True:
            while more and len(opening) + len(asked) < most:
                following = next(waiting, None)
                if following is None:
                    more = False
                else:
                    opening.append(following)
            while opening and (not asked or (budget.left and asked[-1].all_asked and opening[0][1].done)):
                file, answer = opening.popleft()
                asked.append(_Download(wire, file, answer, budget))
                asked[-1].ask()
            if not asked:
                return
            yield from asked[0].hand_on(asked[-1].ask)
            asked.popleft()
    finally:
        for download in asked:
            download.close()
        for _, answer in opening:
            if answer.kind == p.HANDLE and wire.alive:
                wire.close_handle(answer.handle())


def read_from(wire: Wire, path: str, file: RemoteFile, offset: int) -> Iterator[bytes]:
    """The content of one file, by its native path, from an offset on; a refusal is raised as Status."""
    download = _Download(wire, file, wire.open(path, p.FOR_READING), _Budget(wire.most_bytes), offset)
    try:
        download.ask()
        for _, block in download.hand_on(download.ask):
            if isinstance(block, GatewayError):
                raise block
            if block is not None:
                yield block
    finally:
        download.close()


class _Budget:
    """Bytes that may still be asked for."""

    def __init__(self, left: int) -> None:
        self.left = left


class _Download:
    """One file: what was asked of it, and not yet handed on."""

    def __init__(self, wire: Wire, file: RemoteFile, opening: Answer, budget: _Budget, offset: int = 0) -> None:
        self._wire = wire
        self._file = file
        self._budget = budget
        self._next = offset
        self._end = max(file.size, offset)
        self._pieces: deque[tuple[int, int, Answer]] = deque()
        self._handle: bytes | None = None
        self._error: GatewayError | None = None
        self.all_asked = False  # up to the size that was told, and one block behind it
        try:
            self._handle = opening.handle()
        except Status as status:
            self._fail(status)

    def ask(self) -> None:
        """Asks for as much as the budget allows."""
        while self._handle is not None and not self.all_asked and (self._budget.left > 0 or not self._pieces):
            behind = self._next >= self._end
            size = self._wire.read_size if behind else min(self._wire.read_size, self._end - self._next)
            weight = 1 if behind else size  # nothing is expected there
            self._pieces.append((self._next, size, self._wire.read(self._handle, self._next, size)))
            self._budget.left -= weight
            self._next += size
            self.all_asked = behind

    def hand_on(self, ask_more: Callable[[], None]) -> Iterator[Piece]:
        """Waits for the pieces in turn; each makes room in the budget for others."""
        try:
            while self._pieces and self._error is None:
                offset, size, answer = self._pieces.popleft()
                behind = offset >= self._end
                block = answer.data()
                self._budget.left += 1 if behind else size
                ask_more()
                if block:
                    yield self._file, block
                if len(block) == size and not behind:
                    continue
                if not block:
                    break  # the end of the file, wherever it was thought to be
                yield from self._hand_on_singly(self._handle, offset + len(block), None if behind else offset + size)
                if behind:
                    break
        except Status as status:
            self._fail(status)
        except _EndOfFile:
            pass
        self.close()
        yield self._file, self._error

    def close(self) -> None:
        """Gives the budget back and closes the file on the server, without waiting."""
        for offset, size, _ in self._pieces:
            self._budget.left += 1 if offset >= self._end else size
        self._pieces.clear()
        self.all_asked = True
        handle, self._handle = self._handle, None
        if handle is not None and self._wire.alive:
            self._wire.close_handle(handle)

    def _hand_on_singly(self, handle: bytes | None, start: int, end: int | None) -> Iterator[Piece]:
        """What a short answer left open, or all that a growing file has behind its told size."""
        while handle is not None and (end is None or start < end):
            size = self._wire.read_size if end is None else min(self._wire.read_size, end - start)
            block = self._wire.read(handle, start, size).data()
            if not block:
                raise _EndOfFile
            start += len(block)
            yield self._file, block

    def _fail(self, status: Status) -> None:
        self._error = meaning(status)
        if isinstance(self._error, Unavailable):
            raise self._error
        self._error.path = self._file.path
        self.all_asked = True


class _EndOfFile(Exception):
    """Reached before the size that was told."""

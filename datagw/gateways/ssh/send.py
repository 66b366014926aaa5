"""Files on their way to an SFTP server: many are under way at once, so that the line and not its length decides.

The OPEN of a file goes out long before the one ahead of it is done; its content, its times, its fsync and its CLOSE go
together, where the server is known to keep the order, and nobody waits for an answer before the next file is begun.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from datagw.errors import GatewayError, NotFound, Unavailable
from datagw.files import parent
from datagw.gateways.front.reading import Reading
from datagw.gateways.ssh import packets as p
from datagw.gateways.ssh.errors import look, meaning, why_not_made, why_not_written
from datagw.gateways.ssh.packets import Answer, Status
from datagw.gateways.ssh.wire import Wire

AHEAD = 64  # files that are open, or being opened, before the first of them is done
_LATEST = 2**32 - 1  # seconds; what the protocol can hold


class Sender:
    """Sends files in one session; knows whether the place takes times and modes."""

    def __init__(
        self, wire: Wire, full: Callable[[str], str], mkdir: Callable[[str], None], log: logging.Logger
    ) -> None:
        self._wire = wire
        self._full = full
        self._mkdir = mkdir
        self._log = log
        self.keeps_times = True

    def send_many(
        self, readings: Iterable[Reading], sync: bool, block: int
    ) -> Iterator[tuple[Reading, GatewayError | None]]:
        """Each file with its error, or None, as soon as its last answer is there; in the order given.

        `block` is how many bytes are read and sent at once.
        """
        most = min(AHEAD, max(1, self._wire.handles // 2)) if self._wire.handles else AHEAD
        waiting = iter(readings)
        opening: deque[_Transfer] = deque()
        closing: deque[_Transfer] = deque()
        more = True
        try:
            while more or opening:
                while more and len(opening) < most // 2 + 1:
                    reading = next(waiting, None)
                    if reading is None:
                        more = False
                    else:
                        opening.append(_Transfer(self, reading, sync, block))
                if opening:
                    closing.append(opening[0])
                    opening.popleft().send()
                if not self._wire.openssh:
                    for transfer in closing:
                        transfer.go_on()
                while closing and (closing[0].done() or len(closing) > most // 2):
                    yield closing.popleft().outcome()
            while closing:
                yield closing.popleft().outcome()
        finally:
            for transfer in (*opening, *closing):
                transfer.abandon()

    def open(self, reading: Reading) -> Answer:
        """The request to open a part: made anew (emptied by who does not heed EXCLUSIVE), or as it is to go on."""
        flags = p.FOR_WRITING | (p.CREATE | p.EXCLUSIVE | p.TRUNCATE if reading.offset == 0 else 0)
        return self._wire.open(self._full(reading.part), flags)

    def opened(self, reading: Reading, answer: Answer) -> bytes:
        """The part's handle; an old part in the way of a new one is removed, a folder that has gone made again."""
        try:
            return answer.handle()
        except Status as status:
            native = self._full(reading.part)
            if reading.offset or status.code in {p.PERMISSION_DENIED, p.OP_UNSUPPORTED}:
                raise self.placed(meaning(status), reading) from status
            try:
                if status.code == p.NO_SUCH_FILE:
                    self._mkdir(parent(reading.part))
                else:
                    self._wire.remove(native).ok()
                return self.open(reading).handle()
            except Status as again:
                if again.code == p.PERMISSION_DENIED:
                    raise self.placed(meaning(again), reading) from again
                raise self.placed(why_not_made(self._wire, status, native), reading) from again

    def placed(self, error: GatewayError, reading: Reading) -> GatewayError:
        """The error at the final name, which is what a user knows; a missing folder at its own."""
        missing_folder = isinstance(error, NotFound) and reading.offset == 0
        error.path = parent(reading.part) if missing_folder else reading.final
        return error

    def why(self, status: Status, reading: Reading) -> GatewayError:
        """Why the content of a part was not taken; Unavailable, which is no fault of the file's, is raised."""
        folder = self._full(parent(reading.part))
        error = why_not_written(self._wire, status, folder, reading.size - reading.offset)
        if isinstance(error, Unavailable):
            raise error
        if reading.offset and not self._wire.openssh and self._goes_on_with_nothing(reading):
            raise Unavailable(
                "the server does not write behind the end of a file; it is begun again", path=reading.final
            )
        return self.placed(error, reading)

    def _goes_on_with_nothing(self, reading: Reading) -> bool:
        """Whether nothing came to a part that was to be continued; it has been removed then, to be begun again."""
        native = self._full(reading.part)
        there = look(self._wire, native)
        return there is not None and there.size == reading.offset and self._wire.remove(native).status() is None

    def no_times(self, status: Status) -> None:
        """Says once that this place takes no modification times, and asks no more for them."""
        if self.keeps_times:
            self._log.warning("the place does not take modification times: %s", status.message or status)
        self.keeps_times = False

    @property
    def wire(self) -> Wire:
        """The session to send in."""
        return self._wire


class _Transfer:
    """One file: opened, its content sent, its answers awaited. An error ends it early; it is closed all the same."""

    def __init__(self, sender: Sender, reading: Reading, sync: bool, block: int) -> None:
        self.reading = reading
        self._sender = sender
        self._wire = sender.wire
        self._block = block
        self._sync = sync and "fsync@openssh.com" in sender.wire.extensions
        self._opening = sender.open(reading)
        self._handle: bytes | None = None
        self._writes: deque[Answer] = deque()
        self._last: list[Answer] = []  # what must succeed beside the writes
        self._times: Answer | None = None
        self._closed = False
        self._error: GatewayError | None = None

    def send(self) -> None:
        """Sends the whole content; with a server that keeps the order, all the rest as well."""
        try:
            self._handle = handle = self._sender.opened(self.reading, self._opening)
            offset = self.reading.offset
            for block in self.reading.blocks(self._block):
                while self._writes and self._writes[0].done:
                    self._writes.popleft().ok()  # a full disk ends the reading of a large file early
                self._writes.append(self._wire.write(handle, offset, block))
                offset += len(block)
        except Status as status:
            self._error = self._sender.why(status, self.reading)
        except Unavailable:
            raise
        except GatewayError as error:
            self._error = error
        finally:
            self.reading.close()
        if self._wire.openssh or self._error is not None:
            self._finish()
        else:
            self._wire.flush()

    def go_on(self) -> None:
        """Sends what had to wait for the content to have arrived."""
        if not self._closed and all(answer.done for answer in self._writes):
            self._finish()

    def done(self) -> bool:
        return self._closed and all(answer.done for answer in (*self._writes, *self._last, *self._maybe()))

    def outcome(self) -> tuple[Reading, GatewayError | None]:
        """Waits for the last answer."""
        self._settle()
        if not self._closed:
            self._finish()
        for answer in self._last:
            self._check(answer)
        if self._times is not None:
            status = self._times.status()
            if status is not None and self.reading.mode is not None:
                self._error = self._error or self._sender.placed(meaning(status), self.reading)
            elif status is not None:
                self._sender.no_times(status)
        return self.reading, self._error

    def abandon(self) -> None:
        """Closes the part as it is, without waiting, where the connection still stands."""
        handle = self._handle
        if handle is None and self._opening.kind == p.HANDLE:
            handle = self._opening.handle()
        if handle is not None and not self._closed and self._wire.alive:
            self._closed = True
            self._wire.close_handle(handle)

    def _finish(self) -> None:
        """Asks for times, mode, stable storage, and closes."""
        self._closed = True
        if self._handle is None:
            return
        if self._error is None:
            mtime = None if self.reading.mtime_ns is None else self.reading.mtime_ns // 1_000_000_000
            if mtime is not None and not (self._sender.keeps_times and 0 <= mtime <= _LATEST):
                mtime = None
            if mtime is not None or self.reading.mode is not None:
                self._times = self._wire.fsetstat(self._handle, mtime=mtime, mode=self.reading.mode)
            if self._sync:
                self._last.append(self._wire.fsync(self._handle, self.reading.size))
        self._last.append(self._wire.close_handle(self._handle, patience=30))

    def _settle(self) -> None:
        while self._writes:
            self._check(self._writes.popleft())

    def _check(self, answer: Answer) -> None:
        status = answer.status()
        if status is not None and self._error is None:
            self._error = self._sender.why(status, self.reading)

    def _maybe(self) -> tuple[Answer, ...]:
        return () if self._times is None else (self._times,)

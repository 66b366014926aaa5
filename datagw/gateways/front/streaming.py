"""Files of one place that are read while they are sent to another: nothing of them is put down on this machine.

Reading goes on by itself behind the bytes that have come, as `getting.py` does. An outage that outlasts its tries is
told as `Unread`, which no driver takes for an outage of the place that it writes to.
"""

# A room of the front: it asks the hooks, as base.py does.
# pyright: reportPrivateUsage=false
from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from datagw.errors import Changed, GatewayError, Unavailable
from datagw.files import RemoteFile
from datagw.gateways.front.retries import RetryPolicy
from datagw.gateways.front.tries import Tries

if TYPE_CHECKING:
    from datagw.gateways.base import Gateway

STREAM_FROM = 8 << 20
"""Bytes. Smaller files are fetched many at once, and latency decides; a stream takes two looks and a request of its
own, which is little beside so many bytes on any line."""

_ASK_EVERY = 0.5  # seconds between two looks at the fence

Content = Callable[[int, int, int], Generator[bytes]]  # from, to, in blocks of so many bytes


class Unread(GatewayError):
    """An outage of the place that a file is read from, told as that file's trouble: the place it goes to is well."""

    def __init__(self, outage: Unavailable) -> None:
        super().__init__(outage.message, path=outage.path, gateway=outage.gateway)
        self.where = outage.where
        self.outage = outage


class Streams:
    """The connections by which files of one place are read on their way to others: as many as it may have, no more.

    After an outage that outlasted its tries the next files do not wait again, until one of them answers.
    """

    def __init__(self, gateway: Gateway) -> None:
        self.silent = False
        self._gateway = gateway
        self._free = threading.Semaphore(gateway.connections)
        self._idle: list[Gateway] = []

    def can(self, file: RemoteFile) -> bool:
        """Whether it is worth it, and a broken connection no reason to begin again."""
        return file.size >= STREAM_FROM and self._gateway._can_go_on(file)

    @property
    def retries(self) -> RetryPolicy:
        """As things are."""
        return RetryPolicy(max=0) if self.silent else self._gateway.live.retries

    @contextlib.contextmanager
    def connection(self, fence: Callable[[], None]) -> Generator[Gateway]:
        """The place by one of the connections, its fence the reader's; it is kept if all went well."""
        while not self._free.acquire(timeout=_ASK_EVERY):
            fence()
        try:
            twin = self._idle.pop() if self._idle else self._gateway.using(moved=lambda _count: None)
            live, lender = twin.live, self._gateway.live
            live.fence, live.limiters = fence, lender.limiters
            live.retries = self.retries
            try:
                yield twin
            except BaseException:
                twin.close()
                raise
            finally:
                self._idle.append(twin)
        finally:
            self._free.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        while self._idle:
            self._idle.pop().close()


@dataclass(frozen=True, slots=True)
class StreamedFile:
    """A file that is read where it stands. `origin` is the claim that it has to keep, path and version included.

    `prefixes` are the running hashes of beginnings that have been read, by their length: they are not read once more
    when the destination breaks off again, which else might happen each time, for it waits meanwhile.
    """

    origin: RemoteFile
    streams: Streams = field(repr=False, compare=False)
    prefixes: dict[int, Any] = field(default_factory=dict[int, Any], repr=False, compare=False)

    @contextlib.contextmanager
    def opened(self, fence: Callable[[], None]) -> Generator[Content]:
        """The content, as a function; Changed where it is another version at entry or at exit, NotFound if gone."""
        with self._telling(), self.streams.connection(fence) as twin:
            self._compare(twin)
            yield partial(self._blocks, twin)
            self._compare(twin)

    def _compare(self, twin: Gateway) -> None:
        if twin.stat(self.origin.path).version != self.origin.version:
            raise self._changed(twin, "the file changed since it was looked at")

    def _blocks(self, twin: Gateway, start: int, end: int, size: int) -> Generator[bytes]:
        with self._telling():
            yield from _evenly(self._arriving(twin, start, end), size)

    def _arriving(self, twin: Gateway, position: int, end: int) -> Generator[bytes]:
        """As it comes; each byte that is new gives an unsteady connection all of its tries again."""
        live, before = twin.live, position
        tries = Tries(live)
        while position < end:
            try:
                with twin.speaking(self.origin.path):
                    for block in twin._read_on(twin.session(), self.origin, position):
                        twin.pulse(len(block))
                        self.streams.silent = False
                        if len(block) > end - position and end == self.origin.size:
                            raise self._changed(twin, "the file became longer while it was read")
                        piece = block[: end - position]
                        position += len(piece)
                        yield piece
                        if position == end < self.origin.size:
                            return
                if position < end:
                    raise self._changed(twin, "the file became shorter while it was read")
            except Unavailable as error:
                twin.close()
                if position > before:
                    live.retries = self.streams.retries
                    tries.renew()
                    before = position
                if not tries.again(error):
                    raise
                live.log.info("%s: going on behind %d bytes that have come", self.origin.path, position)

    @contextlib.contextmanager
    def _telling(self) -> Generator[None]:
        """What is out of reach is told in a way that blames nobody else."""
        try:
            yield
        except Unavailable as outage:
            self.streams.silent = True
            raise Unread(outage) from outage

    def _changed(self, twin: Gateway, why: str) -> GatewayError:
        return twin.placed(Changed(why, path=self.origin.path))


def _evenly(blocks: Iterable[bytes], size: int) -> Generator[bytes]:
    """The same bytes in blocks of `size`, the last one of what is left."""
    pieces: list[bytes | memoryview] = []
    held = 0
    for block in blocks:
        view = memoryview(block)
        while held + len(view) >= size:
            cut = size - held
            yield b"".join((*pieces, view[:cut]))
            pieces, held, view = [], 0, view[cut:]
        if view:
            pieces.append(view)
            held += len(view)
    if held:
        yield b"".join(pieces)

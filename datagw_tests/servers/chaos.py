"""A TCP proxy on 127.0.0.1 that misbehaves on demand: late, cut off, refused, silent, or reset."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from typing import Self

_CHUNK = 65536


class Chaos:
    """Stands before a server; every attribute may be set from the test's thread at any time.

    `latency`: seconds that every byte travels, each way, at full rate. `cut_after`: bytes on their way to the server
    after which a connection is reset; `cut_after_down` the same on the way back. `silent_after` and `silent_after_down`:
    bytes after which the whole line falls silent. `refuse`: new connections are reset
    at once; `port` 0 of the server means the proxy's own. `silent` (a black hole): what is open stays open and carries nothing; so do new ones.
    """

    def __init__(self, host: str, port: int) -> None:
        self.latency = 0.0
        self.cut_after: int | None = None
        self.cut_after_down: int | None = None
        self.silent_after: int | None = None
        self.silent_after_down: int | None = None
        self.refuse = False
        self.accepted = 0
        self.carried = 0
        self._upstream = (host, port)
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._open: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._thread = threading.Thread(target=self._run, name="chaos", daemon=True)
        self.port = 0

    @property
    def silent(self) -> bool:
        return not self._flowing.is_set()

    @silent.setter
    def silent(self, value: bool) -> None:
        self._loop.call_soon_threadsafe(self._flowing.clear if value else self._flowing.set)

    def reset_all(self) -> None:
        """Resets every connection that is open now."""
        self._loop.call_soon_threadsafe(self._reset, list(self._open))

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._upstream = (self._upstream[0], self._upstream[1] or self.port)
        self._ready.set()
        self._loop.run_forever()
        server.close()
        self._reset(list(self._open))
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        if self.refuse:
            _abort(writer)
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._upstream)
        except OSError:
            _abort(writer)
            return
        pair = (writer, far_writer)
        self._open.add(pair)
        try:
            await asyncio.gather(
                self._carry(reader, far_writer, pair, True), self._carry(far_reader, writer, pair, False)
            )
        finally:
            self._open.discard(pair)
            for one in pair:
                one.close()

    async def _carry(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        pair: tuple[asyncio.StreamWriter, asyncio.StreamWriter],
        up: bool,
    ) -> None:
        late: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(256)
        passing = asyncio.create_task(self._pass_on(late, writer, pair, up))
        try:
            with contextlib.suppress(ConnectionError):
                while data := await reader.read(_CHUNK):
                    await late.put((self._loop.time() + self.latency, data))
            await late.put((0.0, b""))
            await passing
        finally:
            passing.cancel()

    async def _pass_on(
        self,
        late: asyncio.Queue[tuple[float, bytes]],
        writer: asyncio.StreamWriter,
        pair: tuple[asyncio.StreamWriter, asyncio.StreamWriter],
        up: bool,
    ) -> None:
        carried = 0
        with contextlib.suppress(OSError):
            while True:
                due, data = await late.get()
                if (wait := due - self._loop.time()) > 0:
                    await asyncio.sleep(wait)
                quiet = self.silent_after if up else self.silent_after_down
                if quiet is not None and carried + len(data) >= quiet:
                    self._flowing.clear()
                await self._flowing.wait()
                if not data:
                    writer.write_eof()
                    return
                limit = self.cut_after if up else self.cut_after_down
                if limit is not None and carried + len(data) >= limit:
                    writer.write(data[: max(0, limit - carried)])
                    await writer.drain()
                    self._reset([pair])
                    return
                carried += len(data)
                self.carried += len(data)
                writer.write(data)
                await writer.drain()

    def _reset(self, pairs: list[tuple[asyncio.StreamWriter, asyncio.StreamWriter]]) -> None:
        for pair in pairs:
            for writer in pair:
                _abort(writer)


def _abort(writer: asyncio.StreamWriter) -> None:
    """Closes with a reset instead of a farewell."""
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.fileno() != -1:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()

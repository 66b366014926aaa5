"""The content of a request on its way out: blocks of memory, read in pieces, so that no copy of them is made.

A whole buffer would be sent by one call, and the time-out of a connection would then be that of all of it.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from datagw.errors import Aborted
from datagw.gateways.front.reading import Block

_PIECE = 256 * 1024  # bytes that one time-out is for


class Body:
    """A file of blocks, as botocore wants one: it can be read, sought and measured. `stop` ends it half-way."""

    def __init__(self, blocks: Sequence[Block], stop: threading.Event) -> None:
        self._blocks = [memoryview(block) for block in blocks]
        self._size = sum(map(len, self._blocks))
        self._stop = stop
        self._at = (0, 0)  # block, byte within it
        self._position = 0

    def __len__(self) -> int:
        return self._size

    def read(self, size: int = -1) -> bytes | memoryview:
        """The next piece, of one block at most, and longer than asked for where that saves calls; empty at the end."""
        if self._stop.is_set():
            raise Aborted("this run has been told to end")
        block, start = self._at
        if size < 0:
            rest = b"".join([self._blocks[block][start:], *self._blocks[block + 1 :]] if self._blocks else [])
            self.seek(self._size)
            return rest
        while block < len(self._blocks) and start == len(self._blocks[block]):
            block, start = block + 1, 0
        if block == len(self._blocks):
            return b""
        piece = self._blocks[block][start : start + max(size, _PIECE)]
        self._at = block, start + len(piece)
        self._position += len(piece)
        return piece

    def seek(self, position: int, whence: int = 0) -> int:
        """To a byte of the whole, from its beginning, from here, or from its end."""
        position += (0, self._position, self._size)[whence]
        self._position = max(0, min(position, self._size))
        left = self._position
        for number, block in enumerate(self._blocks):
            if left <= len(block):
                self._at = number, left
                break
            left -= len(block)
        return self._position

    def tell(self) -> int:
        """Bytes read so far."""
        return self._position

"""Bodies that were packed on their way (`Content-Encoding: gzip`, RFC 9110 §8.4), unpacked while they arrive."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Generator
from contextlib import closing
from typing import IO, cast

from datagw.errors import Rejected, Unavailable

KNOWN = frozenset(["gzip", "x-gzip"])

_BLOCK = 1 << 18  # bytes at most, for a small body may unpack to any size


def unpacked(blocks: Generator[bytes], host: str) -> Generator[bytes]:
    """The blocks of the file itself; Unavailable where the packed ones end too early, Rejected where they are none."""
    with closing(blocks), gzip.GzipFile(fileobj=cast("IO[bytes]", _Reading(blocks)), mode="rb") as file:
        while True:
            try:
                block = file.read1(_BLOCK)
            except EOFError:
                raise Unavailable(f"{host} ended the file before the end of its gzip") from None
            except (gzip.BadGzipFile, zlib.error):
                raise Rejected(
                    f"{host} says that it packs the file (Content-Encoding gzip), which is no gzip"
                ) from None
            if not block:
                return
            yield block


class _Reading:
    """Blocks as a file that can be read once."""

    def __init__(self, blocks: Generator[bytes]) -> None:
        self._blocks = blocks
        self._rest = b""

    def read(self, size: int) -> bytes:
        """So many bytes; fewer only at the end."""
        while len(self._rest) < size and (block := next(self._blocks, b"")):
            self._rest += block
        found, self._rest = self._rest[:size], self._rest[size:]
        return found

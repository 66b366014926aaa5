"""The body of an upload: a form with a file in it, sent piece by piece, so that a slow line has a time-out for each."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator, Mapping

from datagw.errors import Aborted
from datagw.gateways.front.reading import Block

_PIECE = 64 * 1024  # bytes that one time-out is for


class Form:
    """multipart/form-data (RFC 7578) of a few fields and at most one file, which is in memory.

    Names and values are ASCII without quotes. Once it is given up, what is left of it is not sent.
    """

    def __init__(self, fields: Mapping[str, str], file: tuple[str, Block] | None = None) -> None:
        border = uuid.uuid4().hex
        self.content_type = f"multipart/form-data; boundary={border}"
        head = "".join(
            f'--{border}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        )
        tail = f"--{border}--\r\n"
        content: Block = b""
        if file is not None:
            name, content = file
            head += (
                f'--{border}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
                "Content-Type: application/octet-stream\r\n\r\n"
            )
            tail = f"\r\n{tail}"
        self._blocks = [memoryview(block) for block in (head.encode("ascii"), content, tail.encode("ascii"))]
        self._over = threading.Event()

    def __len__(self) -> int:
        return sum(map(len, self._blocks))

    def __iter__(self) -> Iterator[memoryview]:
        for block in self._blocks:
            for start in range(0, len(block), _PIECE):
                if self._over.is_set():
                    raise Aborted("nobody waits for this upload any more")
                yield block[start : start + _PIECE]

    def give_up(self) -> None:
        """Ends it half-way, so that no place takes for done what nobody waits for."""
        self._over.set()

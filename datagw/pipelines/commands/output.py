"""What a program says, line by line as it comes: cut, masked, readable; the last lines are kept, the rest is not."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

from datagw.errors import printable

LONGEST = 2000  # characters of a line that are shown
MOST = 10_000  # lines of one start that go to the log
LAST = 20  # lines that are kept for the error

_IN_ERRORS = 300  # characters of a line in an error
_TAB = "    "


class Lines:
    """Cuts one stream into lines; the end of a long one is left out, and all that a carriage return hides.

    `secret` is the length in bytes of the longest text that must not be shown, even in parts.
    """

    def __init__(self, mask: Callable[[str], str], secret: int) -> None:
        self._mask = mask
        self._secret = secret
        self._keep = 4 * LONGEST + secret
        self._line = bytearray()
        self._dropped = 0

    def feed(self, block: bytes) -> list[str]:
        """The lines that end within this block."""
        *whole, rest = block.split(b"\n")
        found: list[str] = []
        for piece in whole:
            self._add(piece)
            found.append(self._taken())
        self._add(rest)
        return found

    def end(self) -> list[str]:
        """The last line, where no newline ended it."""
        return [self._taken()] if self._line or self._dropped else []

    def _add(self, piece: bytes) -> None:
        line = self._line
        room = self._keep - len(line)
        if len(piece) > room and b"\r" in piece[:-1]:  # only what stands behind the last one is to be seen
            line.clear()
            self._dropped = 0
            piece = piece[piece.rindex(b"\r", 0, len(piece) - 1) + 1 :]
            room = self._keep
        line += piece[: max(room, 0)]
        self._dropped += max(len(piece) - max(room, 0), 0)

    def _taken(self) -> str:
        raw = bytes(self._line).rstrip(b"\r").rpartition(b"\r")[2]
        dropped, self._dropped = self._dropped, 0
        self._line.clear()
        text = self._mask(raw.decode("utf-8", "backslashreplace"))
        if dropped:
            text = text[: len(text) - self._secret]  # a secret may begin there, and end in what is lost
            dropped += self._secret
        text = printable(text.replace("\t", _TAB))
        if len(text) > LONGEST or dropped:
            more = max(len(text) - LONGEST, 0) + dropped
            text = f"{text[:LONGEST]}… ({more:,} more)"
        return text


class Output:
    """Both streams of one start: to the log as they come; the last lines of both are kept."""

    def __init__(self, label: str, log: logging.Logger, mask: Callable[[str], str], secret: int) -> None:
        self._label = printable(label)
        self._log = log
        self._streams = (Lines(mask, secret), Lines(mask, secret))
        self._last: deque[str] = deque(maxlen=LAST)
        self._count = 0

    def feed(self, stream: int, block: bytes) -> None:
        """A block of standard output (0) or standard error (1)."""
        for line in self._streams[stream].feed(block):
            self._say(line)

    def end(self) -> None:
        """Both streams are at their end."""
        for stream in self._streams:
            for line in stream.end():
                self._say(line)
        if self._count > MOST:
            self._log.warning("%s: %s lines in all; the last ones:", self._label, f"{self._count:,}")
            for line in self._last:
                self._log.info("%s: %s", self._label, line)

    @property
    def last(self) -> list[str]:
        """The last lines that are not empty, for an error."""
        cut = (line if len(line) <= _IN_ERRORS else line[:_IN_ERRORS] + "…" for line in self._last)
        return [line for line in cut if line.strip()]

    def _say(self, line: str) -> None:
        self._count += 1
        self._last.append(line)
        if self._count <= MOST:
            self._log.info("%s: %s", self._label, line)
        elif self._count == MOST + 1:
            self._log.warning("%s: %s lines are enough for a log; the rest is left out", self._label, f"{MOST:,}")

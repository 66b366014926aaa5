"""Where each key of a TOML text stands; `tomllib` does not tell."""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Mapping

Path = tuple[str | int, ...]
"""The way to a value: keys, and indexes of arrays."""

Position = tuple[int, int]
"""Line and column, both from 1."""

_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\n]+")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}(?!")' r"|'''.*?'{3,5}(?!')" r'|"(?:[^"\\\n]|\\.)*"' r"|'[^'\n]*'",
    re.DOTALL,
)


def positions(text: str) -> dict[Path, Position]:
    """The place of every key and array element of `text`, which has to be TOML: of a key its first character, of an
    element that of its value, of a table the last part of its header.
    """
    text = text.replace("\r\n", "\n")
    starts = [0, *(found.end() for found in re.finditer("\n", text))]
    offsets = _Scan(text).document()
    lines = {path: bisect_right(starts, offset) for path, offset in offsets.items()}
    return {path: (lines[path], offset - starts[lines[path] - 1] + 1) for path, offset in offsets.items()}


def nearest(found: Mapping[Path, Position], path: Path) -> Position | None:
    """The place of `path`, or of the innermost thing around it that is written; None if nothing of it is."""
    while path and path not in found:
        path = path[:-1]
    return found.get(path)


class _Scan:
    """One pass over a text that `tomllib` has accepted."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: dict[Path, int] = {}
        self.arrays: dict[Path, int] = {}

    def document(self) -> dict[Path, int]:
        table: Path = ()
        self._skip(_BLANK)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)
        return self.found

    def _header(self) -> Path:
        array = self.text.startswith("[[", self.at)
        self.at += 2 if array else 1
        path: Path = ()
        *outer, (last, start) = self._key()
        for part, offset in outer:
            path = self._current((*path, part))
            self.found.setdefault(path, offset)
        path = (*path, last)
        if array:
            self.found.setdefault(path, start)
            self.arrays[path] = self.arrays.get(path, -1) + 1
            path = self._current(path)
        self.found[path] = start
        self.at += 2 if array else 1
        return path

    def _current(self, path: Path) -> Path:
        return (*path, self.arrays[path]) if path in self.arrays else path

    def _pair(self, table: Path) -> None:
        path = table
        *outer, (last, start) = self._key()
        for part, offset in outer:
            path = (*path, part)
            self.found.setdefault(path, offset)
        path = (*path, last)
        self.found[path] = start
        self.at += 1  # the `=`
        self._skip(_SPACE)
        self._value(path)

    def _key(self) -> list[tuple[str, int]]:
        parts: list[tuple[str, int]] = []
        while True:
            self._skip(_SPACE)
            start = self.at
            if self.text[start] in "\"'":
                self._skip(_STRING)
                parts.append((tomllib.loads(f"k = {self.text[start : self.at]}")["k"], start))
            else:
                self._skip(_BARE)
                parts.append((self.text[start : self.at], start))
            self._skip(_SPACE)
            if self.text[self.at] != ".":
                return parts
            self.at += 1

    def _value(self, path: Path) -> None:
        opening = self.text[self.at]
        if opening not in "[{":
            self._skip(_STRING if opening in "\"'" else _SCALAR)
            return
        self.at += 1
        self._skip(_BLANK)
        index = 0
        while self.text[self.at] not in "]}":
            if opening == "[":
                self.found[*path, index] = self.at
                self._value((*path, index))
            else:
                self._pair(path)
            index += 1
            self._skip(_BLANK)
            if self.text[self.at] == ",":
                self.at += 1
                self._skip(_BLANK)
        self.at += 1

    def _skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self.text, self.at)
        if found is None or (found.end() == self.at and pattern not in (_BLANK, _SPACE)):
            raise ValueError(f"no TOML at offset {self.at}")
        self.at = found.end()

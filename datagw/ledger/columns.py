"""The columns' types: paths of any bytes, times and days, as text that reads well in plain SQL."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Dialect, Text, TypeDecorator
from typing_extensions import override

_ESCAPED = re.compile(r"[\\\x00\ud800-\udfff]")
_ESCAPE = re.compile(r"\\(?:\\|x([0-9a-f]{2})|u([0-9a-f]{4}))")


def path_to_text(path: str) -> str:
    r"""The text for `path`, another one for each path: a backslash is `\\`, a byte 0xNN that is no UTF-8 is `\xNN`.

    All else stands as it is. (No path holds a NUL, but a version might: `\x00`; any other lone surrogate is `\uNNNN`.)
    """
    if path.isascii() and "\\" not in path and "\0" not in path:
        return path
    return _ESCAPED.sub(lambda match: _escape(match[0]), path)


def text_to_path(text: str) -> str:
    """The path that `path_to_text` was given."""
    return _ESCAPE.sub(_unescape, text) if "\\" in text else text


def short_hash(*paths: str) -> str:
    """32 hex digits that stand for the paths in an index: PostgreSQL's indexes do not take long texts."""
    return hashlib.sha256("\0".join(map(path_to_text, paths)).encode()).hexdigest()[:32]


def _escape(char: str) -> str:
    code = ord(char)
    if char == "\\":
        return "\\\\"
    if code == 0:
        return "\\x00"
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"


def _unescape(match: re.Match[str]) -> str:
    byte, unit = match[1], match[2]
    if byte is not None:
        code = int(byte, 16)
        return chr(0xDC00 + code if code else 0)
    return chr(int(unit, 16)) if unit is not None else "\\"


class PathText(TypeDecorator[str]):
    r"""A path: text in which a backslash is `\\` and a byte 0xNN that is no UTF-8 is `\xNN`."""

    impl = Text
    cache_ok = True

    @override
    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else path_to_text(value)

    @override
    def process_result_value(self, value: Any | None, dialect: Dialect) -> str | None:
        return None if value is None else text_to_path(value)


class Message(TypeDecorator[str]):
    """A text for people; what UTF-8 or PostgreSQL cannot hold becomes an escape for good."""

    impl = Text
    cache_ok = True

    @override
    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        return value.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


class Moment(TypeDecorator[datetime]):
    """A moment: `2026-01-31T23:59:59.000000Z`, always UTC, always microseconds, so that texts sort as times do."""

    impl = Text
    cache_ok = True

    @override
    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("the ledger takes times with a time zone only")
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"

    @override
    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        return None if value is None else datetime.fromisoformat(value)


class Day(TypeDecorator[date]):
    """A day: `2026-01-31`; None is the empty text, and compares as such."""

    impl = Text
    cache_ok = True
    coerce_to_is_types = ()  # `column == None` means the empty text, not NULL

    @override
    def process_bind_param(self, value: date | None, dialect: Dialect) -> str:
        return value.isoformat() if value is not None else ""

    @override
    def process_result_value(self, value: Any | None, dialect: Dialect) -> date | None:
        return date.fromisoformat(value) if value else None

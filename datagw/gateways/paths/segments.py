"""One name of a pattern's path, and how a date is read from it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import Protocol

from datagw.gateways.paths.notation import CODES, Token

_WIDTH = {"Y": 4, "m": 2, "d": 2, "j": 3}
_RANGE = {"Y": (1, 9999), "m": (1, 12), "d": (1, 31), "j": (1, 366)}


class Level(Protocol):
    """One name of a pattern's path. `codes` are the parts of a date that are read from it."""

    @property
    def codes(self) -> frozenset[str]: ...

    @property
    def deep(self) -> bool:
        """Whether it is `**`: any number of folders."""
        ...

    @property
    def fixed(self) -> str | None:
        """The one name that it stands for; None if there may be others."""
        ...

    @property
    def dotted(self) -> bool:
        """Whether it asks for hidden names itself."""
        ...

    @property
    def takes_files(self) -> bool:
        """Whether a file may have the name of the folder that begins a tree."""
        ...

    def filled(self, day: date) -> Level:
        """The same with the day's text in place of its codes."""
        ...

    def sample(self) -> str:
        """A name that it matches; dates have to be filled in."""
        ...

    def read(self, name: str, known: Mapping[str, int] | None = None) -> dict[str, int] | None:
        """The date parts in `name`, such as `{"Y": 2026, "m": 2}`; None where it does not match."""
        ...


@dataclass(frozen=True)
class Segment:
    """What stands between two slashes of a pattern."""

    tokens: tuple[Token, ...]
    codes: frozenset[str] = field(init=False)
    takes_files = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "codes", frozenset(token.value for token in self.tokens if token.kind == "day"))

    @property
    def deep(self) -> bool:
        """Whether it is `**`: any number of folders."""
        return self.tokens[0].kind == "deep"

    @property
    def fixed(self) -> str | None:
        """The one name that it stands for; None if there may be others."""
        return self.tokens[0].value if len(self.tokens) == 1 and self.tokens[0].kind == "text" else None

    @property
    def dotted(self) -> bool:
        """Whether it asks for hidden names itself."""
        return self.tokens[0].kind == "text" and self.tokens[0].value.startswith(".")

    def filled(self, day: date) -> Segment:
        """The same with the day's text in place of its codes."""
        text = [Token("text", CODES[t.value](day)) if t.kind == "day" else t for t in self.tokens]
        merged: list[Token] = []
        for token in text:
            if token.kind == "text" and merged and merged[-1].kind == "text":
                merged[-1] = Token("text", merged[-1].value + token.value)
            else:
                merged.append(token)
        return Segment(tuple(merged))

    def sample(self) -> str:
        """A name that it matches; dates have to be filled in."""
        chars = [*"ax0-_.", *map(chr, range(32, 127))]
        text = ""
        for token in self.tokens:
            fits = (char for char in chars if token.kind != "set" or re.fullmatch(token.value, char))
            text += token.value if token.kind == "text" else next(fits, "x")
        return text

    def read(self, name: str, known: Mapping[str, int] | None = None) -> dict[str, int] | None:
        """The date parts in `name`, such as `{"Y": 2026, "m": 2}`; None where it does not match.

        `known` are the parts read from the folders above. Of several readings (`*%Y%m%d*` and many digits) the first
        from the left that is a possible date and agrees with `known` is the one.
        """
        known = known or {}
        if self.codes and any(token.kind == "any" for token in self.tokens):
            return next((got for got in self._readings(name, 0, 0, {}, set()) if _possible(got, known)), None)
        found = self._regex.match(name)
        if found is None:
            return None
        got = {code: int(found[code]) for code in self.codes}
        return got if not got or _possible(got, known) else None

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        """Each star takes as little as it can and never reconsiders: no name can make the match slow."""
        chunks, seen = [""], set[str]()
        for token in self.tokens:
            if token.kind == "any":
                chunks.append("")
            elif token.kind == "day":
                again = token.value in seen
                chunks[-1] += f"(?P={token.value})" if again else f"(?P<{token.value}>[0-9]{{{_WIDTH[token.value]}}})"
                seen.add(token.value)
            else:
                chunks[-1] += {"one": ".", "set": token.value}.get(token.kind, re.escape(token.value))
        head, *middle = chunks
        stars = "".join(f"(?>.*?{chunk})" for chunk in middle[:-1]) + (f".*{middle[-1]}" if middle else "")
        return re.compile(rf"{head}{stars}\Z", re.DOTALL)

    def _readings(
        self, name: str, index: int, at: int, got: dict[str, int], seen: set[tuple[object, ...]]
    ) -> Iterator[dict[str, int]]:
        state = (index, at, *sorted(got.items()))
        if state in seen:
            return
        seen.add(state)
        if index == len(self.tokens):
            if at == len(name):
                yield got
            return
        token = self.tokens[index]
        if token.kind == "any":
            for end in range(at, len(name) + 1):
                yield from self._readings(name, index + 1, end, got, seen)
        elif token.kind == "day":
            digits = name[at : at + _WIDTH[token.value]]
            if len(digits) == _WIDTH[token.value] and digits.isascii() and digits.isdigit():
                low, high = _RANGE[token.value]
                got = {token.value: int(digits), **got}
                if got[token.value] == int(digits) and low <= int(digits) <= high:
                    yield from self._readings(name, index + 1, at + len(digits), got, seen)
        elif token.kind == "text":
            if name.startswith(token.value, at):
                yield from self._readings(name, index + 1, at + len(token.value), got, seen)
        elif at < len(name) and (token.kind == "one" or re.match(token.value, name[at], re.DOTALL)):
            yield from self._readings(name, index + 1, at + 1, got, seen)


def day_of(parts: Mapping[str, int]) -> date | None:
    """The day that date parts tell; None if they tell none, an impossible one, or two different ones."""
    if "Y" not in parts or not ({"m", "d"} <= parts.keys() or "j" in parts):
        return None
    try:
        if "j" in parts:
            found = date(parts["Y"], 1, 1) + timedelta(parts["j"] - 1)
        else:
            found = date(parts["Y"], parts["m"], parts["d"])
    except (ValueError, OverflowError):
        return None
    return found if parts.items() <= parts_of(found).items() else None


def parts_of(day: date) -> dict[str, int]:
    """The parts of a day under their codes."""
    return {"Y": day.year, "m": day.month, "d": day.day, "j": day.timetuple().tm_yday}


def tells_the_day(codes: frozenset[str]) -> bool:
    """Whether these codes pin one day."""
    return {"Y", "m", "d"} <= codes or {"Y", "j"} <= codes


def _possible(got: Mapping[str, int], known: Mapping[str, int]) -> bool:
    if any(known.get(code, value) != value for code, value in got.items()):
        return False
    parts = {**known, **got}
    if not all(_RANGE[code][0] <= value <= _RANGE[code][1] for code, value in parts.items()):
        return False
    return day_of(parts) is not None if tells_the_day(frozenset(parts)) else True

"""The notation of paths: what `%Y`, `{day:%Y-%m-%d}`, `*`, `[ab]`, `%%`, `{{` and `[*]` stand for.

Patterns (sources) and templates (destinations) read the same notation and each allow a part of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

type_of_token = Literal["text", "day", "date", "field", "any", "one", "set", "deep", "slash"]

_MONTHS = [
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
]
_WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]

CODES: dict[str, Callable[[date], str]] = {
    "Y": lambda day: f"{day.year:04}",
    "y": lambda day: f"{day.year % 100:02}",
    "m": lambda day: f"{day.month:02}",
    "d": lambda day: f"{day.day:02}",
    "j": lambda day: f"{day.timetuple().tm_yday:03}",
    "G": lambda day: f"{day.isocalendar().year:04}",
    "V": lambda day: f"{day.isocalendar().week:02}",
    "u": lambda day: str(day.isoweekday()),
    "b": lambda day: _MONTHS[day.month - 1][:3],
    "B": lambda day: _MONTHS[day.month - 1],
    "a": lambda day: _WEEKDAYS[day.weekday()][:3],
    "A": lambda day: _WEEKDAYS[day.weekday()],
}
"""The strftime codes of a date, in the C locale whatever the process's is."""


@dataclass(frozen=True, slots=True)
class Token:
    """One piece of a path: literal text, a date's part, a field's name, a glob (a set holds its regex), or a slash."""

    kind: type_of_token
    value: str = ""


def tokens(text: str, *, codes: str) -> list[Token]:
    """The pieces of `text`, with `codes` the letters allowed after `%`; raises ValueError that says what to write."""
    if "\0" in text:
        raise ValueError("a path cannot hold a NUL byte")
    merged: list[Token] = []
    for token in _scan(text, codes):
        if token.kind == "text" and merged and merged[-1].kind == "text":
            merged[-1] = Token("text", merged[-1].value + token.value)
        else:
            merged.append(token)
    return merged


def segments(pieces: list[Token]) -> tuple[tuple[tuple[Token, ...], ...], bool]:
    """The pieces between the slashes, without empty and `.` ones; and whether the path ends in a slash."""
    found: list[tuple[Token, ...]] = []
    last: list[Token] = []
    tree = True
    for token in [*pieces, Token("slash")]:
        if token.kind != "slash":
            last.append(token)
            continue
        if last == [Token("text", "..")]:
            raise ValueError("`..` would leave the gateway's root")
        tree = last in ([], [Token("text", ".")])
        if not tree:
            found.append(tuple(last))
        last = []
    return tuple(found), tree


def date_problem(text: str) -> str:
    """What is wrong with a day that is to be filled in, as in `{day:%Y-%m-%d}`; nothing if it is right."""
    try:
        tokens(text, codes="".join(CODES))
    except ValueError as error:
        return str(error)
    return ""


def escape(text: str) -> str:
    """`text` written so that every character of it stands for itself."""
    return re.sub(r"[*?\[]", r"[\g<0>]", text.replace("%", "%%").replace("{", "{{").replace("}", "}}"))


def _scan(text: str, codes: str) -> Iterator[Token]:
    at = 0
    while at < len(text):
        char, pair = text[at], text[at : at + 2]
        if pair in ("%%", "{{", "}}"):
            yield Token("text", char)
            at += 2
        elif char == "%":
            yield _code("day", pair[1:], codes)
            at += 2
        elif char == "{":
            yield from _field(text, at, codes)
            at = text.index("}", at) + 1
        elif char == "}":
            raise ValueError("`}` closes nothing; `}}` is a brace")
        elif char == "*":
            stars = len(text) - at - len(text[at:].lstrip("*"))
            if stars > 1 and not (stars == 2 and text[at - 1 : at] in ("", "/") and text[at + 2 : at + 3] in ("", "/")):
                raise ValueError("`**` stands for whole folders, between slashes: `a/**/b`; within a name write `*`")
            yield Token("any" if stars == 1 else "deep")
            at += stars
        elif char == "[":
            end = _end_of_set(text, at)
            yield _set(text[at + 1 : end])
            at = end + 1
        else:
            yield Token({"?": "one", "/": "slash"}.get(char, "text"), char if char not in "?/" else "")  # type: ignore[arg-type]
            at += 1


def _code(kind: Literal["day", "date"], letter: str, codes: str) -> Token:
    if not letter or letter not in codes:
        known = " ".join(f"%{code}" for code in codes)
        raise ValueError(f"`%{letter}` is not known here; there are {known}, and `%%` for a percent sign")
    return Token(kind, letter)


def _field(text: str, at: int, codes: str) -> Iterator[Token]:
    end = text.find("}", at)
    if end < 0:
        raise ValueError("`{` is not closed; `{{` is a brace")
    name, colon, form = text[at + 1 : end].partition(":")
    if name not in ("day", "date"):
        if colon:
            raise ValueError(f"`{{{name}}}` takes no format")
        yield Token("field", name)
        return
    form = form if colon else "%Y-%m-%d"
    if "%" not in form.replace("%%", ""):
        raise ValueError(f"`{{{name}:{form}}}` holds no date; write `{{{name}:%Y-%m-%d}}`")
    at = 0
    while at < len(form):
        if form[at] == "%" and form[at : at + 2] != "%%":
            yield _code(name, form[at + 1 : at + 2], codes)
            at += 2
        else:
            yield Token("slash") if form[at] == "/" else Token("text", form[at])
            at += 2 if form[at] == "%" else 1


def _end_of_set(text: str, at: int) -> int:
    first = at + (2 if text[at + 1 : at + 2] in ("!", "^") else 1)
    end = text.find("]", first + 1)  # a `]` in the first place is one of the set
    if end < 0:
        raise ValueError("`[` is not closed; `[[]` is a bracket")
    return end


def _set(body: str) -> Token:
    if len(body) == 1 and body not in "/!^":
        return Token("text", body)
    if "/" in body:
        raise ValueError(f"`[{body}]`: a slash cannot be one of a set")
    negated = body[0] in "!^"
    chars = body[1:] if negated else body
    regex, at = "", 0
    while at < len(chars):
        if chars[at + 1 : at + 2] == "-" and at + 2 < len(chars):
            low, high = chars[at], chars[at + 2]
            if low > high:
                raise ValueError(f"`[{body}]`: the range {low}-{high} is the wrong way round")
            regex += f"{re.escape(low)}-{re.escape(high)}"
            at += 3
        else:
            regex += re.escape(chars[at])
            at += 1
    return Token("set", f"[{'^' if negated else ''}{regex}]")

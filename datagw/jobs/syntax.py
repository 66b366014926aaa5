"""One file's TOML: its data, where everything stands in it, and what is no TOML.

A value that only lacks its quotes is reported, mended in memory and read on, so that the other mistakes show as well.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass, field
from typing import Any

from datagw.jobs.positions import Path, Position, positions

_LINE = re.compile(r"(?P<key>\s*[\w.\"'-]+\s*=\s*)(?P<value>[^\s\"'\[{#][^#\n]*?)(?P<rest>\s*(#.*)?)", re.DOTALL)
_ELEMENT = re.compile(r"(?P<key>\s*)(?P<value>[^\s\"'\[\]{}#,=][^\s\"'\[\]{}#,=]*)(?P<rest>\s*,?\s*(#.*)?)", re.DOTALL)
_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_TYPOGRAPHIC = "\u201c\u201d\u201e\u2018\u2019«»"
_WORDS = {"True": "true", "yes": "true", "on": "true", "False": "false", "no": "false", "off": "false"}
_SECRET = re.compile(r"pass|secret|token|key\b", re.IGNORECASE)
_HINTS = {
    "Unescaped '\\' in a string": "a backslash in double quotes is written twice; single quotes take it as it is",
    "Illegal character '\\n'": "the quote is not closed on this line",
    "Unterminated string": "the quotes are not closed",
    "Unclosed array": "elements are parted by commas, and a `]` ends the list",
    "Unclosed inline table": "keys are parted by commas, and a `}` on the same line ends the table",
    "Invalid initial character for a key part": "an inline table `{ … }` stands on one line and ends without a comma",
    "Expected '=' after a key": 'a key and its value are written key = "value"',
    "Invalid value": "a value is a text in quotes, a number, true, false, a date, a list or a table",
    "Invalid statement": "a line is a [table] or key = value; other letters than a-z stand in quotes",
    "Invalid date": "there is no such day",
    "Cannot overwrite a value": "the key stands twice in its table",
    "Cannot declare": "the table stands twice; each job and gateway has one table",
}


@dataclass
class Text:
    """What one file says. `data` is None where it could not be read to its end."""

    data: dict[str, Any] | None
    positions: dict[Path, Position] = field(default_factory=dict[Path, Position])
    mistakes: list[tuple[Position, str, str]] = field(default_factory=list[tuple[Position, str, str]])

    def path_at(self, line: int) -> Path:
        """The innermost key that stands on this line."""
        found = [path for path, position in self.positions.items() if position[0] == line]
        return max(found, key=len, default=())


def parse(text: str) -> Text:
    """The data of a job file's text."""
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    mistakes: list[tuple[Position, str, str]] = []
    for _ in range(len(lines) + 1):
        whole = "\n".join(lines)
        try:
            data = tomllib.loads(whole)
        except tomllib.TOMLDecodeError as error:
            (line, column), reason = _told(str(error), lines)
            mended = _mended(lines[line - 1], column, reason)
            if mended is None or any(place[0] == line for place, _, _ in mistakes):
                mistakes.append(((line, column), *_said(reason, lines[line - 1])))
                return Text(None, {}, mistakes)
            lines[line - 1], column, message, hint = mended
            mistakes.append(((line, column), message, hint))
        except RecursionError:
            return Text(None, {}, [*mistakes, ((1, 1), "lists or tables are nested too deeply", "")])
        else:
            return Text(data, positions(whole), mistakes)
    raise AssertionError("each round mends another line")


def _told(message: str, lines: list[str]) -> tuple[Position, str]:
    found = re.fullmatch(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", message, re.DOTALL)
    if found is None or found[2] is None:
        last = max((number for number, line in enumerate(lines, 1) if line.strip()), default=1)
        return (last, len(lines[last - 1]) + 1), found[1] if found else message
    return (int(found[2]), int(found[3])), found[1]


def _said(reason: str, line: str) -> tuple[str, str]:
    if any(quote in line for quote in _TYPOGRAPHIC):
        return "this is no TOML", "quotes are \" or ', not typographic ones"
    hint = next((hint for start, hint in _HINTS.items() if reason.startswith(start)), "")
    return f"this is no TOML: {reason[:1].lower()}{reason[1:]}", hint


def _mended(line: str, column: int, reason: str) -> tuple[str, int, str, str] | None:
    """The line as it should be, the column of the value, message and hint; None if quotes would not mend it."""
    found = _LINE.fullmatch(line)
    at = len(found["key"]) if found else 0
    if found is None or not at < column:
        found = _ELEMENT.fullmatch(line)
        if found is None or found["value"][0].isdigit() or reason != "Invalid value":
            return None
        quoted = json.dumps(found["value"], ensure_ascii=False)
        column = len(found["key"]) + 1
        return found["key"] + quoted + found["rest"], column, f"strings need quotes: {quoted}", ""
    key, value = found["key"], found["value"]
    if day := _DATE.fullmatch(value):
        new, message = f"{day[1]}-{int(day[2]):02}-{int(day[3]):02}", "a date has two digits for month and day"
        if reason.startswith("Invalid date") or not (1 <= int(day[2]) <= 12 and 1 <= int(day[3]) <= 28):
            return None
    elif value in _WORDS:
        new, message = _WORDS[value], "yes and no are written true and false"
    elif any(char in value for char in f"{_TYPOGRAPHIC}\"'[]{{}}=") or re.fullmatch(r"[\d\s.,_+-]*", value):
        return None
    else:
        new, message = json.dumps(value, ensure_ascii=False), "strings need quotes"
    written = f"{key.strip()} {new}"
    if _SECRET.search(key):  # never shown, however it is written
        return key + new + found["rest"], at + 1, "strings need quotes", "the value is not shown, it may be a secret"
    return key + new + found["rest"], at + 1, f"{message}: {written}", ""

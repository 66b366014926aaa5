"""What `{file}` and its like become in the arguments of a program; there is no shell, so nothing is quoted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from datagw.gateways.paths.notation import CODES, tokens
from datagw.gateways.paths.templates import split_name

_BRACED = re.compile(r"\{\{|\}\}|\{[^{}]*\}")
_FILES = "{files}"


@dataclass(frozen=True, slots=True)
class Values:
    """What one start is given: local paths of its files, the path of the one that it is for, its folder, its day."""

    files: Sequence[Path] = ()
    path: str = ""
    out: Path | None = None
    day: date | None = None


def fill(arguments: Sequence[str], values: Values) -> list[str]:
    """The arguments of one start; `{files}` becomes as many as there are files."""
    filled: list[str] = []
    for argument in arguments:
        if argument == _FILES:
            filled += [str(file) for file in values.files]
        else:
            filled.append(_BRACED.sub(lambda found: _value(found[0], values), argument))
    return filled


def _value(braced: str, values: Values) -> str:
    if braced in ("{{", "}}"):
        return braced[0]
    word = braced[1:-1]
    name = values.path.rpartition("/")[2]
    match word:
        case "file":
            return str(values.files[0])
        case "out":
            return str(values.out)
        case "name":
            return name
        case "stem":
            return split_name(name)[0]
        case "suffix":
            return split_name(name)[1]
        case _:
            return _date(braced, values.day)


def _date(braced: str, day: date | None) -> str:
    if day is None:
        raise ValueError(f"`{braced}` needs a day")
    written = ""
    for token in tokens(braced, codes="".join(CODES)):
        written += CODES[token.value](day) if token.kind == "day" else "/" if token.kind == "slash" else token.value
    return written

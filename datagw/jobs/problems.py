"""One mistake in a job file: where it stands, what it is, what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from typing_extensions import override

from datagw.errors import printable
from datagw.jobs.positions import Path

_TABLES_OF_TABLES = ("gateways", "notify", "records")


@dataclass(frozen=True, slots=True)
class Problem:
    """A mistake in a job file. `line` and `column` count from 1, 0 where the file as a whole is meant."""

    file: str
    line: int
    column: int
    where: str
    message: str
    hint: str = ""

    @override
    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        table, dot, key = self.where.partition(".")
        if dot and table in _TABLES_OF_TABLES:
            name, dot, key = key.partition(".")
            table = f"{table}.{name}"
        where = f"[{table}]" if table else ""
        text = f"{place}: {' '.join(part for part in (where, key) if part)}".rstrip(": ")
        return printable(f"{text}: {self.message}" + (f"; {self.hint}" if self.hint else ""))


def dotted(path: Path) -> str:
    """`("readings", "to", 1, "mode")` as `readings.to[1].mode`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def nearest_word(word: str, known: Iterable[str]) -> str:
    """`did you mean …?` with the known word that comes nearest, or nothing."""
    words = {name.lower().replace("-", "_"): name for name in known}
    found = difflib.get_close_matches(word.lower().replace("-", "_"), words, 1, 0.6)
    return f"did you mean {words[found[0]]}?" if found else ""

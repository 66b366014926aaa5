"""Results on stdout: one JSON document, or a table (ruled on a terminal, plain lines elsewhere)."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from datagw.errors import printable

Side = Literal["left", "right"]


def print_json(document: Any) -> None:
    """One document in ASCII; bytes that are no UTF-8 are in it as lone surrogates."""
    print_line(json.dumps(document, indent=2))


def print_json_lists(lists: Mapping[str, Iterable[Mapping[str, Any]]]) -> None:
    """One document, an object of lists, written as its rows come: memory stays small however many there are."""
    out = sys.stdout.write
    out("{")
    for number, (name, rows) in enumerate(lists.items()):
        out(f"{',' if number else ''}\n  {json.dumps(name)}: [")
        filled = False
        for row in rows:
            out(f"{',' if filled else ''}\n    {json.dumps(row)}")
            filled = True
        out("\n  ]" if filled else "]")
    out("\n}\n")


def print_line(line: str = "") -> None:
    """One line on stdout, as it is."""
    sys.stdout.write(f"{line}\n")


def print_table(columns: Sequence[tuple[str, Side]], rows: Iterable[Sequence[object]], *, indent: str = "") -> None:
    """Rows under their headings; cells are made printable. Off a terminal no line is ever cut.

    On a terminal an error keeps its lines, which are what a program said last; elsewhere a row is a line.
    """
    if sys.stdout.isatty():
        headings = [heading for heading, _ in columns]
        _ruled(columns, [[_in_a_cell(*cell) for cell in zip(headings, row, strict=True)] for row in rows])
        return
    cells = [[printable(str(cell)) for cell in row] for row in rows]
    table = [[heading for heading, _ in columns], *cells]
    widths = [max(len(row[index]) for row in table) for index in range(len(columns))]
    for row in table:
        padded = [
            cell.rjust(width) if side == "right" else cell.ljust(width)
            for cell, width, (_, side) in zip(row, widths, columns, strict=True)
        ]
        print_line((indent + "  ".join(padded)).rstrip())


def _in_a_cell(heading: str, cell: object) -> str:
    lines = str(cell).split("\n") if heading == "error" else [str(cell)]
    return "\n".join(printable(line) for line in lines)


def _ruled(columns: Sequence[tuple[str, Side]], cells: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for heading, side in columns:
        table.add_column(heading, justify=side, overflow="fold")
    for row in cells:
        table.add_row(*[Text(cell) for cell in row])
    Console().print(table)

"""A pattern that names may have been meant by: what to write where one matches nothing.

    20260131, 20260201                  %Y%m%d/
    2026-01-31_x.csv, 2026-02-01_y.csv  %Y-%m-%d*.csv
    a.CSV, b.CSV                        *.CSV

What is proposed has been tried on the names.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from datagw.files import RemoteFile, join
from datagw.gateways.paths.dated_names import DatedName, year_of
from datagw.gateways.paths.notation import escape
from datagw.gateways.paths.patterns import Pattern

_DATES: tuple[tuple[str, str], ...] = (
    (r"(?<!\d)(?P<Y>\d{4})(?P<s>[-_. ]?)(?P<m>\d\d)(?P=s)(?P<d>\d\d)(?!\d)", "Ymd"),
    (r"(?<!\d)(?P<d>\d\d)(?P<s>[-_. ]?)(?P<m>\d\d)(?P=s)(?P<Y>\d{4})(?!\d)", "dmY"),
    (r"(?<!\d)(?P<m>\d\d)(?P<s>[-_. ]?)(?P<d>\d\d)(?P=s)(?P<Y>\d{4})(?!\d)", "mdY"),
    (r"(?<!\d)(?P<Y>\d{4})(?P<s>[-_. ]?)(?P<j>\d{3})(?!\d)", "Yj"),
    (r"(?<!\d)(?P<Y>\d{4})(?P<s>[-_. ]?)(?P<m>\d\d)(?P=s)(?P<d>\d\d)", "Ymd"),
    (r"(?<!\d)(?P<y>\d\d)(?P<s>[-_. ]?)(?P<m>\d\d)(?P=s)(?P<d>\d\d)(?!\d)", "ymd"),
    (r"(?<!\d)(?P<d>\d\d)(?P<s>[-_. ]?)(?P<m>\d\d)(?P=s)(?P<y>\d\d)(?!\d)", "dmy"),
)
_LIKELY = range(1970, 2100)


class _Dated(NamedTuple):
    """A name in which a date was found: what stands before, the codes, what stands after."""

    entry: RemoteFile
    before: str
    codes: str
    after: str


def guess(pattern: Pattern, entries: Sequence[RemoteFile]) -> str | None:
    """A pattern of the same kind that matches some of the entries of its root: of a dated_regex, another one."""
    if any(isinstance(level, DatedName) for level in pattern.levels):
        return _expression(_most_alike(entries, "Yymd"))
    if pattern.dated:
        return _checked(pattern.root, _path(_most_alike(entries, "Ymdj")), entries)
    suffixes = Counter(os.path.splitext(entry.name)[1] for entry in entries if entry.kind == "file")
    suffix = max(suffixes, key=suffixes.__getitem__, default="")
    return _checked(pattern.root, f"*{escape(suffix)}" if suffix else "", entries)


def _most_alike(entries: Sequence[RemoteFile], codes: str) -> list[_Dated]:
    """The names that have their date in one form, of the form that most have; folders or files, not both."""
    found: dict[tuple[str, bool], list[_Dated]] = {}
    for expression, order in _DATES:
        if set(order) <= set(codes):
            for entry in entries:
                if entry.kind in ("file", "folder") and (one := _dated(entry, expression, order)) is not None:
                    found.setdefault((one.codes, entry.kind == "folder"), []).append(one)
    return max(found.values(), key=len, default=list[_Dated]())


def _dated(entry: RemoteFile, expression: str, order: str) -> _Dated | None:
    for match in re.finditer(expression, entry.name, re.ASCII):
        if _is_a_date({code: int(match[code]) for code in order}):
            codes = match["s"].join(f"%{code}" for code in order)
            return _Dated(entry, entry.name[: match.start()], codes, entry.name[match.end() :])
    return None


def _is_a_date(parts: dict[str, int]) -> bool:
    try:
        year = parts["Y"] if "Y" in parts else year_of(parts["y"])
        day = date(year, parts.get("m", 1), parts.get("d", 1)) + timedelta(parts.get("j", 1) - 1)
    except ValueError:
        return False
    return year in _LIKELY and day.year == year and parts.get("j", 1) > 0


def _path(names: Sequence[_Dated]) -> str:
    if not names:
        return ""
    before, after = _around(names, escape, "*")
    return f"{before}{names[0].codes}{after}{'/' if names[0].entry.kind == 'folder' else ''}"


def _expression(names: Sequence[_Dated]) -> str | None:
    if not names:
        return None
    before, after = _around(names, lambda text: re.escape(text).replace("%", "%%"), ".*")
    for start in dict.fromkeys([before, r"\D*"]):
        try:
            found = DatedName.parse(f"^{start}{names[0].codes}{after}$")
        except ValueError:
            continue  # one that means two days
        if all(found.read(one.entry.name) is not None for one in names):
            return found.text
    return None


def _around(names: Sequence[_Dated], written: Callable[[str], str], anything: str) -> tuple[str, str]:
    """What stands before and after the dates: as it is where it is the same for all, with its end where that is."""
    befores, afters = {one.before for one in names}, {one.after for one in names}
    before = written(befores.pop()) if len(befores) == 1 else anything
    if len(afters) == 1:
        return before, written(afters.pop())
    suffixes = {os.path.splitext(f"x{after}")[1] for after in afters}
    return before, anything + (written(suffixes.pop()) if len(suffixes) == 1 else "")


def _checked(root: str, name: str, entries: Sequence[RemoteFile]) -> str | None:
    """The name pattern below the root, if it does match some of the entries."""
    if not name:
        return None
    pattern = Pattern.parse(join(escape(root), name) + ("/" if name.endswith("/") else ""))
    return name if any(_paths(pattern, entries)) else None


def _paths(pattern: Pattern, entries: Sequence[RemoteFile]) -> Iterator[str]:
    for entry in entries:
        path = f"{entry.path}/x" if entry.kind == "folder" else entry.path
        if pattern.matches(path):
            yield path

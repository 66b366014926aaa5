"""The pattern of a source: which paths of a gateway belong to it, and to which day.

    readings/%Y%m%d/            every file below the folder of a day
    %Y/%m/%d/*.csv              the CSV files of a day
    log-%Y-%j.txt               one dated file a day
    inbox/**/*.csv              files without a date
    a[*]b %% {{ }}              literal `*`, `%`, braces

A pattern reads and lists; it never decides what an absence means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

from datagw.errors import NotFound
from datagw.files import MARKER, RemoteFile, is_own_name
from datagw.gateways.paths.dated_names import DatedName
from datagw.gateways.paths.notation import escape, segments, tokens
from datagw.gateways.paths.segments import Level, Segment, day_of, parts_of, tells_the_day
from datagw.gateways.paths.templates import Template

__all__ = ["Pattern", "Segment", "Template", "escape"]

Listing = Callable[[str], Iterable[RemoteFile]]
"""`ls(folder)`: the entries of one folder, in any order; raises NotFound where it is not there."""

CODES = "Ymdj"


@dataclass(frozen=True)
class Pattern:
    """The paths of a source, relative to the root of its gateway.

    `levels` has one segment for each name of the path; `tree` says that everything below belongs to it.
    """

    text: str
    levels: tuple[Level, ...] = field(repr=False)
    tree: bool = field(repr=False)
    day: tuple[Pattern, date] | None = field(default=None, repr=False)
    """Of a filled pattern: the dated one, and the day."""

    @classmethod
    def parse(cls, text: str) -> Pattern:
        """The pattern that `text` writes; raises ValueError that says what to write instead."""
        pieces = tokens(text, codes=CODES)
        for token in pieces:
            if token.kind in ("date", "field"):
                written = "{date}" if token.kind == "date" else f"{{{token.value}}}"
                known = token.value in ("name", "stem", "suffix", "group", "part") or token.kind == "date"
                what = "is for destinations" if known else "is not known"
                raise ValueError(f"`{written}` {what}; a source knows `{{day:%Y-%m-%d}}`, and `{{{{` is a brace")
        names, tree = segments(pieces)
        found = cls(text.lstrip("/"), tuple(Segment(name) for name in names), tree)
        if found.levels and found.levels[-1].deep and not tree:  # `a/**` is what `a/` is
            found = cls(found.text, found.levels[:-1], tree=True)
        found._refuse()
        return found

    @classmethod
    def dated_by(cls, folder: str, expression: str) -> Pattern:
        """The names directly below a folder that hold a date as the expression says: files, and folders with all that
        is below them. Raises ValueError that says what to write instead.
        """
        if any(token.kind not in ("text", "slash") for token in tokens(folder, codes=CODES)):
            raise ValueError("dated_regex reads the names in one folder: `at` has neither dates nor globs")
        base = cls.parse(folder)
        text = f"{base.text.rstrip('/')}/{expression}" if base.levels else expression
        return cls(text, (*base.levels, DatedName.parse(expression)), tree=True)

    @classmethod
    def of(cls, path: str, *, tree: bool = False) -> Pattern:
        """The pattern of this very path, whatever characters it holds."""
        return cls.parse(escape(path) + ("/" if tree else ""))

    def _refuse(self) -> None:
        codes = frozenset[str]().union(*(level.codes for level in self.levels))
        if codes and not tells_the_day(codes):
            written = " ".join(f"%{code}" for code in CODES if code in codes)
            raise ValueError(f"`{written}` does not tell the day: a dated path holds %Y, %m and %d, or %Y and %j")
        deep = next((at for at, level in enumerate(self.levels) if level.deep), len(self.levels))
        folders = self.levels if self.tree else self.levels[:-1]
        if any(level.codes for level in folders[deep:]):
            raise ValueError(
                "`**` before a dated folder leaves open which folder is the day's: name the folders, or use `*`"
            )

    @cached_property
    def dated(self) -> bool:
        """Whether a path tells its day."""
        return any(level.codes for level in self.levels)

    @cached_property
    def depth(self) -> int:
        """How many fixed folders it begins with."""
        folders = self.levels if self.tree else self.levels[:-1]
        return next((at for at, level in enumerate(folders) if level.fixed is None), len(folders))

    @cached_property
    def base(self) -> str:
        """The deepest folder before the first glob or date; relative paths start there once dates are filled in."""
        return "/".join(str(level.fixed) for level in self.levels[: self.depth])

    @property
    def root(self) -> str:
        """The folder that has to be there: the path up to the first dated or glob part."""
        return self.base

    @cached_property
    def exact(self) -> str | None:
        """The one path that is meant, if there is neither a glob, nor a date, nor a slash at the end."""
        if self.tree or not self.levels or any(level.fixed is None for level in self.levels):
            return None
        return "/".join(str(level.fixed) for level in self.levels)

    def filled(self, day: date) -> Pattern:
        """The pattern of one day, without dates."""
        levels = tuple(level.filled(day) if level.codes else level for level in self.levels)
        return Pattern(self.text, levels, self.tree, (self, day) if self.dated else None)

    def on(self, day: date | None) -> Pattern:
        """The pattern without dates: that of a day, or itself; raises ValueError where a day lacks or is too much."""
        if self.dated == (day is None):
            raise ValueError(f"{self.text}: " + ("which day?" if self.dated else "has no days"))
        return self if day is None else self.filled(day)

    def relative(self, path: str, day: date | None = None) -> str:
        """`path` as seen from the base (of that day)."""
        base = self.on(day).base
        return path[len(base) + 1 :] if base else path

    def tail_codes(self) -> frozenset[str]:
        """The codes that stand in relative paths, so that two days differ in them."""
        depth = self.filled(date(2000, 1, 1)).depth
        return frozenset[str]().union(*(level.codes for level in self.levels[depth:]))

    def name_codes(self) -> frozenset[str]:
        """The codes that stand in the names of files."""
        return frozenset() if self.tree or not self.levels else self.levels[-1].codes

    @cached_property
    def folder_is_the_days(self) -> bool:
        """Whether the base of a day is a folder of that day alone, and not one that it shares with others."""
        if not self.dated or self.name_codes():
            return False
        return self._last_dated < self.filled(date(2000, 1, 1)).depth

    def is_own_folder(self, folder: str) -> bool:
        """Whether a folder that the search came to is a day's alone, as far as the levels tell."""
        return self.dated and not self.name_codes() and len(folder.split("/")) == self._last_dated + 1

    @cached_property
    def _last_dated(self) -> int:
        """The last level that holds a part of the date."""
        return max(at for at, level in enumerate(self.levels) if level.codes)

    # ---- step by step

    def start(self, depth: int = 0) -> frozenset[int]:
        """The levels that the next name may match, after `depth` fixed ones."""
        return self._with_deep({depth})

    def descend(
        self, states: frozenset[int], name: str, known: Mapping[str, int]
    ) -> tuple[frozenset[int], dict[str, int]]:
        """The levels after the folder `name`, none if nothing below can match, and the date parts known then."""
        after, parts = set[int](), dict(known)
        for state in states:
            if state == len(self.levels) or self.levels[state].deep:
                after.add(state)
            elif (got := self.levels[state].read(name, known)) is not None:
                after.add(state + 1)
                parts.update(got)
        if not self.tree:
            after.discard(len(self.levels))
        return self._with_deep(after), parts

    def takes(self, states: frozenset[int], name: str, known: Mapping[str, int]) -> dict[str, int] | None:
        """The date parts known of a file `name` at these levels; None where it does not match."""
        for state in states:
            if state == len(self.levels):
                return dict(known)
            if state == len(self.levels) - 1 and (not self.tree or self.levels[state].takes_files):
                got = self.levels[state].read(name, known)
                if got is not None:
                    return {**known, **got}
        return None

    def _with_deep(self, states: set[int]) -> frozenset[int]:
        for state in sorted(states):
            while state < len(self.levels) and self.levels[state].deep:
                state += 1
                states.add(state)
        return frozenset(states)

    def parts(self, path: str) -> dict[str, int] | None:
        """The date parts of a file's path, empty for a pattern without dates; None where it does not match."""
        *folders, name = path.split("/")
        states, known = self.start(), dict[str, int]()
        for folder in folders:
            states, known = self.descend(states, folder, known)
        return self.takes(states, name, known)

    def matches(self, path: str) -> bool:
        """Whether a file at this path belongs to the source (on whatever day, or on the one that is filled in)."""
        if self.day is not None:
            dated, day = self.day
            return dated.day_of(path) == day
        return self.parts(path) is not None

    def day_of(self, path: str) -> date | None:
        """The day of a file's path; None where it does not match."""
        return day_of(self.parts(path) or {})

    # ---- on a place

    def discover(self, ls: Listing, *, since: date | None = None, hidden: bool = True) -> Iterator[tuple[date, str]]:
        """Each day that is there, with its folder (of dated files: the first file), in name order; only dated levels
        are listed. Raises NotFound if the root is not there; impossible dates (20261399) are no days.
        """
        if not self.dated:
            raise ValueError(f"{self.text} has no days")
        last = self._last_dated
        files = last == len(self.levels) - 1 and not self.tree
        seen = set[date]()

        def go(parts: Mapping[str, int]) -> bool:
            return since is None or (parts.get("Y", 9999), parts.get("m", 99)) >= (since.year, since.month)

        walk = self._walk(ls, (self.root, self.depth), {}, hidden=hidden, go=go, until=None if files else last)
        for entry, states, known in walk:
            parts = known if entry.kind == "folder" else self.takes(states, entry.name, known)
            day = day_of(parts or {})
            if day is not None and day not in seen and (since is None or day >= since):
                seen.add(day)
                yield day, entry.path

    def folders(self, ls: Listing, day: date, *, hidden: bool = True) -> Iterator[str]:
        """The folders that are there and this day's alone, in name order; none where names of files tell the day.

        Raises NotFound if the base of the day is not there.
        """
        if self.name_codes():
            return
        here = self.filled(day)
        if self.folder_is_the_days:
            list(ls(here.base))
            yield here.base
            return
        wanted = parts_of(day)
        above = frozenset[str]().union(*(level.codes for level in self.levels[: here.depth]))

        def go(parts: Mapping[str, int]) -> bool:
            return parts.items() <= wanted.items()

        known = {code: wanted[code] for code in above}
        walk = self._walk(ls, (here.base, here.depth), known, hidden=hidden, go=go, until=self._last_dated)
        yield from (entry.path for entry, _, _ in walk if entry.kind == "folder")

    def files(
        self,
        ls: Listing,
        day: date | None = None,
        *,
        hidden: bool = True,
        exclude: Callable[[str], bool] | None = None,
    ) -> Iterator[RemoteFile]:
        """The entries (of one day) that are no folders, in name order, each folder's in its place.

        Symlinks and special files are among them, their kind tells. `exclude` hears relative paths, of folders with a
        slash at the end. Raises NotFound if the base is not there; a folder below it that vanishes meanwhile is none.
        """
        if (
            self.day is not None and day is None
        ):  # of several readings of a name, only the dated pattern knows the first
            dated, day = self.day
            yield from dated.files(ls, day, hidden=hidden, exclude=exclude)
            return
        here = self.on(day)
        wanted = parts_of(day) if day is not None else {}
        above = frozenset[str]().union(*(level.codes for level in self.levels[: here.depth]))
        known = {code: wanted[code] for code in above}
        start = len(here.base) + 1 if here.base else 0

        def skip(path: str) -> bool:
            return exclude is not None and exclude(path[start:])

        def go(parts: Mapping[str, int]) -> bool:
            return day is None or parts.items() <= wanted.items()

        for entry, states, found in self._walk(ls, (here.base, here.depth), known, hidden=hidden, go=go, skip=skip):
            parts = self.takes(states, entry.name, found)
            if parts is not None and go(parts):
                yield entry

    def _walk(
        self,
        ls: Listing,
        top: tuple[str, int],
        known: dict[str, int],
        *,
        hidden: bool,
        go: Callable[[Mapping[str, int]], bool],
        skip: Callable[[str], bool] | None = None,
        until: int | None = None,
    ) -> Iterator[tuple[RemoteFile, frozenset[int], dict[str, int]]]:
        """Entries that are no folders with the levels and date parts of their folder; or, `until` a level, the folders
        that match it, with theirs, and files where they may have such a name.
        """
        folder, depth = top
        files = until is None or self.levels[until].takes_files
        states = self.start(depth)
        stack = [(iter(_sorted(ls(folder))), states, known)]
        while stack:
            entries, states, known = stack[-1]
            entry = next(entries, None)
            if entry is None:
                stack.pop()
                continue
            if is_own_name(entry.name) or entry.name == MARKER or not (hidden or self._shown(entry.name, states)):
                continue
            if entry.kind != "folder":
                if files and not (skip and skip(entry.path)):
                    yield entry, states, known
                continue
            below, parts = self.descend(states, entry.name, known)
            if not below or not go(parts) or (skip and skip(f"{entry.path}/")):
                continue
            if until is not None and min(below) > until:
                yield entry, below, parts
                continue
            try:
                inside = _sorted(ls(entry.path))
            except NotFound:
                continue  # gone since its parent was listed
            stack.append((iter(inside), below, parts))

    def _shown(self, name: str, states: frozenset[int]) -> bool:
        return not name.startswith(".") or any(
            self.levels[state].dotted for state in states if state < len(self.levels)
        )


def _sorted(entries: Iterable[RemoteFile]) -> list[RemoteFile]:
    return sorted(entries, key=lambda entry: entry.name)

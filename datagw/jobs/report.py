"""What is wrong with the files of one load, and where everything stands in them."""

from __future__ import annotations

from collections.abc import Mapping

from datagw.jobs.positions import Path, Position, nearest
from datagw.jobs.problems import Problem, dotted


class Report:
    """Collects problems; knows of each table in which file it stands.

    `doubtful` are the values that could not be read at all (a missing variable): no more is said of those.
    """

    def __init__(self) -> None:
        self.files: list[str] = []
        self.positions: list[dict[Path, Position]] = []
        self.home: dict[Path, int] = {}
        self.found: dict[Problem, Path] = {}
        self.doubtful: set[Path] = set()

    def add_file(self, name: str, positions: dict[Path, Position]) -> int:
        """The number of a file that is now known."""
        self.files.append(name)
        self.positions.append(positions)
        return len(self.files) - 1

    def problem(self, path: Path, message: str, hint: str = "", number: int | None = None) -> Problem:
        """A problem with what stands at `path` (in that file), not yet counted."""
        if number is None:
            number = next((self.home[path[:n]] for n in (2, 1) if path[:n] in self.home), 0)
        path = _as_written(self.positions[number], path)
        line, column = nearest(self.positions[number], path) or (0, 0)
        return Problem(self.files[number], line, column, dotted(path), message, hint)

    def add(self, path: Path, message: str, hint: str = "", number: int | None = None) -> None:
        """A mistake at `path`; counted once, however often it is met."""
        if not any(doubtful == path[: len(doubtful)] for doubtful in self.doubtful):
            self.found.setdefault(self.problem(path, message, hint, number), path)

    def add_at(self, number: int, position: Position, path: Path, message: str, hint: str) -> None:
        """A mistake at a line and column."""
        self.found.setdefault(Problem(self.files[number], *position, dotted(path), message, hint), path)

    def under(self, *path: str) -> tuple[Problem, ...]:
        """The problems of what stands at `path` or in it."""
        return tuple(problem for problem, at in self.found.items() if at[: len(path)] == path)

    def of_whole_files(self) -> tuple[Problem, ...]:
        """The problems of files that could not be read to their end."""
        return tuple(problem for problem, at in self.found.items() if not at)

    def of_defaults(self, own: set[str]) -> tuple[Problem, ...]:
        """The problems of `[defaults]` that a job with these keys of its own inherits."""
        return tuple(p for p, at in self.found.items() if at[:1] == ("defaults",) and str(at[1:2] and at[1]) not in own)

    def in_doubt(self, *path: str) -> set[str]:
        """The keys of the table at `path` that could not be read."""
        return {str(at[len(path)]) for at in self.doubtful if at[: len(path)] == path and len(at) > len(path)}

    def sorted(self) -> tuple[Problem, ...]:
        """All problems in the order of the files."""
        order = {name: number for number, name in enumerate(self.files)}
        return tuple(sorted(self.found, key=lambda problem: (order[problem.file], problem.line, problem.column)))


def _as_written(places: Mapping[Path, Position], path: Path) -> Path:
    """`path` without what a short form leaves out: `to[0].at` is `to` in `to = "a:b"`, `to[0]` in `to = ["a:b"]`."""
    written: Path = ()
    for part in path:
        if not isinstance(part, int) or (*written, part) in places:
            written = (*written, part)
    table = 2 if written[:1] == ("gateways",) else 1
    while len(written) > table + 1 and not any(known[:-1] == written[:-1] for known in places):
        written = written[:-1]
    return written

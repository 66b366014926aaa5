"""A list that a function returned, on disk: a line of JSON for each item, however many there are."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, overload

from typing_extensions import override


class Items(Sequence[Any]):
    """The items, read from their file one by one each time that they are gone through."""

    def __init__(self, path: Path, count: int) -> None:
        self._path = path
        self._count = count

    @override
    def __len__(self) -> int:
        return self._count

    @override
    def __iter__(self) -> Iterator[Any]:
        return map(json.loads, self.lines())

    @overload
    def __getitem__(self, index: int) -> Any: ...

    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...

    @override
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            wanted = range(self._count)[index]
            if wanted.step < 0:
                return [self[at] for at in wanted]
            return [json.loads(line) for line in islice(self.lines(), wanted.start, wanted.stop, wanted.step)]
        at = index + self._count if index < 0 else index
        if not 0 <= at < self._count:
            raise IndexError(f"there are {self._count} items")
        return json.loads(next(islice(self.lines(), at, None)))

    def lines(self) -> Iterator[str]:
        """The items as JSON."""
        with self._path.open(encoding="ascii") as file:
            yield from islice(file, self._count)

    def __deepcopy__(self, memo: object) -> Items:
        return self

    @override
    def __repr__(self) -> str:
        return f"<{self._count} items>"


class Spool:
    """A list on its way to disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("w", encoding="ascii")
        self._count = 0

    def add(self, line: str) -> int:
        """One more item, as JSON in ASCII; its number."""
        self._file.write(f"{line}\n")
        self._count += 1
        return self._count - 1

    def done(self) -> Items:
        """The items, whole."""
        self._file.close()
        return Items(self._path, self._count)

    def close(self) -> None:
        """Lets go of the file, whole or not."""
        self._file.close()


def as_json(value: object, what: str) -> str:
    """A value as JSON, in ASCII; raises TypeError that says which part of it is none."""
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        part = _culprit(value, what)
        raise TypeError(f"{part or what} cannot be written as JSON" + ("" if part else f": {error}")) from None


def _culprit(value: object, what: str, depth: int = 0) -> str:
    """The first part of a value that is no JSON: `returned["when"], a datetime`."""
    parts: list[tuple[str, object]] = []
    if isinstance(value, dict):
        for key, one in _pairs(value):
            if not isinstance(key, (str, int, float, bool, type(None))):
                return f"{what}: the key {key!r}"
            parts.append((f"{what}[{key!r}]", one))
    elif isinstance(value, (list, tuple)):
        parts = [(f"{what}[{at}]", one) for at, one in enumerate(_list(value))]
    elif not _is_json(value):
        return f"{what}, a {type(value).__name__},"
    if depth > 50:
        return ""
    return next((found for name, one in parts if (found := _culprit(one, name, depth + 1))), "")


def _is_json(value: object) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True


_pairs: Callable[[Any], list[tuple[object, object]]] = lambda value: list(value.items())  # noqa: E731
_list: Callable[[Any], list[object]] = list

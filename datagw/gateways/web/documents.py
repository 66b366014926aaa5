"""A document that lists things, JSON or XML, told by its content: the items that stand in it at a dotted path.

An item is a text, or a mapping from keys to what stands there. Of XML, the attribute `href` is `@href`, the text beside
inner elements is `#text`, and an element that is there several times is a list. Nothing of a document is believed: it
has a largest size and depth, and entities are refused, for they can name files of this machine or swell to any size.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, cast
from xml.parsers import expat

from datagw.errors import Rejected

MOST_BYTES = 32 << 20
_DEEPEST = 200  # elements within each other
_SHOWN = 6  # names that a message lists


def items_of(blocks: Iterable[bytes], path: str) -> list[object]:
    """The items at a dotted path (`""` or `.` for the document itself, or what stands in its outermost element).

    Raises Rejected where this is no such document, or has no such path: that is never an empty list.
    """
    parts = [part for part in path.split(".") if part]
    limited = _limited(blocks)
    head = b""
    while len(head.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n")) < 4 and (block := next(limited, b"")):
        head += block
    begin = head.decode(json.detect_encoding(head), "replace").lstrip("\ufeff \t\r\n")[:1]
    if begin == "<":
        return _of_xml(chain([head], limited), parts)
    if begin and begin in "[{":
        return _of_json(b"".join(chain([head], limited)), parts)
    raise Rejected("the list is neither JSON nor XML" if begin else "the list is empty, not even a document")


def each_of_xml(blocks: Iterable[bytes], path: str) -> Iterator[object]:
    """The items at a dotted path of an XML document of any size, while it arrives; Rejected where it is none."""
    reading = _Xml(path.split("."))
    try:
        for block in blocks:
            reading.parser.Parse(block, False)
            yield from reading.taken()
        reading.parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise Rejected(f"the answer is no XML: {error}") from None
    yield from reading.taken()


def values_at(item: object, path: str) -> list[object]:
    """All that an item holds at a dotted path."""
    found: list[object] = [item]
    for part in path.split("."):
        found = _inside(found, part)
    return list(_flat(found))


def value_at(item: object, path: str) -> object:
    """What an item holds at a dotted path (`.`: itself), None where it holds nothing; of several the first."""
    if path in ("", "."):
        return _first(item)
    known = _mapping(item)
    if path in known:
        return _first(known[path])
    found: list[object] = [item]
    for part in path.split("."):
        found = _inside(found, part)
    return _first(found[0]) if found else None


def _first(value: object) -> object:
    several = cast("list[object]", value) if isinstance(value, list) else [value]
    one = several[0] if several else None
    return _mapping(one).get("#text", one)


def _mapping(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}


def _limited(blocks: Iterable[bytes]) -> Iterator[bytes]:
    size = 0
    for block in blocks:
        size += len(block)
        if size > MOST_BYTES:
            raise Rejected(f"the list has more than {MOST_BYTES >> 20} MiB, which is the most that is read")
        yield block


# ---- names


def _local(name: str) -> str:
    """A name without its prefix, which the writer of a document may choose."""
    return name.rpartition(":")[2]


def _inside(values: Iterable[object], part: str) -> list[object]:
    """What stands under a key of these values; lists are looked into. A name with its very prefix goes first."""
    found: list[object] = []
    for value in _flat(values):
        known = _mapping(value)
        key = part if part in known else next((key for key in known if _local(key) == _local(part)), None)
        if key is not None:
            found.append(known[key])
    return found


def _flat(values: Iterable[object]) -> Iterator[object]:
    for value in values:
        if isinstance(value, list):
            yield from _flat(cast("list[object]", value))
        else:
            yield value


def _no_path(parts: list[str], at: int, known: Iterable[str]) -> Rejected:
    there = list(dict.fromkeys(known))
    some = ", ".join(there[:_SHOWN]) + (", …" if len(there) > _SHOWN else "") if there else "nothing"
    where = f"`{'.'.join(parts[:at])}` holds" if at else "it begins with"
    return Rejected(f"the list has no `{'.'.join(parts)}`: {where} {some}")


# ---- JSON


def _of_json(content: bytes, parts: list[str]) -> list[object]:
    try:
        document: object = json.loads(content)
    except RecursionError:
        raise Rejected("the list is nested too deeply") from None
    except ValueError as error:
        raise Rejected(f"the list is no JSON: {error}") from None
    found = [document]
    for at, part in enumerate(parts):
        inner = _inside(found, part)
        if not inner:
            known = [key for one in _flat(found) for key in _mapping(one)]
            if not known and all(isinstance(one, list) and not one for one in found):
                return []  # a list that is empty, and says so
            raise _no_path(parts, at, known)
        found = inner
    if any(value is None for value in found):
        raise Rejected(f"the list has null at `{'.'.join(parts)}`")
    return list(_flat(found))


# ---- XML


def _of_xml(blocks: Iterable[bytes], parts: list[str]) -> list[object]:
    reading = _Xml(parts)
    try:
        for block in blocks:
            reading.parser.Parse(block, False)
        reading.parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise Rejected(f"the list is no XML: {error}") from None
    if not reading.items and not (reading.reached == 1 and not parts):
        known = reading.known.get(reading.reached, [])
        raise _no_path(parts or ["*"], reading.reached, known)
    return reading.items


class _Xml:
    """One pass over a document; only what stands at the path is kept."""

    def __init__(self, parts: list[str]) -> None:
        self.items: list[object] = []
        self.reached = 0  # how many parts of the path were found
        self.known: dict[int, list[str]] = {}  # what stands beside the next part of the path, by depth
        self._parts = parts
        self._depth = 0
        self._matched = 0
        self._open: list[tuple[dict[str, Any], list[str]]] = []  # elements of the item at hand, and their texts
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.EntityDeclHandler = self._refuse
        self.parser.UnparsedEntityDeclHandler = self._refuse
        self.parser.ExternalEntityRefHandler = self._refuse
        self.parser.SkippedEntityHandler = self._refuse

    def taken(self) -> list[object]:
        """The items that were found since they were taken last."""
        found, self.items = self.items, []
        return found

    def _refuse(self, *_: object) -> int:
        raise Rejected("the list defines entities, or uses some of its own; such XML is not read")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise Rejected("the list is nested too deeply")
        told = {f"@{key}": value for key, value in attributes.items()}
        if self._open:
            self._open.append((told, []))
            return
        if self._matched != self._depth - 1:
            return
        whole = max(len(self._parts), 1 if self._parts else 2)
        if len(names := self.known.setdefault(self._matched, [])) < 2 * _SHOWN and name not in names:
            names.append(name)
        if self._parts and _local(self._parts[self._matched]) != _local(name):
            return
        self._matched += 1
        self.reached = max(self.reached, self._matched)
        if self._matched == whole:
            self._open.append((told, []))

    def _text(self, text: str) -> None:
        if self._open:
            self._open[-1][1].append(text)

    def _end(self, name: str) -> None:
        self._depth -= 1
        if self._open:
            held, texts = self._open.pop()
            text = "".join(texts).strip()
            if held and text:
                held["#text"] = text
            value = held or text
            if self._open:
                self._open[-1][0].setdefault(name, []).append(value)
            else:
                self.items.append(value)
        self._matched = min(self._matched, self._depth)

"""Every key of a TOML text has its line and column."""

from __future__ import annotations

import datetime as dt
import json
import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datagw.jobs.positions import nearest, positions

TEXT = '''\
# a comment with [brackets] = and "quotes"
top = 1

[main]
tmp_dir = "/x#y"   # not # the end
"quoted key" = 'a ] b'
a.b . "c.d" = true

[gateways.institute]
type = "sftp"
password = { env = "X", deep.er = [1, { y = 2 }] }

\t[readings]
\tto = [
    "a:b",  # one, two ]
    { at = "c:d", name = "}" },
    [ 1, [2] ],
\t]
text = """
[not.a.table]
key = 1 \\"""
"""
raw = 3QUOTESx'3QUOTES
start = 2026-01-01 10:00:00

[[many]]
x = 1
[many.sub]
y = 2
[[many]]
x = 3
[many.sub]
y = 4
'''.replace("3QUOTES", "'" * 3)


def all_paths(value: Any, path: tuple[Any, ...] = ()) -> set[tuple[Any, ...]]:
    found: set[tuple[Any, ...]] = {path} if path else set()
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in entries:
        found |= all_paths(below, (*path, key))
    return found


@pytest.mark.parametrize(
    ("path", "line", "column"),
    [
        (("top",), 2, 1),
        (("main",), 4, 2),
        (("main", "tmp_dir"), 5, 1),
        (("main", "quoted key"), 6, 1),
        (("main", "a", "b", "c.d"), 7, 7),
        (("gateways",), 9, 2),
        (("gateways", "institute"), 9, 11),
        (("gateways", "institute", "password", "env"), 11, 14),
        (("gateways", "institute", "password", "deep", "er", 1, "y"), 11, 41),
        (("readings",), 13, 3),
        (("readings", "to"), 14, 2),
        (("readings", "to", 1), 16, 5),
        (("readings", "to", 1, "name"), 16, 19),
        (("readings", "to", 2, 1, 0), 17, 11),
        (("readings", "text"), 19, 1),
        (("readings", "raw"), 23, 1),
        (("readings", "start"), 24, 1),
        (("many",), 26, 3),
        (("many", 0, "sub", "y"), 29, 1),
        (("many", 1), 30, 3),
        (("many", 1, "sub"), 32, 7),
    ],
)
def test_a_key_stands_where_it_is_written(path, line, column):
    assert positions(TEXT)[path] == (line, column)
    assert positions(TEXT.replace("\n", "\r\n"))[path] == (line, column)


def test_every_key_has_a_place_and_no_other_has():
    assert set(positions(TEXT)) == all_paths(tomllib.loads(TEXT))


def test_what_is_not_written_stands_where_its_table_does():
    found = positions(TEXT)
    assert nearest(found, ("readings", "grace")) == found["readings",]
    assert nearest(found, ("readings", "to", 0, "at")) == found["readings", "to", 0]
    assert nearest(found, ("other", "x")) is None


@pytest.mark.parametrize(
    "text",
    ["", "\n", "# x", "a=1", "[a]", "[a]\n\n#x\n", "a=[]", "a={}", "a=[\n]\nb=''", 'a=""""x"""""\nb=1', "a=[1,]\n"],
)
def test_the_smallest_texts_are_read(text):
    assert set(positions(text)) == all_paths(tomllib.loads(text))


# ---- any document: written in many ways, each key is found where it stands

KEYS = st.one_of(st.sampled_from(["a", "b-c", "1", "to"]), st.text(st.characters(codec="utf-8"), max_size=5))
SCALARS = st.one_of(
    st.integers(-9, 99),
    st.booleans(),
    st.dates(),
    st.sampled_from(
        ["", "x", "a]b", "c}d", "e#f", 'g"h', "i'j", "k\nl", "m\\n", "o,p", "[q]\nr = 1", "'''", '"""', "é€😀"]
    ),
)
VALUES = st.recursive(
    SCALARS, lambda below: st.lists(below, max_size=3) | st.dictionaries(KEYS, below, max_size=3), max_leaves=8
)
DOCUMENTS = st.dictionaries(KEYS, st.dictionaries(KEYS, VALUES, max_size=4) | VALUES, max_size=4)


class Writer:
    """Writes a document and knows where it wrote each key; `draw` decides between the ways of writing it."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.text = ""
        self.places: dict[tuple[Any, ...], tuple[int, int]] = {}

    def either(self, *ways: str) -> str:
        return self.draw(st.sampled_from(ways))

    def mark(self, path: tuple[Any, ...]) -> None:
        self.places[path] = (self.text.count("\n") + 1, len(self.text) - self.text.rfind("\n"))

    def key(self, key: str) -> str:
        bare = key.isascii() and key.replace("-", "").replace("_", "").isalnum()
        literal = "'" not in key and key.isprintable()
        return self.either(*([key] if bare else []), *([f"'{key}'"] if literal else []), self.quoted(key))

    def quoted(self, text: str) -> str:
        return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")

    def pair(self, path: tuple[Any, ...], value: Any) -> None:
        while isinstance(value, dict) and len(value) == 1 and self.either("dotted", "inline") == "dotted":
            self.mark(path)
            self.text += self.key(path[-1]) + self.either(".", " . ")
            ((inner, value),) = value.items()
            path = (*path, inner)
        self.mark(path)
        self.text += self.key(path[-1]) + self.either("=", " = ", "\t= ")
        self.value(path, value)

    def value(self, path: tuple[Any, ...], value: Any) -> None:
        if isinstance(value, dict):
            self.text += "{" + self.either("", " ")
            for number, (key, below) in enumerate(value.items()):
                self.text += (self.either(",", " , ")) if number else ""
                self.pair((*path, key), below)
            self.text += self.either("", " ") + "}"
        elif isinstance(value, list):
            self.text += "[" + self.either("", "\n  ", " # ]\n")
            for number, below in enumerate(value):
                self.mark((*path, number))
                self.value((*path, number), below)
                last = number == len(value) - 1
                self.text += self.either(*(["", ",", "\n"] if last else [",", ", ", ",\n\n  ", " # x,\n,"]))
            self.text += "]"
        elif isinstance(value, str):
            forms = [self.quoted(value)]
            if "'" not in value and value.isprintable():
                forms.append(f"'{value}'")
            if "'''" not in value and not value.startswith("\n") and not value.endswith("'"):
                forms.append(f"'''{value}'''")
            forms.append('"""\n' + value.replace("\\", "\\\\").replace('"', '\\"') + '"""')
            self.text += self.either(*forms)
        elif isinstance(value, dt.date):
            self.text += value.isoformat()
        else:
            self.text += str(value).lower()

    def document(self, data: dict[str, Any]) -> None:
        tables = {key: value for key, value in data.items() if isinstance(value, dict)}
        for key, value in data.items():
            if key not in tables:
                self.pair((key,), value)
                self.text += self.either("\n", " # x = 1\n", "\n\n")
        for key, table in tables.items():
            self.text += self.either("", "  ", "\n") + "[" + self.either("", " ")
            self.mark((key,))
            self.text += self.key(key) + self.either("", " ") + "]\n"
            for inner, value in table.items():
                self.text += self.either("", "\t")
                self.pair((key, inner), value)
                self.text += self.either("\n", " #\n")


@settings(max_examples=300, deadline=None)
@given(st.data(), DOCUMENTS)
def test_each_key_of_any_document_is_found_where_it_was_written(data, document):
    writer = Writer(data.draw)
    writer.document(document)
    assert tomllib.loads(writer.text) == document
    assert positions(writer.text) == writer.places

"""Texts filled in for a page, names of uploads, and data sets as folders: without any server."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagw.errors import Denied
from datagw.gateways.udata.data_sets import DataSet, Resource, upload_name
from datagw.gateways.udata.refusals import told
from datagw.gateways.udata.wording import Fields, Filling, Known, as_title, wanted

FILLING = Filling("2026/Stock_utf8.zip", "Stock_utf8.zip", date(2026, 8, 1), date(2026, 12, 24), "fr")


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("Fichier {stem} du {date:%d %B %Y}", "Fichier Stock_utf8 du 24 décembre 2026"),
        ("{{{name}}} {day:%A %d/%m/%Y} 100 %", "{Stock_utf8.zip} samedi 01/08/2026 100 %"),
        ("{path} {suffix} {day:%y%%}", "2026/Stock_utf8.zip .zip 26%"),
    ],
)
def test_a_text_is_filled_in(text, filled):
    assert wanted(Fields(title=text), FILLING)["title"] == filled


def test_months_may_be_english():
    english = Filling("a", "a", None, date(2026, 2, 1), "en")
    assert english.text("{date:%A %d %B}") == "Sunday 01 February"
    with pytest.raises(Denied, match="needs a job with days"):
        english.text("{day:%Y}")


def test_an_address_is_written_as_one():
    filling = Filling("a b/c é.zip", "c é.zip", None, date(2026, 2, 1), "fr")
    assert filling.address("https://x.example.org/{path}?n={name}") == (
        "https://x.example.org/a%20b/c%20%C3%A9.zip?n=c%20%C3%A9.zip"
    )


def test_fields_of_one_resource_stand_over_the_general_ones():
    general = Fields(title="All", type="main", schema="etalab/a", extras={"a": 1, "b": 1})
    own = Known(id="d2ac0f0e-1e4f-4f6b-9a52-2c5f0a4b6f3d", title="One", extras={"b": 2})
    assert wanted(own.over(general), FILLING) == {
        "title": "One",
        "type": "main",
        "schema": {"name": "etalab/a", "url": None, "version": None},
        "extras": {"a": 1, "b": 2},
    }


@given(st.text(max_size=400))
def test_a_title_is_one_line_that_is_not_empty(text: str):
    title = as_title(text)
    assert 0 < len(title) <= 350
    assert title.isprintable()


@given(st.text(max_size=300))
def test_the_name_of_an_upload_is_one_that_the_place_leaves_as_it_is(name: str):
    found = upload_name(name)
    assert found
    assert set(found) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")
    assert upload_name(found) == found
    assert "--" not in found
    assert len(found) < 200


def test_names_keep_their_extension():
    assert upload_name("Fichier Été 2026_v2.CSV.gz") == "fichier-ete-2026-v2.csv.gz"
    assert upload_name("\u4e16\u754c.csv").endswith(".csv")
    assert upload_name("n" * 300 + ".csv").endswith("n.csv")


def a_resource(number: int, **said: Any) -> Resource:
    given = {
        "id": f"{number:08x}-0000-4000-8000-000000000000",
        "url": f"https://static.example.org/{said.pop('file', f'{number}.csv')}",
        "filetype": "file",
        "created_at": f"2026-01-01T00:00:{number:02}+00:00",
        **said,
    }
    return Resource.of(given)


KEYS = st.sampled_from(["a.csv", "b.csv", "x/a.csv", "../a", "", "/a", "a//b", None, 7])
FILES = st.sampled_from(["a.csv", "b.csv", "%2e%2e", "", "x%2Fa.csv"])


@given(st.lists(st.tuples(KEYS, FILES), max_size=12), st.lists(st.integers(0, 20), max_size=3, unique=True))
def test_every_resource_has_one_path_that_is_safe(known: list[tuple[Any, str]], pinned: list[int]):
    resources = [a_resource(at, file=file, extras={"datagw:key": key}) for at, (key, file) in enumerate(known)]
    pins = {a_resource(number).id: f"pinned-{number}.csv" for number in pinned}
    found = DataSet({"id": "1"}, resources, pins, 0.0)
    assert sorted(one.id for one in found.by_path.values()) == sorted(one.id for one in resources)
    for path, one in found.by_path.items():
        assert path
        assert ".." not in path.split("/")
        assert found.at(path) is one
        assert found.at(one.id) is one
        assert path == pins.get(one.id, path)


def test_the_resource_that_was_there_first_keeps_its_path():
    first, second = a_resource(1, extras={"datagw:key": "a"}), a_resource(2, extras={"datagw:key": "a"})
    found = DataSet({"id": "1"}, [second, first], {}, 0.0)
    assert {path: one.id for path, one in found.by_path.items()} == {"a": first.id, second.id: second.id}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"message": "Invalid API token"}', "Invalid API token"),
        (b'{"errors": {"title": ["Ce champ est requis."], "url": {"x": ["non"]}}}', "title: Ce champ est requis.; url.x: non"),
        (b'{"success": false, "error": "Chunk size mismatch"}', "Chunk size mismatch"),
        (b"<html><title> Bad\n gateway </title>", "Bad gateway"),
        (b"<h1>Oops</h1>", "a page that is no answer of udata"),
        (b"\xff\x00plain", "\ufffd\x00plain"),
        (b"", ""),
    ],
)  # fmt: skip
def test_what_an_answer_says_is_one_line(body, text):
    assert told(body) == text
    assert len(told(b'{"message": "' + b"x" * 5000 + b'"}')) < 400

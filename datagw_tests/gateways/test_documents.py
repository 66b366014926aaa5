"""Documents that list things: what stands at a path is found, JSON or XML, and nothing of a document is believed."""

from __future__ import annotations

import json
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagw.errors import Rejected
from datagw.gateways.web import documents
from datagw.gateways.web.documents import items_of, value_at

DEPOT = b"""<?xml version="1.0" encoding="UTF-8"?>
<ns2:Depot xmlns:ns2="urn:depot"><Count>2</Count>
<Files><id>a.zip</id><URI>https://h/a</URI></Files><Files><id>b.zip</id><URI>https://h/b</URI></Files></ns2:Depot>"""
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1).filter(
    lambda t: t == t.strip()
)


@pytest.mark.parametrize("path", ["ns2:Depot.Files", "Depot.Files", "ns9:Depot.Files"])
def test_the_items_of_xml_are_found_whatever_prefix_is_written(path: str):
    found = items_of([DEPOT], path)
    assert [(value_at(one, "id"), value_at(one, "URI")) for one in found] == [
        ("a.zip", "https://h/a"),
        ("b.zip", "https://h/b"),
    ]


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ('["x"]', ""),
        ('["x"]', "."),
        ('{"a": {"b": ["x"]}}', "a.b"),
        ('{"a": {"b": "x"}}', "a.b"),
        ('{"a": [{"b": "x"}]}', "a.b"),
        ('\ufeff{"a": ["x"]}', "a"),
        ("<a>x</a>", "a"),
        ("<r><a>x</a></r>", "."),
        ("\n <r><b><a> x </a></b></r>", "r.b.a"),
        ("<r><a><![CDATA[x]]></a></r>", "r.a"),
    ],
)
def test_a_single_element_counts_as_a_list(document: str, path: str):
    assert items_of([document.encode()], path) == ["x"]


def test_a_list_is_found_in_the_encoding_that_it_is_written_in():
    assert items_of(['{"a": ["é"]}'.encode("utf-16")], "a") == ["é"]
    assert items_of(['<?xml version="1.0" encoding="ISO-8859-1"?><r><a>é</a></r>'.encode("latin-1")], "r.a") == ["é"]


@pytest.mark.parametrize("document", ["[]", '{"a": []}', '{"a": {"b": []}}'])
def test_an_empty_list_has_no_items(document: str):
    path = {"[]": ".", '{"a": []}': "a"}.get(document, "a.b")
    assert items_of([document.encode()], path) == []


def test_attributes_and_texts_beside_elements_have_names_of_their_own():
    (item,) = items_of([b'<f><e><link href="u" rel="r">words<b>1</b></link></e></f>'], "f.e")
    assert value_at(item, "link.@href") == "u"
    assert value_at(item, "link") == "words"
    assert value_at(item, "link.b") == "1"
    assert value_at(item, "nothing") is None


def test_a_key_with_a_dot_in_it_is_a_key_first():
    (item,) = items_of([b'{"dcat:url.raw": "u", "x": {"y": ["z"]}}'], ".")
    assert (value_at(item, "dcat:url.raw"), value_at(item, "x.y")) == ("u", "z")


@pytest.mark.parametrize(
    ("document", "path", "what"),
    [
        (b"", ".", "the list is empty"),
        (b"   \n", ".", "the list is empty"),
        (b"hello", ".", "neither JSON nor XML"),
        (b'{"a": 1', "a", "no JSON"),
        (b'{"a": {"c": 1, "d": 2}}', "a.b", "no `a.b`: `a` holds c, d"),
        (b'{"a": 1}', "b", "no `b`: it begins with a"),
        (b'{"a": null}', "a", "null at `a`"),
        (b"<html><body>Log in</body></html>", "Depot.Files", "no `Depot.Files`: it begins with html"),
        (b"<!DOCTYPE html><html><p>Log in</html>", "Depot.Files", "no XML"),
        (DEPOT, "Depot.Fichiers", "no `Depot.Fichiers`: `Depot` holds Count, Files"),
        (b"<a><b></b></a", "a.b", "no XML"),
        (b"[" * 100_000, ".", "nested too deeply"),
        (b"<a>" * 1000, "a.b", "nested too deeply"),
        (b"<r>" + b"<a>" * 1000, "r.a", "nested too deeply"),
    ],
)
def test_what_is_no_list_is_an_error_that_says_what_is_there(document: bytes, path: str, what: str):
    with pytest.raises(Rejected, match=what):
        items_of([document], path)


@pytest.mark.parametrize(
    "document",
    [
        b'<!DOCTYPE a [<!ENTITY x "y">]><a><b>&x;</b></a>',
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a><b>&x;</b></a>',
        b'<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1:1/x"> %x;]><a><b>z</b></a>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a><b>&x;</b></a>',
        b'<!DOCTYPE a [<!ENTITY a "' + b"a" * 1000 + b'"><!ENTITY b "' + b"&a;" * 1000 + b'">]><a><b>&b;</b></a>',
    ],
)
def test_entities_are_refused(document: bytes):
    with pytest.raises(Rejected, match="entities"):
        items_of([document], "a.b")


def test_a_list_has_a_largest_size(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(documents, "MOST_BYTES", 1 << 20)
    endless = (b"<a>" if number == 0 else b"<b>x</b>" * 1000 for number in range(10_000))
    with pytest.raises(Rejected, match="more than 1 MiB"):
        items_of(endless, "a.b")
    with pytest.raises(Rejected, match="more than 1 MiB"):
        items_of([b"[", *([b"1," * 100_000] * 10)], ".")


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1), st.integers(1, 50))
def test_json_and_xml_of_one_list_are_read_alike_however_they_are_cut(pairs: list[tuple[str, str]], cut: int):
    written = json.dumps({"d": {"f": [{"id": name, "url": url} for name, url in pairs]}}).encode()
    elements = "".join(f"<f><id>{escape(name)}</id><url>{escape(url)}</url></f>" for name, url in pairs)
    marked = f"<d>{elements}</d>".encode()
    found = [
        [(value_at(one, "id"), value_at(one, "url")) for one in items_of(_cut(document, cut), "d.f")]
        for document in (written, marked)
    ]
    assert found == [pairs, pairs]


def _cut(document: bytes, size: int) -> list[bytes]:
    return [document[at : at + size] for at in range(0, len(document), size)]

"""data.gouv.fr, on the real application: what becomes a resource, under which name, and what its page says."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from datagw.errors import Denied, NotFound, Rejected, Unavailable
from datagw.gateways.datagouv import Datagouv
from datagw.gateways.udata import forms
from datagw.gateways.udata.api import Api
from datagw.gateways.udata.forms import Form
from datagw_tests.gateways.promise import hold, publish, upload
from datagw_tests.gateways.udata_places import TWICE, also, gouv, in_storage, udata
from datagw_tests.servers.udata import Udata

__all__ = ["also", "gouv", "udata"]


def the_one(udata: Udata, gateway: Datagouv) -> dict[str, Any]:
    """The one resource of the data set."""
    (found,) = udata.resources(gateway.root)
    return found


def sent(gateway: Datagouv, folder: Path, name: str, content: bytes, *, at: str | None = None) -> str:
    """How a file is verified that is published under its own name."""
    return publish(gateway, hold(folder, name, content), at or name)


# ---- one path, one resource


def test_a_file_becomes_a_resource_that_knows_its_path(udata, gouv, tmp_path):
    assert sent(gouv, tmp_path, "Stock Été.csv", b"1;2\n", at="2026/Stock Été.csv") == "readback"
    found = the_one(udata, gouv)
    assert (found["title"], found["type"], found["filesize"]) == ("Stock Été.csv", "main", 4)
    assert found["extras"]["datagw:key"] == "2026/Stock Été.csv"
    assert found["url"].endswith("/stock-ete.csv")
    assert [entry.path for entry in gouv.ls(recursive=True)] == ["2026", "2026/Stock Été.csv"]
    assert gouv.stat("2026/Stock Été.csv").etag == f"sha1:{found['checksum']['value']}"


def test_what_changed_replaces_the_file_and_keeps_id_title_and_the_rest_of_the_page(udata, gouv, tmp_path):
    sent(gouv, tmp_path, "a.csv", b"first")
    first = the_one(udata, gouv)
    said = {"title": "Stock", "description": "All of it", "type": "update", "extras": {**first["extras"], "theirs": 1}}
    udata.ask("PUT", f"datasets/{gouv.root}/resources/{first['id']}/", json=said)
    sent(gouv, tmp_path, "a.csv", b"second")
    second = the_one(udata, gouv)
    assert second["id"] == first["id"]
    assert (second["title"], second["description"], second["type"]) == ("Stock", "All of it", "update")
    assert second["extras"]["theirs"] == 1
    assert second["checksum"]["value"] == hashlib.sha1(b"second").hexdigest()
    assert len(in_storage(udata, f"{gouv.root}/**/a.csv")) == 1


def test_an_id_as_a_path_is_the_resource_whose_file_is_replaced(udata, gouv, tmp_path):
    number = udata.uploaded(gouv.root, "theirs.csv", b"old", title="Stock of today")
    assert gouv.stat(number).size == 3
    sent(gouv, tmp_path, "new.csv", b"new one", at=number)
    found = the_one(udata, gouv)
    assert (found["id"], found["title"], found["filesize"]) == (number, "Stock of today", 7)
    assert [entry.path for entry in gouv.ls()] == [number]


def test_an_id_that_the_data_set_does_not_have_is_refused(gouv, also, tmp_path):
    strange = "00000000-0000-4000-8000-000000000000"
    for gateway, path in ((gouv, strange), (also(resources={"a.csv": strange}), "a.csv")):
        with pytest.raises(Denied, match=f"has no resource {strange}"):
            sent(gateway, tmp_path, "a.csv", b"x", at=path)


def test_several_files_go_to_the_resources_that_are_declared_for_them(udata, gouv, also, tmp_path):
    ids = {
        name: udata.uploaded(gouv.root, f"old-{name}", b"old", title=f"Title of {name}") for name in ("a.csv", "b.csv")
    }
    declared = also(resources={"a.csv": ids["a.csv"], "b.csv": {"id": ids["b.csv"], "title": "{stem}, {date:%Y}"}})
    assert {entry.path for entry in declared.ls()} == {"a.csv", "b.csv"}
    for name in ids:
        sent(declared, tmp_path, name, name.encode())
    found = {one["id"]: one for one in udata.resources(gouv.root)}
    assert {name: found[number]["filesize"] for name, number in ids.items()} == {"a.csv": 5, "b.csv": 5}
    assert found[ids["a.csv"]]["title"] == "Title of a.csv"
    assert found[ids["b.csv"]]["title"].startswith("b, 20")


def test_a_file_of_the_same_name_that_somebody_uploaded_is_replaced(udata, gouv, tmp_path):
    number = udata.uploaded(gouv.root, "Stock.csv", b"by hand")
    sent(gouv, tmp_path, "Stock.csv", b"by datagw")
    found = the_one(udata, gouv)
    assert (found["id"], found["title"], found["filesize"]) == (number, "Stock.csv", 9)


def test_a_file_that_is_not_to_be_replaced_stays_unless_it_is_equal(udata, gouv, tmp_path):
    number = udata.uploaded(gouv.root, "Stock.csv", b"by hand")
    with pytest.raises(Rejected, match="stands there already"):
        publish(gouv, hold(tmp_path, "a", b"other"), "Stock.csv", replace=False)
    assert publish(gouv, hold(tmp_path, "b", b"by hand"), "Stock.csv", replace=False) == "readback"
    found = the_one(udata, gouv)
    assert (found["id"], found["extras"]["datagw:key"], found["title"]) == (number, "Stock.csv", "Stock.csv")


def test_two_names_that_the_place_cannot_tell_apart_are_two_resources(udata, gouv, tmp_path):
    for name in ("A b.csv", "a-b.csv"):
        sent(gouv, tmp_path, name, name.encode())
    assert {entry.path: gouv.read(entry.path) for entry in gouv.ls()} == {"A b.csv": b"A b.csv", "a-b.csv": b"a-b.csv"}


# ---- requests that get no answer


def test_a_request_whose_answer_is_lost_makes_no_second_resource(udata, gouv, tmp_path, monkeypatch):
    asked = losing(monkeypatch, lambda number: number == 1, after=True)
    sent(gouv.using(retries=TWICE), tmp_path, "a.csv", b"content")
    found = the_one(udata, gouv)
    assert (found["extras"]["datagw:key"], found["title"]) == ("a.csv", "a.csv")
    assert len(asked) == 1, "it was found equal, and not sent again"


@pytest.mark.slow
def test_a_request_that_is_done_after_all_leaves_no_second_resource(udata, gouv, tmp_path, monkeypatch, caplog):
    """Its answer is lost, and the next look does not show it yet: it comes while the second one is under way."""
    real = Api.upload
    calls: list[Form] = []

    def late(self: Api, path: str, form: Form, seconds: float) -> Any:
        calls.append(form)
        if len(calls) == 1:
            raise Unavailable("no answer")
        said = real(self, path, form, seconds)
        udata.uploaded(gouv.root, "b.csv", b"somebody's")
        udata.uploaded(gouv.root, "a.csv", b"content")
        return said

    monkeypatch.setattr(Api, "upload", late)
    sent(gouv.using(retries=TWICE), tmp_path, "a.csv", b"content")
    assert sorted(one["extras"].get("datagw:key", one["title"]) for one in udata.resources(gouv.root)) == [
        "a.csv",
        "b.csv",
    ]
    assert "is removed" in caplog.text


def losing(monkeypatch: pytest.MonkeyPatch, which: Any, *, after: bool) -> list[Form]:
    """Uploads that get no answer: those whose number `which` says, once they arrived or before. All forms, as they are sent."""
    real = Api.upload
    forms: list[Form] = []

    def send(self: Api, path: str, form: Form, seconds: float) -> Any:
        forms.append(form)
        lost = which(len(forms))
        said = real(self, path, form, seconds) if after or not lost else None
        if lost:
            raise Unavailable("no answer")
        return said

    monkeypatch.setattr(Api, "upload", send)
    return forms


# ---- large files


def test_a_large_file_goes_in_chunks_and_every_try_has_an_upload_of_its_own(udata, gouv, tmp_path, monkeypatch):
    monkeypatch.setattr(Datagouv, "chunk", 300_000)
    content = bytes(range(256)) * 4100
    asked = losing(monkeypatch, lambda number: number == 3, after=False)
    assert sent(gouv.using(retries=TWICE), tmp_path, "large.csv", content) == "readback"
    bodies = [b"".join(map(bytes, form)) for form in asked[-5:]]
    ids = {body.split(b'name="uuid"\r\n\r\n')[1][:36] for body in bodies}
    first = b"".join(map(bytes, asked[0])).split(b'name="uuid"\r\n\r\n')[1][:36]
    assert len(ids) == 1
    assert first not in ids
    assert [b'name="file"' in body for body in bodies] == [True] * 4 + [False]
    assert gouv.read("large.csv") == content
    assert the_one(udata, gouv)["checksum"]["value"] == hashlib.sha1(content).hexdigest()


@pytest.mark.slow
def test_a_chunked_file_replaces_another(udata, gouv, tmp_path, monkeypatch):
    number = udata.uploaded(gouv.root, "a.csv", b"old", title="Kept")
    monkeypatch.setattr(Datagouv, "chunk", 1000)
    sent(gouv, tmp_path, "a.csv", b"n" * 2500, at=number)
    found = the_one(udata, gouv)
    assert (found["id"], found["title"], found["filesize"]) == (number, "Kept", 2500)


# ---- proofs


@pytest.mark.slow
def test_what_arrived_differing_is_no_copy_and_is_mended(udata, gouv, tmp_path, monkeypatch):
    real = forms.Form.__iter__

    def spoiled(self: Form) -> Any:
        for block in real(self):
            yield bytes(block).replace(b"right", b"wrong")

    with monkeypatch.context() as patch:
        patch.setattr(forms.Form, "__iter__", spoiled)
        (one,) = gouv.publish([upload(hold(tmp_path, "a", b"right"), "a.csv")])
    assert isinstance(one.error, Unavailable)
    assert "differs from what was sent" in str(one.error)
    sent(gouv, tmp_path, "a", b"right", at="a.csv")
    assert the_one(udata, gouv)["extras"]["datagw:key"] == "a.csv"
    assert gouv.read("a.csv") == b"right"


def test_what_the_stable_url_leads_to_is_compared(udata, gouv, tmp_path):
    (one,) = gouv.publish([upload(hold(tmp_path, "kept", b"right"), "kept-differing.csv")])
    (there,) = in_storage(udata, "kept-differing.csv")
    there.write_bytes(b"wrong")
    (proof,) = gouv.verify([one], "content")
    assert isinstance(proof, Unavailable)
    assert "differs" in str(proof)


def test_without_a_readback_the_checksum_of_the_place_is_the_proof(udata, gouv, also, tmp_path):
    before = len([one for one in udata.asked() if "/datasets/r/" in one])
    assert sent(also(readback=False), tmp_path, "a.csv", b"content") == "hash"
    assert len([one for one in udata.asked() if "/datasets/r/" in one]) == before


# ---- what pages say


def test_pages_say_what_the_job_file_says(udata, gouv, also, tmp_path):
    fields = {
        "title": "Fichier {stem} du {date:%d %B %Y}",
        "type": "documentation",
        "description": "De {name}",
        "schema": "etalab/schema-irve",
        "extras": {"station": 7},
    }
    sent(also(fields=fields), tmp_path, "a.csv", b"x")
    found = the_one(udata, gouv)
    assert found["title"].startswith("Fichier a du ")
    assert (found["type"], found["description"], found["schema"]["name"]) == (
        "documentation",
        "De a.csv",
        "etalab/schema-irve",
    )
    assert found["extras"]["station"] == 7


def test_a_field_that_the_place_refuses_is_told_in_its_words(gouv, also, tmp_path):
    with pytest.raises(Rejected, match="schema"):
        sent(also(fields={"schema": {"version": "1"}}), tmp_path, "a.csv", b"x")


def test_a_title_that_a_crash_has_reset_comes_back(udata, gouv, also, tmp_path, monkeypatch):
    number = udata.uploaded(gouv.root, "old.csv", b"old", title="Stock of today")
    real = Api.send

    def dying(self: Api, method: str, path: str, said: Any = None) -> Any:
        if said is not None and list(said) == ["title"]:
            raise KeyboardInterrupt
        return real(self, method, path, said)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Api, "send", dying)
        sent(gouv, tmp_path, "a.csv", b"new", at=number)
    assert the_one(udata, gouv)["title"] == "a.csv"
    also().finish([number], None)
    assert the_one(udata, gouv)["title"] == "Stock of today"


def test_links_lead_to_the_pages_of_the_data_set_and_of_the_resource(udata, gouv, tmp_path):
    assert gouv.link("") == gouv.link("a.csv") == f"{udata.url}/datasets/{gouv.root}/"
    sent(gouv, tmp_path, "a.csv", b"x")
    number = the_one(udata, gouv)["id"]
    assert gouv.link("a.csv") == f"{udata.url}/datasets/{gouv.root}/#/resources/{number}"
    assert Datagouv(demo=True).link("sirene") == "https://demo.data.gouv.fr/datasets/sirene/"


# ---- as a source


def test_files_of_a_data_set_are_got_by_anybody(udata, gouv, tmp_path):
    udata.uploaded(gouv.root, "One.csv", b"first", title="The first one")
    udata.uploaded(gouv.root, "two.csv", b"second")
    anybody = Datagouv(url=udata.url, root=gouv.root)
    files = list(anybody.ls())
    assert [(file.path, file.size) for file in files] == [("one.csv", 5), ("two.csv", 6)]
    assert all(file.mtime_ns is not None for file in files)
    assert [one.local.read_bytes() for one in anybody.get_many(files, tmp_path)] == [b"first", b"second"]
    with pytest.raises(Denied, match="takes an API key"):
        sent(anybody, tmp_path, "a.csv", b"x")


def test_a_link_of_which_nobody_tells_the_size_is_left_to_its_own_address(udata, gouv):
    link = {"title": "L", "url": "https://files.example.org/l.csv", "filetype": "remote", "type": "main"}
    udata.ask("POST", f"datasets/{gouv.root}/resources/", json=link)
    assert [entry.path for entry in gouv.ls()] == ["l.csv"]
    assert "https://files.example.org/l.csv" in str(gouv.live.unseen["l.csv"])


def test_a_folder_is_there_as_long_as_a_resource_is_below_it(gouv, tmp_path):
    sent(gouv, tmp_path, "a.csv", b"x", at="2026/11/a.csv")
    assert gouv.stat("2026/11").kind == "folder"
    assert [entry.path for entry in gouv.ls("2026")] == ["2026/11"]
    with pytest.raises(NotFound):
        list(gouv.ls("2025"))
    with pytest.raises(Rejected, match="not a folder"):
        list(gouv.ls("2026/11/a.csv"))

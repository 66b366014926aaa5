"""Jobs that publish on data.gouv.fr, on the real application: days, changes, lost ledgers, crashes at any call."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from datagw.assets.metadata import of_copy
from datagw.gateways.base import Gateway
from datagw.gateways.datagouv import Datagouv
from datagw.gateways.udata.api import Api
from datagw.jobs import load
from datagw_tests.gateways.udata_places import also, gouv, udata
from datagw_tests.publishing import crashing, test_crash_points
from datagw_tests.publishing.station import Station
from datagw_tests.publishing.test_crash_points import EXPECTED, die_at_each_call
from datagw_tests.servers.udata import Udata

__all__ = ["also", "gouv", "udata"]

CONTENTS = {"a.csv": b"1;2;3\n", "deep/er/b c.txt": b"b" * 5000, "empty.csv": b""}


@pytest.fixture
def station(gouv: Datagouv, tmp_path: Path) -> Station:
    """To a data set."""
    made = Station(tmp_path, gouv)
    for name, content in CONTENTS.items():
        made.write(f"20260201/{name}", content)
    return made


def test_a_day_is_published_with_its_proofs_and_freed(station, udata):
    (result,) = station.run(delete_source=True)
    assert (result.state, result.deleted, result.failures) == ("published", 3, ())
    assert station.there() == {f"days/20260201/{name}": content for name, content in CONTENTS.items()}
    assert {receipt.verification for receipt in station.receipts()} == {"readback"}
    assert sorted(one["title"] for one in udata.resources(station.archive.root)) == ["a.csv", "b c.txt", "empty.csv"]
    assert station.left() == {}


def test_a_second_run_moves_nothing_and_what_changed_keeps_its_resource(station, udata):
    station.run()
    before = {one["title"]: one["id"] for one in udata.resources(station.archive.root)}
    (again,) = station.run()
    assert (again.copies["archive"].sent_files, again.copies["archive"].skipped) == (0, 3)
    station.write("20260201/a.csv", b"4;5;6\n", mtime=1_770_000_000)
    (third,) = station.run()
    assert third.copies["archive"].sent_files == 1
    assert station.archive.read("days/20260201/a.csv") == b"4;5;6\n"
    assert {one["title"]: one["id"] for one in udata.resources(station.archive.root)} == before


def test_equal_files_are_adopted_after_the_ledger_was_lost(station, tmp_path, udata):
    station.run()
    station.ledger.close()
    (tmp_path / "jobs.db").unlink()
    asked = len(udata.asked())
    (result,) = Station(tmp_path, station.archive).run()
    assert (result.copies["archive"].adopted, result.copies["archive"].sent_files) == (3, 0)
    assert [one for one in udata.asked()[asked:] if not one.startswith("GET")] == []


def test_an_equal_file_of_somebody_else_is_adopted_and_its_page_told_whose_it_is(gouv, also, udata, tmp_path):
    number = udata.uploaded(gouv.root, "stock.csv", b"content")
    one = Station(tmp_path, also(fields={"type": "update"}), options={"marker": None, "to": [""]})
    one.write("20260201/stock.csv", b"content")
    (result,) = one.run()
    assert (result.copies["archive"].adopted, result.copies["archive"].sent_files) == (1, 0)
    (found,) = udata.resources(gouv.root)
    assert (found["id"], found["type"], found["extras"]["datagw:key"]) == (number, "update", "stock.csv")


@pytest.mark.slow
def test_what_is_not_ours_is_left_alone_where_nothing_is_to_be_replaced(gouv, udata, tmp_path):
    number = udata.uploaded(gouv.root, "stock.csv", b"theirs")
    one = Station(tmp_path, gouv, options={"marker": None, "to": [""], "overwrite": False})
    one.write("20260201/stock.csv", b"ours")
    assert one.run()[0].state == "failed"
    assert [found["id"] for found in udata.resources(gouv.root)] == [number]
    assert gouv.read("stock.csv") == b"theirs"


def test_the_ui_leads_to_the_page_of_the_resource(gouv, udata, tmp_path):
    one = Station(tmp_path, gouv, options={"marker": None, "source": "stock.csv", "to": ["stock.csv"]})
    one.write("stock.csv", b"content")
    (result,) = one.run(None, when="change")
    (found,) = udata.resources(gouv.root)
    page = f"{udata.url}/datasets/{gouv.root}/#/resources/{found['id']}"
    copy = result.copies["archive"]
    assert [copy.link, *(row.link for row in copy.rows)] == [page, page]
    assert of_copy(copy)["destination"].value == page


def test_a_job_file_may_name_data_sets(tmp_path):
    (tmp_path / "jobs.toml").write_text(
        """
        [gateways.gouv]
        type = "datagouv"
        token = { env = "DATAGOUV_TOKEN" }
        fields = { title = "Stock du {date:%d %B %Y}", type = "main" }
        resources = { "b.csv" = "d2ac0f0e-1e4f-4f6b-9a52-2c5f0a4b6f3d" }

        [stock]
        source = "https://media.example.org/stock.csv"
        to = ["gouv:sirene/", { at = "gouv:sirene/b.csv", name = "b" }]
        when = "change"
        """
    )
    file = load(tmp_path / "jobs.toml")
    assert [str(problem) for problem in file.problems] == []
    (tmp_path / "jobs.toml").write_text(
        """
        [gateways.gouv]
        type = "datagouv"
        token = "secret-in-the-file"
        fields = { titel = "Stock" }

        [gateways.again]
        type = "datagouv"
        resources = { "b.csv" = "12" }

        [stock]
        source = "gouv:sirene/stock.csv"
        to = "again:sirene/"
        delete_source = true
        """
    )
    text = "\n".join(str(problem) for problem in load(tmp_path / "jobs.toml").problems)
    assert "secret-in-the-file" not in text
    for wrong in ("titel", "the id of a resource is written", "a secret is a reference"):
        assert wrong in text


# ---- crashes


@pytest.fixture
def place(udata: Udata, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Gateway]:
    """A new data set for each case. Requests are counted as the calls of other places are; some names have no extension."""
    udata.any_extension(True)
    monkeypatch.setattr(crashing, "Shelf", Api)
    monkeypatch.setattr(crashing, "HOOKS", ("get", "send", "upload", "content", "pulse"))
    risked = test_crash_points.nothing_was_risked

    def nothing_was_risked(station: Station) -> None:
        """Of what is on its way, the name of the upload is all that there is; nobody has seen it under its own."""
        station.there = lambda: {path: held for path, held in Station.there(station).items() if path in EXPECTED}  # type: ignore[method-assign]
        try:
            risked(station)
        finally:
            del station.there

    ended = test_crash_points.the_end_is_as_undisturbed

    def the_end_is_as_undisturbed(station: Station) -> None:
        """And every page says whose it is, under the title that it is to have."""
        ended(station)
        found = {one["extras"]["datagw:key"]: one["title"] for one in udata.resources(station.archive.root)}
        assert found == {path: path.rpartition("/")[2] for path in EXPECTED}

    monkeypatch.setattr(test_crash_points, "nothing_was_risked", nothing_was_risked)
    monkeypatch.setattr(test_crash_points, "the_end_is_as_undisturbed", the_end_is_as_undisturbed)

    def made(case: Path) -> Gateway:
        title = f"{case.name} {uuid.uuid4().hex}"
        return Datagouv(**udata.fields(root=udata.data_set(title=title)))

    return made


def test_a_day_is_ended_whatever_call_a_crash_comes_at(place, tmp_path):
    assert die_at_each_call(tmp_path, place, step=47, first=30) > 50


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_day_is_ended_whatever_call_a_crash_comes_at_one_in_three(place, tmp_path):
    assert die_at_each_call(tmp_path, place, step=3) > 50

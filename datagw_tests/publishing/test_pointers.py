"""A pointer says where the newest is: written after all else, never back to an older day, never missing for good."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from datagw.errors import Unavailable
from datagw.gateways.base import Gateway
from datagw.gateways.local import Local
from datagw.gateways.memory import Memory
from datagw.jobs import load
from datagw_tests.gateways.shelf import Shelf
from datagw_tests.publishing.crashing import Counter, Crash, dying
from datagw_tests.publishing.station import Station

OLDER, DAY, NEWER = date(2026, 1, 31), date(2026, 2, 1), date(2026, 2, 2)
PATH = "days/latest"
TO_FILES: dict[str, Any] = {"source": "%Y%m%d.csv", "to": ["days/%Y%m%d.csv"]}


def on_disk(folder: Path) -> Gateway:
    (folder / "archive").mkdir()
    return Local(root=str(folder / "archive"))


def in_one_request(folder: Path) -> Gateway:
    (folder / "archive").mkdir()
    return Shelf(folder=str(folder / "archive"))


@pytest.fixture(params=[on_disk, in_one_request, lambda _: Memory()], ids=["disk", "one request", "memory"])
def station(request: pytest.FixtureRequest, tmp_path: Path) -> Station:
    one = Station(tmp_path, request.param(tmp_path), options={"pointer": "latest"})
    for day in (OLDER, DAY, NEWER):
        one.write(f"{day:%Y%m%d}/a.csv", b"%d" % day.day)
        one.write(f"{day:%Y%m%d}.csv", b"%d" % day.day)
    return one


def said(one: Station) -> str | None:
    found = one.there().get(PATH)
    return None if found is None else found.decode()


@pytest.mark.parametrize(
    ("more", "target"),
    [
        ({}, "days/{}"),
        ({"manifest": "m.json"}, "days/{}/m.json"),
        (TO_FILES, "days/{}.csv"),
    ],
    ids=["folder", "manifest", "file"],
)
def test_it_follows_the_newest_day_and_stays_when_an_older_one_comes_late(station, more, target):
    station.run(DAY, **more)
    assert said(station) == target.format("20260201") + "\n"
    station.run(NEWER, **more)
    assert said(station) == target.format("20260202") + "\n"
    (result,) = station.run(OLDER, **more)
    assert (result.state, said(station)) == ("published", target.format("20260202") + "\n")
    assert [station.plan(day, **more).state for day in (OLDER, DAY, NEWER)] == ["done"] * 3


@pytest.mark.parametrize("more", [{}, {"manifest": "m.json"}, TO_FILES], ids=["folder", "manifest", "file"])
def test_a_lost_ledger_does_not_turn_it_back(station, more, tmp_path):
    station.run(DAY, NEWER, **more)
    before = said(station)
    station.ledger.close()
    (tmp_path / "jobs.db").unlink()
    again = Station(tmp_path, station.archive, options={"pointer": "latest"})
    again.run(OLDER, DAY, **more)
    assert said(again) == before


def test_one_that_is_missing_or_wrong_is_noticed_by_the_plan_of_the_newest_day_and_written(station):
    station.run(DAY, NEWER, pointer=None)
    assert said(station) is None
    for content in (None, b"days/20260201\n", b"days/20991231\n", b""):
        if content is not None:
            station.archive.using().put(content, PATH)
        plan = station.plan(NEWER)
        assert (plan.state, station.plan(DAY).state) == ("due", "done")
        assert "does not point there" in " ".join(plan.notes)
        station.run(NEWER)
        assert said(station) == "days/20260202\n"
    assert station.plan(NEWER).state == "done"


def test_one_to_a_later_day_that_is_not_there_is_written_anew(station):
    station.archive.put(b"days/20260202\n", PATH)
    station.run(DAY)
    assert said(station) == "days/20260201\n"


def test_it_is_written_after_all_else_and_not_when_nothing_has_changed(station, monkeypatch):
    puts: list[str] = []
    put: Callable[..., None] = Gateway.put
    monkeypatch.setattr(
        Gateway, "put", lambda self, content, path, **more: puts.append(path) or put(self, content, path, **more)
    )
    station.run(DAY, manifest="m.json")
    assert puts[-2:] == ["days/20260201/m.json", PATH]
    puts.clear()
    station.run(DAY, manifest="m.json")
    station.write("20260201/b.csv")
    station.run(DAY, manifest="m.json")
    assert PATH not in puts, "it says so already"


def test_none_is_written_while_a_file_fails_or_some_copies_are_left_out(station):
    station.archive.put(b"their own", "days/20260202/a.csv")
    first, second = station.run(DAY, NEWER, overwrite=False)
    assert (first.state, second.state) == ("published", "failed")
    assert said(station) == "days/20260201\n"
    station.archive.using().rm("days/20260202/a.csv")
    station.run(NEWER, to=["days/%Y%m%d/", "more/%Y%m%d/"], asked={"copies": ["archive"]})
    assert said(station) == "days/20260201\n"
    station.run(NEWER)
    assert said(station) == "days/20260202\n"


def test_one_that_cannot_be_written_fails_its_copy_keeps_the_source_and_is_tried_again(station, monkeypatch):
    def refuse(*_: object) -> bool:
        raise Unavailable("no answer", path=PATH)

    with monkeypatch.context() as patch:
        patch.setattr("datagw.publishing.day.write_pointer", refuse)
        (result,) = station.run(delete_source=True)
    assert (result.state, result.deleted) == ("failed", 0)
    (result,) = station.run(delete_source=True)
    assert (result.state, result.deleted, said(station)) == ("published", 1, "days/20260201\n")


def test_a_file_of_somebody_else_under_its_name_is_kept(station):
    station.archive.put(b"their own", PATH)
    (result,) = station.run(overwrite=False)
    assert result.state == "failed"
    assert "datagw did not write" in str(result)
    assert said(station) == "their own"


def test_a_copy_of_another_day_under_its_name_is_kept(station):
    station.run(OLDER, **TO_FILES)
    (result,) = station.run(DAY, **TO_FILES, pointer="20260131.csv")
    assert result.state == "failed"
    assert "choose another `pointer`" in str(result)
    assert station.there()["days/20260131.csv"] == b"31"


def test_a_file_without_days_is_pointed_at_wherever_it_goes_now(station):
    job = {"source": "20260201.csv", "to": ["days/{date:%Y-%m-%d}-rna.csv"]}
    station.run(None, **job)
    assert said(station) == "days/2026-03-01-rna.csv\n"
    station.now = station.now.replace(day=9)
    station.write("20260201.csv", b"new", mtime=1_760_000_001)
    station.run(None, **job)
    assert said(station) == "days/2026-03-09-rna.csv\n"
    assert station.plan(None, **job).state == "done"


@pytest.mark.parametrize("place", [on_disk, in_one_request])
def test_whatever_call_a_crash_comes_at_it_points_at_a_whole_day_and_never_back(place, tmp_path):
    k, calls = 1, 0
    while not calls:
        case = tmp_path / f"k{k}"
        case.mkdir()
        one = Station(case, place(case), options={"pointer": "latest", "delete_source": True})
        one.write("20260131/a.csv", b"old")
        one.run(OLDER)
        one.write("20260201/a.csv", b"new")
        counter = Counter(k)
        with contextlib.suppress(Crash), dying(counter, one.ledger):
            one.run()
        there = one.there()
        assert there[PATH] in (b"days/20260131\n", b"days/20260201\n"), f"after a crash at call {k}"
        if there[PATH] == b"days/20260201\n":
            assert there["days/20260201/a.csv"] == b"new"
        else:
            assert (case / "data/20260201/a.csv").exists(), "nothing goes before it points there"
        calls = counter.count if counter.count < k else 0
        if not calls:
            (result,) = one.run()
            assert result.state == "published", f"after a crash at call {k}"
        assert one.there() == {PATH: b"days/20260201\n", "days/20260131/a.csv": b"old", "days/20260201/a.csv": b"new"}
        one.ledger.close()
        k += 17
    assert calls > 50


def test_a_job_says_so_at_once_where_no_pointer_makes_sense(tmp_path):
    def problems(job: str) -> str:
        (tmp_path / "jobs.toml").write_text(f"[j]\n{job}\n", "utf-8")
        return "\n".join(map(str, load(tmp_path / "jobs.toml", {}).problems))

    def daily(source: str, to: str, more: str = "") -> str:
        copy = f'to = {{ at = "local:/b/{to}", pointer = "latest"{more} }}'
        return problems(f'source = "local:/a/{source}"\n{copy}\nwhen = "daily"\nstart = 2026-01-01')

    def changed(source: str, more: str = "", when: str = "change") -> str:
        copy = f'to = {{ at = "local:/b/", pointer = "latest"{more} }}'
        return problems(f'source = "local:/a/{source}"\n{copy}\nwhen = "{when}"')

    assert daily("%Y%m%d/", "%Y/%m%d/") == daily("%Y%m%d.csv", "%Y%m%d.csv") == changed("a.csv") == ""
    assert changed("", ', manifest = "m.json"') == ""
    assert "no folder to point at" in daily("%Y%m%d*.csv", "")
    assert 'add manifest = "manifest.json"' in changed("")
    assert "no set that is ever whole" in changed("", when="new files")
    command = 'source = "local:/a/"\nwhen = "change"\nrun = { command = ["make", "{file}", "{out}"] }'
    for key in ("pointer", "manifest"):
        told = problems(f'{command}\nto = {{ at = "local:/b/x.csv", {key} = "latest" }}')
        assert "what a command leaves is no set that is ever whole" in told
    assert "the name of the copy's marker or manifest" in changed("", ', manifest = "latest"')

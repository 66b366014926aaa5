"""A manifest is the last of a set that is seen: never before all of it is proven, and never missing for good."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable
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

PATH = "days/20260201/manifest.json"
WITH = {"manifest": "manifest.json"}
FILES = {"a.csv": b"1;2;3\n", "deep/b \udcff.txt": b"b" * 5000, "empty": b""}


def on_disk(folder: Path) -> Gateway:
    (folder / "archive").mkdir()
    return Local(root=str(folder / "archive"))


def in_one_request(folder: Path) -> Gateway:
    (folder / "archive").mkdir()
    return Shelf(folder=str(folder / "archive"))


@pytest.fixture(params=[on_disk, in_one_request, lambda _: Memory()], ids=["disk", "one request", "memory"])
def station(request: pytest.FixtureRequest, tmp_path: Path) -> Station:
    one = Station(tmp_path, request.param(tmp_path), options=WITH)
    lay(one)
    return one


def lay(one: Station) -> None:
    for name, content in FILES.items():
        one.write(f"20260201/{name}", content)


def told(one: Station) -> dict[str, Any]:
    """What the manifest says of sizes and hashes, by path."""
    said = json.loads(one.archive.using().read(PATH))
    assert (said["job"], said["day"]) == ("readings", "2026-02-01")
    return {file["path"]: (file["size"], file["sha256"]) for file in said["files"]}


def expected(files: dict[str, bytes]) -> dict[str, Any]:
    return {name: (len(content), hashlib.sha256(content).hexdigest()) for name, content in files.items()}


def test_it_tells_of_every_file_of_a_day_with_its_hash(station):
    (result,) = station.run()
    assert (result.state, result.copies["archive"].files) == ("published", 3)
    assert told(station) == expected(FILES)
    assert station.plan().state == "done"


def test_it_is_written_again_when_its_day_changes_and_only_then(station, monkeypatch):
    station.run(delete_source=True)
    puts: list[str] = []
    put: Callable[..., None] = Gateway.put
    monkeypatch.setattr(
        Gateway, "put", lambda self, content, path, **more: puts.append(path) or put(self, content, path, **more)
    )
    station.run()
    assert PATH not in puts
    station.write("20260201/new.csv", b"new")
    station.run()
    assert puts.count(PATH) == 1
    assert told(station) == expected({**FILES, "new.csv": b"new"}), "files whose source is gone belong to the set"


def test_none_is_written_while_a_file_of_the_set_fails(station):
    station.archive.put(b"their own", "days/20260201/a.csv")
    (result,) = station.run(overwrite=False)
    assert result.state == "failed"
    assert PATH not in station.there()


def test_the_old_one_stands_while_a_file_of_the_set_is_late(station, monkeypatch):
    station.run()
    before = station.there()[PATH]
    look = station.write("20260201/late.csv", b"one")
    from datagw.publishing.day import DayWork

    send = DayWork._send

    def change(self: Any, *args: Any) -> None:
        look.write_bytes(b"another")
        send(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(DayWork, "_send", change)
        (result,) = station.run()
    assert result.state == "unfinished"
    assert station.there()[PATH] == before
    station.run()
    assert told(station) == expected({**FILES, "late.csv": b"another"})


def test_one_that_is_missing_is_noticed_by_the_plan_and_written(station):
    station.run(manifest=None)
    plan = station.plan()
    assert plan.state == "due"
    assert "manifest" in " ".join(plan.notes)
    station.run()
    assert told(station) == expected(FILES)
    station.archive.using().rm(PATH)
    assert station.plan().state == "due"
    station.run()
    assert told(station) == expected(FILES)


def test_one_that_cannot_be_written_fails_its_copy_keeps_the_source_and_is_tried_again(station, monkeypatch):
    def refuse(*_: object) -> bool:
        raise Unavailable("no answer", path=PATH)

    with monkeypatch.context() as patch:
        patch.setattr("datagw.publishing.day.write_manifest", refuse)
        (result,) = station.run(delete_source=True)
    assert (result.state, result.deleted) == ("failed", 0)
    (result,) = station.run(delete_source=True)
    assert (result.state, result.deleted) == ("published", 3)
    assert told(station) == expected(FILES)


def test_a_file_of_somebody_else_under_its_name_is_kept(tmp_path):
    one = Station(tmp_path, Memory(), options={**WITH, "overwrite": False})
    lay(one)
    one.archive.put(b"their own", PATH)
    (result,) = one.run()
    assert result.state == "failed"
    assert "datagw did not write" in str(result)
    assert one.there()[PATH] == b"their own"


def test_a_file_of_the_day_under_its_name_is_refused(tmp_path):
    one = Station(tmp_path, Memory(), options=WITH)
    one.write("20260201/manifest.json", b"{}")
    (result,) = one.run()
    assert "the name of the copy's manifest" in result.failures[0].error


@pytest.mark.parametrize("place", [on_disk, in_one_request])
def test_whatever_call_a_crash_comes_at_it_stands_only_beside_the_whole_set(place, tmp_path):
    k, calls = 1, 0
    while not calls:
        case = tmp_path / f"k{k}"
        case.mkdir()
        one = Station(case, place(case), options={**WITH, "delete_source": True})
        lay(one)
        counter = Counter(k)
        with contextlib.suppress(Crash), dying(counter, one.ledger):
            one.run()
        there = one.there()
        if PATH in there:
            assert told(one) == expected(FILES)
            assert all(there.get(f"days/20260201/{name}") == content for name, content in FILES.items())
        else:
            assert len(list((case / "data").rglob("*"))) >= len(FILES), "nothing goes before the manifest stands"
        calls = counter.count if counter.count < k else 0
        if not calls:
            (result,) = one.run()
            assert result.state == "published", f"after a crash at call {k}"
        assert told(one) == expected(FILES), f"after a crash at call {k}"
        assert one.there().keys() == {PATH, *(f"days/20260201/{name}" for name in FILES)}
        one.ledger.close()
        k += 13
    assert calls > 50


def test_a_job_says_so_at_once_where_no_manifest_makes_sense(tmp_path):
    def problems(job: str) -> str:
        (tmp_path / "jobs.toml").write_text(f"[j]\n{job}\n", "utf-8")
        return "\n".join(map(str, load(tmp_path / "jobs.toml", {}).problems))

    copy = 'to = { at = "local:/b/%s", manifest = "m.json" }'
    assert problems(f'source = "local:/a/%Y%m%d/"\n{copy % "%Y/%m%d/"}\nwhen = "daily"\nstart = 2026-01-01') == ""
    assert "no set that is ever whole" in problems(f'source = "local:/a/"\n{copy % ""}\nwhen = "new files"')
    days = f'source = "local:/a/%Y%m%d.csv"\n{copy % "%Y%m%d.csv"}\nwhen = "daily"\nstart = 2026-01-01'
    assert "the manifests of two days would have one name" in problems(days)
    assert "manifest" in problems(f'source = "local:/a/"\n{copy.replace("m.json", "x/m.json") % ""}\nwhen = "change"')


def test_a_manifest_never_takes_the_place_of_a_copy_whose_source_is_gone(tmp_path: Path):
    station = Station(tmp_path, Memory())
    station.write("20260201/manifest.json", b"the only one by now")
    station.run(delete_source=True)
    station.write("20260201/late", b"late")
    (result,) = station.run(delete_source=True, **WITH)
    assert result.state == "failed"
    assert station.there()[PATH] == b"the only one by now"

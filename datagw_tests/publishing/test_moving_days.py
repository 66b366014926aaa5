"""Days whose source files are moved once they are proven: where they go, what stays on record, and a crash in between."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from datagw.files import is_own_name
from datagw.gateways.base import Gateway
from datagw.gateways.local import Local
from datagw.gateways.memory import Memory
from datagw.gateways.paths.templates import Template
from datagw.jobs.models import Folder
from datagw.publishing import publish
from datagw.publishing.days import calendar_of, days_at_source
from datagw.publishing.plans import step_of
from datagw_tests.publishing.crashing import Counter, Crash, dying
from datagw_tests.publishing.station import DAY, Station
from datagw_tests.publishing.test_crash_points import fresh_ledger

FILES = {"a.csv": b"1;2;3\n", "deep/er/b c.txt": b"b" * 5000, "empty": b"", "caf\udce9": b"4"}
THERE = {f"days/20260201/{name}": content for name, content in FILES.items()}
MOVED = {f"done/2026/02-01/{name}": content for name, content in FILES.items()}
NEXT = date(2026, 2, 2)


def to(text: str) -> dict[str, Any]:
    return {"move_source": Folder(gateway="station", template=Template.parse(text))}


MOVE = to("done/{day:%Y}/{day:%m-%d}/")


def disk(case: Path) -> Gateway:
    (case / "archive").mkdir()
    return Local(root=str(case / "archive"))


def memory(_: Path) -> Gateway:
    return Memory()


def lay_out(folder: Path, archive: Gateway) -> Station:
    shutil.copy(fresh_ledger(folder.parent), folder / "jobs.db")
    station = Station(folder, archive, options=MOVE)
    for name, content in FILES.items():
        station.write(f"20260201/{name}", content)
    return station


def nothing_is_lost(station: Station) -> None:
    there, kept = station.there(), station.left()
    for path, content in there.items():
        if not is_own_name(path) and not path.endswith(".do-not-touch"):
            assert content == THERE[path], f"{path} is not whole"
    for name, content in FILES.items():
        at_home = kept.get(f"20260201/{name}") == content
        aside = any(is_own_name(path) and held == content for path, held in kept.items())
        moved = kept.get(f"done/2026/02-01/{name}") == content
        assert at_home or aside or moved, f"{name} is gone from the source's place"
        assert not moved or there[f"days/20260201/{name}"] == content, f"{name} was moved before it was published"


def the_end_is_as_undisturbed(station: Station) -> None:
    assert station.there() == THERE
    assert station.left() == MOVED
    assert [path.name for path in station.data.iterdir()] == ["done"]
    assert {receipt.destination for receipt in station.receipts()} == set(THERE)
    assert [(row.state, row.files) for row in station.ledger.days("readings")] == [("published", len(FILES))]
    assert station.ledger.all_intents("readings") == []
    assert station.ledger.markers("readings") == []


@pytest.mark.parametrize("place", [disk, memory])
def test_a_run_that_dies_anywhere_leaves_all_files_and_the_next_one_ends_it(
    tmp_path: Path, place: Callable[[Path], Gateway]
) -> None:
    k, step = 3, 9
    while True:
        case = tmp_path / f"k{k}"
        case.mkdir()
        station = lay_out(case, place(case))
        counter = Counter(k)
        with contextlib.suppress(Crash), dying(counter, station.ledger):
            station.run()
        try:
            nothing_is_lost(station)
            (result,) = station.run()
            assert result.state == "published", result
            the_end_is_as_undisturbed(station)
        except BaseException as error:
            error.add_note(f"after a crash at call {k} of {counter.count}")
            raise
        finally:
            station.ledger.close()
        if counter.count < k:
            break
        k += step
    assert k > 50


def test_a_day_that_was_moved_stays_published(near: Station) -> None:
    for path in ("20260201/sub/a.csv", "20260202/sub/a.csv"):
        near.write(path, path.encode())
    job = near.job(**MOVE)
    plan = near.plan(**MOVE)
    assert [action.kind for action in plan.actions] == ["send", "move"]
    results = list(publish(job, [DAY, NEXT], near.world()))
    assert [(result.state, result.deleted) for result in results] == [("published", 1), ("published", 1)]
    assert near.left() == {
        "done/2026/02-01/sub/a.csv": b"20260201/sub/a.csv",
        "done/2026/02-02/sub/a.csv": b"20260202/sub/a.csv",
    }
    world = near.world()
    assert days_at_source(job, world) == []
    assert near.due(**MOVE) == []
    states = {day.day: day.state for day in calendar_of(job, world, [])}
    assert (states[DAY], states[NEXT]) == ("published", "published")
    (again,) = near.run(**MOVE)
    assert (again.state, again.deleted) == ("published", 0)


def test_a_late_file_of_a_moved_day_joins_the_others(near: Station) -> None:
    near.write("20260201/a.csv", b"one")
    near.run(**MOVE)
    near.write("20260201/a.csv", b"another")
    near.write("20260201/b.csv", b"two")
    (result,) = near.run(**MOVE)
    assert (result.state, result.deleted) == ("published", 2)
    left = near.left()
    assert {path: left.pop(path) for path in ("done/2026/02-01/a.csv", "done/2026/02-01/b.csv")} == {
        "done/2026/02-01/a.csv": b"one",
        "done/2026/02-01/b.csv": b"two",
    }
    ((beside, content),) = left.items()
    assert beside.startswith("done/2026/02-01/a.")
    assert content == b"another"


def test_files_whose_names_tell_the_day_are_moved_under_their_names(near: Station) -> None:
    for day in ("20260201", "20260202"):
        near.write(f"in/{day}.csv", day.encode())
    (result,) = near.run(**to("done/"), source="in/%Y%m%d.csv", to=["days/"])
    assert (result.state, result.deleted) == ("published", 1)
    assert near.left() == {"done/20260201.csv": b"20260201", "in/20260202.csv": b"20260202"}


def test_folders_of_years_and_months_keep_what_is_not_of_the_day(near: Station) -> None:
    for path in ("2026/02/01/a.csv", "2026/02/02/a.csv"):
        near.write(path, path.encode())
    options = {**to("done/%Y/%m/%d/"), "source": "%Y/%m/%d/"}
    near.run(**options)
    assert near.left() == {"2026/02/02/a.csv": b"2026/02/02/a.csv", "done/2026/02/01/a.csv": b"2026/02/01/a.csv"}
    assert not (near.data / "2026/02/01").exists()


def test_a_day_in_memory_is_moved_as_well(tmp_path: Path) -> None:
    place = Memory()
    for name, content in FILES.items():
        place.mkdir(f"20260201/{name}".rpartition("/")[0])
        place.put(content, f"20260201/{name}")
    station = Station(tmp_path, Memory(), source=place, options=MOVE)
    (result,) = station.run()
    assert (result.state, result.deleted) == ("published", len(FILES))
    found = {entry.path: place.read(entry.path) for entry in place.ls("", recursive=True) if entry.kind == "file"}
    assert (station.there(), found) == (THERE, MOVED)


def test_what_no_step_of_a_plan_moves_stays(near: Station) -> None:
    near.write("20260201/a.csv", b"one")
    plan = near.plan(**MOVE)
    steps = frozenset(step_of(plan.day, action) for action in plan.actions)
    near.write("20260201/b.csv", b"two")
    (result,) = near.run(asked={"planned": frozenset(step for step in steps if step.kind == "send")}, **MOVE)
    assert (result.deleted, near.there().keys() & THERE.keys()) == (0, set())
    (result,) = near.run(asked={"planned": steps}, **MOVE)
    assert (result.state, result.deleted) == ("unfinished", 1)
    assert result.late == ("20260201/b.csv: not in the plan that is applied",)
    assert near.left().keys() - {"20260201/.do-not-touch"} == {"20260201/b.csv", "done/2026/02-01/a.csv"}
    (result,) = near.run(**MOVE)
    assert (result.state, result.deleted) == ("published", 1)


def test_a_proven_file_stays_if_the_plan_does_not_move_it(near: Station) -> None:
    near.write("20260201/a.csv", b"one")
    near.run()
    (result,) = near.run(asked={"planned": frozenset()}, **MOVE)
    assert result.deleted == 0
    assert near.left().keys() == {"20260201/a.csv"}

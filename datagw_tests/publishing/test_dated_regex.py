"""Days in names by a regular expression, published: folders and files, locally and from an SSH server."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from datagw.gateways.local import Local
from datagw.gateways.paths.patterns import Pattern
from datagw.gateways.paths.templates import Template
from datagw.gateways.sftp import Sftp
from datagw.jobs import Copy, Job, Source
from datagw.ledger import Ledger
from datagw.publishing import DayResult, World, due, first_day, publish
from datagw_tests.publishing.station import NOW, QUICK
from datagw_tests.servers.openssh import OpenSSH

DAY = date(2026, 2, 1)


class Folder:
    """A source with dated names in `data`, published to `there`."""

    def __init__(self, folder: Path, source: Callable[[Path], Any]) -> None:
        self.data = folder / "source" / "data"
        self.data.mkdir(parents=True)
        self.there = folder / "there"
        self.there.mkdir()
        self.folder = folder
        self.gateways = {"source": source(folder / "source"), "archive": Local(root=str(self.there))}
        self.ledger = Ledger.open(f"sqlite:///{folder}/jobs.db")

    def job(self, expression: str, to: str = "in/", **changed: Any) -> Job:
        marker = changed.get("marker", ".do-not-touch")
        copy = Copy(name="archive", gateway="archive", template=Template.parse(to), marker=marker)
        source = Source(gateway="source", pattern=Pattern.dated_by("data/", expression))
        return Job(name="names", source=source, to=(copy,), **{"marker": marker, "retries": QUICK, **changed})

    def world(self) -> World:
        return World(self.ledger, self.gateways, self.folder / "tmp" / "run", "run", now=lambda: NOW)

    def run(self, *arguments: Any, days: list[date] | None = None, **changed: Any) -> list[DayResult]:
        job = self.job(*arguments, **changed)
        wanted = days or [plan.day for plan in due(job, self.world()) if plan.due]
        return list(publish(job, wanted, self.world()))

    def write(self, *paths: str) -> None:
        for path in paths:
            target = self.data / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.encode())
            os.utime(target, (1_760_000_000, 1_760_000_000))

    def left(self) -> set[str]:
        return {str(path.relative_to(self.data)) for path in self.data.rglob("*")}

    def published(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.there)): path.read_bytes() for path in self.there.rglob("*") if path.is_file()
        }


@pytest.fixture(params=["local", "sftp"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    """The source on this disk, and on an SSH server."""
    if request.param == "local":
        return Folder(tmp_path, lambda root: Local(root=str(root)))
    sshd: OpenSSH = request.getfixturevalue("sshd")
    return Folder(tmp_path, lambda root: Sftp(**sshd.fields(root=str(root))))


def test_folders_are_days_and_keep_their_names(place: Folder) -> None:
    place.write("20260201-x/a", "20260201-x/sub/b", "20260201-y/a", "20260202-x/a", "20260301-x/a", "1234567890.bin/a")
    results = place.run(r"^%Y%m%d-[xy]$")
    assert [(day.day, day.state, day.copies["archive"].files) for day in results] == [
        (DAY, "published", 3),
        (date(2026, 2, 2), "published", 1),
    ]
    names = ["20260201-x/a", "20260201-x/sub/b", "20260201-y/a", "20260202-x/a"]
    assert place.published() == {f"in/{name}": name.encode() for name in names}
    assert place.run(r"^%Y%m%d-[xy]$") == []


def test_files_are_each_of_their_day(place: Folder) -> None:
    place.write("20260201-.txt", "20260201-.csv", "20260202-.csv", "20260203-.gz", "20260231-.csv", "readme")
    results = place.run(r"^%Y%m%d-(\.txt|\.csv)$", "{day:%Y/%m}/")
    assert [(day.day, day.copies["archive"].files) for day in results] == [(DAY, 2), (date(2026, 2, 2), 1)]
    assert set(place.published()) == {f"2026/02/{name}" for name in ("20260201-.txt", "20260201-.csv", "20260202-.csv")}


def test_a_freed_day_takes_its_empty_folders_along_and_nothing_else(place: Folder) -> None:
    place.write("20260201-x/a", "20260201-x/sub/b", "20260201.csv", "20260202-x/a", "other/a")
    (place.data / "20260201-x" / "empty" / "er").mkdir(parents=True)
    (result,) = place.run(r"%Y%m%d.*", days=[DAY], delete_source=True)
    assert (result.state, result.deleted) == ("published", 3)
    assert place.left() == {"20260202-x", "20260202-x/a", "other", "other/a"}
    assert set(place.published()) == {"in/20260201-x/a", "in/20260201-x/sub/b", "in/20260201.csv"}


def test_an_empty_folder_is_an_empty_day_and_what_is_not_there_is_missing(place: Folder) -> None:
    (place.data / "20260201-x").mkdir()
    results = place.run(r"%Y%m%d-.*", days=[DAY, date(2026, 2, 2)])
    assert [day.state for day in results] == ["empty", "missing"]


def test_a_marker_of_somebody_else_in_a_days_folder_holds_that_day_alone(place: Folder) -> None:
    place.write("20260201-x/a", "20260201-y/a", "20260201-y/.do-not-touch", "20260202-x/a")
    plans = {plan.day: plan for plan in due(place.job(r"%Y%m%d-."), place.world())}
    assert plans[DAY].state == "waiting"
    assert "data/20260201-y/.do-not-touch: a marker of somebody else" in plans[DAY].notes[0]
    assert [day.day for day in place.run(r"%Y%m%d-.")] == [date(2026, 2, 2)]
    (place.data / "20260201-y/.do-not-touch").unlink()
    assert [day.state for day in place.run(r"%Y%m%d-.")] == ["published"]


def test_the_first_day_is_the_oldest_that_is_found(place: Folder) -> None:
    place.write("05-02-26", "01-02-26", "03-01-70.bak")
    job = place.job(r"%d-%m-%y")
    assert first_day(job, place.world()) == DAY
    assert [plan.day for plan in due(job, place.world())] == [DAY, date(2026, 2, 5)]


def test_a_file_that_comes_late_into_a_published_day_joins_it(place: Folder) -> None:
    place.write("20260201-x/a")
    place.run("%Y%m%d-.")
    place.write("20260201-x/b", "20260201-z/c")
    (result,) = place.run("%Y%m%d-.")
    assert (result.copies["archive"].files, result.copies["archive"].sent_files) == (3, 2)


def test_a_folder_and_a_file_in_place_of_each_other_are_taken_as_what_they_are(place: Folder) -> None:
    place.write("20260201")
    place.run("%Y%m%d")
    (place.data / "20260201").unlink()
    place.write("20260201/a")
    (result,) = place.run("%Y%m%d")
    assert result.state == "failed"
    assert "stands" in result.failures[0].error
    assert place.published()["in/20260201"] == b"20260201"

"""Staging folders: one for each run, and gone when it is over, however it ends."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from datagw.assets import copies
from datagw.assets.running import run_job
from datagw.errors import Aborted, Unavailable
from datagw.publishing import DayResult, World, open_folder
from datagw_tests.assets.conftest import Place

DAY = [date(2026, 1, 1)]


def staged(place: Place) -> list[str]:
    tmp = place.load().main.tmp_dir
    return sorted(path.name for path in tmp.iterdir()) if tmp.exists() else []


@pytest.fixture
def seen(endings, monkeypatch) -> list[Path]:
    """The folders that runs of a scripted engine filled; `endings` says how they end."""
    folders: list[Path] = []

    def publish(job, days, world: World, **_) -> Iterator[DayResult]:
        folder = open_folder(world.tmp_dir.parent, world.tmp_dir.name)
        (folder / "fetched.csv").write_text("x")
        folders.append(folder)
        if endings:
            raise endings.pop()
        yield DayResult(job.name, days[0], "published")

    monkeypatch.setattr(copies, "publish", publish)
    return folders


@pytest.fixture
def endings() -> list[BaseException]:
    return []


def test_the_folder_of_a_run_bears_its_id_and_is_gone_when_it_succeeds(place, instance, seen):
    outcome = run_job(place.load(), "readings", DAY, instance=instance)
    assert [folder.name for folder in seen] == outcome.run_ids
    assert staged(place) == []


@pytest.mark.parametrize("error", [Unavailable("cut"), KeyboardInterrupt(), Aborted("enough"), ValueError("a mistake")])
def test_the_folder_is_gone_when_a_run_ends_badly(place, instance, seen, endings, error):
    endings.append(error)
    with pytest.raises(type(error)):
        run_job(place.load(), "readings", DAY, instance=instance)
    assert len(seen) == 1
    assert staged(place) == []


def test_a_killed_runs_folder_is_removed_by_the_next_run_and_a_living_ones_stays(place, instance, seen):
    tmp = place.load().main.tmp_dir
    code = "import sys, pathlib; from datagw.publishing import open_folder; open_folder(pathlib.Path(sys.argv[1]), 'killed')"
    subprocess.run([sys.executable, "-c", code, str(tmp)], check=True, timeout=60)
    open_folder(tmp, "living")
    (tmp / "not ours").mkdir()
    run_job(place.load(), "readings", DAY, instance=instance)
    assert staged(place) == ["living", "not ours"]

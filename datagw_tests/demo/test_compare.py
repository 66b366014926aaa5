"""The comparison that the demo's proof rests on finds what there is to find."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from datagw.demo.compare import compare
from datagw.demo.week import BIG_DAY, EMPTY_DAY, ODD_NAMES, make_late_file, make_week, week_before


@pytest.fixture
def trees(tmp_path: Path) -> tuple[Path, Path]:
    for side in ("source", "copy"):
        folder = tmp_path / side / "sub"
        folder.mkdir(parents=True)
        path = os.path.join(os.fsencode(folder), b"caf\xe9\n.csv")
        with open(path, "wb") as file:
            file.write(b"12345")
        os.utime(path, (1_000_000_000, 1_000_000_000))
    return tmp_path / "source", tmp_path / "copy"


def odd(tree: Path) -> bytes:
    return os.path.join(os.fsencode(tree), b"sub", b"caf\xe9\n.csv")


def test_equal_trees_are_equal(trees: tuple[Path, Path]):
    (trees[0] / "empty").mkdir()
    found = compare(*trees)
    assert (found.files, found.bytes, found.differences, found.equal) == (1, 5, (), True)


def test_one_byte_less_is_told(trees: tuple[Path, Path]):
    os.truncate(odd(trees[1]), 4)
    assert compare(*trees).differences == ("other bytes: sub/caf\udce9\n.csv",)


def test_another_byte_is_told(trees: tuple[Path, Path]):
    with open(odd(trees[1]), "wb") as file:
        file.write(b"12346")
    assert compare(*trees).differences == ("other bytes: sub/caf\udce9\n.csv",)


def test_a_missing_file_is_told(trees: tuple[Path, Path]):
    os.unlink(odd(trees[1]))
    assert compare(*trees).differences == ("not published: sub/caf\udce9\n.csv",)


def test_a_file_too_many_is_told(trees: tuple[Path, Path]):
    (trees[1] / ".do-not-touch").touch()
    assert compare(*trees).differences == ("nobody's: .do-not-touch",)


def test_another_time_is_told(trees: tuple[Path, Path]):
    os.utime(odd(trees[1]), (1_000_000_000, 1_000_000_001))
    assert compare(*trees).differences == ("another time: sub/caf\udce9\n.csv",)


def test_a_folder_that_is_not_there_is_no_empty_one(trees: tuple[Path, Path], tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        compare(trees[0], tmp_path / "nothing")


def test_the_week_is_the_same_each_time_and_has_what_is_said(tmp_path: Path):
    days = week_before(datetime(2026, 3, 1, 0, 30, tzinfo=UTC))
    assert [str(days[0]), str(days[-1]), len(days)] == ["2026-02-21", "2026-02-27", 7]
    for name in ("one", "other"):
        make_week(tmp_path / name, days)
    found = compare(tmp_path / "one", tmp_path / "other")
    assert found.equal
    assert found.bytes > 30_000_000
    assert list((tmp_path / "one" / days[EMPTY_DAY].strftime("%Y%m%d")).iterdir()) == []
    assert (tmp_path / "one" / days[BIG_DAY].strftime("%Y%m%d") / "camera").exists()
    names = os.listdir(os.fsencode(tmp_path / "one" / days[0].strftime("%Y%m%d") / "odd names"))
    assert set(names) == set(ODD_NAMES)
    make_late_file(tmp_path / "one", days[0])
    assert len(compare(tmp_path / "one", tmp_path / "other").differences) == 1

"""A call that cannot be meant is refused, with all that is wrong with it, before anything is opened."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from datagw import Http, Local, publish
from datagw.errors import ConfigError


def refused(*arguments: Any, **options: Any) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        publish(*arguments, **options)
    for problem in caught.value.problems:
        assert problem in str(caught.value)
    return caught.value.problems


def test_all_mistakes_are_told_at_once_by_the_rules_of_the_job_file(here: Path) -> None:
    problems = refused(
        "data/%Y%m%d/",
        ["out/%Y%m%d/", "a:b"],
        day="yesterday",
        delete_sorce=True,
        grace="1",
        verify="no",
        mode=9999,
        regex="(",
        start="x",
    )
    assert [problem.partition(":")[0] for problem in problems] == [
        *("day", "to[1]", "delete_sorce", "mode", "source.regex", "start", "grace", "verify")
    ]
    assert "delete_sorce: unknown key; did you mean delete_source?" in problems
    assert not (here / ".datagw").exists()


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        ((5, "out/"), {}, 'source: a place is a path, an address, or gateway / "path"; not 5'),
        (("institute:x/", "out/"), {}, "names no gateway that there is here"),
        (("data/", []), {}, "to: there is nowhere to publish to"),
        (("data/", {"source": "out/"}), {}, "to[0]: no copy is called records, source, work"),
        (("data/", {"a b": "out/"}), {}, "to['a b']: a name begins with a letter"),
        (("data/", "out"), {}, "to[0]: all files would be published under one name; end with a slash"),
        (("data/%Y/", "out/"), {}, "source: `%Y` does not tell the day"),
        (("data/", "data/copy/"), {}, "a copy would land in its own source"),
        (("data/", "out/"), {"name": "a b"}, "name: a name begins with a letter"),
        (("data/", "out/"), {"dated_regex": ".*%Y%m%d.*"}, "one name may mean two days"),
        (("data/", "out/"), {"delete_source": True, "verify": "size"}, "nothing is deleted by size alone"),
        (("data/", "out/"), {"backend": "a:b"}, "backend: unknown key"),
        (("data/", "out/"), {"bandwidth": ["8:00 off"]}, "bandwidth: a time has four digits: 08:00; not 8:00"),
        (("data/", "out/"), {"move_source": "done"}, "move_source: a folder ends with a slash"),
        (("data/%Y%m%d/", "out/%Y%m%d/"), {"when": "new files"}, 'when: "new files" is for a source without days'),
        (
            ("data/%Y%m%d/", "out/%Y%m%d/"),
            {"first": "2026-01-02", "last": "2026-01-01"},
            "first: 2026-01-02 lies after",
        ),
        (("data/%Y%m%d/", "out/%Y%m%d/"), {"first": "2026-01-02", "day": "2026-01-01"}, "day: say day or first"),
        (("data/%Y%m%d/", "out/%Y%m%d/"), {"day": datetime(2026, 1, 1, 12)}, "day: a day is a date"),
        (("s3://bucket/x", "out/"), {}, "source: `s3://…`"),
        (("https://user:hunter2@example.org/x", "out/"), {}, "credentials do not stand in a web address"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_to_write(
    here: Path, arguments: Any, options: Any, words: str
) -> None:
    problems = refused(*arguments, **options)
    assert any(words in problem for problem in problems), problems
    assert "hunter2" not in " ".join(problems).replace("https://user:hunter2", "")


def test_days_of_a_source_without_days_are_refused(here: Path) -> None:
    with pytest.raises(ConfigError, match="the source has none"):
        publish("data/", "out/", day="2026-01-01")


def test_what_a_place_cannot_do_is_known_before(here: Path) -> None:
    web = Http(url="https://data.example.org")
    assert any("is only read" in problem for problem in refused("data/", web / "in/"))
    assert any("cannot be listed" in problem for problem in refused(web / "in/", "out/"))


def test_two_folders_of_one_place_are_two_copies_with_names_of_their_own(here: Path) -> None:
    result = publish("data/%Y%m%d/", ["one/%Y%m%d/", "two/%Y%m%d/", Local(root=str(here)) / "three/%Y%m%d/"])
    assert result
    assert [copy.copy for copy in result.copies()][:3] == [
        "local-one",
        "local-two",
        f"local-{here.name}".replace("_", "-"),
    ]

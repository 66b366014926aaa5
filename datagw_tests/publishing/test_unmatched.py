"""A pattern that matches nothing in a folder that is not empty: told, with what would match."""

from __future__ import annotations

import pytest

from datagw.gateways.paths.patterns import Pattern
from datagw.jobs import Source
from datagw.publishing.asking import Asked, look
from datagw.publishing.unmatched import unmatched
from datagw_tests.publishing.station import Station


def told(station: Station, **job: object) -> str | None:
    one = station.job(to=["days/{date:%Y%m%d}/"], **job)
    assert look(one, station.world(), Asked()).note == unmatched(one, station.world())
    return unmatched(one, station.world())


def test_three_of_the_names_and_a_pattern_are_told(near: Station) -> None:
    near.write("2026-01-31/a")
    near.write("2026-02-01/a")
    near.write("readme")
    near.write("zebra")
    assert told(near) == (
        "nothing in station: matches %Y%m%d/: there are 2026-01-31/, 2026-02-01/, readme and 1 more; "
        "%Y-%m-%d/ would match"
    )
    near.write("in/x.CSV")
    assert told(near, source="in/*.csv") == "nothing in station:in matches *.csv: there are x.CSV; *.CSV would match"
    assert told(near, source="in/") is None


def test_the_default_of_circadian_for_files_is_answered_with_one_that_would_match(near: Station) -> None:
    near.write("20260131-.txt")
    near.write("20260131-.csv")
    near.write("20260201-.csv")
    source = Source(gateway="station", pattern=Pattern.dated_by("/", "^%Y%m%d$"))
    note = unmatched(near.job().model_copy(update={"source": source}), near.world())
    assert note is not None
    assert note.endswith("there are 20260131-.csv, 20260131-.txt, 20260201-.csv; ^%Y%m%d.*$ would match")
    assert "matches ^%Y%m%d$:" in note


@pytest.mark.parametrize("name", [".do-not-touch", ".datagw-0123456789abcdef0123456789abcdef.part"])
def test_an_empty_folder_is_none_of_its_cases(near: Station, name: str) -> None:
    assert told(near) is None
    near.write(name)
    assert told(near) is None
    near.write(".hidden")
    assert told(near, source_options={"hidden": False}) is None
    assert told(near) is not None


def test_what_matched_once_and_was_freed_is_not_told_again(near: Station) -> None:
    near.write("20260201/a")
    near.write("other/b")
    assert told(near) is None
    near.run(delete_source=True)
    assert set(near.left()) == {"other/b"}
    assert told(near) is None
    near.write("2026-02-02/c")
    assert told(near) is None
    assert told(near, source="%Y_%m_%d/") is not None


def test_names_that_no_terminal_can_show_are_escaped(near: Station) -> None:
    near.write("a\nb\udce9")
    assert told(near) == "nothing in station: matches %Y%m%d/: there are a\\nb\\udce9"

"""A pattern that would match, made of names that another one does not."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagw.files import RemoteFile
from datagw.gateways.paths.dated_names import DatedName
from datagw.gateways.paths.guessing import guess
from datagw.gateways.paths.patterns import Pattern


def entries(*names: str) -> list[RemoteFile]:
    return [RemoteFile(f"in/{name.rstrip('/')}", kind="folder" if name.endswith("/") else "file") for name in names]


@pytest.mark.parametrize(
    ("written", "names", "better"),
    [
        ("in/%Y-%m-%d/", ["20260131/", "20260201/", "lost+found/"], "%Y%m%d/"),
        ("in/%Y%m%d/", ["2026-01-31_x.csv", "2026-02-01_y.csv"], "%Y-%m-%d*.csv"),
        ("in/%Y%m%d/", ["2026-01-31_x.csv", "2026-02-01_x.csv"], "%Y-%m-%d_x.csv"),
        ("in/%Y%m%d/", ["20260131-x/", "20260201-y/", "20260202-z/"], "%Y%m%d*/"),
        ("in/%Y%m%d/", ["31.01.2026.log", "01.02.2026.log"], "%d.%m.%Y.log"),
        ("in/%Y%m%d/", ["obs-2026-031.dat"], "obs-%Y-%j.dat"),
        ("in/%Y%m%d/", ["202601311200.dat", "202601311300.dat"], "%Y%m%d*.dat"),
        ("in/%Y%m%d/", ["100%-20260131"], "100%%-%Y%m%d"),
        ("in/%Y%m%d.csv", ["a", "b.csv", "1234567890.bin", "20261301"], None),
        ("in/%Y%m%d/", ["260131/"], None),
        ("in/*.csv", ["a.CSV", "b.CSV", "c.txt"], "*.CSV"),
        ("in/*.csv", ["a[1].c*v"], "*.c[*]v"),
        ("in/*.csv", ["a", "folder/"], None),
    ],
)
def test_a_path_that_would_match(written, names, better):
    assert guess(Pattern.parse(written), entries(*names)) == better


@pytest.mark.parametrize(
    ("names", "better"),
    [
        (["2026-01-31_x.csv", "2026-02-01_y.csv"], r"^%Y-%m-%d.*\.csv$"),
        (["20260131-.txt", "20260131-.csv", "20260201-.csv"], r"^%Y%m%d.*$"),
        (["260131/", "260201/", "readme"], "^%y%m%d$"),
        (["a-20260131/", "bb-20260201/"], r"^.*%Y%m%d$"),
        (["a-20260131x/", "bb-20260201y/"], r"^\D*%Y%m%d.*$"),
        (["a1-20260131/", "b2-20260201/"], r"^.*%Y%m%d$"),
        (["a1-20260131x/", "b2-20260201y/"], None),
        (["x"], None),
    ],
)
def test_an_expression_that_would_match(names, better):
    assert guess(Pattern.dated_by("in/", "^%Y_%m_%d$"), entries(*names)) == better


@given(
    st.lists(st.dates(date(1970, 1, 1), date(2099, 12, 31)), min_size=1, max_size=4, unique=True),
    st.text("ab-_.%[*é", max_size=4),
    st.text("ab-_.%[*é", max_size=4),
    st.sampled_from(["{:%Y%m%d}", "{:%Y-%m-%d}", "{:%d.%m.%Y}", "{:%Y_%m_%d}"]),
)
def test_what_is_proposed_does_match_each_name_as_its_day(days, before, after, form):
    names = [before + form.format(day) + after for day in days]
    better = guess(Pattern.parse("in/%Y/%m/%d/*.x"), entries(*names))
    assert better is not None
    pattern = Pattern.parse(f"in/{better}")
    found = [pattern.day_of(f"in/{name}") for name in names]
    assert found == days or "%m.%d" in better  # where day and month may be either
    expression = guess(Pattern.dated_by("in/", "^x%Y%m%d$"), entries(*names))
    assert expression is None or all(DatedName.parse(expression).read(name) is not None for name in names)

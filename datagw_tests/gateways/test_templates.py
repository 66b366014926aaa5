"""Under which path a copy is published."""

from __future__ import annotations

import locale
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagw.errors import Rejected
from datagw.gateways.paths.notation import CODES, escape
from datagw.gateways.paths.patterns import Pattern
from datagw.gateways.paths.templates import Template

DAY, SEEN = date(2026, 1, 5), date(2026, 2, 9)


@pytest.mark.parametrize(
    ("text", "relative", "path"),
    [
        ("a/b.csv", "x.csv", "a/b.csv"),
        ("a/", "x/y.csv", "a/x/y.csv"),
        ("/", "x/y.csv", "x/y.csv"),
        ("", "x/y.csv", "x/y.csv"),
        ("/a//./", "x", "a/x"),
        ("%Y%m%d/", "x", "20260105/x"),
        ("%Y/%m/%d/{name}", "x/y.csv", "2026/01/05/y.csv"),
        ("{day:%Y/%m}/", "x", "2026/01/x"),
        ("{day}-{date}.csv", "x", "2026-01-05-2026-02-09.csv"),
        ("{date:%Y-%m-%d}-rna.zip", "rna.zip", "2026-02-09-rna.zip"),
        ("{stem}-copy{suffix}", "a/b.tar.gz", "b.tar-copy.gz"),
        ("{stem}-copy{suffix}", ".bashrc", ".bashrc-copy"),
        ("{stem}-copy{suffix}", "a.", "a.-copy"),
        ("{stem}/{name}", "..csv", "..csv/..csv"),
        ("50%%/{{x}}/[*]", "y", "50%/{x}/*"),
        ("%y %j %G %V %u %b %B %a %A", "x", "26 005 2026 02 1 Jan January Mon Monday"),
        ("{name}", "%Y{name}", "%Y{name}"),
        ("a/", "\udcff\n", "a/\udcff\n"),
    ],
)
def test_a_template_is_filled(text, relative, path):
    assert Template.parse(text).fill(relative, DAY, SEEN) == path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a/*.csv", "`[*]` is a literal star"),
        ("a/**/", "`[*]` is a literal star"),
        ("a?", "a destination is one path"),
        ("a[bc]", "a destination is one path"),
        ("%H", "%Y %y %m %d %j %G %V %u %b %B %a %A"),
        ("{group}/", "`{group}` is not in this version"),
        ("{part}", "`{part}` is not in this version"),
        ("{foo}", "there are {name} {stem} {suffix}"),
        ("{}", "`{}` is not known"),
        ("../a", "would leave the gateway's root"),
    ],
)
def test_what_is_no_destination_is_refused_with_what_to_write(text, words):
    with pytest.raises(ValueError) as caught:
        Template.parse(text)
    assert words in str(caught.value)


def test_what_it_needs_is_known_beforehand():
    template = Template.parse("%Y%m/{date:%d}/{stem}.csv")
    assert (template.needs_day, template.needs_date, template.codes) == (True, True, {"Y", "m"})
    assert (template.fields, template.keeps_name, template.tree) == ({"stem"}, True, False)
    fixed = Template.parse("a/%%Y.csv")
    assert (fixed.needs_day, fixed.needs_date, fixed.keeps_name) == (False, False, False)
    with pytest.raises(ValueError, match="needs a day"):
        template.fill("x", None, SEEN)
    with pytest.raises(ValueError, match="needs a date"):
        template.fill("x", DAY)


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("a/%Y%m%d/", "a/20260105"),
        ("a/%Y%m%d/x.csv", "a/20260105"),
        ("a/%Y/{name}/%d/", "a/2026"),
        ("a/{date:%Y}/", "a"),
        ("x.csv", ""),
        ("/", ""),
    ],
)
def test_the_markers_folder_is_the_deepest_that_all_files_of_a_day_share(text, folder):
    assert Template.parse(text).folder(DAY) == folder


@pytest.mark.parametrize(("text", "name"), [("a/{suffix}", "README"), ("{suffix}/x", "a/b")])
def test_a_name_that_makes_no_path_is_refused_for_that_file(text, name):
    with pytest.raises(Rejected, match="makes no path"):
        Template.parse(text).fill(name)


@given(st.dates(), st.sampled_from(sorted(CODES)))
def test_the_codes_are_those_of_strftime_in_the_c_locale(day, code):
    assert locale.setlocale(locale.LC_TIME) in ("C", "POSIX", "C.UTF-8", "en_US.UTF-8")
    expected = day.strftime(f"%{code}")
    assert CODES[code](day) == (expected.zfill(4) if code in "YG" else expected)


@given(st.dates(), st.sampled_from(["%Y%m%d/", "a/%Y-%j/", "{day:%Y/%m/%d}/"]), st.sampled_from(["x", "x/y", ".h"]))
def test_what_a_template_makes_a_pattern_of_the_same_text_reads(day, text, relative):
    path = Template.parse(text).fill(relative, day)
    assert Pattern.parse(text).day_of(path) == day
    assert Pattern.parse(text).relative(path, day) == relative


@given(st.text(st.characters(exclude_characters="/\0"), min_size=1).filter(lambda name: name not in (".", "..")))
def test_an_escaped_name_is_published_as_it_is(name):
    assert Template.parse(f"a/{escape(name)}").fill("x") == f"a/{name}"

"""Days in names by a regular expression: what is read, what is refused, and that no name means two days."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from datetime import date, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagw.gateways.paths.dated_names import DatedName
from datagw.gateways.paths.patterns import Pattern
from datagw_tests.gateways.test_patterns import Tree

DAY = date(2026, 1, 31)
DAYS = st.dates(date(1000, 1, 1), date(9999, 12, 31))
PIVOTED = st.dates(date(1969, 1, 1), date(2068, 12, 31))

# an expression, and how a name of a day is made that it matches
WRITTEN = {
    r"^%Y%m%d$": "{Y}{m}{d}",
    r"%Y%m%d": "{Y}{m}{d}",
    r"^%Y%m%d-(\.txt|\.csv)$": "{Y}{m}{d}-.csv",
    r"%d\.%m\.%Y": "{d}.{m}.{Y}",
    r"^\D*%Y%m%d(\D.*)?$": "station-{Y}{m}{d}-19990101.nc",
    r"\D*%m-%d-%Y\D*": "x{m}-{d}-{Y}y",
    r"(?P<sort>a|bb)_%Y(?P<sep>-?)%m(?P=sep)%d": "bb_{Y}-{m}-{d}",
    r"(?<!\d)%Y%m%d(?!\d)": "{Y}{m}{d}",
    r"\d{3}%d%m%Y\.dat": "017{d}{m}{Y}.dat",
    r".*%Y%m%d\D*": "20200101 20250101{Y}{m}{d}.gz",
    r"100%%-%Y-%m-%d": "100%-{Y}-{m}-{d}",
    r"[]%%\]a-]+%Y%m%d": "]%a-{Y}{m}{d}",
    r"(?i)^LOG_%Y%m%d(\.gz)?$": "log_{Y}{m}{d}.GZ",
}
PIVOTED_ONES = {r"^%y%m%d$": "{y}{m}{d}", r"sm%d%m%y\..*": "sm{d}{m}{y}.tar.gz", r"a*-%y(x|)%m%d": "aa-{y}{m}{d}"}


def name_of(form: str, day: date) -> str:
    year = f"{day.year:04}"
    return form.format(Y=year, y=year[2:], m=f"{day.month:02}", d=f"{day.day:02}")


def other_readings(expression: str, name: str) -> set[date]:
    """Every day that a name may mean, found by trying each place at which its digits may stand."""
    found = set[date]()
    codes = re.findall("%([Yymd])", expression)
    windows = {
        code: {name[at : at + width] for at in range(len(name) - width + 1) if name[at : at + width].isdecimal()}
        for code, width in (("Y", 4), ("y", 2), ("m", 2), ("d", 2))
        if code in codes
    }
    for texts in product(*(sorted(windows[code]) for code in codes)):
        literal = expression
        parts = dict(zip(codes, texts, strict=True))
        for code, text in parts.items():
            literal = literal.replace(f"%{code}", text)
        if re.fullmatch(literal.replace("%%", "%"), name):
            year = int(parts["Y"]) if "Y" in parts else int(parts["y"]) + (1900 if parts["y"] >= "69" else 2000)
            try:
                found.add(date(year, int(parts["m"]), int(parts["d"])))
            except ValueError:
                continue
    return found


# ---- what is read


@given(st.sampled_from(sorted(WRITTEN)), DAYS)
def test_every_date_written_by_the_pattern_is_found_as_that_day(expression, day):
    name = name_of(WRITTEN[expression], day)
    pattern = Pattern.dated_by("data/in/", expression)
    assert pattern.day_of(f"data/in/{name}") == day
    assert pattern.day_of(f"data/in/{name}/below/it") == day
    assert pattern.filled(day).matches(f"data/in/{name}/x")
    assert not pattern.filled(day + timedelta(1) if day.year < 9999 else date(2000, 1, 1)).matches(f"data/in/{name}/x")


@given(st.sampled_from(sorted(PIVOTED_ONES)), PIVOTED)
def test_a_year_of_two_digits_lies_between_1969_and_2068(expression, day):
    assert Pattern.dated_by("/", expression).day_of(name_of(PIVOTED_ONES[expression], day)) == day


def test_the_pivot_is_that_of_posix():
    read = Pattern.dated_by("/", "%y%m%d").day_of
    assert [read("690101"), read("991231")] == [date(1969, 1, 1), date(1999, 12, 31)]
    assert [read("000101"), read("681231")] == [date(2000, 1, 1), date(2068, 12, 31)]


@given(
    st.sampled_from(sorted({**WRITTEN, **PIVOTED_ONES})),
    st.text("0123456789-.xabd_]%", max_size=14),
    PIVOTED,
    st.data(),
)
def test_nothing_else_is_found(expression, noise, day, data):
    """A name, whatever it is, has the one day that it can have, or none."""
    form = {**WRITTEN, **PIVOTED_ONES}[expression]
    name = data.draw(st.sampled_from([noise, noise + name_of(form, day), name_of(form, day) + noise]))
    days = other_readings(expression, name)
    assert len(days) <= 1
    assert Pattern.dated_by("/", expression).day_of(name) == next(iter(days), None)


@pytest.mark.parametrize("name", ["20260231-.txt", "20261301-.csv", "20260100-.csv", "00000101-.txt", "2026131-.txt"])
def test_digits_that_are_no_date_are_not_taken(name):
    assert Pattern.dated_by("/", r"^%Y%m%d-(\.txt|\.csv)$").day_of(name) is None


@pytest.mark.parametrize(
    "name", ["1234567890.bin", "x20260131-.txt", "20260131-.txt.gz", "20260131-.txt\n", "٢٠٢٦٠١٣١-.txt", "", "\udcff"]
)
def test_a_name_of_another_kind_is_not_taken(name):
    assert Pattern.dated_by("/", r"^%Y%m%d-(\.txt|\.csv)$").day_of(name) is None


# ---- what is refused


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("", "lacks the year, %Y or %y, it lacks the month, %m, it lacks the day, %d"),
        ("^%Y%m$", "lacks the day, %d"),
        ("^%Y%m%d%Y$", "holds %Y twice"),
        ("^%Y%y%m%d$", "holds %Y and %y, which are both the year"),
        ("(%Y%m%d|%d%m%Y)", "holds %Y twice, it holds %m twice, it holds %d twice"),
        ("^%Y%m%d-%H$", "`%H` is not known here; there are %Y %y %m %d, and `%%`"),
        ("50%", "`%` is not known here"),
        (r"\%Y%m%d", "lacks the year"),
        ("[%Y]%m%d", "`%Y` stands in brackets"),
        ("%Y%m%d(", "is no regular expression: missing )"),
        ("%Y%m%d[", "is no regular expression"),
        ("(%Y%m%d)?x", "each name holds the whole date"),
        ("%Y%m(%d)*", "each name holds the whole date"),
        ("%Y%m%d{2}", "each name holds the whole date"),
        ("%Y%m(?=%d)..", "each name holds the whole date"),
        ("(%Y|x)%m%d", "each name holds the whole date"),
        (r"(-?)%Y\1%m%d", "name it, `(?P<name>…)` and `(?P=name)`"),
        (r"(-)?%Y%m%d(?(1)a|b)", "name it, `(?P<name>…)` and `(?(name)…)`"),
    ],
)
def test_what_is_no_date_is_refused_with_what_to_write(expression, words):
    with pytest.raises(ValueError) as caught:
        DatedName.parse(expression)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("expression", "better"),
    [
        (r"^.*%Y%m%d.*$", r"write `^\D*%Y%m%d(\D.*)?$`"),
        (r".*(?<!\d)%Y%m%d(?!\d).*", r"write `\D*(?<!\d)%Y%m%d(?!\d)(\D.*)?`"),
        (r".*\b%Y%m%d\b.*", r"write `\D*\b%Y%m%d\b(\D.*)?`"),
        (r".+-%Y-%m-%d-.+", r"write `\D*-%Y-%m-%d-(\D.*)?`"),
        (r"(\d\d)?%Y%m%d(\d\d)?", "keep other digits away from the date"),
        (r"\w+_%Y%m%d_\w+", "keep other digits away from the date"),
        (r"station\d*_?%Y%m%d\d?\.csv", "keep other digits away from the date"),
        (r"(20)?%Y(20)?-%m-%d", "keep other digits away from the date"),
        (r"\d{0,2}%d%m%y\d{0,3}", "keep other digits away from the date"),
        (r"\w{30,40}%Y%m%d\w{50,}", "keep other digits away from the date"),
    ],
)
def test_an_expression_by_which_one_name_means_two_days_is_refused(expression, better):
    with pytest.raises(ValueError) as caught:
        DatedName.parse(expression)
    text = str(caught.value)
    assert "one name may mean two days" in text
    assert better in text
    shown = re.search(r"as `(.*?)` does: (\S+) and (\S+);", text)
    assert shown is not None
    one, two = date.fromisoformat(shown[2]), date.fromisoformat(shown[3])
    assert one != two
    assert {one, two} <= other_readings(expression, shown[1])
    if "write" in better:
        assert DatedName.parse(better.split("`")[1])


@pytest.mark.parametrize(
    "expression",
    [
        *("station%Y%m%d", r"station\d*%Y%m%d", r"%d%m%y.*", r".*%Y%m%d", r"a?%Ya?%ma?%d", r"(a|b)*%Y(\.\d+)*%m%d"),
        *(r"^(?>x*)%Y%m%d$", r"x++%Y%m%d", r"%Y-%m-%d(T\d\d:\d\d(:\d\d)?Z?)?\.json", r"[a-z]+\d{1,3}_%Y%m%d(_v\d+)?"),
    ],
)
def test_what_means_one_day_only_is_taken(expression):
    assert not DatedName.parse(expression).doubtful


def test_names_that_only_a_look_at_them_can_tell_apart_are_read_twice():
    """Two dates are forbidden by something that no analysis follows; what slips through all the same is not taken."""
    pattern = Pattern.dated_by("/", r"^(?!.*\d{8}.*\d{8}).*(?<!\d)%Y%m%d(?!\d).*$")
    assert pattern.day_of("a-20260131-b") == DAY
    assert pattern.day_of("a-20260131-20260201") is None
    loose = DatedName(r".*%Y%m%d.*", doubtful=True)
    assert loose.read("a-20260131-b") == {"Y": 2026, "m": 1, "d": 31}
    assert loose.read("a-20260131-20260201") is None
    assert loose.read("a-20260131-20260131") == {"Y": 2026, "m": 1, "d": 31}


def test_no_expression_keeps_the_job_file_waiting():
    began, refused = time.process_time(), list[str]()
    for expression in (
        r"(\w{0,12}x?){0,12}%Y%m%d(\w{0,12}y?){0,12}",
        r"(.*a){12}%Y%m%d(b.*){12}",
        "x" * 3000 + "%Y%m%d",
    ):
        try:
            DatedName.parse(expression)
        except ValueError as error:
            refused.append(str(error))
    assert all("two days" in text for text in refused)
    assert time.process_time() - began < 15


@given(st.text("%Ymdy()[]|*+?{2}\\dD.^$-x<!=:P", max_size=16))
def test_any_text_is_read_or_refused_in_words(text):
    refusal = ""
    try:
        DatedName.parse(text)
    except ValueError as error:
        refusal = str(error)
    assert not refusal or len(refusal) > 20


# ---- the pattern of a source


def test_folders_are_days_with_all_that_is_below_them_and_so_are_files():
    tree = Tree(
        *("data/20260131-x/a", "data/20260131-x/sub/b", "data/20260131-y/", "data/20260131.csv", "data/20260201/c"),
        *("data/other/20260131-x/a", "data/readme", "data/20260231/a"),
    )
    pattern = Pattern.dated_by("/data", r"%Y%m%d.*")
    assert pattern.dated
    assert (pattern.base, pattern.root, pattern.exact, pattern.folder_is_the_days) == ("data", "data", None, False)
    assert [day for day, _ in pattern.discover(tree.ls)] == [DAY, date(2026, 2, 1)]
    assert tree.listed == ["data"]
    taken = [entry.path for entry in pattern.files(tree.ls, DAY)]
    assert taken == ["data/20260131-x/a", "data/20260131-x/sub/b", "data/20260131.csv"]
    assert [entry.path for entry in pattern.filled(DAY).files(tree.ls)] == taken
    assert [pattern.relative(path, DAY) for path in taken] == ["20260131-x/a", "20260131-x/sub/b", "20260131.csv"]
    assert list(pattern.folders(tree.ls, DAY)) == ["data/20260131-x", "data/20260131-y"]
    assert list(pattern.folders(tree.ls, date(2026, 2, 2))) == []


def test_two_days_differ_in_the_names_that_are_kept():
    pattern = Pattern.dated_by("data/", "%d%m%y")
    assert pattern.tail_codes() == frozenset("Ymd")
    assert pattern.name_codes() == frozenset()


def test_hidden_names_are_taken_where_they_are_asked_for():
    tree = Tree(".20260131/a", "20260201/.b", "20260202/c")
    found = [day for day, _ in Pattern.dated_by("/", r"\.?%Y%m%d").discover(tree.ls, hidden=False)]
    assert found == [date(2026, 2, 1), date(2026, 2, 2)]
    assert [day for day, _ in Pattern.dated_by("/", r"^\.%Y%m%d").discover(tree.ls, hidden=False)] == [DAY]


@pytest.mark.parametrize("folder", ["data/%Y/", "data/*/", "data/**/"])
def test_the_folder_has_neither_dates_nor_globs(folder):
    with pytest.raises(ValueError, match="neither dates nor globs"):
        Pattern.dated_by(folder, "%Y%m%d")


@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_same_example_is_told_on_every_machine_as_in_the_docs(seed, project):
    code = "from datagw.gateways.paths.dated_names import DatedName\nDatedName.parse('^.*%Y%m%d.*$')"
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONDONTWRITEBYTECODE": "1"}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    told = ended.stderr.strip().rpartition("ValueError: ")[2]
    assert told.startswith("`^.*%Y%m%d.*$`: one name may mean two days")
    assert told in (project / "docs/days.md").read_text()

"""Which paths belong to a source, and to which day."""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagw.errors import NotFound, Unavailable
from datagw.files import RemoteFile, join, parent
from datagw.gateways.paths.patterns import Pattern, escape

NAMES = st.text(
    st.characters(codec=None, exclude_characters="/\0", exclude_categories=()), min_size=1, max_size=12
).filter(lambda name: name not in (".", ".."))
DAYS = st.dates(date(1, 1, 1), date(9999, 12, 31))
DATED = [
    "%Y%m%d/",
    "a/%Y/%m/%d/*.csv",
    "x-%Y-%j.txt",
    "{day:%Y/%m}/%d.log",
    "*/%Y%m%d-[ab]?/**/*.gz",
    "*%Y%m%d*",
    "%Y/**/%m%d*",
]


class Tree:
    """Files in memory that count how often each folder is listed."""

    def __init__(self, *paths: str, **kinds: str) -> None:
        self.entries: dict[str, RemoteFile] = {}
        self.listed: list[str] = []
        for path in paths:
            self.add(path)

    def add(self, path: str, kind: str = "file") -> None:
        if path.endswith("/"):
            path, kind = path.rstrip("/"), "folder"
        self.entries[path] = RemoteFile(path, kind=kind)  # type: ignore[arg-type]
        if parent(path) and parent(path) not in self.entries:
            self.add(parent(path), "folder")

    def ls(self, folder: str) -> Iterator[RemoteFile]:
        self.listed.append(folder)
        if folder and (folder not in self.entries or self.entries[folder].kind != "folder"):
            raise NotFound("nothing stands at this path", path=folder)
        yield from (entry for path, entry in reversed(self.entries.items()) if parent(path) == folder)


def paths(found) -> list[str]:
    return [entry.path for entry in found]


# ---- what is written


@pytest.mark.parametrize(
    ("text", "matching", "other"),
    [
        ("a/b.csv", ["a/b.csv"], ["a/b.csv/c", "b.csv", "a/B.csv", "x/a/b.csv"]),
        ("a/*.csv", ["a/b.csv", "a/.csv", "a/\n.csv", "a/\udcff.csv"], ["a/b/c.csv", "a/b.csv.gz", "a/b.CSV"]),
        ("a/?.csv", ["a/b.csv", "a/\n.csv"], ["a/.csv", "a/bb.csv"]),
        ("a/[b-d].csv", ["a/c.csv"], ["a/e.csv", "a/-.csv"]),
        ("a/[!b-d].csv", ["a/e.csv", "a/^.csv"], ["a/c.csv"]),
        ("a/[^b].csv", ["a/c.csv"], ["a/b.csv"]),
        ("a/[]x].csv", ["a/].csv", "a/x.csv"], ["a/y.csv"]),
        ("a/[b-].csv", ["a/b.csv", "a/-.csv"], ["a/c.csv"]),
        (r"a/[\d].csv", ["a/\\.csv", "a/d.csv"], ["a/5.csv"]),
        ("a/[*].csv", ["a/*.csv"], ["a/b.csv"]),
        ("a/[[]1].csv", ["a/[1].csv"], ["a/1.csv"]),
        ("a%%b/{{c}}", ["a%b/{c}"], ["ab/c"]),
        ("a/", ["a/b", "a/b/c", "a/.b"], ["a", "b/a"]),
        ("/a//./b/", ["a/b/c"], ["a/b"]),
        ("a/**", ["a/b", "a/b/c"], ["a", "ab"]),
        ("a/**/*.csv", ["a/b.csv", "a/b/c.csv", "a/b/c/d.csv"], ["b.csv", "a/b.txt"]),
        ("a/**/b/*", ["a/b/c", "a/x/b/c", "a/b/b/c", "a/x/y/b/c"], ["a/c", "a/b/x/c"]),
        ("**/b/**/c", ["b/c", "x/b/c", "b/x/c", "b/b/b/c"], ["c", "b/c/x"]),
        ("/", ["a", "a/b"], []),
        ("", ["a", "a/b"], []),
        ("a+b(c).txt", ["a+b(c).txt"], ["aab(c).txt"]),
        ("a*b*c", ["abc", "axbxc", "abcbc"], ["ab", "acb", "abcd"]),
    ],
)
def test_a_pattern_matches(text, matching, other):
    pattern = Pattern.parse(text)
    assert [path for path in matching if not pattern.matches(path)] == []
    assert [path for path in other if pattern.matches(path)] == []
    assert not pattern.dated


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("%Y/%m/", "`%Y %m` does not tell the day"),
        ("%m%d", "%Y, %m and %d, or %Y and %j"),
        ("%Y%m%d-%H", "`%H` is not known here; there are %Y %m %d %j, and `%%`"),
        ("%y%m%d", "`%y` is not known"),
        ("50%", "`%` is not known"),
        ("a{b", "`{{` is a brace"),
        ("a}b", "`}}` is a brace"),
        ("{date:%Y}", "`{date}` is for destinations"),
        ("{name}.csv", "`{name}` is for destinations"),
        ("{name:%Y}.csv", "takes no format"),
        ("{day:abc}", "holds no date"),
        ("{day:%H}", "`%H` is not known"),
        ("a**/b", "`**` stands for whole folders"),
        ("a/***/b", "`**` stands for whole folders"),
        ("a/[b", "`[[]` is a bracket"),
        ("a/[]", "`[[]` is a bracket"),
        ("a/[b/c]", "slash cannot be one of a set"),
        ("a/[z-a]", "wrong way round"),
        ("a/../b", "would leave the gateway's root"),
        ("a\0b", "NUL"),
        ("**/%Y%m%d/", "leaves open which folder"),
        ("%Y/**/%m/%d.csv", "leaves open which folder"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_to_write(text, words):
    with pytest.raises(ValueError) as caught:
        Pattern.parse(text)
    assert words in str(caught.value)


def test_an_exact_path_a_base_and_a_tree():
    assert Pattern.parse("a/b.csv").exact == "a/b.csv"
    assert Pattern.parse("a/b.csv").base == "a"
    assert Pattern.parse("b.csv").base == ""
    assert Pattern.parse("a/b/").exact is None
    assert Pattern.parse("a/b/").base == "a/b"
    assert Pattern.parse("a/*/c/").base == "a"
    assert Pattern.parse("a/b*").base == "a"
    assert Pattern.parse("a/%Y%m%d/x/*.csv").root == "a"
    assert Pattern.parse("a/%Y%m%d/x/*.csv").filled(date(2026, 1, 2)).base == "a/20260102/x"
    assert Pattern.parse("a/%Y%m%d/x/*.csv").relative("a/20260102/x/y.csv", date(2026, 1, 2)) == "y.csv"
    assert Pattern.parse("a/%Y%m%d-*/x").relative("a/20260102-q/x", date(2026, 1, 2)) == "20260102-q/x"
    assert Pattern.parse("/").relative("a/b") == "a/b"
    assert Pattern.parse("log-%Y-%j.txt").filled(date(2024, 12, 31)).exact == "log-2024-366.txt"
    with pytest.raises(ValueError, match="which day"):
        Pattern.parse("%Y%m%d/").relative("20260102/a")
    with pytest.raises(ValueError, match="has no days"):
        Pattern.parse("a/").relative("a/b", date(2026, 1, 2))


@given(NAMES)
def test_an_escaped_name_stands_for_itself_alone(name):
    pattern = Pattern.parse(f"a/{escape(name)}")
    assert pattern.exact == f"a/{name}"
    assert pattern == Pattern.of(f"a/{name}")
    assert pattern.matches(f"a/{name}")
    assert not pattern.matches(f"a/{name}x")


@given(st.text("ab*?[]!-", max_size=8), st.text("ab[]!-", min_size=1, max_size=6))
def test_globs_within_a_name_are_those_of_the_shell(glob, name):
    try:
        pattern = Pattern.parse("x/" + glob + "a")
    except ValueError:
        return
    assert pattern.matches(f"x/{name}") == fnmatch.fnmatchcase(name, glob + "a")


@given(st.text("ab%Ymdj{}day:/*?[].", max_size=14))
def test_any_text_is_read_or_refused_in_words(text):
    refusal = ""
    try:
        pattern = Pattern.parse(text)
    except ValueError as error:
        pattern, refusal = None, str(error)
    assert len(refusal) > 20 if pattern is None else pattern.text == text.lstrip("/")


# ---- days


@given(st.sampled_from(DATED), DAYS)
def test_a_day_is_read_back_from_the_path_it_makes(text, day):
    pattern = Pattern.parse(text)
    path = "/".join(
        "".join(
            {"any": "", "one": "q", "set": "a", "deep": "deep", "text": token.value}[token.kind]
            for token in level.tokens
        )
        for level in pattern.filled(day).levels
    )
    path += "/file" if pattern.tree else ""
    if text.startswith("*/"):
        path = f"top{path}"
    assert pattern.day_of(path) == day
    assert pattern.filled(day).matches(path)


@given(st.sampled_from(DATED), DAYS, DAYS)
def test_a_path_belongs_to_one_day_only(text, day, other):
    pattern = Pattern.parse(text)
    tree = Tree("20240101/x", "a/2024/01/01/y.csv", "x-2024-366.txt", "2024/02/29.log", "t/20240229-az/q/r.gz")
    for one in {day, other, date(2024, 1, 1), date(2024, 12, 31), date(2024, 2, 29)}:
        try:
            found = paths(pattern.files(tree.ls, one))
        except NotFound:
            continue
        assert [pattern.day_of(path) for path in found] == [one] * len(found)


@pytest.mark.parametrize(
    ("text", "path", "day"),
    [
        ("%Y%m%d.csv", "20260229.csv", None),
        ("%Y%m%d.csv", "20261399.csv", None),
        ("%Y%m%d.csv", "00000101.csv", None),
        ("%Y%m%d.csv", "99991231.csv", date(9999, 12, 31)),
        ("%Y%m%d.csv", "２０２６0101.csv", None),
        ("%Y-%j", "2026-366", None),
        ("%Y-%j", "2024-366", date(2024, 12, 31)),
        ("%Y-%j", "2024-000", None),
        ("%Y/%m/%Y%m%d", "2026/01/20260105", date(2026, 1, 5)),
        ("%Y/%m/%Y%m%d", "2026/01/20260205", None),
        ("%Y%m%d-%j", "20260102-002", date(2026, 1, 2)),
        ("%Y%m%d-%j", "20260102-003", None),
        ("%Y%Y%m%d", "202620260102", date(2026, 1, 2)),
        ("%Y%Y%m%d", "202520260102", None),
        ("*%Y%m%d*", "1234567890.bin", None),
        ("*%Y%m%d*", "x20260101y20270202", date(2026, 1, 1)),
        ("*%Y%m%d*", "9920260101", date(2026, 1, 1)),
        ("*_%Y%m%d.csv", "a_20250101_20260101.csv", date(2026, 1, 1)),
        ("*%Y*%Y%m%d", "1999-2026-20260101", date(2026, 1, 1)),
        ("{day}.csv", "2026-01-02.csv", date(2026, 1, 2)),
        ("{day:%Y/%m/%d}/a", "2026/01/02/a", date(2026, 1, 2)),
    ],
)
def test_the_day_of_a_path(text, path, day):
    assert Pattern.parse(text).day_of(path) == day


@given(st.text("0129", max_size=12), st.sampled_from(["*%Y%m%d*", "%Y*%m%d", "*%Y%j*", "*%Y-%m*%d"]))
def test_discovery_and_listing_agree_on_names_full_of_digits(name, text):
    pattern = Pattern.parse(text)
    tree = Tree(f"x{name}" if text.startswith("*") else name or "0")
    found = dict(pattern.discover(tree.ls))
    assert len(found) <= 1
    for day in found:
        assert paths(pattern.files(tree.ls, day)) == list(tree.entries)
        for other in (day + timedelta(1) if day < date.max else day, date(2020, 1, 1)):
            assert paths(pattern.files(tree.ls, other)) == ([*tree.entries] if other == day else [])


def test_a_long_hostile_name_is_read_quickly():
    before = time.process_time()
    assert Pattern.parse("*%Y*%m*%d*x*y").day_of("2026" * 60 + "1399") is None
    assert Pattern.parse("*%Y*%j*").day_of("0123456789" * 25) is not None
    assert not Pattern.parse("*2*0*2*6*2*0*2*6*x").matches("2026" * 60)
    assert not Pattern.parse("a/" + "**/*/" * 20 + "x").matches("a/" + "b/" * 200 + "y")
    assert time.process_time() - before < 5


# ---- on a place


def test_days_of_dated_folders_are_found_by_listing_dated_levels_only():
    tree = Tree(
        "r/2026/01/01/a/b",
        "r/2026/01/02/",
        "r/2026/13/01/x",
        "r/2026/02/30/x",
        "r/2025/12/31/x",
        "r/x/01/01/x",
        "r/2026/01/03",
    )
    pattern = Pattern.parse("r/%Y/%m/%d/")
    assert list(pattern.discover(tree.ls)) == [
        (date(2025, 12, 31), "r/2025/12/31"),
        (date(2026, 1, 1), "r/2026/01/01"),
        (date(2026, 1, 2), "r/2026/01/02"),
    ]
    assert sorted(tree.listed) == ["r", "r/2025", "r/2025/12", "r/2026", "r/2026/01", "r/2026/02"]


def test_days_before_a_given_one_cost_no_listing():
    tree = Tree("r/2024/01/01/a", "r/2026/01/01/a", "r/2026/02/01/a", "r/2026/02/03/a")
    pattern = Pattern.parse("r/%Y/%m/%d/")
    assert [day for day, _ in pattern.discover(tree.ls, since=date(2026, 2, 2))] == [date(2026, 2, 3)]
    assert tree.listed == ["r", "r/2026", "r/2026/02"]


def test_days_of_dated_files_are_found_once_each():
    tree = Tree(
        "r/20260102-a.csv", "r/20260102-b.csv", "r/20260101-a.csv", "r/20261399-a.csv", "r/20260104-a.csv/", "r/note"
    )
    assert list(Pattern.parse("r/%Y%m%d-*.csv").discover(tree.ls)) == [
        (date(2026, 1, 1), "r/20260101-a.csv"),
        (date(2026, 1, 2), "r/20260102-a.csv"),
    ]


def test_days_of_dated_files_in_any_folder():
    tree = Tree("a/b/20260102.csv", "20260101.csv", "a/20260102.csv", "a/b/c/20260103.csv")
    pattern = Pattern.parse("**/%Y%m%d.csv")
    assert sorted(day for day, _ in pattern.discover(tree.ls)) == [date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 3)]
    assert paths(pattern.files(tree.ls, date(2026, 1, 2))) == ["a/20260102.csv", "a/b/20260102.csv"]


def test_days_under_several_folders_are_one_day_each():
    tree = Tree("r/s1/20260101/a", "r/s2/20260101/b", "r/s2/20260102/")
    pattern = Pattern.parse("r/*/%Y%m%d/")
    assert list(pattern.discover(tree.ls)) == [(date(2026, 1, 1), "r/s1/20260101"), (date(2026, 1, 2), "r/s2/20260102")]
    assert paths(pattern.files(tree.ls, date(2026, 1, 1))) == ["r/s1/20260101/a", "r/s2/20260101/b"]
    assert "r/s1/20260101" not in tree.listed[:3]


def test_an_absent_root_is_never_an_empty_one():
    tree = Tree("other/x")
    for text in ("r/%Y%m%d/", "r/%Y%m%d.csv"):
        with pytest.raises(NotFound):
            list(Pattern.parse(text).discover(tree.ls))
    for text in ("r/", "r/*.csv", "r/a.csv"):
        with pytest.raises(NotFound):
            list(Pattern.parse(text).files(tree.ls))
    with pytest.raises(NotFound):
        list(Pattern.parse("other/%Y%m%d/").files(tree.ls, date(2026, 1, 1)))


def test_an_outage_below_the_root_is_an_outage():
    tree = Tree("r/20260101/a/b")

    def broken(folder: str) -> Iterator[RemoteFile]:
        if folder.endswith("/a"):
            raise Unavailable("gone away", path=folder)
        return tree.ls(folder)

    with pytest.raises(Unavailable):
        list(Pattern.parse("r/%Y%m%d/").files(broken, date(2026, 1, 1)))


def test_a_folder_that_vanishes_while_it_is_walked_is_none():
    tree = Tree("r/20260101/a/b", "r/20260101/c")

    def vanishing(folder: str) -> Iterator[RemoteFile]:
        if folder.endswith("/a"):
            raise NotFound("nothing stands at this path", path=folder)
        return tree.ls(folder)

    assert paths(Pattern.parse("r/%Y%m%d/").files(vanishing, date(2026, 1, 1))) == ["r/20260101/c"]


def test_files_come_in_name_order_each_folder_in_its_place():
    tree = Tree("d/b", "d/a/z", "d/a/y/x", "d/c/", "d/\udcff", "d/B", "d/a.txt", "d/a\nb")
    assert paths(Pattern.parse("d/").files(tree.ls)) == [
        "d/B",
        "d/a/y/x",
        "d/a/z",
        "d/a\nb",
        "d/a.txt",
        "d/b",
        "d/\udcff",
    ]


def test_symlinks_and_special_files_are_told_by_their_kind():
    tree = Tree("d/a")
    tree.add("d/l", "symlink")
    tree.add("d/s", "special")
    assert [(entry.path, entry.kind) for entry in Pattern.parse("d/*").files(tree.ls)] == [
        ("d/a", "file"),
        ("d/l", "symlink"),
        ("d/s", "special"),
    ]


def test_hidden_names_are_taken_or_not_and_datagws_own_never():
    part = f".datagw-{'0' * 32}.part"
    tree = Tree(
        "d/.x",
        "d/.h/y",
        "d/a",
        f"d/{part}",
        f"d/{part[:-4]}aside",
        "d/.do-not-touch",
        f"d/e/{part[:-4]}old",
        "d/.datagw-x",
    )
    assert paths(Pattern.parse("d/").files(tree.ls)) == ["d/.datagw-x", "d/.h/y", "d/.x", "d/a"]
    assert paths(Pattern.parse("d/").files(tree.ls, hidden=False)) == ["d/a"]
    assert paths(Pattern.parse("d/.*").files(tree.ls, hidden=False)) == ["d/.datagw-x", "d/.x"]
    assert paths(Pattern.parse("*/.h/*").files(tree.ls, hidden=False)) == ["d/.h/y"]


def test_what_is_excluded_is_not_walked():
    tree = Tree("d/20260101/tmp/a", "d/20260101/b", "d/20260101/c.tmp")
    asked: list[str] = []

    def exclude(path: str) -> bool:
        asked.append(path)
        return path in ("tmp/", "c.tmp")

    assert paths(Pattern.parse("d/%Y%m%d/").files(tree.ls, date(2026, 1, 1), exclude=exclude)) == ["d/20260101/b"]
    assert asked == ["b", "c.tmp", "tmp/"]
    assert tree.listed == ["d/20260101"]


def test_a_tree_of_a_thousand_levels_is_walked():
    deep = "/".join(["f"] * 1500)

    def ls(folder: str) -> list[RemoteFile]:
        return [RemoteFile(f"{deep}/a") if folder == deep else RemoteFile(join(folder, "f"), kind="folder")]

    assert paths(Pattern.parse("/").files(ls)) == [f"{deep}/a"]


SMALL = st.sampled_from(["a", "b", "a.csv", "20260101", "20260102", ".h"])


@given(
    st.lists(st.lists(SMALL, min_size=1, max_size=4).map("/".join), max_size=12),
    st.sampled_from(
        [
            "",
            "a/",
            "*",
            "*/*",
            "**/*.csv",
            "a/**/b",
            "**/a/**",
            "[ab]/?",
            "%Y%m%d/",
            "*/%Y%m%d",
            "a/%Y%m%d/**/b",
            "**/%Y%m%d",
        ]
    ),
)
def test_walking_finds_what_matching_says(listed, text):
    tree = Tree()
    for path in listed:
        taken = any(join(*path.split("/")[:n]) in tree.entries for n in range(1, path.count("/") + 2))
        if not taken and not any(known.startswith(f"{path}/") for known in tree.entries):
            tree.add(path)
    pattern = Pattern.parse(text)
    everything = sorted(
        (path for path, entry in tree.entries.items() if entry.kind == "file" and pattern.matches(path)),
        key=lambda path: path.split("/"),
    )
    for day in (date(2026, 1, 1), date(2026, 1, 2)) if pattern.dated else (None,):
        try:
            found = paths(pattern.files(tree.ls, day))
        except NotFound:
            found = []
        assert found == [path for path in everything if day is None or pattern.day_of(path) == day]
        assert found == [path for path in everything if pattern.on(day).matches(path)] or "*%" in text
    if pattern.dated:
        try:
            days = {day for day, _ in pattern.discover(tree.ls)}
        except NotFound:
            days = set()
        assert {pattern.day_of(path) for path in everything} <= days

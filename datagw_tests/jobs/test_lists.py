"""A source that is a list: how it is written, and what cannot be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from datagw.jobs import Job, load

HEAD = """\
[gateways.portal]
type = "http"
url = "https://data.example.org"
[gateways.disk]
type = "memory"
"""
LIST = """\
[depot]
source = { %s }
to = "disk:in/"
"""


def job_of(tmp_path: Path, source: str, more: str = "") -> tuple[Job | None, list[str]]:
    (tmp_path / "jobs.toml").write_text(HEAD + LIST % source + more, encoding="utf-8")
    found = load(tmp_path / "jobs.toml", env={})
    return found.jobs.get("depot"), [str(problem) for problem in found.problems]


def test_a_list_is_read_as_it_is_written(tmp_path: Path):
    written = 'at = "portal:list.xml", items = "ns2:Depot.Files", url = "URI", name = "id", names = { "A b" = "a" }'
    job, problems = job_of(tmp_path, written)
    assert problems == []
    assert job is not None
    assert job.source.items is not None
    items = job.source.items
    assert (items.path, items.at, items.url, items.name, items.names) == (
        "list.xml",
        "ns2:Depot.Files",
        "URI",
        "id",
        {"A b": "a"},
    )
    assert (job.source.gateway, job.source.text, job.dated) == ("portal", "list.xml", False)


def test_a_web_address_may_be_a_list_and_its_query_stays(tmp_path: Path):
    job, problems = job_of(tmp_path, 'at = "https://data.example.org/a%20b/list?v=1", url = "."')
    assert problems == []
    assert job is not None
    assert job.source.items is not None
    assert job.source.items.path == "data.example.org/a%20b/list?v=1"
    assert (job.source.items.at, job.source.items.name, job.source.items.names) == (".", None, None)


def test_what_a_list_says_is_part_of_what_the_job_is(tmp_path: Path):
    one, _ = job_of(tmp_path, 'at = "portal:l", url = "a"')
    other, _ = job_of(tmp_path, 'at = "portal:l", url = "b"')
    assert one is not None
    assert other is not None
    assert one.fingerprint != other.fingerprint


@pytest.mark.parametrize(
    ("source", "more", "problem"),
    [
        ('at = "local:/l.json", items = "a"', "", "[depot] source.at: a list stands on a web server, and local is"),
        ('at = "portal:lists/", items = "a"', "", "[depot] source.at: a list is one file, whatever it names"),
        ('at = "portal:*.json", items = "a"', "", "[depot] source.at: a list is one file, whatever it names"),
        ('at = "portal:%Y-%m-%d.json", items = "a"', "", "[depot] source.at: a list is one file, whatever it names"),
        ('at = "portal:l", items = "a"', 'when = "new files"', "[depot] when: the items of a list keep their names"),
        ('at = "portal:l", items = "a"', 'when = "daily"', '[depot] when: "daily" needs a dated source'),
        ('at = "portal:l", items = "a"', "delete_source = true", "is only read: nothing is deleted there"),
        ('at = "portal:l", items = ""', "", "[depot] source.items: a path in a list is written"),
        ('at = "portal:l", items = "a..b"', "", "[depot] source.items: a path in a list is written"),
        ('at = "portal:l", url = 5', "", "[depot] source.url: a path in a list is written"),
        ('at = "portal:l", names = {}', "", "[depot] source.names: names are a table"),
        ('at = "portal:l", names = ["a"]', "", "[depot] source.names: names are a table"),
        ('at = "portal:l", names = { a = 5 }', "", "is published under a name, a text in quotes; not 5"),
        ('at = "portal:l", names = { a = "../b" }', "", '[depot] source.names: "../b": a file\'s name is no path'),
        ('at = "portal:l", names = { a = ".do-not-touch" }', "", "datagw calls files of its own so"),
        ('at = "portal:l", names = { a = "x", b = "X" }', "", "a and b would both be published as X"),
        ('at = "portal:l", item = "a"', "", "[depot] source.item: unknown key; did you mean items?"),
        ('at = "portal:l", items = "a", symlinks = "follow"', "", "there are no links in a list"),
    ],
)
def test_each_mistake_says_what_to_write(tmp_path: Path, source: str, more: str, problem: str):
    job, problems = job_of(tmp_path, source, more)
    assert job is None
    assert any(problem in one for one in problems), problems


def test_all_items_cannot_go_under_one_name(tmp_path: Path):
    (tmp_path / "jobs.toml").write_text(
        HEAD + (LIST % 'at = "portal:l", items = "a"').replace("disk:in/", "disk:in.zip"), encoding="utf-8"
    )
    (problem,) = load(tmp_path / "jobs.toml", env={}).problems
    assert "all files would be published under one name; end with a slash" in str(problem)


# ---- addresses that stand in the job file


def test_addresses_are_files_under_their_last_parts_wherever_they_are(tmp_path: Path):
    written = 'urls = ["https://a.example.org/x/a.zip?v=1", "HTTP://b.example.org/b%20c.zip#top"]'
    job, problems = job_of(tmp_path, written)
    assert problems == []
    assert job is not None
    assert job.source.items is not None
    assert job.source.items.names == {"a.zip": "a.zip", "b c.zip": "b c.zip"}
    assert job.source.items.addresses == {
        "a.zip": "https://a.example.org/x/a.zip?v=1",
        "b c.zip": "HTTP://b.example.org/b%20c.zip#top",
    }
    assert (job.source.gateway, job.source.text) == ("https", "a.example.org/x/a.zip[?]v=1")


def test_addresses_have_other_names_in_a_table_and_may_be_relative_to_a_place(tmp_path: Path):
    for at, folder in (("portal:", ""), ("portal:exports/", "exports"), ("portal:exports/2026", "exports/2026")):
        job, problems = job_of(tmp_path, f'at = "{at}", urls = {{ "z.zip" = "export?id=5", y = "https://a.org/y" }}')
        assert problems == []
        assert job is not None
        assert job.source.items is not None
        assert job.source.items.addresses == {"z.zip": "export?id=5", "y": "https://a.org/y"}
        assert (job.source.gateway, job.source.items.path) == ("portal", folder)


def test_other_addresses_are_another_job(tmp_path: Path):
    one, _ = job_of(tmp_path, 'at = "portal:", urls = { a = "x" }')
    other, _ = job_of(tmp_path, 'at = "portal:", urls = { a = "y" }')
    assert one is not None
    assert other is not None
    assert one.fingerprint != other.fingerprint


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("urls = []", "[depot] source.urls: addresses are a list"),
        ("urls = {}", "[depot] source.urls: addresses are a list"),
        ('urls = "https://a.org/x"', "[depot] source.urls: addresses are a list"),
        ("urls = [5]", "[depot] source.urls: an address is a text in quotes; not 5"),
        ('urls = ["https://a.org/x", "ftp://a.org/x"]', "address 2: is no web address"),
        ('urls = ["https://a.org/x/"]', "[depot] source.urls: "),
        ('urls = ["https://a.org"]', "names a server, but no file on it"),
        ('urls = ["https://a.org/*.zip"]', "each address is one file's"),
        ('urls = ["https://a.org/{day:%Y-%m-%d}.zip"]', "each address is one file's"),
        ('urls = ["https://a.org/x", "https://u:hunter2@a.org/y"]', "credentials do not stand in a web address"),
        ('urls = ["https://u:hunter2@a.org/y"]', "credentials do not stand in a web address"),
        ('urls = ["https://a.org/x?token=hunter2"]', "token looks like a secret"),
        ('at = "portal:", urls = ["x?token=hunter2"]', "token looks like a secret"),
        ('at = "portal:", urls = ["../x"]', "no empty, `.` or `..` parts"),
        ('at = "portal:", urls = ["//a.org/x"]', "without a slash at its begin"),
        (
            'urls = ["https://a.org/x", "https://b.org/X"]',
            'two addresses would be published as X; write urls = { "NAME"',
        ),
        ('urls = { "../x" = "https://a.org/x" }', "a file's name is no path"),
        ('urls = ["x.zip"]', "[depot] source.at: is required"),
        (
            'urls = ["https://a.org/x", "y.zip"]',
            "[depot] source.urls: an address is relative, and nothing says to what",
        ),
        ('at = "https://a.org/x", urls = ["y.zip"]', "an address is relative, and nothing says to what"),
        ('at = "disk:x", urls = ["https://a.org/x"]', "a list stands on a web server, and disk is"),
        ('at = "portal:*/", urls = ["x"]', "[depot] source.at: is one folder that addresses are relative to"),
        ('urls = ["https://a.org/x"], items = "a"', "[depot] source.items: is for a list that is fetched"),
        ('urls = ["https://a.org/x"], names = { x = "y" }', "[depot] source.names: is for a list that is fetched"),
    ],
)
def test_each_mistake_in_addresses_says_what_to_write_and_shows_no_secret(tmp_path: Path, source: str, problem: str):
    job, problems = job_of(tmp_path, source)
    assert job is None
    assert any(problem in one for one in problems), problems
    assert "hunter2" not in str(problems)

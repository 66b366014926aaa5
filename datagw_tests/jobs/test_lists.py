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

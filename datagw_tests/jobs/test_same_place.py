"""Places are compared as they are, however they are written."""

from __future__ import annotations

from pathlib import Path

import pytest

GATEWAYS = """\
[gateways.o]
type = "local"
root = "out"
[gateways.whole]
type = "local"
[gateways.memory]
type = "memory"
[gateways.far]
type = "sftp"
host = "far.example"
username = "u"
root = "/upload"
[gateways.again]
type = "sftp"
host = "FAR.example"
username = "u"
port = 22
root = "/"
[gateways.other]
type = "sftp"
host = "far.example"
username = "somebody"
root = "/upload"
[gateways.home]
type = "sftp"
host = "far.example"
username = "u"
[gateways.plain]
type = "ftp"
host = "far.example"
username = "u"
root = "/upload"
[gateways.veiled]
type = "ftps"
host = "FAR.example"
username = "u"
root = "/"
[j]
"""


def messages(jobs) -> list[str]:
    return [f"{problem.message}; {problem.hint}" for problem in jobs.problems]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("o:y/", "o:./y/"),
        ("o:y/", "o:y//"),
        ("o:y/", "o:/y/"),
        ("o:y/", "local:out/y/"),
        ("o:y/", "local:./out/./y/"),
        ("o:y/", "local:link/y/"),
        ("o:y/", "whole:{here}/out/y/"),
        ("o:y/", "o:y/{name}"),
        ("o:{name}", "o:{stem}{suffix}"),
        ("o:%Y-%m-%d/", "o:{day}/"),
        ("memory:y/", "memory:./y/"),
        ("far:y/", "again:upload/y/"),
        ("home:y/", "home:./y/"),
        ("plain:y/", "veiled:upload/y/"),
    ],
)
def test_two_copies_that_are_one_place_are_refused_however_they_are_written(read, tmp_path, first, second):
    (tmp_path / "out").mkdir()
    (tmp_path / "link").symlink_to("out")
    source, second = "local:in/%Y%m%d-*.csv", second.replace("{here}", str(tmp_path))
    jobs = read(
        f'{GATEWAYS}source = "{source}"\nto = [{{ at = "{first}", name = "a" }}, {{ at = "{second}", name = "b" }}]'
    )
    assert messages(jobs) == [f"another copy goes to the same path; {first} is the same place"]
    assert jobs.problems[0].where == "j.to[1]"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("o:y/", "o:z/"),
        ("o:y/", "local:y/"),
        ("o:%Y%m%d/", "o:{date:%Y%m%d}/"),
        ("o:%Y/%m%d/", "o:%G/%m%d/"),
        ("o:%b%d%Y/", "o:%B%d%Y/"),
        ("o:{stem}", "o:{name}"),
        ("memory:y/", "o:y/"),
        ("far:y/", "other:y/"),
        ("far:y/", "plain:y/"),
        ("far:y/", "home:upload/y/"),
        ("far:y/", "local:/upload/y/"),
    ],
)
def test_two_copies_that_only_look_alike_are_fine(read, first, second):
    source = "local:in/%Y%m%d-*"
    jobs = read(
        f'{GATEWAYS}source = "{source}"\nto = [{{ at = "{first}", name = "a" }}, {{ at = "{second}", name = "b" }}]'
    )
    assert messages(jobs) == []


@pytest.mark.parametrize(
    ("source", "copy"),
    [
        ("o:y/", "local:out/y/"),
        ("local:out/y/", "o:y/"),
        ("o:y/", "local:link/y/"),
        ("local:link/y/", "o:y/"),
        ("local:link/%Y%m%d/", "o:%Y%m%d/"),
        ("local:link/%Y%m%d/*.csv", "local:out/%Y%m%d/"),
        ("local:link/y/", "local:out/"),
        ("local:link/x.csv", "o:x.csv"),
        ("far:y/", "again:upload/y/"),
        ("again:upload/%Y%m%d/", "far:%Y%m%d/"),
        ("home:y/", "home:./y/"),
        ("veiled:upload/%Y%m%d/", "plain:%Y%m%d/"),
        ("local:/", "o:y/"),
    ],
)
def test_a_source_that_would_be_published_onto_itself_is_refused(read, tmp_path, source, copy):
    (tmp_path / "out").mkdir()
    (tmp_path / "link").symlink_to("out")
    jobs = read(f'{GATEWAYS}source = "{source}"\nto = "{copy}"\n')
    assert messages(jobs) == ["a copy would land in its own source; publish to a folder beside it"]


@pytest.mark.parametrize(
    ("source", "copy"),
    [
        ("o:y/", "local:out/z/"),
        ("o:y/", "local:y/"),
        ("local:link/y/", "local:out/yy/"),
        ("local:link/%Y%m%d/", "o:sent/%Y%m%d/"),
        ("far:y/", "other:y/"),
        ("far:y/", "local:/upload/y/"),
        ("home:y/", "far:y/"),
    ],
)
def test_a_destination_beside_the_source_is_fine(read, tmp_path, source, copy):
    (tmp_path / "out").mkdir()
    (tmp_path / "link").symlink_to("out")
    assert messages(read(f'{GATEWAYS}source = "{source}"\nto = "{copy}"\n')) == []


def test_folders_that_are_not_there_and_names_that_no_disk_holds_are_compared_as_written(read):
    gateways = GATEWAYS.replace('root = "out"', 'root = "no\\u0000where"')
    assert messages(read(f'{gateways}source = "o:y/"\nto = "o:y/"\n')) == [
        "a copy would land in its own source; publish to a folder beside it"
    ]
    assert not Path("out").exists()

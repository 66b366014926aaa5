"""`datagw.ls`: listings as they come, in an order that stays; the same from every place."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagw import S3, Gateway, Local, Memory, RetryPolicy, Sftp, ls
from datagw.errors import ConfigError, NotFound, Unavailable
from datagw.files import part_name
from datagw.gateways.aws.bucket import Bucket
from datagw.gateways.front.paging import pages
from datagw.library.listing import chosen, listed
from datagw_tests.gateways.s3_stores import a_gateway, minio
from datagw_tests.library.conftest import write
from datagw_tests.servers.http_misbehaving import Misbehaving, file
from datagw_tests.servers.s3 import S3Server

__all__ = ["minio"]

NAMES = [
    "a.csv",
    "b/c.csv",
    "b/.git/config",
    "b-b.csv",
    ".DS_Store",
    "Icon\r",
    ".do-not-touch",
    part_name("v", "a.csv"),
]


def filled(gateway: Gateway) -> Gateway:
    for name in NAMES:
        if gateway.keeps_folders:
            gateway.mkdir(name.rpartition("/")[0])
        gateway.put(b"x", name)
    return gateway


def paths(where: Any, **options: Any) -> list[str]:
    return [entry.path for entry in ls(where, **options)]


@pytest.fixture(params=["local", "memory", "sftp", "s3"])
def place(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: Any
) -> Gateway:
    """One of each, with the same names."""
    if request.param == "local":
        return filled(Local(root=str(tmp_path)))
    if request.param == "memory":
        return filled(Memory())
    if request.param == "sftp":
        institute: Sftp = request.getfixturevalue("institute")
        return filled(institute)
    server: S3Server = request.getfixturevalue("minio")
    return filled(a_gateway(server, monkeypatch))


def test_hidden_names_are_left_out_before_anything_is_counted(place: Gateway) -> None:
    with place:
        names = paths(place / "", recursive=True)
        assert sorted(names) == ["a.csv", "b", "b-b.csv", "b/c.csv"]
        assert names == paths(place / "", recursive=True)
        assert names[1:3] == paths(place / "", recursive=True, offset=1, limit=2)
        assert sorted(paths(place / "")) == ["a.csv", "b", "b-b.csv"]
        assert len(paths(place / "", recursive=True, hidden=True)) == 10
        assert paths(place / "b/") == paths(place / "b") == ["b/c.csv"]
        assert paths(place / "b/c.csv") == ["b/c.csv"]
        assert paths(place / "", limit=None, offset=None) == paths(place / "", limit=0, offset=0)


def test_what_is_not_there_is_an_error_and_no_empty_list(place: Gateway) -> None:
    with place, pytest.raises(NotFound):
        paths(place / "nothing/")


@given(
    sizes=st.lists(st.integers(0, 9), max_size=12),
    page=st.integers(1, 5),
    size_limit=st.none() | st.integers(0, 9),
)
def test_pages_laid_end_to_end_are_the_whole(sizes: list[int], page: int, size_limit: int | None) -> None:
    """Offsets count entries that are too large, so that they page; a limit does not, so that a page may end later."""
    gateway = Memory()
    for number, size in enumerate(sizes):
        gateway.put(b"x" * size, f"{number:02}")
    whole = [entry.path for entry in listed(gateway, "", recursive=False, hidden=False)]
    assert whole == [f"{number:02}" for number in range(len(sizes))]
    found = [path for start in range(0, len(sizes), page) for path in paths(gateway / "", offset=start, limit=page)]
    assert found == whole
    small = [path for path, size in zip(whole, sizes, strict=True) if size_limit is None or size <= size_limit]
    assert paths(gateway / "", size_limit=size_limit) == small
    for start in range(len(sizes)):
        wanted = [path for path in whole[start:] if path in small][:page]
        assert paths(gateway / "", offset=start, limit=page, size_limit=size_limit) == wanted
    entries = listed(gateway, "", recursive=False, hidden=False)
    assert [entry.path for entry in chosen(entries, size_limit=size_limit)] == small


def test_a_local_folder_is_looked_at_as_far_as_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3000):
        os.close(os.open(tmp_path / f"{number:04}", os.O_CREAT))
    looks: list[Any] = []
    lstat = os.lstat
    monkeypatch.setattr("os.lstat", lambda path, **more: looks.append(path) or lstat(path, **more))
    assert next(ls(tmp_path)).name == "0000"
    assert len(looks) <= 1002
    assert [entry.name for entry in ls(tmp_path)] == [f"{number:04}" for number in range(3000)]
    assert [len(page) for page in pages(Local(root=str(tmp_path)))] == [1000, 1000, 1000]


def test_a_bucket_is_asked_for_as_many_pages_as_are_wanted_and_a_lost_page_again(
    minio: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake: S3 = a_gateway(minio, monkeypatch)
    client = lake.session().client
    for number in range(5):
        client.put_object(Bucket=lake.bucket, Key=f"{number}.csv", Body=b"x")
        client.put_object(Bucket=lake.bucket, Key=f"{number}/x", Body=b"x")
    client.put_object(Bucket=lake.bucket, Key="3-", Body=b"x")
    lake.close()
    asked: list[str | None] = []
    page, listing = Bucket.page, "list_objects_v2"

    def two_at_a_time(self: Bucket, prefix: str, after: str | None) -> Any:
        asked.append(after)
        if len(asked) == 3:
            raise Unavailable("a broken line")
        whole = getattr(self.client, listing)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(self.client, listing, lambda **more: whole(**{**more, "MaxKeys": 2}))
            return page(self, prefix, after)

    monkeypatch.setattr(Bucket, "page", two_at_a_time)
    first = ls(lake / "")
    assert (next(first).path, next(first).path, len(asked)) == ("0.csv", "0", 1)
    first.close()
    asked.clear()
    entries = list(ls(lake.using(retries=RetryPolicy(max=1, backoff=0.01)) / ""))
    shown = [entry.path + ("/" if entry.kind == "folder" else "") for entry in entries]
    assert shown == ["0.csv", "0/", "1.csv", "1/", "2.csv", "2/", "3-", "3.csv", "3/", "4.csv", "4/"]
    assert (len(asked), asked[2], len({*asked})) == (7, asked[3], 6)


def test_plain_paths_and_addresses_are_places(here: Path) -> None:
    write(here / "50%/[x].csv", "1")
    assert [entry.name for entry in ls("50%")] == ["[x].csv"]
    assert [entry.name for entry in ls("local:50%/[x].csv")] == ["[x].csv"]
    with Misbehaving() as server:
        server.both("/a%20b.csv", file(b"1,2\n", ETag='"1"'))
        (found,) = ls(f"{server.url}/a%20b.csv?x=a/b")
        assert (found.kind, found.size, found.etag) == ("file", 4, '"1"')
    with pytest.raises(ConfigError, match="credentials do not stand"):
        next(ls("https://me:hunter2@example.org/x"))
    with pytest.raises(ConfigError, match="a place is a path"):
        next(ls(5))  # type: ignore[arg-type]

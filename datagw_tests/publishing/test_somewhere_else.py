"""A copy is somewhere else: a file that is its own copy, by whatever detour, is not deleted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from datagw.gateways.local import Local
from datagw.gateways.sftp import Sftp
from datagw_tests.publishing.station import Station
from datagw_tests.servers.openssh import OpenSSH

FILES = {"20260201/a": b"a", "20260201/b": b"b" * 2000, "20260201/sub/c": b"c"}


@pytest.fixture(params=["disk", "link", "server"])
def mirror(request: pytest.FixtureRequest, tmp_path: Path) -> Station:
    """A station whose archive is its own folder: by another gateway, by a symbolic link, by SSH to itself."""
    data = tmp_path / "data"
    data.mkdir()
    if request.param == "disk":
        return Station(tmp_path, Local(root=str(data)))
    if request.param == "link":
        (tmp_path / "detour").symlink_to("data")
        return Station(tmp_path, Local(root=str(tmp_path / "detour")))
    server: OpenSSH = request.getfixturevalue("sshd")
    return Station(tmp_path, Sftp(**server.fields(root=str(data))))


def test_a_source_that_is_its_own_destination_is_not_deleted(mirror: Station) -> None:
    for name, content in FILES.items():
        mirror.write(name, content)
    for _ in range(2):
        (result,) = mirror.run(delete_source=True, to=["%Y%m%d/"], marker=None)
        assert (result.state, result.deleted) == ("failed", 0)
        assert "one and the same" in f"{result.error} {result.failures}"
        assert mirror.left() == FILES


def test_a_folder_that_is_a_link_into_the_source_is_found_out_as_well(near: Station) -> None:
    """Only one of the day's folders leads back: what lies in the others is freed."""
    for name, content in FILES.items():
        near.write(name, content)
    day = Path(near.archive.root) / "days/20260201"
    day.mkdir(parents=True)
    near.archive = Local(root="/")
    (day / "sub").symlink_to(near.data / "20260201/sub")
    (result,) = near.run(delete_source=True, to=[f"{str(day)[1:]}/"], marker=None)
    assert (result.state, result.deleted) == ("failed", 2)
    assert near.left() == {"20260201/sub/c": b"c"}


def test_a_copy_that_is_a_hard_link_of_its_source_survives_it(near: Station) -> None:
    for name, content in FILES.items():
        copy = Path(near.archive.root) / "days" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        os.link(near.write(name, content), copy)
    (result,) = near.run(delete_source=True)
    assert (result.state, result.deleted) == ("published", 3)
    assert near.there() == {f"days/{name}": content for name, content in FILES.items()}

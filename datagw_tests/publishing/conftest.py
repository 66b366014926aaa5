"""A real OpenSSH server for all tests of the engine, and stations that publish to it or to a disk."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from datagw.gateways.local import Local
from datagw.gateways.sftp import Sftp
from datagw_tests.conftest import require_server
from datagw_tests.publishing.station import Station
from datagw_tests.servers.openssh import OpenSSH, missing


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSSH]:
    """A server that no test stops; those that want to start their own."""
    if lack := missing():
        require_server(*lack)
    with OpenSSH(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture
def folder(sshd: OpenSSH) -> Path:
    """An empty folder on the server."""
    folder = sshd.root / uuid.uuid4().hex
    folder.mkdir()
    return folder


@pytest.fixture
def far(sshd: OpenSSH, folder: Path, tmp_path: Path) -> Station:
    """A station that publishes to the SSH server."""
    return Station(tmp_path, Sftp(**sshd.fields(root=str(folder))))


@pytest.fixture
def near(tmp_path: Path) -> Station:
    """A station that publishes to another disk."""
    (tmp_path / "archive").mkdir()
    return Station(tmp_path, Local(root=str(tmp_path / "archive")))


@pytest.fixture(params=["near", "far"])
def station(request: pytest.FixtureRequest) -> Station:
    """Both, one after the other."""
    return request.getfixturevalue(request.param)

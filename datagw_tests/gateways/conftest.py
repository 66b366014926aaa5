"""An OpenSSH server that the tests of one file share, each in a root of its own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from datagw.gateways.front.retries import RetryPolicy
from datagw.gateways.sftp import Sftp
from datagw_tests.conftest import require_server
from datagw_tests.servers.openssh import OpenSSH, missing

ONCE = RetryPolicy(max=0)


def an_sshd(folder: Path, **options: Any) -> OpenSSH:
    """A server that is not started yet; the test is skipped where there can be none."""
    if lack := missing():
        require_server(*lack)
    return OpenSSH(folder, **options)


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSSH]:
    with an_sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture
def root(sshd: OpenSSH) -> Path:
    """An empty folder on the server."""
    folder = sshd.root / uuid.uuid4().hex
    folder.mkdir()
    return folder


@pytest.fixture
def gateway(sshd: OpenSSH, root: Path) -> Iterator[Sftp]:
    """A gateway on it that tries nothing twice."""
    with Sftp(**sshd.fields(root=str(root))).using(name="institute", retries=ONCE) as place:
        yield place

"""An OpenSSH server that the tests of one file share, each in a root of its own; and the page on what was shown."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from datagw.gateways.front.retries import RetryPolicy
from datagw.gateways.sftp import Sftp
from datagw_tests.conftest import require_server
from datagw_tests.gateways.promise import Promise
from datagw_tests.gateways.proofs import Matrix, facts, proven_by
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


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--compatibility", metavar="PAGE", help="run what proves something, and write it down as this page"
    )


def pytest_configure(config: pytest.Config) -> None:
    page = config.getoption("--compatibility")
    if page and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Matrix(Path(page)))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--compatibility"):
        return
    others = [item for item in items if not proven_by(item)]
    items[:] = [item for item in items if proven_by(item)]
    config.hook.pytest_deselected(items=others)


def pytest_runtest_setup(item: pytest.Item) -> None:
    item.user_properties += [("proves", column) for column in proven_by(item)]


@pytest.fixture(autouse=True)
def whose_promise_it_is(request: pytest.FixtureRequest) -> None:
    """The gateway, and the server that the test spoke to, go with its outcome to the page."""
    if request.config.getoption("--compatibility") and issubclass(request.cls or object, Promise):
        place = request.getfixturevalue("place")
        server = "this machine"
        if any(hasattr(owner, "server") for owner in request.cls.__mro__):
            from datagw_tests.servers.versions import described  # it imports every server

            server = described(request.getfixturevalue("server"))
        request.node.user_properties += facts(request.node, place.gateway, server)

"""A run that dies at any command to an FTP server, then a clean one: the end is that of the undisturbed run."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from datagw.gateways.base import Gateway
from datagw.gateways.ftp import Ftp
from datagw_tests.conftest import require_server
from datagw_tests.publishing.test_crash_points import die_at_each_call
from datagw_tests.servers import vsftpd
from datagw_tests.servers.ftp_pyftpdlib import PASSWORD, Pyftpd


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", PASSWORD)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pyftpd]:
    with Pyftpd(tmp_path_factory.mktemp("ftp")) as server:
        yield server


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pyftpd]:
    """One that knows no MLSD, and renames over nothing: each replacement takes steps."""
    with Pyftpd(tmp_path_factory.mktemp("old"), without=("MLSD", "MLST", "FEAT"), keep=True) as server:
        yield server


def on(server: Pyftpd | vsftpd.Vsftpd) -> Callable[[Path], Gateway]:
    def place(case: Path) -> Gateway:
        root = server.root / case.name
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir()
        return Ftp(**server.fields(root=server.at(case.name)))

    return place


def test_a_day_to_an_ftp_server(server: Pyftpd, tmp_path: Path) -> None:
    assert die_at_each_call(tmp_path, on(server), step=23, first=5) > 100


def test_a_day_to_an_old_ftp_server(old: Pyftpd, tmp_path: Path) -> None:
    assert die_at_each_call(tmp_path, on(old), step=41, first=11) > 100


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_day_to_an_ftp_server_at_every_call(server: Pyftpd, tmp_path: Path) -> None:
    assert die_at_each_call(tmp_path, on(server)) > 100


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_day_to_an_old_ftp_server_at_every_call(old: Pyftpd, tmp_path: Path) -> None:
    assert die_at_each_call(tmp_path, on(old)) > 100


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_day_to_vsftpd_at_every_third_call(tmp_path: Path) -> None:
    if lack := vsftpd.missing():
        require_server(*lack)
    with vsftpd.Vsftpd(tmp_path / "vsftpd") as server:
        assert die_at_each_call(tmp_path, on(server), step=3) > 100

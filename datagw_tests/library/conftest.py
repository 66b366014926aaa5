"""A folder with three days, in which a test stands as a script would; and an SSH server."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from datagw import Sftp
from datagw_tests.publishing.conftest import folder, sshd
from datagw_tests.servers.openssh import OpenSSH

__all__ = ["folder", "sshd"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: `data/20260101/` to `data/20260103/`, two files each, written long ago."""
    monkeypatch.chdir(tmp_path)
    for day in ("20260101", "20260102", "20260103"):
        for name in ("a", "sub/b"):
            write(tmp_path / "data" / day / name, f"{day} {name}")
    return tmp_path


@pytest.fixture
def institute(sshd: OpenSSH, folder: Path) -> Sftp:
    """A gateway to an empty folder of the server."""
    return Sftp(**sshd.fields(root=str(folder)))


def write(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    os.utime(path, (1_760_000_000, 1_760_000_000))
    return path


def tree(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}

"""Servers that are built from source, by `.ci/servers`; looked for in `.servers/`, then in PATH."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from datagw_tests.conftest import require_server

_FOLDER = Path(__file__).resolve().parents[2] / ".servers"
_PATH = os.environ.get("PATH", "")


def program(name: str) -> str:
    """Where the program is; else the test is skipped, and in continuous integration fails where Go could build it."""
    found = shutil.which(name, path=f"{_FOLDER}:{_PATH}")
    if found is not None:
        return found
    if shutil.which("go", path=f"{_PATH}:/usr/local/go/bin") is None:
        pytest.skip(
            f"no {name} on this machine, and no Go to build it; to have it: install Go 1.26, .ci/servers {name}"
        )
    require_server(f"no {name} on this machine", f".ci/servers {name}")

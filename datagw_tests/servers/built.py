"""Server programs that no package manager brings: `.ci/servers` builds or installs them; then looked for in PATH."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from datagw_tests.conftest import require_server

_FOLDER = Path(__file__).resolve().parents[2] / ".servers"
_PATH = os.environ.get("PATH", "")
_OF_PYPI = ("rclone", "localstack", "udata")


def program(name: str, of: str | None = None) -> str:
    """Where the program is, `of` the environment of that name; else the test is skipped.

    In continuous integration it fails instead, unless it is for want of Go.
    """
    what = of or name
    found = shutil.which(name, path=f"{_FOLDER / what / 'bin'}{'' if of else f':{_FOLDER}:{_PATH}'}")
    if found is not None:
        return found
    if what not in _OF_PYPI and shutil.which("go", path=f"{_PATH}:/usr/local/go/bin") is None:
        pytest.skip(
            f"no {what} on this machine, and no Go to build it; to have it: install Go 1.26, .ci/servers {what}"
        )
    require_server(f"no {what} on this machine", f".ci/servers {what}")

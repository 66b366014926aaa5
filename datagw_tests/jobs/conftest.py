"""A job file that is written, read, and told of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from datagw.jobs import JobFile, load

Read = Callable[..., JobFile]


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Reads `text` as the `jobs.toml` of an empty folder, with nothing in the environment but `env`."""

    def reading(text: str, **env: str) -> JobFile:
        monkeypatch.chdir(tmp_path)
        Path("jobs.toml").write_text(text, encoding="utf-8")
        return load(env=env)

    return reading

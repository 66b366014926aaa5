"""A workshop for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from datagw_tests.pipelines.workshop import Workshop


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    """A folder with an empty job file."""
    return Workshop(tmp_path / "shop")

"""What the tests of programs share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from datagw_tests.pipelines.commands.desk import close_ledgers


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """No ledger stays open after its test."""
    yield
    close_ledgers()

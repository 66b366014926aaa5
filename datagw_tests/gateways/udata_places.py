"""A udata that the tests of data.gouv.fr share, and gateways on new data sets of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from datagw.gateways.datagouv import Datagouv
from datagw.gateways.front.retries import RetryPolicy
from datagw_tests.servers.udata import Udata, shared

ONCE = RetryPolicy(max=0)
TWICE = RetryPolicy(max=2, backoff=0.01, cap=0.02)


@pytest.fixture
def udata(monkeypatch: pytest.MonkeyPatch) -> Iterator[Udata]:
    """The server; its token is in the environment."""
    server = shared()
    monkeypatch.setenv("UDATA_TOKEN", server.token)
    monkeypatch.setenv("UDATA_STRANGER", server.stranger)
    yield server
    server.any_extension(False)
    server.line.refuse = False


@pytest.fixture
def gouv(udata: Udata) -> Datagouv:
    """A gateway on a new data set that tries nothing twice."""
    return Datagouv(**udata.fields(root=udata.data_set())).using(name="gouv", retries=ONCE)


@pytest.fixture
def also(gouv: Datagouv) -> Callable[..., Datagouv]:
    """Another gateway on the same data set, with other settings."""

    def made(**fields: Any) -> Datagouv:
        given = gouv.model_dump(exclude_unset=True)
        return Datagouv(**{**given, "token": {"env": "UDATA_TOKEN"}, **fields}).using(name="gouv", retries=ONCE)

    return made


def in_storage(udata: Udata, name: str) -> list[Path]:
    """The files of this name that the server keeps."""
    return sorted((udata.folder / "fs").rglob(name))

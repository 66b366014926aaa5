"""Stores that the S3 tests share, and gateways on a new bucket of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from datagw.gateways.front.retries import RetryPolicy
from datagw.gateways.s3 import S3
from datagw_tests.servers.chaos import Chaos
from datagw_tests.servers.s3 import SECRET, Minio, S3Server, VersityGateway

ONCE = RetryPolicy(max=0)
MIB = 1 << 20


BOTH = [pytest.param(Minio, id="minio"), pytest.param(VersityGateway, id="versitygw", marks=pytest.mark.slow)]


@pytest.fixture(scope="module", params=BOTH)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Both stores, one after the other."""
    with request.param(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="module")
def minio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with Minio(tmp_path_factory.mktemp("minio")) as server:
        yield server


@pytest.fixture
def line(store: S3Server) -> Iterator[Chaos]:
    """A proxy before the store."""
    with Chaos("127.0.0.1", store.port) as proxy:
        yield proxy


def a_gateway(server: S3Server, monkeypatch: pytest.MonkeyPatch, **fields: Any) -> S3:
    """A gateway on a new bucket that tries nothing twice; `bucket` and any other setting may be given."""
    monkeypatch.setenv("S3_SECRET", SECRET)
    given = server.fields(**fields)
    return S3(**{"bucket": given.get("bucket") or server.bucket(), **given}).using(name="lake", retries=ONCE)

"""The promise on real S3 stores: MinIO, versitygw, which keeps objects as files, and localstack."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from datagw.gateways.s3 import S3
from datagw_tests.gateways.promise import Place, Promise
from datagw_tests.servers.chaos import Chaos
from datagw_tests.servers.s3 import SECRET, Localstack, Minio, S3Server, VersityGateway


class TestMinio(Promise):
    """The store that is most like Amazon's; a proxy stands before it, so that connections can be cut."""

    server_class: ClassVar[type[S3Server]] = Minio
    given: ClassVar[dict[str, Any]] = {}
    checks_signatures: ClassVar[bool] = True

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
        with cls.server_class(tmp_path_factory.mktemp("s3")) as server:
            yield server

    @pytest.fixture
    def place(self, server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
        monkeypatch.setenv("S3_SECRET", SECRET)
        monkeypatch.setenv("S3_WRONG", "wrong")
        with Chaos("127.0.0.1", server.port) as line:
            fields = server.fields(bucket=server.bucket(), endpoint_url=f"http://127.0.0.1:{line.port}", **self.given)
            gateway = S3(**fields)

            def wrong() -> S3:
                return S3(**{**fields, "secret_access_key": {"env": "S3_WRONG"}})

            yield Place(
                gateway,
                lambda: gateway.using(),
                secret=SECRET,
                wrong=wrong if self.checks_signatures else None,
                cut=line.reset_all,
                stop=server.kill,
                refuses=self.refuses,
            )
        if not server.running:
            server.start()

    @staticmethod
    def refuses(name: str) -> bool:
        try:
            name.encode("utf-8")
        except UnicodeEncodeError:
            return True
        return False


@pytest.mark.slow
class TestVersityGateway(TestMinio):
    """A store that keeps objects as files; in a folder of the bucket, which nobody has made."""

    server_class: ClassVar[type[S3Server]] = VersityGateway
    given: ClassVar[dict[str, Any]] = {"root": "some/where"}


@pytest.mark.slow
class TestLocalstack(TestMinio):
    """Amazon's rules for checksums and conditions; it takes whatever signature there is, a wrong one too."""

    stand_in: ClassVar[str] = "for Amazon S3, whose behaviour it rebuilds"
    server_class: ClassVar[type[S3Server]] = Localstack
    checks_signatures = False

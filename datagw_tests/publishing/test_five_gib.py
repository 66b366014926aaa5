"""A file of 5 GiB goes from each kind of place to another in flat memory, and on after kill -9 from where it was."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from datagw.gateways.base import Gateway
from datagw.gateways.http import Http
from datagw.gateways.local import Local
from datagw.gateways.s3 import S3
from datagw.gateways.sftp import Sftp
from datagw.publishing import NoProgress
from datagw_tests.conftest import require_server
from datagw_tests.publishing.station import Station
from datagw_tests.servers import nginx
from datagw_tests.servers.openssh import OpenSSH
from datagw_tests.servers.s3 import SECRET, Minio, VersityGateway

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

MIB = 1 << 20
SIZE = 5 << 30
KINDS = {"local": Local, "http": Http, "s3": S3, "sftp": Sftp}


# ---- the run, in a process of its own


class Watched(NoProgress):
    """Notes the memory that the process has needed when the first GiB is through."""

    def __init__(self) -> None:
        self.moved_bytes = 0
        self.early = 0

    def moved(self, count: int) -> None:
        self.moved_bytes += count
        if not self.early and self.moved_bytes >= SIZE // 5:
            self.early = peak()


def peak() -> int:
    """The most memory that this process has had so far, in bytes."""
    told = Path("/proc/self/status").read_text().partition("VmHWM:")[2]
    return int(told.split()[0]) * 1024


def work(folder: str, source: dict[str, Any], archive: dict[str, Any]) -> None:
    """Mirrors the file, and says what came of it."""
    progress = Watched()
    station = Station(Path(folder), made(archive), source=made(source))
    start = peak()
    (result,) = station.run(None, source="big.bin", to=["mirror/"], marker=None, world={"progress": progress})
    copy = result.copies["archive"]
    told = {"state": result.state, "failures": [str(one) for one in copy.failures], "sent": copy.sent_bytes}
    sys.stdout.write(json.dumps({**told, "start": start, "early": progress.early, "peak": peak()}))


def made(fields: dict[str, Any]) -> Gateway:
    return KINDS[fields["type"]](**{key: value for key, value in fields.items() if key != "type"})


# ---- the places


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A file with holes, and something of its own in each 8 MiB; and its SHA-256."""
    path = tmp_path_factory.mktemp("original") / "big.bin"
    draw = random.Random(8)
    with path.open("wb") as file:
        file.truncate(SIZE)
        for start in range(0, SIZE, 8 * MIB):
            file.seek(start + draw.randrange(7 * MIB))
            file.write(draw.randbytes(4096))
    os.utime(path, (1_760_000_000, 1_760_000_000))
    yield path, sha256_of(path)
    path.unlink()


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Mirror:
    """A mirror of the file, run in a process that can be killed."""

    def __init__(self, folder: Path, source: dict[str, Any], archive: dict[str, Any]) -> None:
        self.folder = folder
        self._order = json.dumps({"folder": str(folder), "source": source, "archive": archive})

    def start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", __name__, self._order]
        return subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "S3_SECRET": SECRET})

    def killed_when(self, arrived: Callable[[], int]) -> int:
        """Kills it once half of the file is there; how much had arrived for good."""
        process = self.start()
        try:
            end = time.monotonic() + 240
            while arrived() < SIZE // 2:
                assert process.poll() is None, "it has ended too early"
                assert time.monotonic() < end, f"{arrived()} bytes have arrived"
                time.sleep(0.05)
        finally:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
        return arrived()

    def ended(self) -> dict[str, Any]:
        """What the next run says."""
        process = self.start()
        said, _ = process.communicate(timeout=400)
        assert process.returncode == 0
        return json.loads(said)

    def staged(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file() and path.stat().st_size > MIB]


def check(mirror: Mirror, arrived: Callable[[], int], least: int) -> dict[str, Any]:
    """Killed half-way, then ended: what had arrived was not sent again, and memory stayed what it was early on."""
    there = mirror.killed_when(arrived)
    assert mirror.staged() == []
    told = mirror.ended()
    assert (told["state"], told["failures"]) == ("published", [])
    assert 0 < told["sent"] <= SIZE - there
    assert told["peak"] - told["early"] < 48 * MIB
    assert told["peak"] - told["start"] < least
    assert mirror.staged() == []
    return told


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Minio]:
    with Minio(made_folder(tmp_path, "lake")) as server:
        yield server
    subprocess.run(["rm", "-rf", str(tmp_path / "lake")], check=True)


def parts_in(server: Minio, bucket: str) -> int:
    """Bytes of finished parts that the store has of an upload."""
    uploads = server.client.list_multipart_uploads(Bucket=bucket, Prefix="mirror/big.bin").get("Uploads", ())
    found = 0
    for one in uploads:
        page = server.client.list_parts(Bucket=bucket, Key=one["Key"], UploadId=one["UploadId"])
        found += sum(part["Size"] for part in page.get("Parts", ()))
    return found


def to_the_lake(lake: Minio, folder: Path, source: dict[str, Any], sha256: str) -> None:
    bucket = lake.bucket()
    fields = {"type": "s3", **lake.fields(bucket=bucket)}
    check(Mirror(folder, source, fields), lambda: parts_in(lake, bucket), 300 * MIB)
    body = lake.client.get_object(Bucket=bucket, Key="mirror/big.bin")["Body"]
    digest = hashlib.sha256()
    for block in body.iter_chunks(MIB):
        digest.update(block)
    assert digest.hexdigest() == sha256


def test_from_a_disk_to_s3(original: tuple[Path, str], lake: Minio, tmp_path: Path):
    path, sha256 = original
    to_the_lake(lake, made_folder(tmp_path), {"type": "local", "root": str(path.parent)}, sha256)


def test_from_a_web_server_to_s3(original: tuple[Path, str], lake: Minio, tmp_path: Path):
    if lack := nginx.missing():
        require_server(*lack)
    path, sha256 = original
    with nginx.Nginx(tmp_path / "web") as server:
        (server.root / "big.bin").symlink_to(path)
        to_the_lake(lake, made_folder(tmp_path), {"type": "http", "url": server.url}, sha256)


def test_from_s3_to_an_ssh_server(original: tuple[Path, str], sshd: OpenSSH, folder: Path, tmp_path: Path):
    path, sha256 = original
    with VersityGateway(made_folder(tmp_path, "store")) as store:
        bucket = store.bucket()
        big = store.folder / "data" / bucket / "big.bin"
        os.link(path, big)
        os.setxattr(big, "user.etag", hashlib.md5(b"big").hexdigest().encode())
        source = {"type": "s3", **store.fields(bucket=bucket)}
        archive = {"type": "sftp", **sshd.fields(root=str(folder))}

        def arrived() -> int:
            return sum(part.stat().st_size for part in (folder / "mirror").glob(".datagw-*.part"))

        check(Mirror(made_folder(tmp_path), source, archive), arrived, 100 * MIB)
    assert sha256_of(folder / "mirror/big.bin") == sha256
    (folder / "mirror/big.bin").unlink()


def made_folder(tmp_path: Path, name: str = "station") -> Path:
    (tmp_path / name).mkdir()
    return tmp_path / name


if __name__ == "__main__":
    work(**json.loads(sys.argv[1]))

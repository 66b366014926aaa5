"""Where it happens: the sink on loopback, in a process of its own."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from typing_extensions import override

from benchmarks.side_by_side.ground import Ground
from benchmarks.side_by_side.loads import DAY, files_of

KEY, SECRET = "BENCHMARKKEY", "benchmark-secret"  # nobody compares them
_PROJECT = Path(__file__).resolve().parent.parent.parent


@contextmanager
def sink(folder: Path) -> Iterator[Bucket]:
    """The server, and the ground with it."""
    command = [sys.executable, "-m", "benchmarks.s3.sink"]
    process = subprocess.Popen(command, cwd=_PROJECT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield Bucket(folder, f"http://127.0.0.1:{int(process.stdout.readline())}")
    finally:
        process.terminate()
        process.wait()


class Bucket(Ground):
    """One bucket, that everybody publishes to."""

    name = "bucket"

    def __init__(self, folder: Path, url: str) -> None:
        super().__init__(folder)
        self.url = url

    @override
    def environment(self) -> dict[str, str]:
        account = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "us-east-1"}
        return {**super().environment(), **account, "AWS_EC2_METADATA_DISABLED": "true"}

    @override
    def fresh(self) -> None:
        self._ask("POST", "empty?looks" if self.closely else "empty")
        os.sync()

    @override
    def difference(self) -> str | None:
        """By name and size; by MD5 as well of what the sink has looked at: of small files always."""
        there: dict[str, list[tuple[int, str | None]]] = json.loads(self._ask("GET", "objects"))
        here = {f"{DAY}/{name}": path for name, path in files_of(self.source / DAY).items()}
        if here.keys() != there.keys():
            missing, extra = sorted(here.keys() - there.keys()), sorted(there.keys() - here.keys())
            return f"{len(missing)} files missing {missing[:3]}, {len(extra)} too many {extra[:3]}"
        unlike = [name for name, path in here.items() if not _is_like(path, there[name], closely=self.closely)]
        return f"{len(unlike)} files differ {unlike[:3]}" if unlike else None

    def _ask(self, method: str, what: str) -> bytes:
        request = urllib.request.Request(f"{self.url}/{self.name}/-/{what}", method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()


def _is_like(path: Path, parts: list[tuple[int, str | None]], *, closely: bool) -> bool:
    if path.stat().st_size != sum(size for size, _ in parts):
        return False
    with path.open("rb") as file:
        for size, md5 in parts:
            if md5 is None and closely:
                return False
            if md5 is None or (len(parts) > 1 and not closely):
                file.seek(size, os.SEEK_CUR)  # not looked at, or the client's own word
            elif hashlib.md5(file.read(size)).hexdigest() != md5:
                return False
    return True

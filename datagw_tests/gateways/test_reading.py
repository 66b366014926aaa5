"""The one pass over a source file: small ones in the thread that sends, large ones read ahead on another."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

import pytest

from datagw.errors import Changed, NotFound
from datagw.files import StagedFile, part_name
from datagw.gateways.base import Upload
from datagw.gateways.front.reading import Reading
from datagw.gateways.local import Local

SIZES = [0, 1, 999_999, 1 << 20, 5_000_001]
BLOCK = 255 * 1024


def reading_of(path: Path, pulses: list[int] | None = None) -> Reading:
    claim = Local(root=str(path.parent)).stat(path.name)
    upload = Upload(StagedFile(path, claim), part_name(claim.content_version, path.name), path.name)
    return Reading(upload, (pulses if pulses is not None else []).append)


def written(path: Path, size: int) -> bytes:
    content = os.urandom(size)
    path.write_bytes(content)
    return content


def threads_that_read() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "datagw-read"]


@pytest.mark.parametrize("size", SIZES)
def test_every_byte_is_read_counted_and_hashed_once(tmp_path: Path, size: int):
    content, pulses = written(tmp_path / "f", size), list[int]()
    reading = reading_of(tmp_path / "f", pulses)
    blocks = [bytes(block) for block in reading.blocks(BLOCK)]
    assert b"".join(blocks) == content
    assert [len(block) for block in blocks] == pulses
    assert all(len(block) == BLOCK for block in blocks[:-1])
    assert reading.sha256 == hashlib.sha256(content).hexdigest()
    assert threads_that_read() == []


def test_what_goes_on_behind_a_prefix_has_the_hash_of_the_whole(tmp_path: Path):
    content = written(tmp_path / "f", 5_000_001)
    reading = reading_of(tmp_path / "f")
    assert reading.hash_prefix(1_234_567) == hashlib.sha256(content[:1_234_567]).hexdigest()
    assert b"".join(reading.blocks(BLOCK)) == content[1_234_567:]
    assert reading.sha256 == hashlib.sha256(content).hexdigest()


def test_a_large_file_that_becomes_shorter_while_it_is_read_has_changed(tmp_path: Path):
    written(tmp_path / "f", 20_000_000)
    blocks = reading_of(tmp_path / "f").blocks(BLOCK)
    next(blocks)
    os.truncate(tmp_path / "f", 10_000_000)
    with pytest.raises(Changed, match="shorter"):
        list(blocks)
    assert threads_that_read() == []


def test_a_large_file_that_is_touched_while_it_is_read_has_changed(tmp_path: Path):
    written(tmp_path / "f", 20_000_000)
    blocks = reading_of(tmp_path / "f").blocks(BLOCK)
    next(blocks)
    os.utime(tmp_path / "f", (1, 1))
    with pytest.raises(Changed, match="while it was read"):
        list(blocks)


def test_a_large_file_that_is_gone_before_it_is_read_is_not_found(tmp_path: Path):
    written(tmp_path / "f", 5_000_000)
    reading = reading_of(tmp_path / "f")
    os.unlink(tmp_path / "f")
    with pytest.raises(NotFound):
        next(reading.blocks(BLOCK))


def test_whoever_stops_in_the_middle_leaves_no_thread_and_no_file_open(tmp_path: Path):
    written(tmp_path / "f", 20_000_000)
    before = len(os.listdir("/proc/self/fd"))
    blocks = reading_of(tmp_path / "f").blocks(BLOCK)
    next(blocks)
    assert threads_that_read() == ["datagw-read"]
    blocks.close()  # type: ignore[attr-defined]
    assert threads_that_read() == []
    assert len(os.listdir("/proc/self/fd")) == before


def test_only_a_few_blocks_are_read_before_they_are_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    written(tmp_path / "f", 20_000_000)
    reads, full, real = list[int](), threading.Event(), os.pread

    def pread(descriptor: int, size: int, offset: int) -> bytes:
        reads.append(offset)
        if len(reads) == 4:
            full.set()
        return real(descriptor, size, offset)

    monkeypatch.setattr(os, "pread", pread)
    blocks = reading_of(tmp_path / "f").blocks(BLOCK)
    next(blocks)
    assert full.wait(10)
    blocks.close()  # type: ignore[attr-defined]
    assert len(reads) <= 5

"""data.gouv.fr behind a line that is late, cut, refused or silent; and large files, in little memory."""

from __future__ import annotations

import hashlib
import os
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from datagw.errors import Aborted, Unavailable
from datagw.files import StagedFile
from datagw.gateways.datagouv import Datagouv
from datagw.gateways.local import Local
from datagw_tests.gateways.promise import hold, publish, upload
from datagw_tests.gateways.udata_places import TWICE, also, gouv, udata
from datagw_tests.servers.udata import Udata

__all__ = ["also", "gouv", "udata"]

CONTENT = bytes(range(256)) * 20_000


@pytest.fixture(autouse=True)
def _line(udata: Udata):
    yield
    udata.line.cut_after = udata.line.cut_after_down = None
    udata.line.silent = False
    udata.line.latency = 0.0


def first(act: Callable[[], None]) -> Callable[[int], None]:
    """What is done when the first block is read, once."""
    done: list[int] = []

    def moved(_count: int) -> None:
        if not done:
            done.append(1)
            act()

    return moved


def test_an_answer_that_is_lost_on_the_line_makes_no_second_resource(udata, gouv, also, tmp_path):
    line = udata.line

    def lose() -> None:
        line.cut_after_down = 1

    staged = hold(tmp_path, "a", b"content")
    (one,) = gouv.using(moved=first(lose)).publish([upload(staged, "a.csv")])
    assert isinstance(one.error, Unavailable)
    line.cut_after_down = None
    (left,) = udata.resources(gouv.root)
    assert left["extras"] == {}
    assert publish(also(), staged, "a.csv") == "readback"
    (found,) = udata.resources(gouv.root)
    assert (found["id"], found["extras"]["datagw:key"]) == (left["id"], "a.csv")


@pytest.mark.slow
def test_a_line_that_is_cut_in_every_chunk_leaves_nothing_to_be_seen(udata, gouv, tmp_path):
    udata.line.cut_after = 300_000
    staged = hold(tmp_path, "a", CONTENT)
    (one,) = gouv.using(retries=TWICE).publish([upload(staged, "a.csv")])
    assert isinstance(one.error, Unavailable)
    assert udata.resources(gouv.root) == []
    udata.line.cut_after = None
    publish(gouv, staged, "a.csv")
    assert hashlib.sha256(gouv.read("a.csv")).digest() == hashlib.sha256(CONTENT).digest()
    assert len(udata.resources(gouv.root)) == 1


def test_a_place_that_says_nothing_is_given_up_and_the_file_goes_when_it_speaks(udata, also, tmp_path):
    gateway = also(timeout=0.5)
    line = udata.line

    def fall_silent() -> None:
        line.silent = True

    staged = hold(tmp_path, "a", b"content")
    begin = time.monotonic()
    (one,) = gateway.using(moved=first(fall_silent)).publish([upload(staged, "a.csv")])
    assert isinstance(one.error, Unavailable)
    assert "no answer" in str(one.error)
    assert time.monotonic() - begin < 5
    line.silent = False
    publish(also(timeout=20), staged, "a.csv")
    assert len(udata.resources(gateway.root)) == 1


def test_a_run_that_is_told_to_end_ends_in_the_middle_of_an_upload(udata, gouv, tmp_path):
    told: list[float] = []
    line = udata.line

    def fence() -> None:
        if told and time.monotonic() - told[0] > 0.3:
            raise Aborted("told to end")

    def fall_silent() -> None:
        line.silent = True
        told.append(time.monotonic())

    with pytest.raises(Aborted):
        list(gouv.using(fence=fence, moved=first(fall_silent)).publish([upload(hold(tmp_path, "a", CONTENT), "a.csv")]))
    assert time.monotonic() - told[0] < 8
    line.silent = False
    assert udata.resources(gouv.root) == []


@pytest.mark.slow
def test_chunks_do_not_wait_for_each_other_on_a_long_line(udata, gouv, tmp_path, monkeypatch):
    monkeypatch.setattr(Datagouv, "chunk", 300_000)
    gouv.check(write=False)
    udata.line.latency = 0.05
    begin = time.monotonic()
    (one,) = gouv.publish([upload(hold(tmp_path, "a", CONTENT), "a.csv")])
    assert one.error is None
    assert time.monotonic() - begin < 18 * 4 * 0.05 + 4, "18 chunks, of which each takes two ways there and two back"


@pytest.mark.slow
def test_a_large_file_takes_little_memory(udata: Udata, gouv: Datagouv, tmp_path: Path):
    size = 200_000_000
    with (tmp_path / "large").open("wb") as file:
        for _ in range(size // 1_000_000):
            file.write(os.urandom(1_000_000))
    staged = StagedFile(tmp_path / "large", Local(root=str(tmp_path)).stat("large"))
    tracemalloc.start()
    try:
        (one,) = gouv.publish([upload(staged, "large.csv")])
        assert one.error is None
        assert gouv.verify([one], "content") == ["readback"]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 40_000_000

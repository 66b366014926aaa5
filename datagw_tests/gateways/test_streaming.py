"""Files read at one place while they are sent to another: equal, gone on with, and each place blamed for its own."""

from __future__ import annotations

import contextlib
import hashlib
import random
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import PrivateAttr

from datagw.errors import Aborted, Changed, NotFound, Unavailable
from datagw.files import RemoteFile, part_name
from datagw.gateways.base import Gateway, Reading, Sent, Upload
from datagw.gateways.front import streaming
from datagw.gateways.front.reading import Published
from datagw.gateways.front.retries import RetryPolicy
from datagw.gateways.front.streaming import StreamedFile, Streams, Unread
from datagw.gateways.memory import Memory, Store
from datagw_tests.gateways.shelf import Shelf
from datagw_tests.gateways.test_reading import threads_that_read

QUICK = RetryPolicy(max=2, backoff=0.01, cap=0.02)
CONTENT = random.Random(5).randbytes(3_000_001)


class Source(Memory):
    """A place whose line breaks after so many bytes each time, as `cuts` says, and that counts what it is asked."""

    cuts: list[int] = []
    reads: list[int] = []
    piece: int = 70_001
    _open: list[int] = PrivateAttr(default_factory=lambda: [0, 0])  # now, and at most

    def _session(self) -> Store:
        if self.cuts[:1] == [-1]:
            raise Unavailable("nobody answers")
        return super()._session()

    def _read(self, session: Store, path: str, offset: int = 0) -> Iterator[bytes]:
        self.reads.append(offset)
        self._open[0] += 1
        self._open[1] = max(self._open)
        try:
            cut = self.cuts.pop(0) if self.cuts else None
            content = self._entry(session, path)[0]
            for at in range(offset, len(content), self.piece):
                if cut is not None and at - offset >= cut:
                    raise Unavailable("the line broke")
                yield content[at : at + self.piece]
        finally:
            self._open[0] -= 1


class Cut(Memory):
    """A destination whose line breaks once a file has so many bytes there; it counts its connections."""

    cuts: list[int] = []
    logins: list[int] = []

    def _session(self) -> Store:
        self.logins.append(1)
        return super()._session()

    def _write(self, session: Store, reading: Reading, sync: bool) -> None:
        store = Memory._write

        class Shortened:
            def __init__(self, cut: int) -> None:
                self.cut = cut

            def __getattr__(self, name: str) -> Any:
                return getattr(reading, name)

            def blocks(self, size: int) -> Iterator[Any]:
                left = self.cut
                for block in reading.blocks(size):
                    if left <= 0:
                        raise Unavailable("the line broke")
                    left -= len(block)
                    yield block

        store(self, session, Shortened(self.cuts.pop(0)) if self.cuts else reading, sync)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _all_files_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "STREAM_FROM", 1)


def source(*cuts: int, files: int = 1, **fields: Any) -> Source:
    made = Source(cuts=list(cuts), reads=[], **fields).using(name="origin", retries=QUICK)
    for n in range(files):
        made.put(CONTENT, f"f{n}")
    made.reads.clear()
    return made


def upload(claim: RemoteFile, streams: Streams, **more: Any) -> Upload:
    final = f"copy-of-{claim.path}"
    return Upload(StreamedFile(claim, streams), part_name(claim.content_version, final), final, **more)


def sent_to(gateway: Gateway, origin: Source, files: int = 1, streams: Streams | None = None) -> list[Sent]:
    """All of the files, in the order of their names."""
    with streams or Streams(origin) as streams:
        uploads = [upload(origin.stat(f"f{n}"), streams) for n in range(files)]
        done = list(gateway.publish(uploads) if gateway.in_one_request else gateway.send(uploads))
    assert threads_that_read() == []
    return sorted(done, key=lambda sent: sent.upload.final)


def free(streams: Streams, count: int) -> bool:
    """Whether nobody holds a connection any more."""
    taken = [streams._free.acquire(blocking=False) for _ in range(count + 1)]
    for _ in range(sum(taken)):
        streams._free.release()
    return sum(taken) == count


def test_what_arrives_is_equal_and_its_hash_is_known_after_one_pass():
    origin, archive = source(), Memory()
    (sent,) = sent_to(archive, origin)
    assert sent.error is None
    assert archive.read(sent.upload.part) == CONTENT
    assert (sent.sha256, sent.moved) == (hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))
    assert origin.reads == [0]
    assert archive.verify([sent], "content") == ["hash"]


@settings(max_examples=60, deadline=None)
@given(
    size=st.integers(1, 9000),
    block=st.integers(1, 4000),
    piece=st.integers(1, 3000),
    cuts=st.lists(st.integers(1, 9000), max_size=4),
    start=st.integers(0, 9000),
)
def test_blocks_are_those_of_the_content_however_it_comes(
    size: int, block: int, piece: int, cuts: list[int], start: int
):
    content, start = CONTENT[:size], min(start, size)
    origin = Source(reads=[], piece=piece).using(retries=RetryPolicy(max=5, backoff=0, cap=0))
    origin.put(content, "f")
    origin.cuts.extend(cuts)
    with Streams(origin) as streams:
        reading = Reading(upload(origin.stat("f"), streams), lambda _: None)
        assert reading.hash_prefix(start) == hashlib.sha256(content[:start]).hexdigest()
        blocks = [bytes(one) for one in reading.blocks(block)]
    assert b"".join(blocks) == content[start:]
    assert all(len(one) == block for one in blocks[:-1])
    assert reading.sha256 == hashlib.sha256(content).hexdigest()


def test_a_source_that_breaks_off_is_gone_on_with_and_the_destination_hears_nothing_of_it():
    origin, archive = source(500_000, 900_000, 1_000_000), Cut(logins=[])
    (sent,) = sent_to(archive, origin)
    assert (sent.error, sent.moved) == (None, len(CONTENT))
    assert archive.read(sent.upload.part) == CONTENT
    assert len(origin.reads) == 4
    assert origin.reads == sorted(set(origin.reads))
    assert len(archive.logins) == 1


def test_each_new_byte_gives_an_unsteady_source_all_of_its_tries_again():
    origin, archive = source(*[200_000] * 12), Memory()
    (sent,) = sent_to(archive, origin)
    assert (sent.error, archive.read(sent.upload.part)) == (None, CONTENT)


def test_each_byte_that_arrives_gives_an_unsteady_destination_all_of_its_tries_again():
    content = bytes(range(256)) * 40_000
    archive = Cut(cuts=[1_500_000] * 6, logins=[]).using(retries=QUICK)
    (sent,) = archive.send([Upload(content, "f.part", "f")])
    assert (sent.error, archive.read("f.part"), len(archive.logins)) == (None, content, 7)


def test_a_destination_at_which_nothing_more_arrives_is_given_up():
    archive = Cut(cuts=[1_500_000, *[0] * 9], logins=[]).using(retries=QUICK)
    (sent,) = archive.send([Upload(bytes(4_000_000), "f.part", "f")])
    assert isinstance(sent.error, Unavailable)
    assert len(archive.logins) == 1 + 1 + QUICK.max


class InParts(Shelf):
    """A destination that finds one more part of a file at each try, and all of it at the last."""

    tries: list[int] = []
    parts: int

    def _publish(self, session: Any, reading: Reading) -> Published:
        self.tries.append(1)
        content = b"".join(reading.blocks(1 << 16))
        reading.spared = min(len(self.tries) - 1, self.parts) * 1000
        if self.parts < 10 or len(self.tries) <= self.parts:
            raise Unavailable("the line broke")
        return Published(RemoteFile(reading.final, len(content)), "hash")


@pytest.mark.parametrize(("parts", "tries"), [(10, 11), (4, 1 + 4 + QUICK.max)])
def test_each_part_that_arrives_gives_it_all_of_its_tries_again_as_well(parts, tries, tmp_path):
    shelf = InParts(folder=str(tmp_path), parts=parts, tries=[]).using(retries=QUICK)
    (sent,) = shelf.publish([Upload(CONTENT, "f.part", "f")])
    assert (sent.error is None, len(shelf.tries)) == (parts == 10, tries)


@pytest.mark.parametrize("to", ["parts", "requests"])
def test_a_source_that_is_gone_for_good_fails_its_file_alone_and_is_named(to, tmp_path):
    archive = Cut(logins=[]) if to == "parts" else Shelf(folder=str(tmp_path))
    archive = archive.using(name="archive", retries=QUICK)
    origin = source(1_000_000, 0, 0, files=2)
    (first, second) = sent_to(archive, origin, files=2)
    assert isinstance(first.error, Unavailable)
    assert (first.alone, first.error.gateway, str(first.error)) == (True, "origin", "origin:f0: the line broke")
    assert second.error is None
    assert to == "requests" or len(archive.logins) == 1


def test_after_an_outage_the_next_files_do_not_wait_until_one_of_them_answers():
    origin = source(files=4)
    waits: list[float] = []
    slow = RetryPolicy(max=1, backoff=30, jitter=False)
    origin = origin.using(retries=slow, fence=lambda: waits.append(time.monotonic()))
    with Streams(origin) as streams:
        claims = [origin.stat(f"f{n}") for n in range(4)]
        streams.silent = True
        origin.cuts.extend([0, 0])
        begin = time.monotonic()
        done = list(Memory().send([upload(claim, streams) for claim in claims]))
    assert time.monotonic() - begin < 10
    assert [sent.error is None for sent in sorted(done, key=lambda one: one.upload.final)] == [False, False, True, True]
    assert not streams.silent


@pytest.mark.parametrize("how", ["before", "longer", "gone", "while"])
def test_a_file_that_is_another_by_now_is_left_for_a_later_run(how):
    origin, changed = source(files=2), list[int]()

    def change(_count: int) -> None:
        if how == "while" and not changed and threads_that_read():
            changed.append(1)
            origin.put(CONTENT, "f0")

    with Streams(origin) as streams:
        uploads = [upload(origin.stat(f"f{n}"), streams) for n in range(2)]
        if how == "before":
            origin.put(CONTENT, "f0")
        elif how == "gone":
            origin.rm("f0")
        elif how == "longer":
            content, claim = origin._store.files["f0"]
            origin._store.files["f0"] = content + b"x", claim
        first, second = sorted(Memory().using(moved=change).send(uploads), key=lambda sent: sent.upload.final)
    assert isinstance(first.error, NotFound if how == "gone" else Changed)
    assert (first.error.gateway, first.error.path, first.alone) == ("origin", "f0", False)
    assert second.error is None
    assert changed == ([1] if how == "while" else [])


def test_a_destination_that_breaks_off_is_gone_on_with_behind_what_arrived():
    origin, archive = source(), Cut(cuts=[2_000_000], logins=[]).using(retries=QUICK)
    streams = Streams(origin)
    (sent,) = sent_to(archive, origin, streams=streams)
    assert sent.error is None
    assert 0 < sent.moved <= len(CONTENT) - 2_000_000
    assert archive.read(sent.upload.part) == CONTENT
    assert (len(archive.logins), free(streams, 1)) == (2, True)


def test_a_destination_that_is_lost_leaves_no_connection_to_the_source_behind():
    origin, archive = source(files=3), Cut(cuts=[300_000] * 9, logins=[]).using(retries=RetryPolicy(max=0))
    streams = Streams(origin)
    sent = sent_to(archive, origin, files=3, streams=streams)
    assert all(isinstance(one.error, Unavailable) and not one.alone for one in sent)
    assert free(streams, 1)
    assert origin._open[0] == 0


def test_no_more_files_are_read_at_once_than_the_source_may_have_connections():
    origin, archive = source(files=9, connections=2), Memory(connections=4)
    sent = sent_to(archive, origin, files=9)
    assert [one.error for one in sent] == [None] * 9
    assert origin._open == [0, 2]


def test_a_run_that_is_told_to_end_does_not_wait_for_its_source():
    over = threading.Event()

    def fence() -> None:
        if over.is_set():
            raise Aborted("told to end")

    origin = source(1_000_000, *[0] * 50).using(retries=RetryPolicy(max=9, backoff=60, cap=60))
    archive = Memory().using(fence=fence)
    threading.Timer(0.3, over.set).start()
    begin = time.monotonic()
    with Streams(origin) as streams, pytest.raises(Aborted):
        list(archive.send([upload(origin.stat("f0"), streams)]))
    assert time.monotonic() - begin < 10
    assert threads_that_read() == []
    assert free(streams, 1)


def test_who_stops_reading_ends_the_wait_for_the_source():
    origin = source(1_000_000, *[0] * 50).using(retries=RetryPolicy(max=9, backoff=60, cap=60))
    with Streams(origin) as streams:
        reading = Reading(upload(origin.stat("f0"), streams), lambda _: None)
        begin = time.monotonic()
        next(reading.blocks(1 << 16))
        reading.close()
        assert time.monotonic() - begin < 10
        assert (threads_that_read(), free(streams, 1)) == ([], True)


def test_a_pass_that_another_thread_is_in_ends_there_when_it_is_given_up():
    """A request that took too long is left to its thread, and with it the line to the source."""
    origin = source(1_000_000, *[0] * 50).using(retries=RetryPolicy(max=9, backoff=60, cap=60))

    def read(reading: Reading) -> None:
        with contextlib.suppress(Aborted):
            for _ in reading.blocks(1 << 16):
                begun.set()

    with Streams(origin) as streams:
        reading, begun = Reading(upload(origin.stat("f0"), streams), lambda _: None), threading.Event()
        thread = threading.Thread(target=read, args=(reading,))
        thread.start()
        assert begun.wait(10)
        reading.close()
        thread.join(10)
        assert not thread.is_alive()
        assert (reading.complete, threads_that_read(), free(streams, 1)) == (False, [], True)


def test_a_source_that_nobody_reaches_is_told_of_the_file_as_well():
    origin = source()
    with Streams(origin) as streams:
        one = upload(origin.stat("f0"), streams)
        origin.cuts.append(-1)
        reading = Reading(one, lambda _: None)
        with pytest.raises(Unread, match="nobody answers") as caught:
            next(reading.blocks(1 << 16))
    assert isinstance(caught.value.outage, Unavailable)
    assert streams.silent


def test_a_small_file_and_one_that_cannot_be_gone_on_with_are_not_for_streams(monkeypatch):
    monkeypatch.setattr(streaming, "STREAM_FROM", 100)
    origin = source()
    streams = Streams(origin)
    assert (streams.can(RemoteFile("f", 99)), streams.can(RemoteFile("f", 100))) == (False, True)
    monkeypatch.setattr(Source, "_can_go_on", lambda _self, _file: False)
    assert not streams.can(RemoteFile("f", 100))


def test_the_source_is_read_no_faster_than_it_may_be():
    origin = source().using(bandwidth=6_000_000)
    begin = time.monotonic()
    (sent,) = sent_to(Memory(), origin)
    assert sent.error is None
    assert time.monotonic() - begin > 0.2


def test_a_beginning_that_was_hashed_is_not_read_again_when_the_destination_breaks_off_once_more():
    origin, archive = source(), Cut(cuts=[2_000_000, 0, 0], logins=[])
    (sent,) = sent_to(archive.using(retries=RetryPolicy(max=4, backoff=0, cap=0)), origin)
    assert (sent.error, archive.read(sent.upload.part)) == (None, CONTENT)
    assert origin.reads.count(0) == 2

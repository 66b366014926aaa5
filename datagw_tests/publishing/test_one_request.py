"""Places that publish in one request: compared, tried once more, and never taken for proven when they differ."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from typing_extensions import override

from datagw.errors import GatewayError, Rejected, Unavailable
from datagw.gateways.base import Reading, Upload
from datagw.gateways.front.reading import Published
from datagw.gateways.front.retries import RetryPolicy
from datagw.publishing.tidying import Tidying
from datagw_tests.gateways.shelf import Board, Shelf
from datagw_tests.publishing.crashing import Counter, Crash, dying
from datagw_tests.publishing.station import DAY, Station

PUBLISHED = "days/20260201/a"
LARGE = bytes(range(256)) * 20_000


def station(folder: Path, *, kind: type[Shelf] = Shelf, **fields: Any) -> Station:
    (folder / "archive").mkdir(exist_ok=True)
    made = Station(folder, kind(folder=str(folder / "archive"), **fields), options={"marker": None})
    made.write("20260201/a", b"content")
    return made


@pytest.mark.parametrize(("checks", "how"), [(True, "hash"), (False, "readback")])
def test_the_receipt_says_how_it_is_known(tmp_path, checks, how):
    one = station(tmp_path, checks=checks)
    assert one.run()[0].state == "published"
    (receipt,) = one.receipts()
    assert (receipt.verification, receipt.size, receipt.destination) == (how, 7, PUBLISHED)
    assert receipt.copy_etag == one.archive.using().stat(PUBLISHED).etag
    assert one.ledger.all_intents("readings") == []


def test_where_size_is_enough_nothing_is_read_back(tmp_path):
    one = station(tmp_path, checks=False)
    one.run(verify="size")
    assert [receipt.verification for receipt in one.receipts()] == ["size"]


@pytest.mark.parametrize("checks", [True, False])
def test_what_arrived_differing_is_sent_once_more(tmp_path, checks):
    one = station(tmp_path, checks=checks, spoils=[0])
    assert one.run()[0].state == "published"
    assert one.there() == {PUBLISHED: b"content"}
    assert one.archive.asked == [PUBLISHED] * 2  # type: ignore[attr-defined]


def test_what_differs_again_is_a_failed_copy_and_no_receipt(tmp_path):
    one = station(tmp_path, checks=False, spoils=[0, 1])
    (result,) = one.run()
    assert result.state == "failed"
    assert "differs from what was sent" in result.failures[0].error
    assert one.receipts() == []
    assert one.run()[0].state == "published"
    assert one.there() == {PUBLISHED: b"content"}


def test_where_the_place_refuses_what_differs_the_old_file_stays(tmp_path):
    one = station(tmp_path, spoils=[1, 2, 3, 4, 5])
    one.run()
    one.write("20260201/a", b"changed", mtime=1_770_000_000)
    assert one.run()[0].state == "failed"
    assert one.there() == {PUBLISHED: b"content"}


def test_a_second_run_moves_nothing_and_an_equal_file_is_adopted(tmp_path):
    one = station(tmp_path)
    one.run()
    (again,) = one.run()
    assert (again.state, again.copies["archive"].sent_files) == ("published", 0)
    one.ledger.close()
    (tmp_path / "jobs.db").unlink()
    other = Station(tmp_path, one.archive, options={"marker": None})
    (adopted,) = other.run()
    assert (adopted.copies["archive"].adopted, adopted.copies["archive"].sent_files) == (1, 0)


@pytest.mark.parametrize("seen", [True, False])
def test_a_file_of_somebody_else_is_not_replaced_where_overwrite_is_false(tmp_path, seen):
    one = station(tmp_path, kind=Shelf if seen else Blind)
    one.archive.put(b"theirs!!", PUBLISHED)
    (result,) = one.run(overwrite=False)
    assert result.state == "failed"
    assert one.archive.using().read(PUBLISHED) == b"theirs!!"


class Blind(Shelf):
    """Looks before and after somebody else came: the list does not have their file yet."""

    @override
    def _ls(self, session: Board, folder: str) -> Iterator[Any]:
        return iter([one for one in super()._ls(session, folder) if one.path != PUBLISHED])


@pytest.mark.parametrize("overwrite", [True, False])
def test_a_file_that_changed_after_a_crash_replaces_what_the_crash_left(tmp_path, overwrite):
    one = station(tmp_path)
    k = 0
    while True:
        k += 1
        counter = Counter(k)
        try:
            with dying(counter, one.ledger):
                one.run(overwrite=overwrite)
        except Crash:
            if one.there() and not one.receipts():
                break
        assert counter.count >= k, "no crash fell between the request and its receipt"
        one.ledger.close()
        for path in (tmp_path / "jobs.db", *(tmp_path / "archive").iterdir()):
            path.unlink()
        one = station(tmp_path)
    one.write("20260201/a", b"changed", mtime=1_770_000_000)
    assert one.run(overwrite=overwrite)[0].state == "published"
    assert one.there() == {PUBLISHED: b"changed"}


@pytest.mark.parametrize("known", [True, False])
def test_the_janitor_forgets_what_was_asked_for_a_week_ago_and_removes_nothing(tmp_path, known):
    one = station(tmp_path)
    with contextlib.suppress(Crash), dying(counter := Counter(), one.ledger):
        count = counter.call

        def until(name: str) -> None:
            counter.limit = 0 if one.archive.asked else None  # type: ignore[attr-defined]
            count(name)

        counter.call = until  # type: ignore[method-assign]
        one.run()
    assert len(one.ledger.all_intents("readings")) == 1
    one.now += timedelta(days=8)
    world = one.world() if known else replace(one.world(), gateways={})
    done = Tidying(world, {"readings": one.job()} if known else {}).run()
    assert (done.parts, done.trouble) == ([], {})
    assert one.ledger.all_intents("readings") == []
    assert one.there() == {PUBLISHED: b"content"}


def test_markers_stand_while_a_day_is_sent_and_go(tmp_path):
    one = station(tmp_path)
    seen: list[dict[str, bytes]] = []

    class Watching(Shelf):
        @override
        def _publish(self, session: Board, reading: Reading) -> Published:
            if reading.final == PUBLISHED:
                seen.append(session.names())
            return super()._publish(session, reading)

    one.archive = Watching(folder=one.archive.folder)  # type: ignore[attr-defined]
    assert one.run(marker=".do-not-touch")[0].state == "published"
    assert [list(names) for names in seen] == [["days/20260201/.do-not-touch"]]
    assert one.there() == {PUBLISHED: b"content"}


def test_source_files_go_once_their_copies_are_proven(tmp_path):
    one = station(tmp_path)
    one.write("20260201/deep/b", b"b" * 10)
    assert one.run(delete_source=True)[0].deleted == 2
    assert one.left() == {}
    assert len(one.there()) == 2


class Noting(Shelf):
    """Takes a large file in pieces of a million bytes, and goes on behind those that it has."""

    held: ClassVar[bytes] = b""
    dies_after: int | None = None

    @override
    def _publish(self, session: Board, reading: Reading) -> Published:
        if reading.note is not None:
            reading.hash_prefix(int(reading.note))
        for block in reading.blocks(1_000_000):
            if self.dies_after == len(self.held):
                raise Crash("in the middle")
            Noting.held += bytes(block)
            reading.keep_note(str(len(self.held)))
        session.put(reading.final, self.held)
        return Published(self._stat(session, reading.final), None)


@pytest.fixture
def half(tmp_path: Path) -> Iterator[Station]:
    """A run has died in the middle of a large file."""
    Noting.held = b""
    one = station(tmp_path, kind=Noting, dies_after=2_000_000)
    one.write("20260201/a", LARGE)
    with pytest.raises(Crash), dying(Counter(), one.ledger):
        one.run()
    one.archive = Noting(folder=str(tmp_path / "archive"))
    yield one
    Noting.held = b""


def test_a_large_upload_goes_on_in_a_later_run(half):
    assert len(Noting.held) == 2_000_000
    (result,) = half.run()
    assert result.copies["archive"].sent_bytes == len(LARGE) - 2_000_000
    assert half.there() == {PUBLISHED: LARGE}
    assert half.ledger.position("readings", f"notes archive {DAY}") == {}


def test_the_note_of_a_version_that_nobody_sends_is_forgotten(half):
    Noting.held = b""
    half.write("20260201/a", b"b" * 3_000_000, mtime=1_770_000_000)
    (result,) = half.run()
    assert result.copies["archive"].sent_bytes == 3_000_000
    assert half.there() == {PUBLISHED: b"b" * 3_000_000}
    assert half.ledger.position("readings", f"notes archive {DAY}") == {}


class Moody(Shelf):
    """Some files get no answer, so many times each; or the whole place does."""

    moods: dict[str, int]
    whole: bool = False

    @override
    def _publish_many(
        self, session: Board, readings: Iterable[Reading]
    ) -> Iterator[tuple[Reading, Published | GatewayError]]:
        for reading in readings:
            if self.moods.get(reading.final, 0) > 0:
                self.moods[reading.final] -= 1
                error = Unavailable("no answer", path=reading.final)
                if self.whole:
                    raise error
                yield reading, error
            else:
                yield reading, self._publish(session, reading)


def wishes(count: int) -> list[Upload]:
    return [Upload(b"%d" % n, f"p{n}", f"f{n}") for n in range(count)]


@pytest.mark.parametrize("whole", [True, False])
def test_what_got_no_answer_is_tried_again_and_nothing_twice(tmp_path, whole):
    place = Moody(folder=str(tmp_path), moods={"f1": 2}, whole=whole)
    gateway = place.using(retries=RetryPolicy(max=2, backoff=0.001, cap=0.002))
    found = list(gateway.publish(wishes(3)))
    assert [sent.error for sent in found] == [None] * 3
    assert sorted(place.asked) == ["f0", "f1", "f2"]


def test_a_file_that_gets_no_answer_keeps_no_other_from_being_published(tmp_path):
    place = Moody(folder=str(tmp_path), moods={"f1": 99})
    gateway = place.using(retries=RetryPolicy(max=1, backoff=0.001, cap=0.002))
    found = {sent.upload.final: sent for sent in gateway.publish(wishes(3))}
    assert (found["f0"].error, found["f2"].error) == (None, None)
    assert isinstance(found["f1"].error, Unavailable)
    assert found["f1"].alone


def test_a_place_that_is_away_is_an_outage_of_all_that_are_left(tmp_path):
    place = Moody(folder=str(tmp_path), moods={"f1": 99}, whole=True)
    gateway = place.using(retries=RetryPolicy(max=1, backoff=0.001, cap=0.002))
    found = {sent.upload.final: sent for sent in gateway.publish(wishes(3))}
    assert found["f0"].error is None
    assert [(type(found[name].error), found[name].alone) for name in ("f1", "f2")] == [(Unavailable, False)] * 2


def test_one_silent_file_is_a_failure_of_its_own_in_a_day(tmp_path):
    one = station(tmp_path, kind=Moody, moods={PUBLISHED: 99})
    one.write("20260201/b", b"b")
    (result,) = one.run()
    assert [(failure.source, failure.unanswered) for failure in result.failures] == [("20260201/a", "archive")]
    assert one.there() == {"days/20260201/b": b"b"}
    one.archive.moods.clear()  # type: ignore[attr-defined]
    assert one.run()[0].state == "published"


class Idle(Shelf):
    """A driver with a mistake: it does not read the file."""

    @override
    def _publish(self, session: Board, reading: Reading) -> Published:
        session.put(reading.final, b"")
        return Published(self._stat(session, reading.final), "accepted")


def test_a_driver_that_does_not_read_the_file_publishes_nothing(tmp_path):
    (sent,) = Idle(folder=str(tmp_path)).using().publish(wishes(1))
    assert isinstance(sent.error, Rejected)

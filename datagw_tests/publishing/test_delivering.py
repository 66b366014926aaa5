"""What own code has made, published from inside its run."""

from __future__ import annotations

import contextlib
import logging
import shutil
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from datagw.errors import Changed, Denied, Rejected, Unavailable
from datagw.files import is_own_name
from datagw.gateways.base import Gateway
from datagw.gateways.front.retries import RetryPolicy
from datagw.gateways.local import Local
from datagw.gateways.memory import Memory
from datagw.gateways.paths.patterns import Pattern
from datagw.gateways.paths.templates import Template
from datagw.gateways.sftp import Sftp
from datagw.jobs import Copy, Job, Source
from datagw.jobs.models import Work
from datagw.jobs.words import WORK
from datagw.ledger import Held, Lease, Ledger
from datagw.publishing import DayResult, World, plan_day, publish
from datagw.publishing.delivering import deliver, problem_of
from datagw_tests.gateways.shelf import Shelf
from datagw_tests.gateways.taker import Taker
from datagw_tests.publishing.crashing import Counter, Crash, dying
from datagw_tests.publishing.test_crash_points import fresh_ledger

DAY = date(2026, 2, 1)
QUICK = RetryPolicy(max=1, backoff=0.01, cap=0.02)
LARGE = bytes(range(256)) * 12_000
FILES = {"a.csv": b"1;2\n", "deep/b c": b"b" * 3000, "empty": b"", "large": LARGE}


@dataclass
class Maker:
    """Own code, as far as `deliver` can tell: it makes files in `out`, anew each time."""

    folder: Path
    place: Gateway
    day: date | None = DAY
    places: dict[str, Gateway] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        if not (self.folder / "jobs.db").exists():
            shutil.copy(fresh_ledger(self.folder.parent), self.folder / "jobs.db")
        self.ledger = Ledger.open(self.folder / "jobs.db")

    def world(self) -> World:
        return World(
            ledger=self.ledger,
            gateways={"lake": self.place, **self.places},
            tmp_dir=self.folder / "tmp",
            run=uuid.uuid4().hex,
            log=logging.getLogger("datagw.test"),
            now=lambda: datetime(2026, 3, 1, tzinfo=UTC),
        )

    def make(self, files: dict[str, bytes]) -> Path:
        out = self.folder / f"out-{uuid.uuid4().hex}"
        for name, content in files.items():
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (out / name).write_bytes(content)
        return out

    def deliver(
        self,
        made: dict[str, bytes] | Path,
        *,
        files: list[str] | None = None,
        to: str = "made/",
        copies: list[Copy] | None = None,
        **more: Any,
    ) -> DayResult:
        folder = made if isinstance(made, Path) else self.make(made)
        copies = copies or [copy(to)]
        return deliver(self.world(), "j", folder, files, copies, self.day, retries=QUICK, **more)

    def there(self) -> dict[str, bytes]:
        place = self.place.using()
        found = {e.path: place.read(e.path) for e in place.ls(recursive=True) if e.kind == "file"}
        return {path.removeprefix("made/"): content for path, content in found.items()}


def copy(to: str, name: str = "lake", **more: Any) -> Copy:
    return Copy(name=name, gateway=name, template=Template.parse(to), **more)


def place(kind: str, folder: Path) -> Gateway:
    folder.mkdir(parents=True, exist_ok=True)
    return {
        "local": lambda: Local(root=str(folder)),
        "memory": lambda: Memory(),
        "shelf": lambda: Shelf(folder=str(folder)),
    }[kind]()


@pytest.fixture(params=["local", "memory", "shelf", "sftp"])
def maker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Maker]:
    if request.param == "sftp":
        sshd, folder = request.getfixturevalue("sshd"), request.getfixturevalue("folder")
        gateway: Gateway = Sftp(**sshd.fields(root=str(folder)))
    else:
        gateway = place(request.param, tmp_path / "lake")
    made = Maker(tmp_path / "maker", gateway)
    yield made
    made.ledger.close()


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Maker]:
    made = Maker(tmp_path / "maker", place("local", tmp_path / "lake"))
    yield made
    made.ledger.close()


def test_all_files_below_a_folder_are_published_with_receipts_of_that_job_and_day(maker):
    result = maker.deliver(FILES)
    assert (result.state, result.job, result.day, problem_of(result)) == ("published", "j", DAY, None)
    assert maker.there() == FILES
    receipts = list(maker.ledger.receipts("j"))
    assert {(r.day, r.copy, r.source, r.destination) for r in receipts} == {
        (DAY, "lake", name, f"made/{name}") for name in FILES
    }
    assert all(receipt.verification in ("hash", "readback") for receipt in receipts)
    assert result.copies["lake"].files == len(FILES)


def test_it_leaves_nothing_of_its_own_behind_and_no_run_or_day(maker):
    maker.deliver(FILES)
    assert maker.ledger.all_intents("j") == []
    assert maker.ledger.runs("j") == []
    assert maker.ledger.days("j") == []
    assert maker.ledger.markers("j") == []


def test_equal_content_made_anew_is_not_sent_again(maker):
    maker.deliver(FILES)
    again = maker.deliver(FILES)
    assert (again.state, again.copies["lake"].sent_files) == ("published", 0)
    assert again.copies["lake"].files == len(FILES)
    assert len(list(maker.ledger.receipts("j"))) == len(FILES)


def test_an_equal_file_without_a_receipt_is_adopted(maker):
    maker.place.using().put(b"1;2\n", "made/a.csv")
    result = maker.deliver({"a.csv": b"1;2\n"})
    assert (result.copies["lake"].adopted, result.copies["lake"].sent_files) == (1, 0)
    assert len(list(maker.ledger.receipts("j"))) == 1


def test_what_changed_replaces_what_was_published(maker):
    maker.deliver({"a.csv": b"old!"})
    assert maker.deliver({"a.csv": b"new!"}).copies["lake"].sent_files == 1
    assert maker.there() == {"a.csv": b"new!"}


def test_of_a_folder_only_the_files_that_are_named_are_published(near):
    assert near.deliver(FILES, files=["deep/b c"]).state == "published"
    assert near.there().keys() == {"deep/b c"}


def test_the_second_of_two_sources_that_leave_one_name_is_refused(maker):
    assert maker.deliver({"out.csv": b"of a"}, of="in/a.csv").state == "published"
    second = maker.deliver({"out.csv": b"of b, other"}, of="in/b.csv")
    assert second.state == "failed"
    assert isinstance(problem_of(second), Rejected)
    assert "in/a.csv/out.csv was published under this name" in second.failures[0].error
    assert maker.there() == {"out.csv": b"of a"}
    assert maker.deliver({"out.csv": b"of a, again"}, of="in/a.csv").state == "published"
    assert maker.there() == {"out.csv": b"of a, again"}


def test_two_sources_may_leave_the_same_content_under_one_name(near):
    near.deliver({"out.csv": b"same"}, of="a")
    assert near.deliver({"out.csv": b"same"}, of="b").copies["lake"].adopted == 1


def test_the_same_name_on_another_day_is_replaced_and_has_a_receipt_of_its_own(near):
    near.deliver({"latest.csv": b"one"})
    near.day = date(2026, 2, 2)
    assert near.deliver({"latest.csv": b"one"}).state == "published"
    assert [receipt.day for receipt in near.ledger.receipts("j")] == [DAY, near.day]
    assert near.deliver({"latest.csv": b"other"}).state == "published"
    assert near.there() == {"latest.csv": b"other"}


def test_days_and_dates_are_filled_into_the_names(near):
    near.deliver({"a.csv": b"1"}, to="made/{day:%Y/%m/%d}/{stem}-{date:%Y%m%d}{suffix}")
    assert near.there() == {"2026/02/01/a-20260301.csv": b"1"}


def test_jobs_without_days_deliver_as_well(near):
    near.day = None
    assert near.deliver({"a": b"1"}).state == "published"
    assert [receipt.day for receipt in near.ledger.receipts("j")] == [None]


def test_nothing_to_publish_is_no_failure(near):
    (near.folder / "nothing").mkdir()
    result = near.deliver(near.folder / "nothing")
    assert (result.state, problem_of(result)) == ("empty", None)


# ---- what goes wrong


def test_a_file_that_is_still_written_to_is_left_for_later(near):
    out = near.make({"a": b"1", "b": b"2"})
    with (out / "a").open("ab"):
        result = near.deliver(out)
    assert result.state == "unfinished"
    assert isinstance(problem_of(result), Changed)
    assert near.there() == {"b": b"2"}


def test_a_link_and_a_missing_file_are_refused_where_they_are_named(near):
    out = near.make({"a": b"1"})
    (out / "link").symlink_to("/etc/passwd")
    result = near.deliver(out, files=["a", "link", "none"])
    assert isinstance(problem_of(result), Rejected)
    assert sorted(failure.source for failure in result.failures) == ["link", "none"]
    assert near.there() == {"a": b"1"}
    assert near.deliver(out).state == "published"  # of a whole folder, it is only left alone


def test_an_outage_of_one_place_fails_its_copy_and_no_other(near, tmp_path):
    gone = place("local", tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    near.places["gone"] = gone
    result = near.deliver({"a": b"1"}, copies=[copy("made/", "gone"), copy("made/")])
    assert {name: one.state for name, one in result.copies.items()} == {"gone": "failed", "lake": "published"}
    assert isinstance(problem_of(result), Unavailable)
    assert near.there() == {"a": b"1"}


def test_a_place_that_refuses_is_no_reason_to_give_the_file_up(near, monkeypatch):
    def refuse(*_: Any) -> None:
        raise Denied("you may not")

    monkeypatch.setattr(Local, "_write", refuse)
    assert isinstance(problem_of(near.deliver({"a": b"1"})), Denied)


def test_what_datagw_did_not_write_stays_where_overwrite_is_false(near):
    near.place.using().put(b"theirs", "made/a")
    result = near.deliver({"a": b"mine"}, copies=[copy("made/", overwrite=False)])
    assert isinstance(problem_of(result), Rejected)
    assert near.there() == {"a": b"theirs"}


# ---- beside others


def test_the_lease_of_the_run_is_not_touched(near):
    outer = near.ledger.take("j", DAY, "the run")
    assert isinstance(outer, Lease)
    assert near.deliver({"a": b"1"}).state == "published"
    outer.check()
    outer.renew()
    assert isinstance(near.ledger.take("j", DAY, "another"), Held)


def test_two_threads_deliver_one_after_the_other(near):
    problems: list[object] = []

    def work(name: str) -> None:
        try:
            problems.append(problem_of(near.deliver({name: name.encode() * 1000})))
        except BaseException as error:  # noqa: BLE001 - told to the test
            problems.append(error)

    threads = [threading.Thread(target=work, args=(f"f{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == [None] * 4
    assert near.there().keys() == {"f0", "f1", "f2", "f3"}


def test_what_a_place_shows_nothing_of_is_handed_over_once_a_day(tmp_path):
    taker = Taker(log=str(tmp_path / "taken"))
    maker = Maker(tmp_path / "maker", taker)
    for _ in range(2):
        result = maker.deliver({"report": b"1"})
        assert (result.state, result.copies["lake"].files) == ("published", 1)
    maker.day = date(2026, 2, 2)
    maker.deliver({"report": b"1"})
    assert [name for name, _ in taker.taken()] == ["made/report"] * 2
    maker.ledger.close()


# ---- crashes


def die_at_each_call(folder: Path, kind: str, *, step: int, first: int) -> int:
    k = first
    while True:
        case = folder / f"k{k}"
        case.mkdir()
        maker = Maker(case / "maker", place(kind, case / "lake"))
        counter = Counter(k)
        with contextlib.suppress(Crash), dying(counter, maker.ledger):
            maker.deliver(FILES)
        last = counter.names[min(k, counter.count) - 1]
        try:
            for path, content in maker.there().items():
                assert is_own_name(path) or content == FILES[path], f"{path} is not whole"
            assert {r.destination.removeprefix("made/") for r in maker.ledger.receipts("j")} <= maker.there().keys()
            assert maker.deliver(FILES).state == "published"  # made anew, as own code does
            assert maker.there() == FILES
            assert len(list(maker.ledger.receipts("j"))) == len(FILES)
            assert maker.ledger.all_intents("j") == []
        except BaseException as error:
            error.add_note(f"after a crash at call {k}, {last}")
            raise
        maker.ledger.close()
        if counter.count < k:
            return counter.count
        k += step


@pytest.mark.parametrize("kind", ["local", "memory", "shelf"])
def test_killed_anywhere_the_next_call_goes_on(tmp_path, kind):
    assert die_at_each_call(tmp_path, kind, step=11, first=3) > 30


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", ["local", "memory", "shelf"])
def test_killed_at_every_call_the_next_one_goes_on(tmp_path, kind):
    assert die_at_each_call(tmp_path, kind, step=1, first=1) > 30


def test_a_large_file_made_anew_goes_on_behind_what_was_sent(tmp_path):
    maker = Maker(tmp_path / "maker", place("local", tmp_path / "lake"))

    def die(gateway: Gateway, count: int) -> None:
        seen.append(count)
        if sum(seen) > 2_000_000:
            raise Crash("in the middle")

    seen: list[int] = []
    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(Crash), dying(Counter(), maker.ledger):
        patch.setattr(Gateway, "pulse", die)
        maker.deliver({"large": LARGE})
    (part,) = [path for path in maker.there() if is_own_name(path)]
    before = len(maker.there()[part])
    assert before > 1_000_000
    result = maker.deliver({"large": LARGE})
    assert result.copies["lake"].sent_bytes == len(LARGE) - before
    assert maker.there() == {"large": LARGE}
    maker.ledger.close()


def test_what_another_call_has_begun_is_left_to_it(tmp_path):
    maker = Maker(tmp_path / "maker", place("local", tmp_path / "lake"))
    seen: list[int] = []

    def die(gateway: Gateway, count: int) -> None:
        seen.append(count)
        if sum(seen) > 2_000_000:
            raise Crash("in the middle")

    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(Crash), dying(Counter(), maker.ledger):
        patch.setattr(Gateway, "pulse", die)
        maker.deliver({"large": LARGE})
    maker.deliver({"small": b"1"})
    assert [is_own_name(path) for path in sorted(maker.there())] == [True, False]
    assert maker.deliver({"large": LARGE}).copies["lake"].sent_bytes < len(LARGE)
    maker.ledger.close()


def test_what_a_call_has_left_is_no_business_of_the_run_around_it(tmp_path):
    maker = Maker(tmp_path / "maker", place("local", tmp_path / "lake"), day=None)
    (tmp_path / "lake" / "input").write_bytes(b"1")
    with contextlib.suppress(Crash), dying(Counter(40), maker.ledger):
        maker.deliver({"large": LARGE})
    left = maker.ledger.all_intents("j")
    assert [intent.copy for intent in left] == ["lake"]
    source = Source(gateway="lake", pattern=Pattern.parse("input"))
    taken = Copy(name="work", gateway=WORK, template=Template.parse("/"), if_gone="leave")
    job = Job(name="j", source=source, to=(taken,), when="change", work=Work(backend="m:f"))
    taker = Taker(log=str(tmp_path / "taken"))
    world = replace(maker.world(), gateways={"lake": maker.place, WORK: taker})
    for _ in range(2):
        assert [result.state for result in publish(job, [None], world)] == ["published"]
    assert plan_day(job, None, world).state == "done"
    assert maker.ledger.all_intents("j") == left
    assert [name for name, _ in taker.taken()] == ["input"]
    maker.ledger.close()

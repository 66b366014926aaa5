"""What a call of the library does: the same as `datagw run`, and no more."""

from __future__ import annotations

import json
import logging
import sqlite3
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from datagw import At, Local, Memory, Progress, Result, RetryPolicy, Sftp, plan, publish
from datagw.errors import Aborted, Denied, GatewayError, NotFound, NotPublished, Unavailable
from datagw.gateways.front.timetables import Timetable
from datagw.library.wording import Wording
from datagw_tests.library.conftest import tree, write

DAYS = [date(2026, 1, number) for number in (1, 2, 3)]
WHOLE = {f"2026010{n}/{name}": f"2026010{n} {name}" for n in (1, 2, 3) for name in ("a", "sub/b")}


# ---- publishing


def test_a_day_is_published_in_a_line(here: Path) -> None:
    result = publish("data/%Y%m%d/", "out/%Y%m%d/")
    assert result
    assert tree(here / "out") == WHOLE
    assert [(day.day, day.state) for day in result.days] == [(day, "published") for day in DAYS]
    assert (result.files, result.bytes, len(result.receipts)) == (6, 72, 6)
    assert {receipt.verification for receipt in result.receipts} <= {"hash", "readback"}
    assert result.raise_for_failures() is result


def test_the_same_call_finds_its_receipts_again(here: Path) -> None:
    first = publish("data/%Y%m%d/", "out/%Y%m%d/")
    again = publish(Path("data") / "%Y%m%d" / "", str(here / "out" / "%Y%m%d") + "/")
    assert again.job != first.job  # a Path has no slash at its end, and so is another source
    same = publish(str(here) + "/data/%Y%m%d/", ["out/%Y%m%d/"])
    assert (same.job, bool(same), same.run, same.files) == (first.job, True, None, 0)
    write(here / "data/20260102/c", "late")
    late = publish("data/%Y%m%d/", "out/%Y%m%d/")
    assert [(day.day, day.copies["local"].sent_files) for day in late.days] == [(DAYS[1], 1)]


def test_an_equal_file_that_is_there_is_adopted(here: Path) -> None:
    write(here / "out/20260101/a", "20260101 a")
    result = publish("data/%Y%m%d/", "out/%Y%m%d/", day="2026-01-01")
    (copy,) = result.copies()
    assert (copy.adopted, copy.sent_files, result.files) == (1, 1, 2)


def test_days_are_asked_for_in_every_way(here: Path) -> None:
    def days(result: Result) -> list[date | None]:
        return [day.day for day in result.days]

    assert days(publish("data/%Y%m%d/", "a/%Y%m%d/", day=DAYS[1])) == [DAYS[1]]
    assert days(publish("data/%Y%m%d/", "b/%Y%m%d/", days=["2026-01-03", DAYS[0]])) == [DAYS[0], DAYS[2]]
    assert days(publish("data/%Y%m%d/", "c/%Y%m%d/", first="2026-01-02")) == DAYS[1:]
    assert days(publish("data/%Y%m%d/", "d/%Y%m%d/", last=DAYS[1])) == DAYS[:2]
    assert days(publish("data/%Y%m%d/", "e/%Y%m%d/", start=DAYS[2])) == [DAYS[2]]


def test_a_day_that_is_missing_or_not_over_is_no_success_where_it_was_asked_for(here: Path) -> None:
    missing = publish("data/%Y%m%d/", "out/%Y%m%d/", day="2025-12-31")
    assert (bool(missing), missing.state, missing.missing) == (False, "failed", (date(2025, 12, 31),))
    with pytest.raises(NotPublished, match="2025-12-31 is missing"):
        missing.raise_for_failures()
    today = datetime.now(UTC).date()
    early = publish("data/%Y%m%d/", "out/%Y%m%d/", day=today, grace="2d")
    assert (bool(early), early.not_over) == (False, (today,))
    among = publish("data/%Y%m%d/", "out/%Y%m%d/", first=DAYS[0] - timedelta(1), last=DAYS[0])
    assert (bool(among), among.missing, among.files) == (True, (DAYS[0] - timedelta(1),), 2)


def test_a_failed_file_is_told_and_does_not_take_the_others_down(here: Path) -> None:
    (here / "out/20260102/a").mkdir(parents=True)
    result = publish("data/%Y%m%d/", "out/%Y%m%d/")
    assert (bool(result), result.state) == (False, "partly")
    assert [day.state for day in result.days] == ["published", "failed", "published"]
    (failure,) = result.failures
    assert failure.source.endswith("data/20260102/a")
    with pytest.raises(NotPublished, match="folder") as caught:
        result.raise_for_failures()
    assert caught.value.problems == (failure.error,)
    (here / "out/20260102/a").rmdir()
    assert publish("data/%Y%m%d/", "out/%Y%m%d/").raise_for_failures().files == 1


def test_the_source_is_freed_once_all_copies_are_proven(here: Path, institute: Sftp, folder: Path) -> None:
    to = {"disk": "out/%Y%m%d/", "institute": institute / "in/%Y/%m/%d/"}
    result = publish("data/%Y%m%d/", to, delete_source=True)
    assert result
    assert {copy.copy for copy in result.copies()} == {"disk", "institute"}
    assert [copy.verification for copy in result.copies("institute")] == ["hash"] * 3
    assert tree(here / "data") == {}
    assert tree(here / "out") == WHOLE
    assert tree(folder / "in/2026/01/02") == {"a": "20260102 a", "sub/b": "20260102 sub/b"}


def test_files_without_days_and_sources_on_a_gateway(here: Path, institute: Sftp, folder: Path) -> None:
    write(folder / "list/x.csv", "x")
    write(folder / "list/y.txt", "y")
    result = publish(institute / "list/*.csv", "out/", name="lists")
    assert (result.job, tree(here / "out")) == ("lists", {"x.csv": "x"})
    assert list((here / ".datagw").rglob("*.part")) == []
    assert not list((here / ".datagw/tmp").iterdir())


def test_new_files_are_each_published_once(here: Path) -> None:
    write(here / "inbox/a", "a")
    assert publish("inbox/*", "out/", when="new files").files == 1
    (here / "out/a").unlink()
    write(here / "inbox/b", "b")
    assert publish("inbox/*", "out/", when="new files").files == 1
    assert tree(here / "out") == {"b": "b"}


def test_a_place_in_memory_can_be_both_ends(here: Path) -> None:
    memory = Memory()
    memory.mkdir("in")
    memory.put(b"x", "in/x")
    assert publish(memory / "in/", memory / "out/").files == 1
    assert memory.read("out/x") == b"x"
    assert str(memory / "out/") == "memory:out/"
    assert memory / "a" == At(memory, "a")


def test_options_are_those_of_a_job(here: Path) -> None:
    write(here / "data/20260101/raw.tmp", "x")
    result = publish(
        "data/",
        Local(root=str(here)) / "out/",
        exclude="*.tmp",
        regex=r"2026010[12]/.*",
        min_size=2,
        mode=0o640,
        marker=False,
        retries=RetryPolicy(max=0),
        bandwidth=["08:00 10MB/s", "20:00 off"],
    )
    assert set(tree(here / "out")) == {name for name in WHOLE if "20260103" not in name}
    assert (here / "out/20260101/a").stat().st_mode & 0o777 == 0o640
    assert result


def test_a_timetable_goes_by_the_time_zone_of_the_call(here: Path) -> None:
    office = ("08:00 2MB/s", "20:00 off")
    job, _ = Wording().job("data/", "out/", None, {"bandwidth": office, "timezone": "Europe/Paris"}, here / "tmp")
    assert job.bandwidth == Timetable((("08:00", 2_000_000), ("20:00", None)), "Europe/Paris")
    job, _ = Wording().job("data/", "out/", None, {"bandwidth": office}, here / "tmp")
    assert job.bandwidth == Timetable((("08:00", 2_000_000), ("20:00", None)), "UTC")


# ---- what it is given, and what it leaves


def test_a_plan_says_what_would_be_done_and_does_nothing(here: Path) -> None:
    before = tree(here)
    plans = plan("data/%Y%m%d/", "out/%Y%m%d/", delete_source=True)
    assert [one.day for one in plans] == DAYS
    assert {action.kind for one in plans for action in one.actions} == {"send", "delete"}
    assert tree(here / "data") == {name[5:]: text for name, text in before.items() if name.startswith("data/")}
    assert not (here / "out").exists()
    (one,) = plan("data/", "out/")
    assert (one.day, one.state, len(one.actions)) == (None, "due", 6)


def test_the_ledger_is_where_commands_have_it(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish("data/%Y%m%d/", "out/%Y%m%d/", name="readings")
    with sqlite3.connect(here / ".datagw/jobs.db") as database:
        assert database.execute("select count(*) from job_readings where what = 'published'").fetchone() == (6,)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{here}/other.db")
    assert publish("data/%Y%m%d/", "out/%Y%m%d/", name="readings").copies().__next__().adopted == 2
    assert publish("data/%Y%m%d/", "out/%Y%m%d/", name="readings", ledger="third.db").files == 6
    assert publish("data/%Y%m%d/", "out/%Y%m%d/", name="readings", ledger=f"sqlite:///{here}/third.db").files == 0
    assert (here / "third.db").exists()


def test_the_log_is_ones_own(here: Path, caplog: pytest.LogCaptureFixture) -> None:
    own = logging.getLogger("station")
    with caplog.at_level(logging.INFO):
        publish("data/%Y%m%d/", "out/%Y%m%d/", log=own, day=DAYS[0])
    assert {record.name.partition(".")[0] for record in caplog.records} - {"alembic"} == {"station"}
    assert "2026-01-01: done (published)" in caplog.text


def test_progress_counts_up_to_the_whole(here: Path) -> None:
    told: list[Progress] = []
    write(here / "data/20260101/big", "x" * 3_000_000)
    publish("data/%Y%m%d/", "out/%Y%m%d/", progress=told.append)
    last = told[-1]
    assert (last.files, last.files_done, last.bytes, last.bytes_done) == (7, 7, 3_000_072, 3_000_072)
    assert [one.files_done for one in told] == sorted(one.files_done for one in told)
    assert told[0].label.startswith("data-")


def test_what_a_callback_raises_ends_the_call(here: Path) -> None:
    def stop(_: Progress) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        publish("data/%Y%m%d/", "out/%Y%m%d/", progress=stop)
    assert publish("data/%Y%m%d/", "out/%Y%m%d/").files == 6


def test_an_abort_is_raised_and_the_next_call_goes_on(here: Path) -> None:
    asked: list[int] = []

    def should_abort() -> bool:
        asked.append(1)
        return len(asked) > 12

    with pytest.raises(Aborted):
        publish("data/%Y%m%d/", "out/%Y%m%d/", should_abort=should_abort, delete_source=True)
    assert publish("data/%Y%m%d/", "out/%Y%m%d/", delete_source=True)
    assert (tree(here / "out"), tree(here / "data")) == (WHOLE, {})


def test_an_outage_is_raised_and_never_an_empty_result(here: Path, institute: Sftp, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="source root is not there"):
        publish("nothing/%Y%m%d/", "out/%Y%m%d/")
    with pytest.raises(NotFound):
        publish("data/x.csv", "out/")
    unknown = institute.model_copy(update={"known_hosts": str(tmp_path / "none")}).using()
    with pytest.raises(Denied, match="datagw trust"):
        publish(unknown / "in/", "out/")
    with pytest.raises(GatewayError):
        plan("data/%Y%m%d/", unknown / "in/%Y%m%d/", retries=0)


def test_a_result_can_be_written_down(here: Path) -> None:
    result = publish("data/%Y%m%d/", "out/%Y%m%d/", day=DAYS[0])
    rows = [(receipt.source.rpartition("/")[2], receipt.size) for receipt in result.receipts]
    assert json.loads(json.dumps(rows)) == [["a", 10], ["b", 14]]
    assert result.run is not None

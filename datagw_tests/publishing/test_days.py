"""Days: when they are over, in every zone; which is the first; and what stays on record of each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from datagw.errors import Denied
from datagw.files import RemoteFile
from datagw.gateways.local import Local
from datagw.publishing import World, due, first_day, known_first_day
from datagw_tests.publishing.disturbing import Meanwhile, published
from datagw_tests.publishing.station import DAY, Station

SECOND = timedelta(seconds=1)


def due_days(station: Station, **job: Any) -> list[date | None]:
    return [plan.day for plan in station.due(**job) if plan.due]


def rows(station: Station) -> dict[tuple[date | None, str], tuple[str, int]]:
    return {(row.day, row.copy): (row.state, row.files) for row in station.ledger.days("readings")}


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# ---- when a day is over


@pytest.mark.parametrize(
    ("zone", "day", "ended"),
    [
        ("UTC", date(2026, 2, 1), datetime(2026, 2, 2, 0, 0, tzinfo=UTC)),
        ("Europe/Paris", date(2026, 3, 29), datetime(2026, 3, 29, 22, 0, tzinfo=UTC)),  # 23 hours
        ("Europe/Paris", date(2026, 10, 25), datetime(2026, 10, 25, 23, 0, tzinfo=UTC)),  # 25 hours
        ("America/New_York", date(2026, 3, 8), datetime(2026, 3, 9, 4, 0, tzinfo=UTC)),  # 23 hours
        ("America/New_York", date(2026, 11, 1), datetime(2026, 11, 2, 5, 0, tzinfo=UTC)),  # 25 hours
        ("Asia/Kolkata", date(2026, 2, 1), datetime(2026, 2, 1, 18, 30, tzinfo=UTC)),
        ("Asia/Kathmandu", date(2026, 2, 1), datetime(2026, 2, 1, 18, 15, tzinfo=UTC)),
        ("Australia/Lord_Howe", date(2026, 4, 5), datetime(2026, 4, 5, 13, 30, tzinfo=UTC)),  # 24.5 hours
        ("Australia/Lord_Howe", date(2026, 10, 4), datetime(2026, 10, 4, 13, 0, tzinfo=UTC)),  # 23.5 hours
        ("Pacific/Kiritimati", date(2026, 2, 1), datetime(2026, 2, 1, 10, 0, tzinfo=UTC)),
        ("Pacific/Niue", date(2026, 2, 1), datetime(2026, 2, 2, 11, 0, tzinfo=UTC)),
        ("Africa/Cairo", date(2026, 4, 23), datetime(2026, 4, 23, 22, 0, tzinfo=UTC)),  # the next one has no midnight
    ],
)
@pytest.mark.parametrize("grace", [timedelta(0), timedelta(hours=1), timedelta(days=2)])
def test_a_day_is_due_once_it_is_over_in_its_zone_and_its_grace_has_passed(
    near: Station, zone: str, day: date, ended: datetime, grace: timedelta
) -> None:
    near.write(f"{day:%Y%m%d}/a")
    job = {"timezone": zone, "grace": grace}
    near.now = ended + grace - SECOND
    assert due_days(near, **job) == []
    near.now = ended + grace
    assert due_days(near, **job) == [day]


def test_a_day_in_the_future_is_never_due(near: Station) -> None:
    for name in ("20260302", "21000101", "99991231"):
        near.write(f"{name}/a")
    assert near.due() == []


class Locked(Local):
    """A disk with a day's folder that may not be read."""

    @override
    def _ls(self, session: Any, folder: str) -> Iterator[RemoteFile]:
        if folder.endswith("20260202"):
            raise Denied("Permission denied", path=folder)
        yield from super()._ls(session, folder)


def test_a_day_that_may_not_be_read_fails_alone_and_waits_as_what_failed_does(near: Station) -> None:
    near.source = Locked(root=str(near.data))
    for number in (1, 2, 3):
        near.write(f"2026020{number}/a")
    days = [date(2026, 2, number) for number in (1, 2, 3)]
    plans = near.due()
    assert [plan.due for plan in plans] == [True] * 3
    assert "Permission denied" in plans[1].notes[0]
    assert [result.state for result in near.run(*days, when="daily")] == ["published", "failed", "published"]
    plans = due(near.job(when="daily"), near.world(), patient=True)
    assert [(plan.day, plan.state) for plan in plans] == [(days[0], "done"), (days[1], "waiting"), (days[2], "done")]
    near.now += timedelta(seconds=31)
    assert [plan.day for plan in due(near.job(when="daily"), near.world(), patient=True) if plan.due] == [days[1]]


# ---- the first day


def test_the_oldest_day_found_first_is_kept_as_the_start(near: Station) -> None:
    near.write("20260205/a")
    assert known_first_day(near.job(), near.ledger) is None
    assert due_days(near) == [date(2026, 2, 5)]
    near.write("20260203/a")
    assert due_days(near) == [date(2026, 2, 5)]
    assert first_day(near.job(), near.world()) == known_first_day(near.job(), near.ledger) == date(2026, 2, 5)
    near.write("20260207/a")
    assert due_days(near) == [date(2026, 2, 5), date(2026, 2, 7)]


def test_no_day_found_yet_is_no_start_yet(near: Station) -> None:
    assert first_day(near.job(), near.world()) is None
    assert near.due() == []
    assert known_first_day(near.job(), near.ledger) is None
    near.write("20260205/a")
    assert first_day(near.job(), near.world()) == date(2026, 2, 5)


def test_what_lies_before_a_given_start_is_not_due_and_can_still_be_asked_for(near: Station) -> None:
    for name in ("20260130", "20260131", "20260201"):
        near.write(f"{name}/a")
    assert due_days(near, start=DAY) == [DAY]
    (result,) = near.run(date(2026, 1, 30), start=DAY)
    assert result.state == "published"


def test_a_start_that_is_given_wins_over_the_one_that_was_found(near: Station) -> None:
    near.write("20260205/a")
    near.write("20260203/a")
    assert due_days(near) == [date(2026, 2, 3), date(2026, 2, 5)]
    assert due_days(near, start=date(2026, 2, 4)) == [date(2026, 2, 5)]
    assert due_days(near) == [date(2026, 2, 3), date(2026, 2, 5)]


def test_a_job_without_days_has_no_first_day(near: Station) -> None:
    assert first_day(near.job(source="tree/", to=["out/"]), near.world()) is None


# ---- what is on record


def test_every_day_and_copy_has_its_row(near: Station) -> None:
    near.copies = 2
    near.write("20260201/a", b"a")
    (near.data / "20260202").mkdir()
    near.write("20260203/a", b"a")
    (Path(near.archive.root) / "days1/20260203/a").mkdir(parents=True)
    states = [result.state for result in near.run(*(date(2026, 2, n) for n in range(1, 5)))]
    assert states == ["published", "empty", "failed", "missing"]
    assert rows(near) == {
        (date(2026, 2, 1), "archive"): ("published", 1),
        (date(2026, 2, 1), "archive1"): ("published", 1),
        (date(2026, 2, 2), "archive"): ("empty", 0),
        (date(2026, 2, 2), "archive1"): ("empty", 0),
        (date(2026, 2, 3), "archive"): ("published", 1),
        (date(2026, 2, 3), "archive1"): ("failed", 0),
    }


def test_a_day_left_unfinished_is_planned_even_when_its_folder_is_gone(near: Station) -> None:
    path = near.write("20260201/a", b"a")
    (result,) = near.run(world={"progress": Meanwhile(lambda: near.write("20260201/b", b"b"), files=1)})
    assert result.state == "unfinished"
    assert rows(near) == {(DAY, "archive"): ("unfinished", 1)}
    for name in ("a", "b"):
        path.with_name(name).unlink()
    path.parent.rmdir()
    assert due_days(near) == [DAY]
    (result,) = near.run()
    assert (result.state, rows(near)) == ("unfinished", {(DAY, "archive"): ("unfinished", 1)})
    assert "its folder is gone" in result.late[0]
    assert due_days(near) == [DAY]


def test_one_failing_day_does_not_stop_the_others_and_is_the_one_that_is_due_again(near: Station) -> None:
    for n in (1, 2, 3):
        near.write(f"2026020{n}/a", b"a")
    (Path(near.archive.root) / "days").mkdir()
    (Path(near.archive.root) / "days/20260202").write_bytes(b"in the way")
    results = near.run(*(date(2026, 2, n) for n in (1, 2, 3)))
    assert [result.state for result in results] == ["published", "failed", "published"]
    assert [run.state for run in near.ledger.runs()] == ["partly"]
    assert due_days(near) == [date(2026, 2, 2)]
    assert {(row.day, row.copy) for row in near.ledger.failures()} == {(date(2026, 2, 2), "archive")}


def test_a_day_that_is_freed_is_on_record_whether_or_not_its_folder_stands(near: Station) -> None:
    near.write("20260201/a", b"a")
    near.run(delete_source=True)
    for _ in range(2):
        assert due_days(near, delete_source=True) == []
        (result,) = near.run(delete_source=True)
        assert (result.state, result.copies["archive"].files) == ("published", 1)
        near.write("20260201/keep", b"").unlink()


def test_a_freed_file_whose_copy_was_taken_away_is_reported_and_not_failed(near: Station) -> None:
    for name in ("a", "b"):
        near.write(f"20260201/{name}", name.encode())
    near.run(delete_source=True)
    near.archive.rm("days/20260201/a")
    near.write("20260201/late", b"late")
    (result,) = near.run(delete_source=True)
    assert (result.state, result.failures) == ("published", ())
    assert result.notes == ("days/20260201/a: published from a source that is gone, and taken away since",)


# ---- the manifest


def test_a_manifest_is_that_of_the_content_and_of_relative_names(near: Station) -> None:
    near.copies = 2
    contents = {"b/x": b"1", "a": b"22", "c": b""}
    for name, content in contents.items():
        near.write(f"20260201/{name}", content)
    (result,) = near.run()
    lines = "".join(f"{digest(contents[name])}  {name}\n" for name in sorted(contents))
    assert result.copies["archive"].manifest == digest(lines.encode())
    assert result.copies["archive"].manifest == result.copies["archive1"].manifest


def test_a_manifest_changes_with_content_and_names_and_with_nothing_else(near: Station) -> None:
    path = near.write("20260201/a", b"one")

    def manifest() -> str | None:
        (result,) = near.run()
        return result.copies["archive"].manifest

    first = manifest()
    path.chmod(0o600)
    path.touch()
    assert manifest() == first
    path.write_bytes(b"two")
    second = manifest()
    assert second != first
    near.write("20260201/b", b"one")
    third = manifest()
    assert third not in (first, second)
    near.write("20260201/b", b"three")
    near.write("20260201/a", b"one", mtime=1_770_000_000)
    assert manifest() not in (first, second, third)


def test_freed_and_late_files_are_one_manifest(near: Station) -> None:
    for name in ("a", "b"):
        near.write(f"20260201/{name}", name.encode())
    near.run(delete_source=True)
    near.write("20260201/c", b"c")
    (late,) = near.run(delete_source=True)
    lines = "".join(f"{digest(name.encode())}  {name}\n" for name in "abc")
    assert late.copies["archive"].manifest == digest(lines.encode())
    assert {row.done for row in late.copies["archive"].rows} == {"freed", "sent"}
    assert near.left() == {}


def test_the_manifest_of_one_file_without_days_is_its_own_hash(near: Station) -> None:
    near.write("rna.zip", b"zip")
    (result,) = near.run(None, source="rna.zip", to=["copy.zip"], marker=None)
    assert result.copies["archive"].manifest == digest(b"zip")


def test_the_manifest_is_on_record(near: Station) -> None:
    near.write("20260201/a", b"a")
    (result,) = near.run()
    assert [row.manifest for row in near.ledger.days("readings")] == [result.copies["archive"].manifest]


# ---- dated files


def test_each_days_files_of_a_folder_of_dated_files_are_one_day(near: Station) -> None:
    for name in ("20260201-a", "20260201-b", "20260202-a", "notes"):
        near.write(name, name.encode())
    job = {"source": "%Y%m%d-*", "to": ["%Y/%m/"], "delete_source": True}
    results = near.run(DAY, date(2026, 2, 2), date(2026, 2, 3), **job)
    assert [result.state for result in results] == ["published", "published", "missing"]
    assert set(published(near, "")) == {"2026/02/20260201-a", "2026/02/20260201-b", "2026/02/20260202-a"}
    assert near.left() == {"notes": b"notes"}


def test_the_marker_of_one_dated_file_stays_while_another_day_needs_it(near: Station) -> None:
    """All days share one folder, and so one marker, which goes with the last of them."""
    for n in (1, 2):
        near.write(f"2026020{n}-a", b"a")
        near.write(f"2026020{n}-b", b"b")
    job = {"source": "%Y%m%d-*", "to": ["all/"], "delete_source": True}
    (Path(near.archive.root) / "all/20260201-a").mkdir(parents=True)
    marker = Path(near.archive.root) / "all/.do-not-touch"
    first, second = near.run(DAY, date(2026, 2, 2), **job)
    assert (first.state, second.state) == ("failed", "published")
    assert marker.exists()
    (Path(near.archive.root) / "all/20260201-a").rmdir()
    (first,) = near.run(DAY, **job)
    assert first.state == "published"
    assert not marker.exists()
    assert near.left() == {}


def test_a_world_asks_for_the_time_once_it_needs_it(near: Station) -> None:
    """What is due depends on the clock that the world brings, not on this machine's."""
    near.write("20260201/a")
    later = World(near.ledger, near.gateways, near.folder, "r", now=lambda: datetime(2026, 2, 2, 0, 59, tzinfo=UTC))
    assert due(near.job(), later) == []

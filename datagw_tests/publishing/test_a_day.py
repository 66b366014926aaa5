"""A day, published and proven: the ordinary way, without accidents."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from datagw.gateways.local import Local
from datagw.gateways.memory import Memory
from datagw_tests.publishing.station import DAY, Station


@pytest.fixture(params=["memory", "local"])
def station(request: pytest.FixtureRequest, tmp_path: Path) -> Station:
    if request.param == "memory":
        return Station(tmp_path, Memory())
    (tmp_path / "archive").mkdir()
    return Station(tmp_path, Local(root=str(tmp_path / "archive")))


def a_day(station: Station, day: str = "20260201") -> dict[str, bytes]:
    files = {"a.csv": b"1;2\n", "empty": b"", "deep/er/and/deeper/still/b.bin": bytes(range(256)) * 5000}
    for name, content in files.items():
        station.write(f"{day}/{name}", content)
    return {f"days/{day}/{name}": content for name, content in files.items()}


def test_every_file_arrives_whole_and_proven(station: Station) -> None:
    expected = a_day(station)
    (result,) = station.run()
    assert result.state == "published"
    assert station.there() == expected
    copy = result.copies["archive"]
    assert (copy.files, copy.sent_files, copy.adopted, copy.skipped) == (3, 3, 0, 0)
    assert copy.verification in ("hash", "readback")
    assert {r.destination: r.size for r in station.receipts()} == {k: len(v) for k, v in expected.items()}


def test_a_second_run_moves_no_byte_and_keeps_the_data_version(station: Station) -> None:
    a_day(station)
    (first,) = station.run()
    assert station.plan().state == "done"
    (second,) = station.run()
    assert second.copies["archive"].sent_files == 0
    assert second.copies["archive"].skipped == 3
    assert second.copies["archive"].manifest == first.copies["archive"].manifest
    assert len(station.receipts()) == 3


def test_a_plan_changes_nothing_and_tells_what_a_run_does(station: Station) -> None:
    a_day(station)
    plan = station.plan(delete_source=True)
    assert [a.kind for a in plan.actions] == ["send"] * 3 + ["delete"] * 3
    assert station.there() == {}
    assert station.receipts() == []
    (result,) = station.run(delete_source=True)
    assert result.deleted == 3


def test_the_source_is_freed_once_every_copy_is_proven(station: Station) -> None:
    expected = a_day(station)
    (result,) = station.run(delete_source=True, to=["days/%Y%m%d/", "second/%Y/%m/%d/"])
    assert result.state == "published"
    assert station.left() == {}
    assert list(station.data.iterdir()) == []
    second = {path.replace("days/20260201", "second/2026/02/01"): content for path, content in expected.items()}
    assert station.there() == expected | second


def test_a_freed_day_is_published_not_missing(station: Station) -> None:
    a_day(station)
    station.run(delete_source=True)
    assert station.plan(delete_source=True).state == "done"
    assert station.due(delete_source=True) == []
    (result,) = station.run(delete_source=True)
    assert (result.state, result.copies["archive"].files) == ("published", 3)


def test_a_late_file_is_caught_up_and_joins_the_manifest(station: Station) -> None:
    a_day(station)
    (first,) = station.run(delete_source=True)
    station.write("20260201/late.csv", b"late")
    (plan,) = station.due(delete_source=True)
    assert [a.destination for a in plan.of("send")] == ["days/20260201/late.csv"]
    (second,) = station.run(delete_source=True)
    copy = second.copies["archive"]
    assert (copy.files, copy.sent_files) == (4, 1)
    assert copy.manifest != first.copies["archive"].manifest
    assert station.left() == {}


def test_an_empty_day_is_published_with_no_files(station: Station) -> None:
    (station.data / "20260201").mkdir()
    (plan,) = station.due()
    assert plan.due
    (result,) = station.run()
    assert (result.state, result.copies["archive"].files) == ("empty", 0)
    assert result.copies["archive"].proven
    assert [plan.state for plan in station.due()] == ["done"]


def test_a_missing_day_is_missing(station: Station) -> None:
    (result,) = station.run()
    assert result.state == "missing"
    assert station.plan().state == "missing"


def test_days_that_are_not_over_are_not_due(station: Station) -> None:
    for day in ("20260227", "20260228", "20260301", "20260302"):
        station.write(f"{day}/a")
    assert [plan.day for plan in station.due()] == [date(2026, 2, 27), date(2026, 2, 28)]


def test_dated_files_in_one_folder_make_days(station: Station) -> None:
    for name in ("obs-20260201-a.csv", "obs-20260201-b.csv", "obs-20260202-a.csv", "other.txt"):
        station.write(name, name.encode())
    job = {"source": "obs-%Y%m%d-*.csv", "to": ["all/"]}
    assert [len(list(plan.of("send"))) for plan in station.due(**job)] == [2, 1]
    station.run(date(2026, 2, 1), date(2026, 2, 2), delete_source=True, **job)
    assert set(station.there()) == {f"all/obs-2026020{n}.csv" for n in ("1-a", "1-b", "2-a")}
    assert set(station.left()) == {"other.txt"}


def test_a_tree_without_days_is_published(station: Station) -> None:
    station.write("tree/x/y.txt", b"y")
    station.write("tree/z", b"z")
    (result,) = station.run(None, source="tree/", to=["out/"], marker=None)
    assert result.state == "published"
    assert station.there() == {"out/x/y.txt": b"y", "out/z": b"z"}


def test_one_plain_file_under_a_name_of_its_own(station: Station) -> None:
    station.write("rna.zip", b"zip")
    station.run(None, source="rna.zip", to=["rna.zip", "{date:%Y-%m-%d}-{name}"], marker=None)
    assert station.there() == {"rna.zip": b"zip", "2026-03-01-rna.zip": b"zip"}


def test_the_date_of_a_version_is_the_day_it_was_first_seen(station: Station) -> None:
    from datetime import timedelta

    station.write("rna.zip", b"zip")
    job = {"source": "rna.zip", "to": ["{date:%Y-%m-%d}-{name}"], "marker": None}
    station.run(None, **job)
    station.now += timedelta(days=1)
    station.run(None, **job)
    assert set(station.there()) == {"2026-03-01-rna.zip"}


def test_changed_files_are_sent_again_and_replace_the_old(station: Station) -> None:
    station.write("20260201/a", b"old")
    station.run()
    station.write("20260201/a", b"newer", mtime=1_770_000_000)
    (plan,) = station.due()
    assert [a.reason for a in plan.of("send")] == ["changed since it was published, and differs in size"]
    station.run()
    assert station.there() == {"days/20260201/a": b"newer"}
    assert len(station.receipts()) == 2


def test_a_touched_file_is_compared_and_not_sent(station: Station) -> None:
    path = station.write("20260201/a", b"same")
    station.run()
    path.chmod(0o600)
    (result,) = station.run()
    assert (result.copies["archive"].adopted, result.copies["archive"].sent_files) == (1, 0)
    (third,) = station.run()
    assert third.copies["archive"].skipped == 1


def test_an_equal_file_that_is_there_already_is_adopted(station: Station) -> None:
    station.write("20260201/a", b"same")
    station.archive.put(b"same", "days/20260201/a")
    before = station.archive.stat("days/20260201/a")
    (result,) = station.run()
    assert (result.copies["archive"].adopted, result.copies["archive"].sent_files) == (1, 0)
    assert station.archive.stat("days/20260201/a").version == before.version
    assert len(station.receipts()) == 1


def test_files_under_other_names_are_never_touched(station: Station) -> None:
    station.write("20260201/a", b"a")
    station.archive.put(b"theirs", "days/20260201/theirs")
    station.archive.put(b"theirs", "days/other")
    station.run(delete_source=True)
    assert station.there() == {"days/20260201/a": b"a", "days/20260201/theirs": b"theirs", "days/other": b"theirs"}


def test_overwrite_false_spares_what_datagw_did_not_write(station: Station) -> None:
    station.write("20260201/a", b"mine!")
    station.write("20260201/b", b"b")
    station.archive.put(b"their", "days/20260201/a")
    (result,) = station.run(overwrite=False, delete_source=True)
    assert result.state == "failed"
    assert "overwrite = false" in result.failures[0].error
    assert station.there()["days/20260201/a"] == b"their"
    assert set(station.left()) == {"20260201/a", "20260201/.do-not-touch"}


def test_overwrite_false_replaces_what_datagw_wrote(station: Station) -> None:
    station.write("20260201/a", b"old")
    station.run(overwrite=False)
    station.write("20260201/a", b"new", mtime=1_770_000_000)
    (result,) = station.run(overwrite=False)
    assert result.state == "published"
    assert station.there() == {"days/20260201/a": b"new"}


def test_a_copy_that_was_taken_away_is_sent_again_or_left(station: Station) -> None:
    station.write("20260201/a", b"a")
    station.run()
    station.archive.rm("days/20260201/a")
    assert station.plan(if_gone="leave").state == "done"
    (result,) = station.run(if_gone="leave")
    assert (result.state, station.there()) == ("published", {})
    assert [a.reason for a in station.plan().of("send")] == ["proven, but taken away since"]
    station.run()
    assert station.there() == {"days/20260201/a": b"a"}


def test_a_left_copy_counts_by_its_receipt_when_the_source_is_freed(station: Station) -> None:
    station.write("20260201/a", b"a")
    station.run(if_gone="leave")
    station.archive.rm("days/20260201/a")
    station.run(if_gone="leave", delete_source=True)
    assert station.left() == {}


def test_resend_sends_proven_files_again_with_new_receipts(station: Station) -> None:
    a_day(station)
    station.run()
    (result,) = station.run(asked={"resend": True})
    assert result.copies["archive"].sent_files == 3
    assert len(station.receipts()) == 6
    (one,) = station.run(asked={"resend": True, "resend_file": "a.csv"})
    assert one.copies["archive"].sent_files == 1


def test_verified_by_size_only_is_never_deleted(station: Station) -> None:
    a_day(station)
    (result,) = station.run(verify="size")
    assert result.copies["archive"].verification == "size"
    (result,) = station.run(delete_source=True)
    assert result.deleted == 0
    assert len(station.left()) == 3


def test_symlinks_are_reported_and_skipped(station: Station) -> None:
    station.write("20260201/a", b"a")
    (station.data / "20260201" / "link").symlink_to("a")
    assert [a.reason for a in station.plan().of("ignore")] == ["a symlink, not a regular file"]
    station.run()
    assert set(station.there()) == {"days/20260201/a"}
    station.run(source_options={"symlinks": "follow"})
    assert station.there()["days/20260201/link"] == b"a"


def test_links_that_leave_the_root_are_not_followed(station: Station) -> None:
    (station.folder / "secret").write_bytes(b"secret")
    station.write("20260201/a", b"a")
    (station.data / "20260201" / "out").symlink_to(station.folder / "secret")
    station.run(source_options={"symlinks": "follow"})
    assert set(station.there()) == {"days/20260201/a"}


def test_two_sources_for_one_name_are_refused_before_the_first_byte(station: Station) -> None:
    station.write("20260201/x/a", b"1")
    station.write("20260201/y/a", b"2")
    (result,) = station.run(to=["flat/{name}"])
    assert result.state == "failed"
    assert "two sources would get this name" in result.failures[0].error
    assert station.there() == {}


def test_excluded_hidden_and_small_files_are_left_out(station: Station) -> None:
    for name in ("a", "b.tmp", ".hidden", "raw/c", "big"):
        station.write(f"20260201/{name}", b"x" * (100 if name == "big" else 10))
    options = {"exclude": ("*.tmp", "raw"), "hidden": False, "max_size": 50}
    station.run(source_options=options)
    assert set(station.there()) == {"days/20260201/a"}


def test_a_source_root_that_is_not_there_is_an_error(station: Station) -> None:
    station.data.rmdir()
    (result,) = station.run()
    assert result.state == "failed"
    assert "root" in (result.error or "")


def test_a_remote_source_is_staged_and_the_staging_is_empty_after(tmp_path: Path) -> None:
    source = Memory()
    for name in ("a", "b/c"):
        source.put(name.encode() * 1000, f"20260201/{name}")
    (tmp_path / "archive").mkdir()
    station = Station(tmp_path, Local(root=str(tmp_path / "archive")), source=source)
    (result,) = station.run(delete_source=True)
    assert result.state == "published"
    assert station.there() == {"days/20260201/a": b"a" * 1000, "days/20260201/b/c": b"b/c" * 1000}
    assert [entry.path for entry in source.ls(recursive=True)] == []
    assert [
        path for path in (tmp_path / "staging").rglob("*") if path.name != ".datagw-staging" and path.is_file()
    ] == []


def test_the_run_and_its_end_are_on_record(station: Station) -> None:
    a_day(station)
    station.run()
    (run,) = station.ledger.runs("readings")
    assert (run.state, run.error) == ("done", None)
    assert [(row.state, row.files) for row in station.ledger.days("readings")] == [("published", 3)]
    assert station.ledger.markers("readings") == []
    assert station.ledger.all_intents("readings") == []
    assert DAY in {receipt.day for receipt in station.receipts()}

"""The janitor's work at destinations: what dead runs and strangers left there goes, and nothing else."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta

import pytest

from datagw.files import part_name
from datagw.gateways.base import Gateway
from datagw.gateways.local import Local
from datagw.gateways.memory import Memory
from datagw.gateways.sftp import Sftp
from datagw.jobs import Job
from datagw.ledger import Held, Lease
from datagw.publishing import World
from datagw.publishing.tidying import Tidied, Tidying
from datagw_tests.publishing.crashing import Counter, Crash, dying
from datagw_tests.publishing.station import DAY, Station

LARGE = b"1;2;3\n" * 500_000
DAYS = timedelta(days=1)
STRANGE = "days/20260201/" + part_name("of somebody else", "x")


def tidy(station: Station, *jobs: Job, gateways: dict[str, Gateway] | None = None) -> Tidied:
    """A turn of the janitor, of these jobs (by default that of the station)."""
    world = station.world() if gateways is None else replace(station.world(), gateways=gateways)
    return Tidying(world, {job.name: job for job in jobs or [station.job()]}).run()


def killed(station: Station, at: str) -> list[str]:
    """A run that died at a call whose name ends so; the hidden names that it left at the archive."""
    counter = Counter(None)
    with dying(counter, station.ledger):
        call = counter.call

        def until(name: str) -> None:
            if counter.limit is None and name.endswith(at) and parts(station):
                counter.limit = 0
            call(name)

        counter.call = until
        with suppress(Crash):
            station.run()
    assert counter.limit == 0
    return parts(station)


def parts(station: Station) -> list[str]:
    return [path for path in station.there() if path.rpartition("/")[2].startswith(".datagw-")]


def put(station: Station, path: str = STRANGE, content: bytes = b"half a fi") -> None:
    """What somebody else left at the archive; dated long ago, as parts are whose source is old."""
    place = station.archive.using()
    place.put(content, path)
    if isinstance(station.archive, Local):
        os.utime(station.archive.full(path), (1_600_000_000, 1_600_000_000))


def test_a_part_of_a_killed_run_that_nobody_repeats_goes_after_a_week(station: Station) -> None:
    station.write("20260201/a.csv", LARGE)
    left = killed(station, "ledger")
    assert left != []
    station.now += 6 * DAYS
    assert tidy(station) == Tidied()
    assert parts(station) == left
    station.now += 2 * DAYS
    done = tidy(station)
    assert done.parts == [station.archive.using(name="archive").shown(path) for path in left]
    assert (parts(station), station.ledger.all_intents("readings")) == ([], [])
    assert station.left() == {"20260201/a.csv": LARGE}
    (result,) = station.run()
    assert (result.state, station.there()) == ("published", {"days/20260201/a.csv": LARGE})


def test_a_job_that_is_gone_from_the_job_file_is_tidied_as_well(near: Station) -> None:
    near.write("20260201/a.csv")
    assert killed(near, "ledger") != []
    near.now += 8 * DAYS
    other = near.job().model_copy(update={"name": "another"})
    assert len(tidy(near, other).parts) == 1
    assert parts(near) == []


def test_what_was_renamed_just_before_the_end_gets_its_receipt(near: Station) -> None:
    near.write("20260201/a.csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near.ledger, "write_receipts", lambda *_: (_ for _ in ()).throw(Crash("dead")))
        with suppress(Crash):
            near.run()
    assert (list(near.receipts()), "days/20260201/a.csv" in near.there()) == ([], True)
    near.now += 8 * DAYS
    assert tidy(near).parts == []
    assert [receipt.destination for receipt in near.receipts()] == ["days/20260201/a.csv"]
    assert near.ledger.all_intents("readings") == []


def test_a_day_that_somebody_works_on_is_left_to_them(near: Station) -> None:
    near.write("20260201/a.csv")
    left = killed(near, "ledger")
    near.now += 8 * DAYS
    lease = near.ledger.take("readings", DAY, "at work")
    assert isinstance(lease, Lease)
    assert tidy(near) == Tidied()
    assert parts(near) == left
    lease.release()
    assert len(tidy(near).parts) == 1
    assert not isinstance(near.ledger.take("readings", DAY, "next"), Held)


def test_a_place_out_of_reach_is_named_and_the_others_are_tidied(tmp_path) -> None:
    dead = Sftp(host="127.0.0.1", port=1, username="nobody", known_hosts="/dev/null", timeout=5)
    (tmp_path / "archive").mkdir()
    station = Station(tmp_path, Local(root=str(tmp_path / "archive")))
    station.write("20260201/a.csv")
    station.write("20260202/a.csv")
    killed(station, "ledger")
    lease = station.ledger.take("readings", date(2026, 2, 2), "r")
    assert isinstance(lease, Lease)
    (intent,) = station.ledger.all_intents("readings")
    station.ledger.record_parts(lease, [replace(intent, day=date(2026, 2, 2), gateway="dead", part="x.part")])
    lease.release()
    station.now += 8 * DAYS
    done = tidy(station, gateways={**station.gateways, "dead": dead})
    assert list(done.trouble) == ["dead"]
    assert len(done.parts) == 1
    assert [left.gateway for left in station.ledger.all_intents("readings")] == ["dead"]
    assert "no more" in tidy(station).trouble["dead"]


def test_a_strange_part_goes_once_it_has_stood_unchanged_for_a_week_before_our_eyes(station: Station) -> None:
    station.write("20260201/a.csv")
    station.run()
    put(station)
    assert tidy(station) == Tidied(folders=1)
    station.now += 4 * DAYS
    put(station, content=b"half a file, and growing")
    assert tidy(station) == Tidied(folders=1)
    station.now += 4 * DAYS
    assert tidy(station) == Tidied(folders=1)
    assert parts(station) == [STRANGE]
    station.now += 4 * DAYS
    assert len(tidy(station).parts) == 1
    assert station.there() == {"days/20260201/a.csv": b"content"}


def test_files_put_aside_and_old_ones_of_nobody_are_not_ours_to_remove(near: Station) -> None:
    near.write("20260201/a.csv")
    near.run()
    for suffix in ("aside", "old"):
        put(near, STRANGE.replace(".part", f".{suffix}"))
    put(near, "days/20260201/half.part")
    for _ in range(3):
        assert tidy(near).parts == []
        near.now += 8 * DAYS
    assert len(near.there()) == 4


def test_a_folder_that_the_receiver_took_away_is_no_trouble(near: Station, tmp_path) -> None:
    near.write("20260201/a.csv")
    near.run()
    (tmp_path / "archive/days/20260201/a.csv").unlink()
    (tmp_path / "archive/days/20260201").rmdir()
    assert tidy(near) == Tidied(folders=1)


def test_folders_are_looked_into_in_turn_as_far_as_time_allows(near: Station) -> None:
    days = [date(2026, 2, number) for number in range(1, 6)]
    for day in days:
        near.write(f"{day:%Y%m%d}/a.csv")
    near.run(*days)
    seen: list[str] = []
    ls = Local.ls

    def listed(self, folder="", **more):
        seen.append(folder)
        return ls(self, folder, **more)

    ticking = iter(range(0, 1000, 2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Gateway, "ls", listed)
        for _ in range(3):
            Tidying(near.world(), {"readings": near.job()}, clock=lambda: next(ticking)).run()
    assert len(seen) > 3
    assert seen == [f"days/202602{1 + at % 5:02}" for at in range(len(seen))]


def test_nothing_is_known_nothing_is_done(tmp_path) -> None:
    station = Station(tmp_path, Memory())
    assert tidy(station) == Tidied()
    assert isinstance(station.world(), World)

"""Bandwidth by the time of day: how it is written, what holds when, and how a transfer keeps to it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from datagw import Memory
from datagw.gateways.front.limits import Limiter, block_of
from datagw.gateways.front.reading import Upload
from datagw.gateways.front.timetables import Timetable, dumped, pace, pace_of_dump

OFFICE = ["08:00 2MB/s", "20:00 off"]
PARIS = ZoneInfo("Europe/Paris")


class Watch:
    """Time that passes only while somebody waits."""

    def __init__(self, start: datetime) -> None:
        self.start = start
        self.seconds = 0.0

    def clock(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def now(self) -> datetime:
        return self.start.astimezone(UTC) + timedelta(seconds=self.seconds)

    def limiter(self, *entries: str, timezone: str = "UTC") -> Limiter:
        return Limiter(table(entries, timezone), self.clock, self.sleep, self.now)


def table(entries: Sequence[str], timezone: str = "UTC") -> Timetable:
    found = pace(entries, timezone)
    assert isinstance(found, Timetable)
    return found


def at(text: str, zone: ZoneInfo | None = None) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone or UTC)


# ---- how it is written


def test_entries_may_stand_in_any_order() -> None:
    assert (
        pace(["20:00 off", " 08:00  2MB/s "]) == pace((*OFFICE,)) == Timetable((("08:00", 2_000_000), ("20:00", None)))
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], 'a timetable has at least one entry, "08:00 2MB/s" or "20:00 off"; leave the key out for no limit'),
        (["2MB/s"], 'an entry of a timetable is written "08:00 2MB/s" or "20:00 off"; not "2MB/s"'),
        ([5], 'an entry of a timetable is written "08:00 2MB/s" or "20:00 off"; not 5'),
        (["08:00:30 off"], 'not "08:00:30 off"'),
        (["8:00 off"], "a time has four digits: 08:00; not 8:00"),
        (["24:00 off"], "midnight is written 00:00; not 24:00"),
        (["12:60 off"], "a time of day is from 00:00 to 23:59; not 12:60"),
        (["٠٨:٠٠ off"], "a time of day is from 00:00 to 23:59"),
        (["0٨:00 off"], "a time of day is from 00:00 to 23:59"),
        (["08:00 Off"], "08:00: no limit is written off; not Off"),
        (["08:00 unlimited"], "08:00: no limit is written off; not unlimited"),
        (["08:00 0MB/s"], "08:00: a bandwidth of nothing would never end; no limit is written off"),
        (["08:00 2MB"], '08:00: a bandwidth is written "2MB/s" or "500KiB/s"; not "2MB"'),
        (["08:00 2mb/s"], "08:00: a size is written"),
        ([*OFFICE, "08:00 off"], "there are two entries for 08:00; write one"),
        (["x", "9:00 off"], 'not "x"; a time has four digits: 09:00; not 9:00'),
        ("08:00 2MB/s", 'a timetable is a list, as in ["08:00 2MB/s", "20:00 off"]; not "08:00 2MB/s"'),
    ],
)
def test_a_mistake_is_told_with_what_to_write(given: object, words: str) -> None:
    with pytest.raises(ValueError) as caught:
        pace(given)
    assert words in str(caught.value)


@given(
    st.dictionaries(
        st.times().map(lambda time: f"{time:%H:%M}"), st.none() | st.integers(min_value=1, max_value=10**12), min_size=1
    ),
    st.sampled_from(["UTC", "Europe/Paris", "Asia/Kolkata"]),
)
def test_what_is_dumped_is_read_again(entries: dict[str, int | None], timezone: str) -> None:
    made = Timetable(tuple(sorted(entries.items())), timezone)
    again: Any = dumped(made)
    assert pace_of_dump(again) == made
    assert dumped(5) == pace(5) == 5


# ---- what holds when


def test_the_last_entry_of_a_day_goes_on_over_midnight_until_the_first() -> None:
    office = table(["20:00 1kB/s", "08:00 2kB/s"])
    hours = ["00:00", "07:59:59.999999", "08:00", "19:59:59", "20:00", "23:59:59"]
    found = [office.rate_at(at(f"2026-05-04T{hour}")) for hour in hours]
    assert found == [1000, 1000, 2000, 2000, 1000, 1000]
    assert {table(["12:00 7B/s"]).rate_at(at(f"2026-05-04T{hour}")) for hour in hours} == {7}


def test_the_time_is_that_of_the_time_zone() -> None:
    office = table(OFFICE, "Europe/Paris")
    assert [office.rate_at(at(f"2026-01-05T{hour}")) for hour in ("06:59", "07:00", "18:59", "19:00")] == [
        *(None, 2_000_000, 2_000_000, None)
    ]
    assert [office.rate_at(at(f"2026-07-06T{hour}")) for hour in ("05:59", "06:00", "17:59", "18:00")] == [
        *(None, 2_000_000, 2_000_000, None)
    ]


def test_an_entry_in_the_hour_that_is_skipped_holds_from_its_end() -> None:
    night = table(["01:00 1kB/s", "02:30 2kB/s"], "Europe/Paris")
    last = at("2026-03-29T00:59:59")  # 01:59:59 in Paris; the next second is 03:00:00
    assert (night.rate_at(last), night.rate_at(last + timedelta(seconds=1))) == (1000, 2000)


def test_an_entry_in_the_hour_that_comes_twice_begins_twice() -> None:
    night = table(["01:00 1kB/s", "02:30 2kB/s"], "Europe/Paris")
    first = at("2026-10-25T00:00:00")  # 02:00 in Paris, for the first time
    found = [night.rate_at(first + timedelta(minutes=minutes)) for minutes in (0, 29, 30, 59, 60, 89, 90, 119)]
    assert found == [1000, 1000, 2000, 2000, 1000, 1000, 2000, 2000]


# ---- how a transfer keeps to it


def test_a_transfer_changes_its_pace_at_the_minute() -> None:
    watch = Watch(at("2026-05-04T07:59:50"))
    limiter = watch.limiter("08:00 2kB/s", "20:00 1kB/s")
    passed: list[float] = []
    for _ in range(30):
        limiter.take(1000)
        passed.append(watch.seconds)
    assert passed[:10] == pytest.approx(range(1, 11))
    assert passed[10:] == pytest.approx([10 + 0.5 * count for count in range(1, 21)])


def test_a_block_that_is_under_way_when_the_pace_changes_goes_on_at_the_new_one() -> None:
    watch = Watch(at("2026-05-04T19:59:50"))
    watch.limiter("08:00 1kB/s", "20:00 100kB/s").take(110_000)
    assert watch.seconds == pytest.approx(11.0)
    watch = Watch(at("2026-05-04T19:59:50"))
    watch.limiter("08:00 1kB/s", "20:00 off").take(110_000)
    assert watch.seconds == pytest.approx(10.0)


def test_off_is_no_limit_and_ends_at_its_minute() -> None:
    watch = Watch(at("2026-05-04T07:59:00"))
    limiter = watch.limiter("08:00 1kB/s", "20:00 off")
    for _ in range(100):
        limiter.take(1 << 20)
    assert watch.seconds == 0.0
    watch.sleep(60)
    for _ in range(10):
        limiter.take(1000)
    assert watch.seconds == pytest.approx(60 + 10 - 0.25)


def test_a_slow_transfer_goes_over_midnight() -> None:
    watch = Watch(at("2026-05-04T23:59:00", PARIS))
    limiter = watch.limiter("00:30 2kB/s", "20:00 1kB/s", timezone="Europe/Paris")
    limiter.take(31 * 60 * 1000 + 4000)
    assert watch.seconds == pytest.approx(31 * 60 + 2)


def test_a_transfer_in_the_night_of_the_change_of_clocks_goes_by_the_wall() -> None:
    watch = Watch(at("2026-03-29T01:30:00", PARIS))
    watch.limiter("01:00 1kB/s", "03:00 2kB/s", timezone="Europe/Paris").take(30 * 60 * 1000 + 2000)
    assert watch.seconds == pytest.approx(30 * 60 + 1)
    watch = Watch(at("2026-10-25T01:30:00", PARIS))
    watch.limiter("01:00 1kB/s", "03:00 2kB/s", timezone="Europe/Paris").take(150 * 60 * 1000 + 2000)
    assert watch.seconds == pytest.approx(150 * 60 + 1)


@given(
    st.integers(min_value=0, max_value=24 * 60 * 60 - 1),
    st.lists(st.integers(min_value=1, max_value=50_000), min_size=1, max_size=20),
)
def test_never_more_passes_than_the_timetable_lets(start: int, counts: list[int]) -> None:
    watch = Watch(at("2026-05-04T00:00:00") + timedelta(seconds=start))
    limiter = watch.limiter("08:00 1kB/s", "12:00 3kB/s", "20:00 500B/s")
    for count in counts:
        limiter.take(count)
    limits = table(["08:00 1kB/s", "12:00 3kB/s", "20:00 500B/s"])
    whole = int(watch.seconds)
    lets = sum(limits.rate_at(watch.start + timedelta(seconds=second)) or 0 for second in range(whole))
    after = limits.rate_at(watch.start + timedelta(seconds=whole)) or 0
    assert sum(counts) == pytest.approx(lets + after * (watch.seconds - whole), rel=1e-6, abs=1e-3)


def test_blocks_are_small_enough_for_the_slowest_hour() -> None:
    watch = Watch(at("2026-05-04T00:00:00"))
    assert block_of([], 1 << 18) == 1 << 18
    assert block_of([watch.limiter("08:00 off")], 1 << 18) == 1 << 18
    assert block_of([watch.limiter(*OFFICE), watch.limiter("08:00 40kB/s", "09:00 off")], 1 << 18) == 10_000
    assert block_of([Limiter(1)], 1 << 18) == 4096


# ---- gateways


def test_both_the_limit_of_the_gateway_and_the_one_of_the_job_hold() -> None:
    gateway = Memory(bandwidth=OFFICE).using(bandwidth=1_000_000)
    assert [limiter.pace for limiter in gateway.live.limiters] == [table(OFFICE), 1_000_000]
    watch = Watch(at("2026-05-04T19:59:59"))
    gateway.live.limiters = (watch.limiter("08:00 10kB/s", "20:00 off"), Limiter(20_000, watch.clock, watch.sleep))
    for _ in range(5):
        gateway.pulse(10_000)
    assert watch.seconds == pytest.approx(1 + 5 * 0.5 - 0.25)  # less a burst of a quarter of a second
    gateway.close()


def test_what_is_sent_is_held_back_by_the_clock() -> None:
    watch = Watch(at("2026-05-04T19:59:50"))
    with Memory() as gateway:
        gateway.live.limiters = (watch.limiter("08:00 1kB/s", "20:00 10kB/s"),)
        (sent,) = gateway.send([Upload(b"x" * 110_000, "a.part", "a")])
        assert sent.error is None
        assert watch.seconds == pytest.approx(20)
        assert gateway.read("a.part") == b"x" * 110_000


def test_a_gateway_in_python_takes_the_forms_of_the_job_file() -> None:
    forms: list[tuple[Any, object]] = [
        ("2MB/s", 2_000_000),
        (2_000_000, 2_000_000),
        ("2000000", 2_000_000),
        (OFFICE, table(OFFICE)),
        (table(OFFICE, "Europe/Paris"), table(OFFICE, "Europe/Paris")),
        (None, None),
    ]
    for form, found in forms:
        gateway = Memory(bandwidth=form)
        assert gateway.bandwidth == found
        assert Memory.model_validate(gateway.model_dump()).bandwidth == found
        assert Memory.model_validate_json(gateway.model_dump_json(exclude_unset=True)).bandwidth == found


@pytest.mark.parametrize(
    "given",
    [
        *(0, -1, 1.5, True, "fast", [], ["20:00"], {}, {"entries": OFFICE}),
        {"entries": OFFICE, "timezone": "Europe/Pariss"},
        {"entries": OFFICE, "timezone": "../x"},
        {"entries": 5, "timezone": "UTC"},
    ],
)
def test_a_gateway_in_python_refuses_what_cannot_be_meant(given: Any) -> None:
    with pytest.raises(ValidationError, match=r"bandwidth\n"):
        Memory(bandwidth=given)

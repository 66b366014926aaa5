"""What a tick sees of days: a slice of the old ones, and which are missing."""

from datetime import date

import dagster as dg
import pytest

from datagw.publishing import slices
from datagw_tests.assets.conftest import JOBS
from datagw_tests.automation.conftest import asked, skipped


def checked(result: dg.SensorResult) -> list[tuple[str, str | None]]:
    found = [event for event in result.asset_events if isinstance(event, dg.AssetCheckEvaluation)]
    return [(event.asset_key.path[-1], event.description) for event in found]


def test_a_tick_tells_the_checks_of_missing_days_once(place, tick, instance):
    place.write(JOBS + '    expect = "every day"\n')
    place.day(2)
    first = tick()
    ((left, said), (right, _)) = checked(first)
    assert (left, right) == ("left", "right-hand")
    assert said is not None
    assert said.split(": ")[1].startswith("2026-01-01, 2026-01-03 to ")
    for event in first.asset_events:
        instance.report_runless_asset_event(event)
    assert checked(tick()) == []


def test_a_job_that_expects_nothing_has_no_check_to_tell(place, tick):
    place.day(2)
    assert checked(tick()) == []


def test_on_a_slow_place_a_tick_says_how_many_days_it_looked_at(place, tick, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(slices, "AT_LEAST", 5)
    monkeypatch.setattr(slices, "SECONDS", {"open": 0.0, "new": 0.0, "old": 0.0})
    for day in range(1, 13):
        (place.folder / f"readings/202601{day:02}").mkdir()
        (place.folder / f"readings/202601{day:02}/.do-not-touch").write_text("")
    assert skipped(tick()) == "nothing due; 5 of 12 days looked at, 5 not complete yet"
    (place.folder / "readings/20260112/.do-not-touch").unlink()
    assert skipped(tick()).startswith("nothing due; 5 of 12 days")
    assert asked(tick()) == [f"{date(2026, 1, 12)}..{date(2026, 1, 12)}"]

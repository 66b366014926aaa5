"""What failed waits 30 s, then twice as long, up to an hour; a switch waits, a person does not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from datagw.errors import Unavailable
from datagw.gateways.local import Local
from datagw.publishing import DayPlan, due, plan_day
from datagw.publishing.patience import outlook, pause_after
from datagw_tests.publishing.station import DAY, Station


def spoil(station: Station, name: str = "a") -> None:
    """A folder where a file is to go."""
    (station.folder / "archive/days/20260201" / name).mkdir(parents=True)


def patient(station: Station, **job: Any) -> DayPlan:
    return plan_day(station.job(when="daily", **job), DAY, station.world(), patient=True)


def failing(station: Station, times: int = 1) -> None:
    for _ in range(times):
        (result,) = station.run(when="daily")
        assert result.state == "failed"


@contextmanager
def silence(monkeypatch: pytest.MonkeyPatch, *verbs: str) -> Iterator[None]:
    """The archive's disk does not answer to these verbs."""

    def no_answer(self: Local, *args: Any, **keys: Any) -> Any:
        raise Unavailable("no route to host", gateway=self.name)

    with monkeypatch.context() as patch:
        for verb in verbs:
            before = getattr(Local, verb)
            patch.setattr(
                Local,
                verb,
                lambda self, *a, _b=before, **k: (no_answer if self.name == "archive" else _b)(self, *a, **k),
            )
        yield


def test_pauses_double_up_to_an_hour() -> None:
    pauses = [pause_after(count).total_seconds() for count in (1, 2, 3, 7, 8, 9, 1000)]
    assert pauses == [30, 60, 120, 1920, 3600, 3600, 3600]


def test_a_file_that_failed_waits_and_the_reason_says_how_often_why_and_until_when(near: Station) -> None:
    near.write("20260201/a")
    spoil(near)
    failing(near, 3)
    plan = patient(near)
    (action,) = plan.of("wait")
    assert plan.state == "waiting"
    assert plan.again == near.now + timedelta(seconds=120)
    assert action.reason.startswith("failed 3 times, last: days/20260201/a: a folder stands")
    assert action.reason.endswith("tried again at 12:02:00 UTC")
    near.now += timedelta(seconds=120)
    assert patient(near).due


def test_other_files_of_the_day_do_not_wait(near: Station) -> None:
    near.write("20260201/a")
    near.write("20260201/b")
    spoil(near)
    failing(near)
    near.write("20260201/c")
    plan = patient(near)
    assert plan.due
    assert {action.source.path: action.kind for action in plan.actions} == {
        "20260201/a": "wait",
        "20260201/b": "skip",
        "20260201/c": "send",
    }


def test_a_file_that_waits_is_not_deleted(near: Station) -> None:
    near.write("20260201/a")
    spoil(near)
    states = [near.run(when="daily", delete_source=True)[0].state for _ in range(2)]
    assert states == ["failed", "failed"]
    assert {action.kind for action in patient(near, delete_source=True).actions} == {"wait"}


def test_another_version_or_another_job_does_not_wait_and_counts_anew(near: Station) -> None:
    near.write("20260201/a")
    spoil(near)
    failing(near, 2)
    assert not patient(near).due
    assert patient(near, verify="size").due
    near.write("20260201/a", b"mended")
    assert patient(near).due
    failing(near)
    (attempt,) = near.ledger.all_attempts("readings")
    assert attempt.count == 1


def test_a_person_does_not_wait_but_is_told_that_the_switch_does(near: Station) -> None:
    near.write("20260201/a")
    spoil(near)
    failing(near)
    job = near.job(when="daily")
    plan = near.plan(when="daily")
    assert plan.due
    assert outlook(job, plan, near.world()) == "its switch leaves 1 file that failed alone until 12:00:30 UTC"
    assert outlook(near.job(when="manual"), plan, near.world()) is None
    near.now += timedelta(seconds=31)
    assert outlook(job, plan, near.world()) is None


def test_a_cron_line_says_itself_when(near: Station) -> None:
    near.write("20260201/a")
    spoil(near)
    failing(near)
    assert plan_day(near.job(when="15 2 * * *"), DAY, near.world(), patient=True).due


def test_success_forgets_what_failed(near: Station) -> None:
    near.write("20260201/a")
    near.write("20260201/b")
    spoil(near)
    failing(near)
    (near.folder / "archive/days/20260201/a").rmdir()
    (result,) = near.run(when="daily")
    assert result.state == "published"
    assert near.ledger.all_attempts("readings") == []


def test_a_place_that_did_not_answer_is_put_down_by_its_name(near: Station, monkeypatch) -> None:
    near.write("20260201/a")
    with silence(monkeypatch, "_write"):
        failing(near)
    (attempt,) = near.ledger.all_attempts("readings")
    assert (attempt.source, attempt.gateway) == ("", "archive")
    assert patient(near).state == "waiting"


def test_the_wait_ends_when_a_place_that_was_seen_out_of_reach_answers_again(near: Station, monkeypatch) -> None:
    near.write("20260201/a")
    with silence(monkeypatch, "_write"):
        failing(near)
    assert patient(near).state == "waiting"
    near.now += timedelta(seconds=5)
    with silence(monkeypatch, "_session"), pytest.raises(Unavailable, match="no route to host"):
        due(near.job(when="daily"), near.world(), patient=True)
    assert patient(near).due


def test_a_source_that_does_not_answer_fails_the_day_which_waits(near: Station, monkeypatch) -> None:
    near.write("20260201/a")

    def no_answer(*args: Any) -> Any:
        raise Unavailable("no route to host", gateway="station")

    with monkeypatch.context() as patch:
        patch.setattr("datagw.publishing.looking.require_root", no_answer)
        failing(near)
    plan = patient(near)
    assert plan.state == "waiting"
    assert plan.again == near.now + timedelta(seconds=30)
    near.now += timedelta(seconds=30)
    assert patient(near).due

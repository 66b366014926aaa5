"""Occasions: what makes a job of own code due that watches nothing."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import pytest

from datagw.errors import NotFound
from datagw.gateways.base import Gateway
from datagw.jobs import Job, load
from datagw.jobs.words import OCCASION, WORK
from datagw.ledger import Lease, Ledger, Receipt
from datagw.pipelines.places import with_own_code
from datagw.publishing import World, due, plan_day

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def ledger(tmp_path):
    with Ledger.open(tmp_path / "jobs.db") as opened:
        yield opened


def job_of(tmp_path, keys: str) -> Job:
    text = '[gateways.lake]\ntype = "memory"\n[up]\nsource = "lake:a/"\nto = "lake:b/"\nwhen = "change"\n[j]\n'
    (tmp_path / "jobs.toml").write_text(f'{text}backend = "m:f"\n{keys}\n', encoding="utf-8")
    file = load(tmp_path / "jobs.toml", {})
    assert not file.problems, file.problems
    return file.jobs["j"]


def world_of(tmp_path, ledger: Ledger, job: Job, payload: object = None) -> World:
    bare = World(ledger=ledger, gateways={}, tmp_dir=tmp_path / "tmp", run="r", now=lambda: NOW)
    return with_own_code(bare, job, tmp_path, payload=payload)


def occasion(world: World) -> Gateway:
    return world.gateways[OCCASION].using()


def prove(ledger: Ledger, sha256: str, *, version: str = "v", job: str = "up", verification: str = "hash") -> None:
    lease = ledger.take(job, None, "r")
    assert isinstance(lease, Lease)
    what = {"copy": "lake", "source": "a/x", "destination": "b/x", "size": 1, "sha256": sha256, "durable": False}
    when = {"version": version, "content_version": version, "at": NOW, "run": "r", "verification": verification}
    row = Receipt(job=job, day=None, **what, **when)  # type: ignore[arg-type]
    ledger.write_receipts(lease, [row])
    lease.release()


def test_a_job_without_own_code_has_the_world_that_it_had(tmp_path, ledger):
    job_of(tmp_path, "")
    world = World(ledger=ledger, gateways={}, tmp_dir=tmp_path, run="r")
    assert with_own_code(world, load(tmp_path / "jobs.toml", {}).jobs["up"], tmp_path) is world


def test_own_code_has_its_two_places_beside_the_declared_ones(tmp_path, ledger):
    job = job_of(tmp_path, "")
    world = World(ledger=ledger, gateways={"lake": object()}, tmp_dir=tmp_path, run="r")  # type: ignore[dict-item]
    assert sorted(with_own_code(world, job, tmp_path).gateways) == sorted(["lake", OCCASION, WORK])


def test_each_run_is_an_occasion_of_its_own(tmp_path, ledger):
    job = job_of(tmp_path, "")
    first, second = world_of(tmp_path, ledger, job), world_of(tmp_path, ledger, job)
    one = occasion(first).stat("run")
    assert occasion(first).stat("run") == one  # within one run it stays
    assert occasion(second).stat("run").version != one.version
    assert plan_day(job, None, first).due


def test_what_the_code_is_handed_says_job_day_and_payload(tmp_path, ledger):
    job = job_of(tmp_path, "")
    world = world_of(tmp_path, ledger, job, {"n": [1, "é"]})
    found = json.loads(occasion(world).read("run"))
    assert (found["job"], found["day"], found["payload"]) == ("j", None, {"n": [1, "é"]})
    assert found["token"] == occasion(world).stat("run").etag
    assert len(occasion(world).read("run")) == occasion(world).stat("run").size


def test_a_day_is_one_occasion_whoever_asks(tmp_path, ledger):
    job = job_of(tmp_path, 'when = "daily"\nstart = 2026-11-19\n')
    world = world_of(tmp_path, ledger, job)
    assert [plan.day for plan in due(job, world)] == [date(2026, 11, 19), date(2026, 11, 20)]
    one, other = (occasion(world_of(tmp_path, ledger, job)).stat("2026-11-19") for _ in range(2))
    assert one.version == other.version
    assert json.loads(occasion(world).read("2026-11-19"))["day"] == "2026-11-19"


@pytest.mark.parametrize("path", ["ran", "2026-11-19", "run/x"])
def test_nothing_else_stands_there(tmp_path, ledger, path):
    job = job_of(tmp_path, "")
    with pytest.raises(NotFound):
        occasion(world_of(tmp_path, ledger, job)).stat(path)


def test_without_news_of_the_others_a_switch_waits_and_says_for_what_and_a_person_does_not(tmp_path, ledger):
    job = job_of(tmp_path, 'when = "change"\nafter = ["up"]\n')
    plan = plan_day(job, None, world_of(tmp_path, ledger, job), patient=True)
    assert (plan.state, plan.notes) == ("waiting", ("no news yet of up",))
    assert plan_day(job, None, world_of(tmp_path, ledger, job)).due


def test_news_of_the_others_are_an_occasion_until_they_change(tmp_path, ledger):
    job = job_of(tmp_path, 'when = "change"\nafter = ["up"]\n')
    prove(ledger, "one")
    first = occasion(world_of(tmp_path, ledger, job)).stat("run")
    assert plan_day(job, None, world_of(tmp_path, ledger, job)).due
    prove(ledger, "one", version="touched")
    assert occasion(world_of(tmp_path, ledger, job)).stat("run") == first
    prove(ledger, "two", version="new")
    second = occasion(world_of(tmp_path, ledger, job)).stat("run")
    assert second.version != first.version
    prove(ledger, "one", version="as before")
    assert occasion(world_of(tmp_path, ledger, job)).stat("run").version not in (first.version, second.version)


def test_own_code_that_ran_again_is_news(tmp_path, ledger):
    job = job_of(tmp_path, 'when = "change"\nafter = ["up"]\n')
    seen = set()
    for _ in range(2):
        prove(ledger, "one", verification="accepted")
        seen.add(occasion(world_of(tmp_path, ledger, job)).stat("run").version)
    assert len(seen) == 2


def test_a_patient_look_finds_news_due_at_once_for_what_is_proven_need_not_settle(tmp_path, ledger):
    job = job_of(tmp_path, 'when = "change"\nafter = ["up"]\n')
    prove(ledger, "one")
    world = world_of(tmp_path, ledger, job)
    assert plan_day(job, None, world, patient=True).due

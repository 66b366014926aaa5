"""The janitor's ticks: they say what was tidied and what is out of reach, and one thing going wrong is not the end."""

import json
import logging
import subprocess
import sys
import uuid
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from datagw.assets.running import run_job
from datagw.automation import janitor
from datagw.automation.janitor import janitor_of, tidy
from datagw.definitions import definitions_of
from datagw.errors import DatagwError
from datagw.files import part_name
from datagw.ledger import Lease, Owner
from datagw_tests.assets.conftest import JOBS, Place, statuses
from datagw_tests.conftest import require_server
from datagw_tests.ledger.rows import intent
from datagw_tests.servers import openssh

LOG = logging.getLogger("datagw.test")
DEAD = replace(Owner.current(), started_ticks=1)


def turn(place: Place, instance: dg.DagsterInstance, days: float = 0.0) -> str:
    """What the janitor says that many days from now."""
    return tidy(place.load(), instance, LOG, now=lambda: datetime.now(UTC) + timedelta(days=days))


def test_it_is_on_from_the_start_and_asks_for_no_run(place: Place, instance):
    found = janitor_of(place.load())
    assert (found.name, found.minimum_interval_seconds) == ("datagw_janitor", 3600)
    assert found.default_status is dg.DefaultSensorStatus.RUNNING
    place.day(1)
    run_job(place.load(), "readings", [date(2026, 1, 1)], instance=instance)
    repository = definitions_of(place.load()).get_repository_def()
    with dg.build_sensor_context(instance, repository_def=repository) as context:
        answer = repository.get_sensor_def("datagw_janitor").evaluate_tick(context)
    assert (answer.skip_message, answer.run_requests) == ("nothing to tidy", [])


def test_before_the_first_run_there_is_nothing_to_tidy_and_nothing_is_made(place: Place, instance):
    assert turn(place, instance) == "nothing to tidy yet"
    assert not (place.folder / ".datagw").exists()


def test_runs_of_dead_processes_are_reported_to_dagster_and_to_the_ledger(place: Place, instance):
    tag = f"{DEAD.host} {DEAD.boot} {DEAD.pid} {DEAD.started_ticks}"
    instance.add_run(dg.DagsterRun("j", "run-1", status=DagsterRunStatus.STARTED, tags={"datagw/owner": tag}))
    with place.ledger() as ledger, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Owner, "current", lambda: DEAD)
        ledger.start_run("of-the-library", "readings")
    said = turn(place, instance)
    assert said == "1 run of dead processes reported to Dagster as ended; 1 run of dead processes put down as lost"
    (run,) = instance.get_runs()
    assert run.status is DagsterRunStatus.FAILURE
    with place.ledger() as ledger:
        assert [run.state for run in ledger.runs()] == ["lost"]
    assert turn(place, instance) == "nothing to tidy"


def test_the_staging_folder_of_a_killed_process_goes_and_that_of_a_living_one_stays(place: Place, instance):
    code = (
        "import sys; from pathlib import Path; from datagw.publishing.staging import open_folder\n"
        "(open_folder(Path(sys.argv[1]), 'killed') / '0').write_bytes(b'half'); print('ready', flush=True); input()"
    )
    staging = place.load().main.tmp_dir
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(staging)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    place.ledger().close()
    assert turn(place, instance) == "nothing to tidy"
    process.kill()
    process.communicate()
    (staging / "living").mkdir()
    (staging / "living/.datagw-staging").write_text(json.dumps(asdict(Owner.current())))
    assert turn(place, instance) == "1 staging folder of killed runs removed"
    assert [path.name for path in staging.iterdir()] == ["living"]


def test_a_part_left_at_an_ssh_server_goes_after_a_week_also_with_another_place_out_of_reach(place: Place, instance, tmp_path):  # fmt: skip
    if lack := openssh.missing():
        require_server(*lack)
    with openssh.OpenSSH(tmp_path / "server") as server:
        inbox = server.root / uuid.uuid4().hex
        inbox.mkdir()
        place.write(
            f'[gateways.institute]\ntype = "sftp"\nhost = "127.0.0.1"\nport = {server.port}\n'
            f'username = "{server.username}"\nprivate_key = "{server.user_key}"\n'
            f'known_hosts = "{server.known_hosts}"\nroot = "{inbox}"\n'
            '[gateways.dead]\ntype = "sftp"\nhost = "127.0.0.1"\nport = 1\nusername = "nobody"\ntimeout = 5\n'
            '[readings]\nsource = "local:readings/%Y%m%d/"\nto = ["institute:%Y%m%d/", "dead:%Y%m%d/"]\n'
            'when = "daily"\nstart = 2026-01-01\n'
        )
        part = part_name("of a run that died", "20260101/a.csv")
        (inbox / "20260101").mkdir()
        (inbox / part).write_bytes(b"half a fi")
        (inbox / "20260101/a.csv").write_bytes(b"of an earlier run")
        with place.ledger() as ledger:
            for number, name in enumerate(("institute", "dead")):
                day = date(2026, 1, 1 + number)
                lease = ledger.take("readings", day, "run-1")
                assert isinstance(lease, Lease)
                left = replace(
                    intent(part), day=day, copy=name, gateway=name, destination="20260101/a.csv", at=datetime.now(UTC)
                )
                ledger.record_parts(lease, [left])
                lease.release()
        assert turn(place, instance, days=6) == "nothing to tidy"
        said = turn(place, instance, days=8)
        assert f"1 part older than a week removed: institute:{part}" in said
        assert "not tidied: dead: " in said
        assert [path.name for path in (inbox / "20260101").iterdir()] == ["a.csv"]
        assert "removed" not in turn(place, instance, days=8)


def test_what_is_older_than_keep_is_forgotten_and_published_days_stay_published(place: Place, instance):
    place.write("[main]\nkeep = '30d'\n" + "\n".join(line.strip() for line in JOBS.splitlines()))
    for day in (1, 2):
        place.day(day)
    place.spoil("left", 1)
    days = [date(2026, 1, 1), date(2026, 1, 2)]
    run_job(place.load(), "readings", days, instance=instance)
    (place.folder / "left/20260101/a.csv").rmdir()
    run_job(place.load(), "readings", days, instance=instance, resend=True)
    assert len(list(instance.get_runs())) == 2
    with place.ledger() as ledger:
        receipts = list(ledger.receipts())
        assert len(ledger.failures()) == 1
    assert turn(place, instance, days=29) == "nothing to tidy"
    said = turn(place, instance, days=31)
    assert said.startswith("1 run and 0 observations older than 30 days deleted in Dagster; ")
    assert len(list(instance.get_runs())) == 1
    assert statuses(instance, "left") == {1: "MATERIALIZED", 2: "MATERIALIZED"}
    with place.ledger() as ledger:
        assert (ledger.runs(), ledger.failures(), list(ledger.receipts())) == ([], [], receipts)


def test_what_goes_wrong_is_a_failed_tick_after_the_rest_has_been_done(place: Place, instance, monkeypatch):
    place.ledger().close()
    staging = place.load().main.tmp_dir / "killed"
    staging.mkdir(parents=True)
    (staging / ".datagw-staging").write_text(json.dumps(asdict(DEAD)))

    def broken(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(janitor, "report_left_behind", broken)
    with pytest.raises(DatagwError, match=r"no space left on device \(1 staging folder of killed runs removed\)"):
        turn(place, instance)
    assert not staging.exists()

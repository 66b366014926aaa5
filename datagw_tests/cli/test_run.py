"""`datagw run` and `plan`, on a station of this machine."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from datagw.ledger.ledger import Ledger
from datagw_tests.cli.conftest import JOBS, Cli, write


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder in which Dagster has made its tables, which takes a second."""
    from datagw.assets.instance import open_instance
    from datagw.jobs import load

    folder = tmp_path_factory.mktemp("made-once")
    (folder / "jobs.toml").write_text(JOBS)
    (folder / "institute").mkdir()
    with open_instance(load(folder / "jobs.toml")) as instance:
        assert instance.get_runs_count() == 0
        assert instance.all_asset_keys() == []
        assert instance.all_instigator_state() == []
    return folder / ".datagw"


@pytest.fixture
def station(station: Path, made_once: Path) -> Path:
    shutil.copytree(made_once, station / ".datagw")
    return station


def names_below(folder: Path) -> set[bytes]:
    root = os.fsencode(folder)
    return {os.path.relpath(os.path.join(where, name), root) for where, _, names in os.walk(root) for name in names}


ALL = {
    b"readings/20260101/a.csv",
    b"readings/20260101/caf\xe9.csv",
    b"readings/20260101/sub/b.csv",
    b"readings/20260102/c.csv",
}


def test_a_run_publishes_every_day_that_is_over(station: Path, cli: Cli):
    said = cli("run", "readings")
    assert said.code == 0
    assert names_below(station / "institute") == ALL
    assert "2026-01-01  institute  published      3" in said.out
    assert said.out.endswith("readings: 2 days published; 4 files sent, 16 B\n")
    assert "INFO 2026-01-01: screened 3 files" in said.err
    assert "INFO" not in said.out


def test_a_second_run_has_nothing_to_do(station: Path, cli: Cli):
    cli("run", "readings", "-q")
    said = cli("run", "readings")
    assert (said.code, said.out, said.err) == (0, "readings: nothing to do (2 days done)\n", "")
    assert cli("run", "readings", "--json").json == {
        "job": "readings",
        "runs": [],
        "days": [],
        "missing": [],
        "not_over": [],
    }


def test_the_result_is_one_json_document_and_quiet_is_quiet(station: Path, cli: Cli):
    said = cli("--json", "run", "readings", "-q")
    assert (said.code, said.err) == (0, "")
    first, second = said.json["days"]
    assert (first["day"], first["state"], second["day"]) == ("2026-01-01", "published", "2026-01-02")
    (copy,) = first["copies"]
    assert (copy["copy"], copy["files"], copy["sent_files"], copy["bytes"]) == ("institute", 3, 3, 12)
    assert copy["verification"] in ("hash", "readback")
    assert len(copy["manifest"]) == 64
    assert len(said.json["runs"]) == 1


def test_the_log_can_be_json(station: Path, cli: Cli):
    said = cli("run", "readings", "--log-json")
    events = [json.loads(line) for line in said.err.splitlines()]
    assert {"time", "level", "message"} == set(events[0])
    assert any(event["message"].startswith("2026-01-01: screened") for event in events)


def test_one_day_may_be_asked_for(station: Path, cli: Cli):
    said = cli("run", "readings", "--day", "2026-01-02", "--json")
    assert said.code == 0
    assert [day["day"] for day in said.json["days"]] == ["2026-01-02"]
    assert names_below(station / "institute") == {b"readings/20260102/c.csv"}


def test_a_missing_day_is_refused(station: Path, cli: Cli):
    said = cli("run", "readings", "--day", "2026-01-05")
    assert (said.code, said.out) == (1, "")
    assert "2026-01-05 is missing" in said.err
    assert cli("run", "readings", "--day", "2026-01-05", "--json").json["missing"] == ["2026-01-05"]


def test_a_day_that_is_not_over_is_refused(station: Path, cli: Cli):
    today = datetime.now(UTC).date()
    write(station / "station" / today.strftime("%Y%m%d"), b"a.csv")
    said = cli("run", "readings", "--day", str(today))
    assert (said.code, said.out) == (1, "")
    assert f"{today} is not over" in said.err
    assert names_below(station / "institute") == set()


def test_in_a_range_missing_days_are_only_reported(station: Path, cli: Cli):
    said = cli("run", "readings", "--from", "2026-01-02", "--to", "2026-01-04", "--json")
    assert said.code == 0
    assert [day["day"] for day in said.json["days"]] == ["2026-01-02"]
    assert said.json["missing"] == ["2026-01-03", "2026-01-04"]
    assert "2 days missing: 2026-01-03, 2026-01-04" in said.err


def test_in_a_range_days_that_are_not_over_are_only_reported(station: Path, cli: Cli):
    today = datetime.now(UTC).date()
    said = cli("run", "readings", "--from", "2026-01-01", "--to", str(today), "--json")
    assert said.code == 0
    assert [day["day"] for day in said.json["days"]] == ["2026-01-01", "2026-01-02"]
    assert str(today) in said.json["not_over"]
    assert f"not over yet: {said.json['not_over'][0]}" in said.err


def test_a_day_that_was_freed_is_not_missing(station: Path, cli: Cli):
    (station / "jobs.toml").write_text(JOBS + "delete_source = true\n")
    cli("run", "readings", "-q")
    assert list((station / "station").iterdir()) == []
    said = cli("run", "readings", "--from", "2026-01-01", "--to", "2026-01-03", "--json")
    assert (said.code, said.json["missing"]) == (0, ["2026-01-03"])
    assert cli("run", "readings", "--day", "2026-01-02").code == 0


def test_a_range_may_have_one_end(station: Path, cli: Cli):
    assert [day["day"] for day in cli("run", "readings", "--to", "2026-01-01", "--json").json["days"]] == ["2026-01-01"]
    said = cli("run", "readings", "--from", "2026-01-02", "--json")
    assert said.code == 0
    assert [day["day"] for day in said.json["days"]] == ["2026-01-02"]
    assert said.json["not_over"] == []
    assert "2026-01-03" in said.json["missing"]


def test_proven_files_can_be_sent_again(station: Path, cli: Cli):
    cli("run", "readings", "-q")
    said = cli("run", "readings", "--resend", "--json")
    assert said.code == 0
    assert [sum(copy["sent_files"] for copy in day["copies"]) for day in said.json["days"]] == [3, 1]
    assert len(cli("history", "--json").json["receipts"]) == 8


def test_one_proven_file_can_be_sent_again(station: Path, cli: Cli):
    cli("run", "readings", "-q")
    said = cli("run", "readings", "--day", "2026-01-01", "--resend", "--file", "sub/b.csv", "--json")
    assert said.code == 0
    assert [copy["sent_files"] for day in said.json["days"] for copy in day["copies"]] == [1]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--day", "yesterday"],
        ["--day", "2026-01-01", "--from", "2026-01-01"],
        ["--from", "2026-01-02", "--to", "2026-01-01"],
        ["--file", "a.csv"],
        ["--resend", "--file"],
    ],
)
def test_a_wrong_call_is_refused(station: Path, cli: Cli, arguments: list[str]):
    said = cli("run", "readings", *arguments)
    assert (said.code, said.out) == (2, "")


def test_days_of_a_job_without_days_are_refused(station: Path, cli: Cli):
    (station / "jobs.toml").write_text(JOBS.replace("%Y%m%d/", "", 2).replace('when   = "daily"\n', ""))
    said = cli("run", "readings", "--day", "2026-01-01")
    assert (said.code, said.out) == (2, "")
    assert "has no days" in said.err


def test_a_job_without_days_runs(station: Path, cli: Cli):
    text = (
        JOBS.replace("station/%Y%m%d/", "station/20260102/")
        .replace("readings/%Y%m%d/", "latest/")
        .replace('when   = "daily"\n', "")
    )
    (station / "jobs.toml").write_text(text)
    said = cli("run", "readings")
    assert said.code == 0
    assert said.out.endswith("readings: 1 file sent, 4 B\n")
    assert names_below(station / "institute") == {b"latest/c.csv"}
    assert cli("run", "readings").out == "readings: nothing to do\n"


def test_a_right_job_runs_though_another_is_broken(station: Path, cli: Cli):
    (station / "jobs.toml").write_text(JOBS + '\n[broken]\nsource = "local:x/"\nto = ["nowhere:x/"]\n')
    said = cli("run", "readings")
    assert said.code == 0
    assert len([line for line in said.err.splitlines() if "WARNING the job file has" in line]) == 1
    assert names_below(station / "institute") == ALL
    said = cli("run", "broken")
    assert (said.code, said.out) == (2, "")
    assert "jobs.toml:13:" in said.err
    assert "nowhere" in said.err


def test_a_failed_file_is_exit_3_and_named(station: Path, cli: Cli):
    (station / "institute" / "readings" / "20260101" / "a.csv").mkdir(parents=True)
    said = cli("run", "readings")
    assert said.code == 3
    assert "a.csv" in said.out.partition("failed: 1 file\n")[2]
    assert names_below(station / "institute") >= ALL - {b"readings/20260101/a.csv"}
    failures = cli("history", "--json").json["failures"]
    assert [(row["day"], row["copy"]) for row in failures] == [("2026-01-01", "institute")]
    said = cli("run", "readings", "--json")
    assert said.code == 1
    assert said.json["days"][0]["copies"][0]["failures"][0]["file"].endswith("a.csv")


def test_an_outage_is_exit_1_and_no_traceback(station: Path, cli: Cli):
    os.rename(station / "station", station / "unmounted")
    (station / "jobs.toml").write_text(JOBS + "retries = { max = 0 }\n")
    for command in (["run", "readings"], ["plan", "readings"], ["plan"]):
        said = cli(*command)
        assert said.code == 1, command
        assert "the source root is not there" in said.err
        assert "Traceback" not in said.err


# ---- plans


@pytest.mark.parametrize("arguments", [["plan", "readings"], ["plan"], ["run", "readings", "--dry-run"]])
def test_a_plan_says_what_and_why_and_changes_nothing(station: Path, cli: Cli, arguments: list[str]):
    said = cli(*arguments)
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert lines[0] == "readings: 2 days due"
    assert "  to be sent: 4 files" in lines
    assert any(line.split()[:3] == ["2026-01-01", "institute", "caf\\udce9.csv"] for line in lines)
    assert names_below(station / "institute") == set()


def test_a_plan_as_json_is_complete(station: Path, cli: Cli):
    plans = cli("plan", "readings", "--json").json["plans"]
    assert [(plan["day"], plan["state"], len(plan["actions"])) for plan in plans] == [
        ("2026-01-01", "due", 3),
        ("2026-01-02", "due", 1),
    ]
    sources = [action["source"] for action in plans[0]["actions"]]
    assert [os.fsencode(source).rpartition(b"/")[2] for source in sources] == [b"a.csv", b"caf\xe9.csv", b"b.csv"]
    assert {"kind", "copy", "source", "destination", "size", "mtime", "version", "standing", "reason"} == set(
        plans[0]["actions"][0]
    )


def test_a_plan_can_be_written_to_a_file(station: Path, cli: Cli):
    said = cli("plan", "readings", "--out", "plan.json")
    assert said.code == 0
    assert said.out.startswith("readings: 2 days due\n")
    assert json.loads((station / "plan.json").read_text()) == cli("plan", "readings", "--json").json
    assert cli("plan", "--out", "no/such/folder.json").code == 1


def test_a_long_plan_is_cut_unless_all_is_asked_for(station: Path, cli: Cli):
    for number in range(30):
        write(station / "station" / "20260102", b"%02d.csv" % number)
    assert "to be sent: 34 files, the first 20; --all shows every one" in cli("plan").out
    assert len(cli("plan").out.splitlines()) < 30
    assert sum(" not there yet" in line for line in cli("plan", "--all").out.splitlines()) == 34


def test_a_plan_says_what_lies_before_the_start(station: Path, cli: Cli):
    (station / "jobs.toml").write_text(JOBS + "start = 2026-01-02\n")
    said = cli("plan")
    assert "readings: 1 day due\n  before its start, and left alone: 2026-01-01\n" in said.out


def test_a_plan_of_a_wrong_job_file_plans_the_right_jobs_and_ends_with_2(station: Path, cli: Cli):
    (station / "jobs.toml").write_text(JOBS + "\n[broken]\n")
    said = cli("plan")
    assert said.code == 2
    assert "readings: 2 days due" in said.out
    assert "listed by `datagw check`" in said.err


# ---- the end, asked for

SLOW = JOBS + 'bandwidth = "200kB/s"\n'


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_asked_to_end_does_so_within_seconds_and_the_next_goes_on(
    station: Path, cli: Cli, number: signal.Signals
):
    write(station / "station" / "20260102", b"big.raw", os.urandom(4_000_000))
    (station / "jobs.toml").write_text(SLOW)
    process = start(station, "run", "readings")
    wait_for_part(station, process, 100_000)
    asked = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert time.monotonic() - asked < 10
    assert (process.returncode, out) == (130, ""), err
    assert err.endswith("datagw: interrupted; the next run goes on from here\n")
    assert "Traceback" not in err
    assert [run["state"] for run in cli("history", "--json").json["runs"]] == ["cancelled"]
    assert (station / "institute" / "readings" / "20260102" / ".do-not-touch").exists()
    (station / "jobs.toml").write_text(JOBS)
    assert cli("run", "readings").code == 0
    assert names_below(station / "institute") == {*ALL, b"readings/20260102/big.raw"}


def test_no_wait_names_the_run_that_is_at_work(station: Path, cli: Cli):
    write(station / "station" / "20260102", b"big.raw", os.urandom(4_000_000))
    (station / "jobs.toml").write_text(SLOW)
    process = start(station, "run", "readings")
    try:
        wait_for_part(station, process, 100_000)
        with Ledger.open(station / ".datagw" / "jobs.db") as ledger:
            (other,) = ledger.running()
        said = cli("run", "readings", "--no-wait", "--day", "2026-01-02")
        assert (said.code, said.out) == (1, "")
        assert other.id in said.err
    finally:
        process.kill()
        process.communicate()


def start(station: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "datagw", *arguments],
        cwd=station,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_part(station: Path, process: subprocess.Popen[str], size: int) -> None:
    """Until a part of that size is there; the file system tells nobody, so it is asked."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        assert process.poll() is None, process.communicate()
        for part in (station / "institute").rglob(".datagw-*.part"):
            try:
                if part.stat().st_size >= size:
                    return
            except FileNotFoundError:
                continue
    raise AssertionError("no part came")

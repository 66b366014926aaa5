"""A plan that is applied: exactly what it says is done, and nothing once anything is not as it was."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import datagw.assets.running as running
from datagw_tests.cli.conftest import JOBS, Cli, write

NAMES = [b"a.csv", b"caf\xe9.csv", b"sub/b.csv"]


def there(station: Path) -> set[str]:
    """Every file at the destination, by its path below the days."""
    root = station / "institute" / "readings"
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()} if root.exists() else set()


def planned(cli: Cli) -> None:
    assert cli("plan", "--out", "plan.json").code == 0


def meanwhile(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Has something happen once the plan has been compared, before the run begins."""
    original = running.run_job

    def late(*arguments: Any, **options: Any) -> Any:
        happens()
        return original(*arguments, **options)

    monkeypatch.setattr(running, "run_job", late)


def test_a_plan_is_applied_as_it_was_made_and_once(station: Path, cli: Cli) -> None:
    planned(cli)
    said = cli("apply", "plan.json", "--json")
    assert said.code == 0, said.err
    (job,) = said.json["jobs"]
    assert (job["job"], said.json["differences"]) == ("readings", [])
    assert [(day["day"], day["state"], day["copies"][0]["sent_files"]) for day in job["days"]] == [
        ("2026-01-01", "published", 3),
        ("2026-01-02", "published", 1),
    ]
    assert len(there(station)) == 4
    again = cli("apply", "plan.json")
    assert (again.code, again.out) == (1, "")
    assert "does not hold any more, and nothing was done" in again.err
    assert "stands at its destination now" in again.err


def test_days_that_a_plan_leaves_out_are_left(station: Path, cli: Cli) -> None:
    (station / "plan.json").write_text(cli("run", "readings", "--day", "2026-01-02", "--dry-run", "--json").out)
    assert cli("apply", "plan.json").code == 0
    assert there(station) == {"20260102/c.csv"}


def test_a_plan_with_nothing_due_is_done(station: Path, cli: Cli) -> None:
    assert cli("run", "readings").code == 0
    planned(cli)
    said = cli("apply", "plan.json")
    assert (said.code, said.out) == (0, "readings: nothing to do (2 days done)\n")


def _new_file(station: Path) -> None:
    write(station / "station/20260101", b"new.csv")


def _changed_file(station: Path) -> None:
    write(station / "station/20260101", b"a.csv", b"3,4,5\n")


def _removed_file(station: Path) -> None:
    (station / "station/20260102/c.csv").unlink()


def _something_at_the_destination(station: Path) -> None:
    write(station / "institute/readings/20260102", b"c.csv", b"another\n")


def _edited_job(station: Path) -> None:
    (station / "jobs.toml").write_text(JOBS + 'verify = "size"\n', encoding="utf-8")


def _gateway_that_leads_elsewhere(station: Path) -> None:
    (station / "elsewhere").mkdir()
    (station / "jobs.toml").write_text(JOBS.replace('root = "institute"', 'root = "elsewhere"'), encoding="utf-8")


def _another_ledger(station: Path) -> None:
    for path in (station / ".datagw").glob("jobs.db*"):
        path.unlink()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_new_file, "new.csv to institute: not in the plan; now: send"),
        (_changed_file, "a.csv to institute: changed at the source"),
        (_removed_file, "c.csv to institute: was planned (send), and is not there any more"),
        (_something_at_the_destination, "c.csv to institute: a file stands at its destination now"),
        (_edited_job, "readings: the job, or where its gateways lead, was edited"),
        (_gateway_that_leads_elsewhere, "readings: the job, or where its gateways lead, was edited"),
        (_another_ledger, "another ledger"),
    ],
)
def test_a_plan_that_does_not_hold_any_more_is_refused_whole(
    station: Path, cli: Cli, change: Callable[[Path], None], told: str
) -> None:
    planned(cli)
    change(station)
    before = there(station)
    said = cli("apply", "plan.json")
    assert (said.code, said.out) == (1, "")
    assert told in said.err
    assert "Plan again: `datagw plan --out plan.json`" in said.err
    assert there(station) == before
    (difference,) = cli("apply", "plan.json", "--json").json["differences"]
    assert told in difference


def test_what_comes_or_changes_between_the_comparison_and_the_run_is_left(
    station: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned(cli)

    def happens() -> None:
        _new_file(station)
        _changed_file(station)
        write(station / "station/20260103", b"late.csv")

    meanwhile(monkeypatch, happens)
    said = cli("apply", "plan.json")
    assert said.code == 0, said.err
    assert {os.fsencode(path) for path in there(station)} == {
        *(b"20260101/" + name for name in [*NAMES[1:], b".do-not-touch"]),  # a day with files left is not complete
        b"20260102/c.csv",
    }
    assert "20260101/new.csv: not in the plan that is applied" in said.out
    monkeypatch.undo()
    monkeypatch.chdir(station)
    assert cli("run", "readings").code == 0
    assert len(there(station)) == 6


def test_a_file_that_gets_in_the_way_between_the_comparison_and_the_run_stays(
    station: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned(cli)
    meanwhile(monkeypatch, lambda: _something_at_the_destination(station))
    assert cli("apply", "plan.json").code == 0
    assert (station / "institute/readings/20260102/c.csv").read_bytes() == b"another\n"


def test_new_files_are_held_to_the_plan_and_only_they_are_moved(
    station: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [
        "[inbox]",
        'source = "local:in/"',
        'to = "institute:in/"',
        'when = "new files"',
        'move_source = "local:done/"',
    ]
    (station / "jobs.toml").write_text(JOBS + "\n" + "\n".join(lines) + "\n", encoding="utf-8")
    write(station / "in", b"one.csv", b"1\n")
    write(station / "in", b"two.csv", b"2\n")
    assert cli("plan", "inbox", "--out", "plan.json").code == 0
    meanwhile(monkeypatch, lambda: write(station / "in", b"three.csv", b"3\n"))
    assert cli("apply", "plan.json").code == 0
    assert sorted(path.name for path in (station / "institute/in").iterdir()) == ["one.csv", "two.csv"]
    assert [path.name for path in (station / "in").iterdir()] == ["three.csv"]
    assert sorted(path.name for path in (station / "done").iterdir()) == ["one.csv", "two.csv"]


CODE = """
[watcher]
source = "local:in/*.csv"
when   = "new files"
run    = ["cp", "{file}", "seen/"]

[nightly]
run  = ["true"]
when = "daily"
start = 2026-01-01
"""


def test_own_code_is_handed_what_was_planned(station: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    (station / "jobs.toml").write_text(JOBS + CODE, encoding="utf-8")
    (station / "seen").mkdir()
    write(station / "in", b"one.csv")
    assert cli("plan", "watcher", "--out", "plan.json").code == 0
    meanwhile(monkeypatch, lambda: write(station / "in", b"two.csv"))
    said = cli("apply", "plan.json")
    assert said.code == 0, said.err
    assert [path.name for path in (station / "seen").iterdir()] == ["one.csv"]


def test_own_code_that_runs_on_occasion_cannot_be_held_to_a_plan(station: Path, cli: Cli) -> None:
    (station / "jobs.toml").write_text(JOBS + CODE, encoding="utf-8")
    (station / "in").mkdir()
    planned(cli)
    said = cli("apply", "plan.json")
    assert said.code == 1
    assert "nightly runs its own code on occasion, of which nothing can be compared" in said.err
    assert there(station) == set()


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"plans": [], "jobs": {}}', '{"ledger": "x", "jobs": {}, "plans": [{}]}']
)
def test_what_is_no_plan_is_a_wrong_call(station: Path, cli: Cli, text: str) -> None:
    (station / "plan.json").write_text(text)
    said = cli("apply", "plan.json")
    assert (said.code, said.out) == (2, "")
    assert "plan.json" in said.err
    assert cli("apply", "nowhere.json").code == 1


def test_what_was_to_wait_is_left_though_it_may_go_by_now(station: Path, cli: Cli) -> None:
    with open(station / "station/20260102/c.csv", "ab"):
        planned(cli)
    kinds = {a["kind"] for plan in json.loads((station / "plan.json").read_text())["plans"] for a in plan["actions"]}
    assert kinds == {"send", "wait"}
    assert cli("apply", "plan.json").code == 0
    assert len(there(station)) == 3

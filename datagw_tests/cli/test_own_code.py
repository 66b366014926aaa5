"""The command on jobs of own code: what it hands over, shows, refuses and finds wrong beforehand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from datagw_tests.cli.conftest import Cli

OWN = """
def says(event, tools):
    tools.register_file(name="list.json", size=3, sha256="00")
    return {"country": event["payload"].get("country")}

def breaks(event):
    raise ValueError("no bread")

def deaf(*, other):
    pass

class Lazy:
    pass
"""
JOBS = """\
[says]
backend = "own:says"

[broken.nodes]
first = { run = "own:says" }
second = { run = "own:breaks", after = "first" }
third = { run = "own:says", after = "second" }

[files]
source = "local:in/*.txt"
when = "new files"
run = ["./script", "{file}"]

[copies]
source = "local:in/*.txt"
to = "local:out/"
"""
SCRIPT = """\
#!/bin/sh
echo "it has $(cat "$1")"
test "$(cat "$1")" != bad || { echo "spoilt" >&2; exit 3; }
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with jobs of own code; commands run in it."""
    (tmp_path / "in").mkdir()
    (tmp_path / "own.py").write_text(OWN, encoding="utf-8")
    (tmp_path / "script").write_text(SCRIPT, encoding="utf-8")
    (tmp_path / "script").chmod(0o755)
    (tmp_path / "jobs.toml").write_text(JOBS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return tmp_path


def test_a_payload_is_json_or_a_file_of_it_and_what_came_of_it_is_told(shop: Path, cli: Cli):
    said = cli("run", "says", "--payload", '{"country": "fr"}', "--json")
    assert said.code == 0
    (day,) = said.json["days"]
    (node,) = day["work"]["nodes"]
    assert (node["node"], node["state"], node["output"]) == ("work", "done", {"country": "fr"})
    assert day["work"]["registered"] == [{"name": "list.json", "size": 3, "sha256": "00", "error": None}]
    (shop / "payload.json").write_text('{"country": "de"}', encoding="utf-8")
    said = cli("run", "says", "--payload", "@payload.json")
    assert "registered: 1 file" in said.out
    assert said.out.endswith("says: done\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["says", "--payload", "{bad"], "the payload is not JSON"),
        (["says", "--payload", "NaN"], "the payload is not JSON"),
        (["says", "--payload", "@nowhere.json"], "nowhere.json cannot be read: No such file or directory"),
        (["copies", "--payload", "1"], "--payload is for jobs of own code, and copies publishes files"),
    ],
)
def test_a_payload_that_cannot_be_handed_over_is_a_wrong_call(shop: Path, cli: Cli, arguments: list[str], told: str):
    said = cli("run", *arguments)
    assert said.code == 2
    assert told in said.err


def test_a_graph_that_fails_names_its_functions_and_so_does_the_history(shop: Path, cli: Cli):
    said = cli("run", "broken")
    assert said.code in (1, 3)
    lines = [line.split() for line in said.out.splitlines()]
    states = {line[0]: line[1] for line in lines if len(line) > 1}
    assert (states["first"], states["second"], states["third"]) == ("done", "failed", "skipped")
    assert "no bread" in said.out
    history = cli("history", "broken", "--json").json
    assert [(one["function"], one["state"]) for one in history["functions"]] == [
        ("first", "done"),
        ("second", "failed"),
        ("third", "skipped"),
    ]
    assert [one["name"] for one in history["registered"]] == ["list.json"]
    assert "no bread" in history["failures"][0]["error"]
    assert "second failed: ValueError: no bread" in history["runs"][0]["error"]
    text = cli("history", "broken").out
    assert "3 functions\n" in text
    assert "1 file registered\n" in text


def test_the_history_tells_runs_of_code_as_runs_and_not_as_receipts(shop: Path, cli: Cli):
    assert cli("run", "says").code == 0
    text = cli("history", "says").out
    assert text.startswith("1 run\n")
    assert "\n0 receipts\n" in text
    assert [row["copy"] for row in cli("history", "says", "--json").json["receipts"]] == ["work"]


def test_what_the_library_did_here_is_history_without_a_job_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli
):
    from datagw import publish

    monkeypatch.chdir(tmp_path)
    for name in ("DAGSTER_HOME", "DATAGW_JOBS", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    assert "there is no job file" in cli("history").err
    (tmp_path / "a.txt").write_text("a", encoding="utf-8")
    (tmp_path / "out").mkdir()
    publish(tmp_path / "a.txt", tmp_path / "out/b.txt", name="notes")
    said = cli("history", "notes")
    assert said.code == 0
    assert "1 receipt\n" in said.out
    assert "b.txt" in said.out


def test_a_script_for_each_file_is_heard_in_the_log_and_one_that_fails_takes_no_other_down(shop: Path, cli: Cli):
    for name in ("good", "bad"):
        (shop / "in" / f"{name}.txt").write_text(name, encoding="utf-8")
    said = cli("run", "files")
    assert said.code == 3
    assert "it has good" in said.err
    assert "ended with exit status 3" in said.out
    assert "spoilt" in said.out
    (shop / "in/bad.txt").write_text("mended", encoding="utf-8")
    assert cli("run", "files").code == 0


def test_a_job_that_watches_nothing_says_nothing_of_files(shop: Path, cli: Cli):
    said = cli("run", "says")
    assert "INFO says: done (published)" in said.err
    assert "screened" not in said.err
    assert "1 file" not in said.err


def test_a_script_that_cannot_be_started_is_no_file_that_failed(shop: Path, cli: Cli):
    (shop / "in/a.txt").write_text("a", encoding="utf-8")
    (shop / "script").chmod(0o644)
    text = cli("run", "files").out
    assert f"error\n      files: {shop}/script: the program `./script` is not executable" in text
    said = cli("run", "files", "--json")
    (failure,) = said.json["days"][0]["copies"][0]["failures"]
    assert failure["file"] == ""
    assert failure["error"].count(str(shop / "script")) == 1
    assert "is not executable; try `chmod +x`" in failure["error"]


def test_a_plan_says_what_would_be_handed_over(shop: Path, cli: Cli):
    (shop / "in/a.txt").write_text("a", encoding="utf-8")
    assert "to be handed over to own:says: one run\n" in cli("plan", "says").out
    said = cli("plan", "files").out
    assert "to be handed over to ./script {file}: 1 file\n" in said
    assert "a.txt" in said
    assert "to be sent" not in said


def test_jobs_tells_what_each_runs(shop: Path, cli: Cli):
    kinds = {job["name"]: (job["kind"], job["runs"]) for job in cli("jobs", "--json").json["jobs"]}
    assert kinds == {
        "broken": ("graph", "own:says, own:breaks, own:says"),
        "copies": ("copies", None),
        "files": ("command", "./script {file}"),
        "says": ("python", "own:says"),
    }
    assert "own:says" in cli("jobs").out


def test_check_finds_code_that_is_not_there_or_cannot_be_called(shop: Path, cli: Cli):
    assert cli("check").code == 0
    (shop / "jobs.toml").write_text(
        '[a]\nbackend = "own:sayz"\n[b]\nbackend = "nowhere:f"\n[c]\nbackend = "own:Lazy"\n'
        '[d.nodes]\nx = { run = "own:deaf" }\n[e]\nrun = ["./no-script"]\n'
        '[f]\nbackend = "own:says"\n[f.secrets]\nword = "NOT_SET_ANYWHERE"\n'
        '[g]\nrun = { command = ["true"], env = { A = { env = "NOT_SET_EITHER" } } }\n',
        encoding="utf-8",
    )
    said = cli("check")
    assert said.code == 2
    told = {line.partition("] ")[0].rpartition("[")[2]: line for line in said.out.splitlines() if "] " in line}
    assert told.keys() == {"a", "b", "c", "d", "e", "f", "g"}
    assert told["a"].startswith("jobs.toml:2:1: [a] backend: own:sayz: ")
    assert "has no sayz" in told["a"]
    assert "did you mean says?" in told["a"]
    assert "there is no module nowhere" in told["b"]
    assert "Lazy" in told["c"]
    assert told["d"].startswith("jobs.toml:8:7: [d] nodes.x.run: own:deaf takes no `event`")
    assert "there is no program `./no-script`" in told["e"]
    assert "[f] secrets.word: the environment variable NOT_SET_ANYWHERE is not set" in told["f"]
    assert "[g] run.env.A: the environment variable NOT_SET_EITHER is not set" in told["g"]
    assert len(json.loads(cli("check", "--json").out)["code"]) == 5

"""What Dagster loads: complete, quick, and without a look at anything but the job file and the ledger."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from datagw.assets.shape import made_by
from datagw.definitions import definitions_of
from datagw.jobs import JobFile, load
from datagw.jobs.state import ledger_url
from datagw.ledger.ledger import Ledger

PROJECT = Path(__file__).resolve().parent.parent

WATCHED = """
import json, os, sys
seen = []
def watch(event, arguments):
    if event in ("socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.Popen", "os.mkdir", "os.remove"):
        seen.append(f"{event} {arguments[1:]}")
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        if not str(arguments[0]).endswith((".pyc", "null")) and "__pycache__" not in str(arguments[0]):
            seen.append(f"open {arguments[0]}")
import dagster
sys.addaudithook(watch)
from datagw.definitions import defs
keys = sorted(key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys())
heavy = sorted({"paramiko", "pandas", "requests", "boto3", "alembic"} & set(sys.modules))
jobs = sorted(job.name for job in defs.resolve_all_job_defs())
sensors = sorted(sensor.name for sensor in defs.sensors)
print(json.dumps({"keys": keys, "seen": seen, "heavy": heavy, "jobs": jobs, "sensors": sensors}))
"""


def loaded(folder: Path, **environment: str) -> dict[str, list[str]]:
    """What a new process finds that loads `datagw.definitions` in `folder`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("INSTITUTE_")}
    ended = subprocess.run(
        [sys.executable, "-c", WATCHED],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(PROJECT), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def write(folder: Path, text: str) -> JobFile:
    (folder / "jobs.toml").write_text(text, encoding="utf-8")
    return load(folder / "jobs.toml", {})


JOB = """
[readings]
source = "local:readings/%Y%m%d/"
to     = ["institute:readings/%Y%m%d/", { at = "institute:archive/%Y/%m/%d/", name = "archive" }]
when   = "daily"
timezone = "Europe/Paris"
description = "What the station measured"
owners = ["team:station", "ana@example.org"]
tags = { domain = "weather" }
"""
GATEWAY = """
[gateways.institute]
type = "sftp"
host = "nowhere.invalid"
username = "station7"
password = { env = "INSTITUTE_PASSWORD_THAT_IS_NOT_SET" }
"""


def test_a_fresh_clone_shows_the_example(tmp_path):
    found = loaded(tmp_path)
    examples = load(PROJECT / "examples/jobs.toml", {})
    assert found["keys"]
    assert {key.split("/")[0] for key in found["keys"]} == {*examples.jobs, *examples.broken}


def test_loading_needs_no_ledger_no_secret_and_no_network_and_leaves_nothing_behind(tmp_path):
    write(tmp_path, GATEWAY + JOB)
    found = loaded(tmp_path)
    assert found["keys"] == ["readings/archive", "readings/institute", "readings/source"]
    assert found["seen"] == []
    assert found["heavy"] == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["jobs.toml"]


def test_a_job_costs_no_dagster_job_and_has_one_switch(tmp_path):
    write(tmp_path, GATEWAY + JOB)
    found = loaded(tmp_path)
    assert found["jobs"] == ["__ASSET_JOB"]
    assert found["sensors"] == ["datagw_janitor", "readings_due"]


def test_a_job_file_that_is_asked_for_and_not_there_is_an_error(tmp_path):
    with pytest.raises(AssertionError, match=r"there is no job file .*none\.toml"):
        loaded(tmp_path, DATAGW_JOBS=str(tmp_path / "none.toml"))


@pytest.mark.parametrize("path", sorted((PROJECT / "examples").rglob("*.toml")), ids=lambda path: path.stem)
def test_every_example_loads_and_its_asset_keys_are_those_that_it_names(path: Path):
    jobfile = load(path, {})
    keys = {key.to_user_string() for key in definitions_of(jobfile).resolve_asset_graph().get_all_asset_keys()}
    wanted = {key.to_user_string() for job in jobfile.jobs.values() for key in made_by(job)}
    wanted |= {f"{job.name}/source" for job in jobfile.jobs.values() if job.watches}
    lists = [job for job in jobfile.jobs.values() if job.source.items is not None]
    wanted |= {"/".join([*key.path[:-1], "source"]) for job in lists for key in made_by(job)}
    assert keys == wanted | {f"{name}/broken" for name in jobfile.broken}


def test_sources_and_copies_are_described(tmp_path):
    graph = definitions_of(write(tmp_path, GATEWAY + JOB)).resolve_asset_graph()
    source, copy = graph.get(dg.AssetKey(["readings", "source"])), graph.get(dg.AssetKey(["readings", "archive"]))
    assert source.is_external
    assert copy.is_materializable
    assert copy.parent_keys == {source.key}
    assert copy.kinds == {"sftp", "file"}
    assert source.kinds == {"local", "file"}
    assert copy.group_name == source.group_name == "readings"
    assert list(copy.owners) == ["team:station", "ana@example.org"]
    assert copy.tags["domain"] == "weather"
    first, _, rest = copy.description.partition("\n\n")
    assert first == "Published copy `archive` of `readings`, at `institute:archive/%Y/%m/%d/`"
    assert rest == "What the station measured"
    assert copy.metadata["dagster/uri"].value == "institute:archive/%Y/%m/%d/"
    assert isinstance(copy.partitions_def, dg.DailyPartitionsDefinition)
    assert copy.partitions_def.timezone == "Europe/Paris"
    assert copy.partitions_def == source.partitions_def
    assert copy.backfill_policy == dg.BackfillPolicy.multi_run(366)


def first_partition(jobfile: JobFile) -> str | None:
    graph = definitions_of(jobfile).resolve_asset_graph()
    return graph.get(dg.AssetKey(["readings", "archive"])).partitions_def.get_first_partition_key()


def test_days_start_where_the_job_file_says(tmp_path):
    assert first_partition(write(tmp_path, GATEWAY + JOB + "start = 2026-01-05\n")) == "2026-01-05"


def test_without_a_start_days_start_where_the_ledger_says_once_there_is_one(tmp_path):
    jobfile = write(tmp_path, GATEWAY + JOB)
    assert first_partition(jobfile) == "2000-01-01"
    assert not jobfile.state.exists()
    with Ledger.open(ledger_url(jobfile, {})) as ledger:
        ledger.set_position("readings", "first", date(2025, 6, 1).isoformat())
    assert first_partition(jobfile) == "2025-06-01"


def test_a_ledger_that_cannot_be_read_takes_no_definitions_down(tmp_path, caplog):
    jobfile = write(tmp_path, GATEWAY + JOB)
    jobfile.state.mkdir()
    (jobfile.state / "jobs.db").write_bytes(b"this is no database" * 100)
    assert first_partition(jobfile) == "2000-01-01"
    assert "until the ledger can be read" in caplog.text


def test_a_broken_job_takes_only_itself_down_and_says_why(tmp_path, caplog):
    jobfile = write(
        tmp_path, GATEWAY + JOB + '\n[wrong]\nsource = "local:x/%Y%m%d/"\nto = ["nowhere:x"]\nevry = "1m"\n'
    )
    defs = definitions_of(jobfile)
    graph = defs.resolve_asset_graph()
    assert {key.path[0] for key in graph.get_all_asset_keys()} == {"readings", "wrong"}
    wrong = graph.get(dg.AssetKey(["wrong", "broken"]))
    assert wrong.is_external
    assert "broken" in wrong.kinds
    assert wrong.group_name == "wrong"
    assert "evry" in wrong.description
    assert "nowhere" in wrong.description
    assert caplog.text.count("the job file has mistakes") == 1
    dg.Definitions.validate_loadable(defs)


def test_a_mistake_that_belongs_to_no_job_is_shown_as_well(tmp_path):
    jobfile = write(tmp_path, GATEWAY + '[gateways.unused]\ntype = "sftp"\n' + JOB)
    graph = definitions_of(jobfile).resolve_asset_graph()
    assert "unused" in graph.get(dg.AssetKey(["job_file"])).description
    assert dg.AssetKey(["readings", "archive"]) in graph.get_all_asset_keys()


def test_a_name_that_no_asset_can_bear_is_shown_as_broken(tmp_path):
    jobfile = write(tmp_path, GATEWAY + JOB + '\n["été à/2"]\nsource = "local:x/"\n')
    keys = definitions_of(jobfile).resolve_asset_graph().get_all_asset_keys()
    assert {key.path[-1] for key in keys} >= {"broken", "archive"}


def test_names_that_python_or_dagster_use_otherwise_are_fine(tmp_path):
    text = '[gateways.staging]\ntype = "local"\nroot = "/"\n[gateways.io_manager]\ntype = "local"\nroot = "/"\n'
    for name in ("type", "import", "output", "staging", "a-b"):
        text += f'[{name}]\nsource = "local:x/%Y%m%d/"\nto = ["staging:x/%Y%m%d/", "io_manager:y/%Y%m%d/"]\nwhen = "daily"\n'
    defs = definitions_of(write(tmp_path, text))
    assert len(defs.resolve_asset_graph().get_all_asset_keys()) == 15
    assert sorted(sensor.name for sensor in defs.sensors) == [
        "a_b_due",
        "datagw_janitor",
        "import_due",
        "output_due",
        "staging_due",
        "type_due",
    ]
    dg.Definitions.validate_loadable(defs)


def test_five_hundred_jobs_are_defined_within_a_second_of_cpu(tmp_path):
    jobs = "".join(JOB.replace("[readings]", f"[readings{number}]") for number in range(500))
    jobfile = write(tmp_path, GATEWAY + jobs)
    started = time.process_time()
    defs = definitions_of(jobfile)
    defs.get_repository_def()
    spent = time.process_time() - started
    assert len(defs.sensors) == 501  # with the janitor
    assert spent < 2.0, f"{spent:.2f} s"


OWN_CODE = """
[pipe]
backend = "nowhere.to.be.found:Pipe"
after   = ["readings", "wrong"]
when    = "15 2 * * *"
description = "What follows from it"

[graph]
when  = "daily"
start = 2026-01-01
after = "readings"
[graph.nodes]
a = { run = "nowhere:a" }
b = { run = "nowhere:b", after = "a" }
c = { run = "nowhere:c", after = "a" }
d = { run = "nowhere:d", after = ["b", "c"] }

[script]
source = "local:in/*.csv"
when   = "new files"
after  = "graph"
run    = ["./nowhere", "{file}", "{out}"]
to     = "institute:out/"

[wrong]
source = "nowhere:x"
"""


def test_own_code_stands_in_the_lineage_of_all_jobs(tmp_path):
    defs = definitions_of(write(tmp_path, GATEWAY + JOB + OWN_CODE))
    dg.Definitions.validate_loadable(defs)
    graph = defs.resolve_asset_graph()
    parents = {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
        if key.path[0] in ("pipe", "graph", "script")
    }
    readings = {"readings/institute", "readings/archive"}
    assert parents == {
        "pipe/work": {*readings, "wrong/broken"},
        "graph/a": readings,
        "graph/b": {"graph/a"},
        "graph/c": {"graph/a"},
        "graph/d": {"graph/b", "graph/c"},
        "script/source": set(),
        "script/work": {"script/source", "graph/d"},
        "script/institute": {"script/work"},
    }
    code = graph.get(dg.AssetKey(["pipe", "work"]))
    assert code.kinds == {"python"}
    assert code.description == "Code of `pipe`: `nowhere.to.be.found:Pipe`\n\nWhat follows from it"
    assert graph.get(dg.AssetKey(["script", "work"])).kinds == {"shell"}
    assert sorted(sensor.name for sensor in defs.sensors) == [
        *("datagw_janitor", "graph_due", "pipe_due", "readings_due", "script_due")
    ]


def test_nothing_of_own_code_is_imported_when_definitions_load(tmp_path):
    (tmp_path / "trap.py").write_text("raise SystemExit('imported')", encoding="utf-8")
    write(tmp_path, '[a]\nbackend = "trap:Pipe"\n[b.nodes]\nx = { run = "trap:x" }\n[c]\nrun = ["./trap.py"]\n')
    found = loaded(tmp_path)
    assert found["keys"] == ["a/work", "b/x", "c/work"]
    assert found["seen"] == []


def test_five_hundred_jobs_of_own_code_are_defined_within_a_second_of_cpu(tmp_path):
    text = "".join(f'[j{n}]\nbackend = "m:C"\nwhen = "change"\nafter = "readings"\n' for n in range(500))
    jobfile = write(tmp_path, GATEWAY + JOB + text)
    started = time.process_time()
    defs = definitions_of(jobfile)
    defs.get_repository_def()
    spent = time.process_time() - started
    assert len(defs.sensors) == 502
    assert spent < 2.0, f"{spent:.2f} s"

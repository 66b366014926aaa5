"""Own code in Dagster: what its runs materialize, say and repeat."""

from __future__ import annotations

from datetime import date

import dagster as dg
import pytest
from dagster import AssetKey
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run

from datagw.assets.running import run_job
from datagw.assets.work_metadata import plain_value
from datagw.definitions import definitions_of
from datagw_tests.assets.conftest import Place, statuses

OWN = """
from datagw.pipelines import BasePipeline


class Pipe(BasePipeline):
    def run(self):
        self.log.info("foo is %s", self.config["foo"])
        file = self.tmp_dir / "made.csv"
        file.write_text("1,2")
        self.publish(file, "left:made/")
        self.register_file(name="made.csv", file=file)


def takes(event):
    return {"country": event["payload"].get("country", "none")}


def breaks(event):
    raise ValueError("no bread")


def first(event, tools):
    (tools.tmp_dir.parent / "x").touch()
    return {"n": 1}


def second(event, tools):
    count(tools, "second")
    if not open_for_business():
        raise ValueError("closed")
    return {"n": event["n"] + 1}


def third(event, tools):
    count(tools, "third")


def count(tools, name):
    tools.ledger.set_position("counts", name, int(tools.ledger.position("counts", name) or 0) + 1)


def open_for_business():
    import os
    return os.path.exists("open")
"""

JOBS = """
    [gateways.left]
    type = "local"
    root = "left"

    [pipe]
    backend = "own:Pipe"
    config  = { foo = "bar" }

    [function]
    backend = "own:takes"
    secrets = { word = "SECRET_WORD" }

    [other]
    backend = "own:takes"

    [broken]
    backend = "own:breaks"

    [nowhere]
    backend = "is.not.there:Pipe"

    [graph.nodes]
    a = { run = "own:first" }
    b = { run = "own:second", after = "a" }
    c = { run = "own:third", after = "b" }
"""


@pytest.fixture
def own(place: Place) -> Place:
    (place.folder / "own.py").write_text(OWN, encoding="utf-8")
    place.write(JOBS)
    return place


def latest(instance: dg.DagsterInstance, job: str, name: str = "work") -> dict[str, object] | None:
    """The metadata of the newest materialization, as plain values."""
    event = instance.get_latest_materialization_event(AssetKey([job, name]))
    if event is None or event.asset_materialization is None:
        return None
    return {key: value.value for key, value in event.asset_materialization.metadata.items()}


def failure(instance: dg.DagsterInstance, run_id: str) -> str:
    """What the failure of a run says."""
    (event,) = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    assert event.dagster_event is not None
    assert event.dagster_event.step_failure_data.user_failure_data is not None
    return str(event.dagster_event.step_failure_data.user_failure_data.description)


def repeat(place: Place, instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRun:
    """What "Re-execute from failure" makes of a run that failed."""
    parent = instance.get_run_by_id(run_id)
    assert parent is not None
    job = definitions_of(place.load()).resolve_implicit_global_asset_job_def()
    run = instance.create_run_for_job(
        job,
        run_config=parent.run_config,
        tags={**parent.tags, "dagster/is_resume_retry": "true"},
        asset_selection=parent.asset_selection,
    )._replace(parent_run_id=run_id, root_run_id=run_id)
    execute_run(InMemoryJob(job), run, instance, raise_on_error=False)
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found


def test_a_class_is_materialized_with_what_it_published_and_told_of(own, instance):
    outcome = run_job(own.load(), "pipe", [None], instance=instance)
    assert outcome.success
    assert own.published("left") == ["made/made.csv"]
    found = latest(instance, "pipe")
    assert found is not None
    assert (found["files"], found["bytes"], found["failed"]) == (1, 3, 0)
    (row,) = found["registered"].records
    assert (row.data["name"], row.data["size"], len(row.data["sha256"])) == ("made.csv", 3, 64)
    (row,) = found["published"].records
    assert row.data["destination"].endswith("made/made.csv")


def test_a_payload_reaches_a_function_and_is_shown_without_secrets(own, instance, monkeypatch):
    monkeypatch.setenv("SECRET_WORD", "open-sesame")
    payload = {"country": "fr", "note": "say open-sesame"}
    assert run_job(own.load(), "function", [None], instance=instance, payload=payload).success
    found = latest(instance, "function")
    assert found is not None
    assert found["output"] == {"country": "fr"}
    assert found["payload"] == {"country": "fr", "note": "say **********"}


@pytest.mark.parametrize("payload", [1, "text", [1, {"a": 2}], False, 0.5])
def test_a_payload_is_whatever_json_can_hold(own, instance, payload):
    (own.folder / "own.py").write_text("def takes(event):\n    return {'had': event['payload']}\n", encoding="utf-8")
    assert run_job(own.load(), "other", [None], instance=instance, payload=payload).success
    found = latest(instance, "other")
    assert found is not None
    assert found["output"] == {"had": payload}
    assert found["payload"] == payload


def test_code_that_raises_fails_its_run_which_says_why_and_materializes_nothing(own, instance):
    outcome = run_job(own.load(), "broken", [None], instance=instance)
    assert not outcome.success
    assert latest(instance, "broken") is None
    assert failure(instance, outcome.run_ids[0]).startswith("broken: 1 failed\nValueError: no bread")


def test_code_that_is_not_there_keeps_no_definitions_from_loading_and_fails_its_run(own, instance):
    outcome = run_job(own.load(), "nowhere", [None], instance=instance)
    assert "is.not.there:Pipe: there is no module is in" in failure(instance, outcome.run_ids[0])
    assert run_job(own.load(), "other", [None], instance=instance).success


def test_of_a_graph_what_is_done_is_materialized_and_a_repeat_runs_the_rest(own, instance):
    outcome = run_job(own.load(), "graph", [None], instance=instance)
    assert not outcome.success
    assert latest(instance, "graph", "a") is not None
    assert latest(instance, "graph", "b") is latest(instance, "graph", "c") is None
    (own.folder / "open").touch()
    again = repeat(own, instance, outcome.run_ids[0])
    assert again.status is dg.DagsterRunStatus.SUCCESS
    assert latest(instance, "graph", "c") is not None
    assert counted(own) == [2, 1]
    nodes = [row.data for row in latest(instance, "graph", "c")["nodes"].records]
    assert [(node["node"], node["state"], node["tries"]) for node in nodes] == [
        ("a", "done", 0),
        ("b", "done", 1),
        ("c", "done", 1),
    ]


def materialize(place: Place, instance: dg.DagsterInstance, job: str, *nodes: str) -> dg.DagsterRun:
    """What a click on some assets of a job makes: a run without tags of ours."""
    definition = definitions_of(place.load()).resolve_implicit_global_asset_job_def()
    run = instance.create_run_for_job(definition, asset_selection={AssetKey([job, node]) for node in nodes})
    execute_run(InMemoryJob(definition), run, instance, raise_on_error=False)
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found


def counted(place: Place) -> list[int]:
    """How often the second and the third function were called."""
    with place.ledger() as ledger:
        return [int(str(ledger.position("counts", name) or 0)) for name in ("second", "third")]


def test_of_a_graph_some_nodes_alone_can_be_asked_for(own, instance):
    (own.folder / "open").touch()
    assert materialize(own, instance, "graph", "b").status is dg.DagsterRunStatus.FAILURE  # nothing of a is kept
    assert materialize(own, instance, "graph", "a", "b", "c").status is dg.DagsterRunStatus.SUCCESS
    assert counted(own) == [1, 1]
    again = materialize(own, instance, "graph", "b")
    assert again.status is dg.DagsterRunStatus.SUCCESS
    assert counted(own) == [2, 1]
    event = instance.get_latest_materialization_event(AssetKey(["graph", "b"]))
    assert event is not None
    assert event.run_id == again.run_id


DATED = """
    [gateways.left]
    type = "local"
    root = "left"

    [days]
    backend = "own:of_day"
    when  = "daily"
    start = 2026-01-01

    [script]
    source = "local:readings/%Y%m%d/"
    start  = 2026-01-01
    run    = ["./script", "{file}", "{out}"]
    to     = "left:%Y%m%d/"

    [inbox]
    source = "local:inbox/*.csv"
    when   = "new files"
    assets = "file"
    run    = ["./script", "{file}", "{out}"]
    to     = "left:"
"""
OF_DAYS = """
def of_day(event, tools):
    if event["day"] == "2026-01-02":
        raise ValueError("no bread")
    tools.log.info("day %s", tools.day)
"""
SCRIPT = """\
#!/bin/sh
grep -q bad "$1" && exit 3
cp "$1" "$2/"
"""


@pytest.fixture
def dated(place: Place) -> Place:
    (place.folder / "own.py").write_text(OF_DAYS, encoding="utf-8")
    (place.folder / "script").write_text(SCRIPT, encoding="utf-8")
    (place.folder / "script").chmod(0o755)
    (place.folder / "inbox").mkdir()
    place.write(DATED)
    return place


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (3, int),
        (True, bool),
        ("text", dg.TextMetadataValue),
        ("https://example.org/", dg.UrlMetadataValue),
        (None, dg.NullMetadataValue),
        ({"a": 1}, dg.JsonMetadataValue),
        ([1, 2], dg.JsonMetadataValue),
        ([{"check": "rows", "passed": True}, {"check": "x", "file": None}], dg.TableMetadataValue),
        ([{"nested": {}}], dg.JsonMetadataValue),
    ],
)
def test_what_code_reports_is_shown_as_what_it_is(value, kind):
    assert type(plain_value(value)) is kind


def test_days_of_own_code_stand_alone_and_a_click_runs_one_again(dated, instance):
    run_job(dated.load(), "days", [date(2026, 1, day) for day in (1, 2, 3)], instance=instance)
    assert statuses(instance, "work", "days") == {1: "MATERIALIZED", 2: "FAILED", 3: "MATERIALIZED"}
    before = len(instance.fetch_materializations(AssetKey(["days", "work"]), limit=100).records)
    definition = definitions_of(dated.load()).resolve_implicit_global_asset_job_def()
    run = instance.create_run_for_job(
        definition, asset_selection={AssetKey(["days", "work"])}, tags={"dagster/partition": "2026-01-01"}
    )
    execute_run(InMemoryJob(definition), run, instance, raise_on_error=False)
    assert len(instance.fetch_materializations(AssetKey(["days", "work"]), limit=100).records) == before + 1
    with dated.ledger() as ledger:
        assert [receipt.run == run.run_id for receipt in ledger.receipts("days")] == [False, False, True]


def test_what_a_script_leaves_of_a_day_is_materialized_with_that_day_alone(dated, instance):
    dated.day(1)
    dated.day(2, a="fine", b="bad")
    run_job(dated.load(), "script", [date(2026, 1, 1), date(2026, 1, 2)], instance=instance)
    for name in ("work", "left"):
        assert statuses(instance, name, "script") == {1: "MATERIALIZED", 2: "FAILED"}
    assert dated.published("left") == ["20260101/a.csv", "20260101/b.csv", "20260102/a.csv"]
    found = latest(instance, "script", "left")
    assert found is not None
    assert (found["files"], found["sent_files"]) == (2, 2)
    observed = instance.fetch_observations(AssetKey(["script", "work"]), limit=1).records
    assert observed[0].partition_key == "2026-01-02"


def test_with_files_as_partitions_each_file_that_a_script_took_is_one(dated, instance):
    (dated.folder / "inbox/good.csv").write_text("fine", encoding="utf-8")
    (dated.folder / "inbox/bad.csv").write_text("bad", encoding="utf-8")
    run_job(dated.load(), "inbox", [None], instance=instance)
    for name in ("work", "left"):
        records = instance.fetch_materializations(AssetKey(["inbox", name]), limit=10).records
        assert [record.partition_key for record in records] == ["good.csv"]

"""The items of a list as assets: each has its own source and copies, and those that are selected are published alone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest
from dagster import AssetKey, AssetsDefinition, AssetSpec, DagsterInstance, Definitions

from datagw.assets.graph import assets_of, resources_of
from datagw.assets.items import MOST, parts_of_items
from datagw.assets.running import run_job
from datagw.jobs import JobFile
from datagw_tests.assets.conftest import Place
from datagw_tests.servers.http_misbehaving import Misbehaving, file, status

JOBS = """
    [gateways.left]
    type = "local"
    root = "left"

    [depot]
    source = {{ at = "{url}/list.json", items = ".", url = "url", names = {{ "Stock_utf8.zip" = "stock.zip", "Events.zip" = "events-1.zip" }} }}
    to     = ["left:in/", {{ at = "left:old/{{date:%Y-%m-%d}}-{{name}}", name = "archive" }}]
    when   = "change"
    retries = {{ max = 0 }}
    owners = ["team:depot"]
"""


@pytest.fixture
def server() -> Iterator[Misbehaving]:
    with Misbehaving() as server:
        server.get("/list.json", file(b'[{"url": "Stock_utf8.zip"}, {"url": "Events.zip"}]'))
        server.both("/Stock_utf8.zip", file(b"stock", ETag='"1"'))
        server.both("/Events.zip", file(b"events", ETag='"1"'))
        yield server


@pytest.fixture
def depot(server: Misbehaving, place: Place) -> JobFile:
    found = place.write(JOBS.format(url=server.url))
    assert [str(problem) for problem in found.problems] == []
    return found


def specs(found: JobFile) -> dict[str, AssetSpec]:
    every: dict[str, AssetSpec] = {}
    for one in assets_of(found, found.jobs["depot"], None):
        for spec in one.specs if isinstance(one, AssetsDefinition) else [one]:
            every[spec.key.to_user_string()] = spec
    return every


def made(instance: DagsterInstance, *parts: str) -> dict[str, object]:
    event = instance.get_latest_materialization_event(AssetKey(["depot", *parts]))
    assert event is not None
    assert event.asset_materialization is not None
    return {key: value.value for key, value in event.asset_materialization.metadata.items()}


def test_each_item_has_its_source_and_its_copies(depot: JobFile):
    found = specs(depot)
    assert {key: [dep.asset_key.to_user_string() for dep in spec.deps] for key, spec in found.items()} == {
        "depot/source": [],
        "depot/stock.zip/source": ["depot/source"],
        "depot/events-1.zip/source": ["depot/source"],
        "depot/stock.zip/left": ["depot/stock.zip/source"],
        "depot/stock.zip/archive": ["depot/stock.zip/source"],
        "depot/events-1.zip/left": ["depot/events-1.zip/source"],
        "depot/events-1.zip/archive": ["depot/events-1.zip/source"],
    }
    assert {spec.group_name for spec in found.values()} == {"depot"}
    assert {tuple(spec.owners) for spec in found.values()} == {("team:depot",)}
    assert "`stock.zip` as it is published" in (found["depot/stock.zip/left"].description or "")


def test_a_run_tells_each_item_with_its_proof(depot: JobFile, instance: DagsterInstance, place: Place):
    outcome = run_job(depot, "depot", [None], instance=instance)
    assert outcome.success
    found = made(instance, "stock.zip", "left")
    assert (found["bytes"], found["version"], found["verification"]) == (5, 'etag:"1"', "readback")
    assert found["sha256"] == hashlib.sha256(b"stock").hexdigest()
    assert str(found["destination"]).endswith("in/stock.zip")
    assert made(instance, "events-1.zip", "archive")["done"] == "sent"
    (seen,) = instance.fetch_observations(AssetKey(["depot", "stock.zip", "source"]), limit=9).records
    assert seen.asset_observation is not None
    assert seen.asset_observation.metadata["version"].value == 'etag:"1"'
    assert [path.partition("/")[0] for path in place.published("left")] == ["in", "in", "old", "old"]


def test_an_item_that_fails_is_the_one_that_is_not_materialized(
    depot: JobFile, instance: DagsterInstance, place: Place, server: Misbehaving
):
    server.both("/Events.zip", status(500))
    outcome = run_job(depot, "depot", [None], instance=instance)
    assert not outcome.success
    assert made(instance, "stock.zip", "left")["done"] == "sent"
    assert instance.get_latest_materialization_event(AssetKey(["depot", "events-1.zip", "left"])) is None
    server.both("/Events.zip", file(b"events", ETag='"1"'))
    assert run_job(depot, "depot", [None], instance=instance).success
    assert made(instance, "events-1.zip", "left")["done"] == "sent"
    assert made(instance, "stock.zip", "left")["done"] == "skipped"


def test_what_is_selected_is_published_alone(
    depot: JobFile, instance: DagsterInstance, place: Place, server: Misbehaving
):
    job = depot.jobs["depot"]
    definitions = Definitions(assets_of(depot, job, None), resources=resources_of(depot))
    ended = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance, asset_selection=[AssetKey(["depot", "stock.zip", "left"])]
    )
    assert ended.success
    assert place.published("left") == ["in/stock.zip"]
    assert server.count("HEAD", "/Events.zip") == server.count("GET", "/Events.zip") == 0
    assert instance.get_latest_materialization_event(AssetKey(["depot", "stock.zip", "archive"])) is None


def test_a_list_of_which_nobody_says_what_it_names_is_one_source_with_its_copies(place: Place):
    text = JOBS.format(url="https://data.example.org").replace(
        ', names = { "Stock_utf8.zip" = "stock.zip", "Events.zip" = "events-1.zip" }', ""
    )
    assert sorted(specs(place.write(text))) == ["depot/archive", "depot/left", "depot/source"]


def test_very_many_items_are_no_assets_of_their_own(place: Place):
    every = ", ".join(f'"{number}.zip" = "{number}.zip"' for number in range(MOST + 1))
    text = JOBS.format(url="https://data.example.org")
    found = place.write(text.replace('"Stock_utf8.zip" = "stock.zip", "Events.zip" = "events-1.zip"', every))
    assert sorted(specs(found)) == ["depot/archive", "depot/left", "depot/source"]


def test_names_that_dagster_takes_for_one_have_keys_of_their_own(place: Place):
    names = ["a b.zip", "a_b.zip", "a-b.zip", "é.zip", "$(x).zip"]
    every = ", ".join(f"\"{number}\" = '{name}'" for number, name in enumerate(names))
    text = JOBS.format(url="https://data.example.org")
    found = place.write(text.replace('"Stock_utf8.zip" = "stock.zip", "Events.zip" = "events-1.zip"', every))
    parts = parts_of_items(found.jobs["depot"])
    assert set(parts) == set(names)
    assert len(set(parts.values())) == len(names)
    assert len(specs(found)) == 1 + 3 * len(names)

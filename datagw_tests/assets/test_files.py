"""New files as partitions: each is seen, and repeated, by itself."""

import dagster as dg
import pytest
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value
from hypothesis import given
from hypothesis import strategies as st

from datagw.assets import files
from datagw.assets.files import key_of, path_of
from datagw.assets.graph import assets_of, resources_of
from datagw.assets.running import run_job
from datagw.jobs import JobFile
from datagw.jobs.state import ledger_url
from datagw.ledger.ledger import Ledger
from datagw_tests.assets.conftest import Place

COPY = dg.AssetKey(["inbox", "archive"])

JOBS = """
[gateways.archive]
type = "local"
root = "archive"

[inbox]
source = "local:inbox/"
to = ["archive:in/"]
when = "new files"
assets = "file"
"""


@pytest.fixture
def inbox(place: Place) -> JobFile:
    (place.folder / "archive").mkdir()
    (place.folder / "inbox/deep").mkdir(parents=True)
    return place.write(JOBS)


def drop(place: Place, name: str, text: str = "text") -> None:
    (place.folder / "inbox" / name).write_text(text, encoding="utf-8")


def keys(instance: dg.DagsterInstance) -> set[str]:
    return set(instance.get_materialized_partitions(COPY))


def failed(instance: dg.DagsterInstance) -> set[str]:
    definition = dg.DynamicPartitionsDefinition(name="inbox_files")
    cache = get_and_update_asset_status_cache_value(instance, COPY, definition, instance)
    found = cache.deserialize_failed_partition_subsets(definition) if cache else None
    return set(found.get_partition_keys()) if found else set()


def launch(jobfile: JobFile, instance: dg.DagsterInstance, **tags: str) -> bool:
    """A run as the page of the asset launches one."""
    with Ledger.open(ledger_url(jobfile)) as ledger:
        assets = assets_of(jobfile, jobfile.jobs["inbox"], ledger)
    definitions = dg.Definitions(assets, resources=resources_of(jobfile), executor=dg.in_process_executor)
    job = definitions.resolve_implicit_global_asset_job_def()
    run = instance.create_run_for_job(job, asset_selection={COPY}, tags={f"dagster/{k}": v for k, v in tags.items()})
    return execute_run(InMemoryJob(job), run, instance, raise_on_error=False).success


def test_each_new_file_is_a_partition_with_its_own_numbers(place: Place, inbox: JobFile, instance):
    drop(place, "a.csv")
    drop(place, "deep/b.csv", "more text")
    assert run_job(inbox, "inbox", [None], instance=instance).success
    assert set(instance.get_dynamic_partitions("inbox_files")) == {"a.csv", "deep/b.csv"}
    assert keys(instance) == {"a.csv", "deep/b.csv"}
    records = instance.fetch_materializations(COPY, limit=10).records
    sizes = {one.partition_key: one.asset_materialization.metadata["bytes"].value for one in records}
    assert sizes == {"a.csv": 4, "deep/b.csv": 9}


def test_the_file_that_failed_is_the_one_that_is_shown_and_repeated(place: Place, inbox: JobFile, instance):
    drop(place, "a.csv")
    drop(place, "b.csv")
    (place.folder / "archive/in/b.csv").mkdir(parents=True)
    assert not run_job(inbox, "inbox", [None], instance=instance).success
    assert keys(instance) == {"a.csv"}
    assert failed(instance) == {"b.csv"}
    (place.folder / "archive/in/b.csv").rmdir()
    drop(place, "c.csv")
    assert launch(inbox, instance, partition="b.csv")
    assert keys(instance) == {"a.csv", "b.csv"}
    assert failed(instance) == set()
    assert place.published("archive") == ["in/a.csv", "in/b.csv"]


def test_a_file_that_is_published_is_logged_again_when_it_is_asked_for_and_not_sent(
    place: Place, inbox: JobFile, instance
):
    drop(place, "a.csv")
    assert run_job(inbox, "inbox", [None], instance=instance).success
    assert launch(inbox, instance, asset_partition_range_start="a.csv", asset_partition_range_end="a.csv")
    records = instance.fetch_materializations(COPY, limit=10).records
    assert [one.asset_materialization.metadata["done"].value for one in records] == ["skipped", "sent"]
    with Ledger.open(ledger_url(inbox)) as ledger:
        assert len(list(ledger.receipts("inbox"))) == 1


def test_the_oldest_files_make_room(place: Place, inbox: JobFile, instance, monkeypatch):
    monkeypatch.setattr(files, "MOST", 2)
    for name in ("a", "b", "c"):
        drop(place, name)
        assert run_job(inbox, "inbox", [None], instance=instance).success
    assert set(instance.get_dynamic_partitions("inbox_files")) == {"b", "c"}


def test_an_odd_name_is_a_partition_as_well(place: Place, inbox: JobFile, instance):
    drop(place, "two\nlines ... 100%")
    assert run_job(inbox, "inbox", [None], instance=instance).success
    assert keys(instance) == {"two%0Alines %2E%2E%2E 100%25"}
    assert launch(inbox, instance, partition="two%0Alines %2E%2E%2E 100%25")


@given(st.binary(min_size=1).map(lambda name: name.decode("utf-8", "surrogateescape")))
def test_a_key_is_a_file_and_no_other(path: str):
    assert path_of(key_of(path)) == path
    assert not any(part in key_of(path) for part in ("...", "\n", "\0"))
